"""From the bundle to a guarded first walk, in a container that has never seen Rearguard, on the simulated header.

Three typed commands, no edited file, no network. A script answers what the screen asks and knows nothing else.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from firmware_py.config import Config, load
from firmware_py.rig.harness.setup import ANSWERS, BOOT
from firmware_py.rig.harness.stage import Stage
from firmware_py.rig.harness.world import World
from sensors.emulated import EmulatedBus
from tests.support.compiled import compiled
from tests.support.held_up import Busy
from tests.support.pisim import header
from tests.support.pisim.pi import BUSY_TRIES, Pi
from tests.vm.container import Container

IMAGE = Path(os.environ["REARGUARD_VM"])
HARDWARE = "LD_PRELOAD=/pisim/pishim.so PISIM_SOCK=/pisim/header.sock PISIM_ROOT=/pisim/root"
DROP_IN = f"[Service]\nCPUSchedulingPolicy=fifo\nCPUSchedulingPriority=50\nEnvironment={HARDWARE}\n"
SEED, WALK_M_S = 3, 0.15
BUSY_AGAIN = 4  # a step that this computer has held up is tried again


class Device:
    """A bare container, the header beside it, and somebody who types and does what the screen asks."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root-first-walk"
        shutil.rmtree(self.root, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", folder / "root-bare", self.root], check=True)
        shared = folder / "pisim-first-walk"
        shutil.rmtree(shared, ignore_errors=True)
        shared.mkdir(mode=0o755)
        self._shared = shared
        compiled(header.SHIM_SOURCE, shared)
        self.pi = Pi(shared, shared / "pishim.so")
        self.stage()
        # What the Pi brings: its boot disk, and a bus that is there once config.txt switches it on.
        (self.root / "boot/firmware").mkdir(parents=True)
        (self.root / "boot/firmware/config.txt").write_text(BOOT)
        hardware = self.root / "etc/systemd/system/rearguard-guard.service.d/vm.conf"
        hardware.parent.mkdir(parents=True)
        hardware.write_text(DROP_IN)
        shutil.copy(next(folder.glob("rearguard-*-x86_64.run")), self.root / "root/rearguard.run")
        self.container = Container(self.root, shared)
        self.typed: list[str] = []
        self.results: dict[str, bool] = {}
        self._step = ""

    def stage(self) -> None:
        bus = EmulatedBus()
        bus.advance(time.monotonic_ns())
        self.pi.button = None  # the person on the stage presses
        self.pi.put(Stage(Config(), SEED, bus))

    def boot(self) -> None:
        """After a restart; the kernel has the bus now."""
        deadline_s = time.monotonic() + 30
        while self.container.alive() and time.monotonic() < deadline_s:
            time.sleep(0.2)
        self.container.stop()
        self.container = Container(self.root, self._shared)
        if "dtparam=i2c_arm=on" in (self.root / "boot/firmware/config.txt").read_text():
            self.container.sh("touch /dev/i2c-1")

    def type(self, command: str) -> str:
        self.typed.append(command)
        code, out = self.container.sh(command, 300)
        assert code == 0, out
        return out

    def set_up(self, kill_in: str = "") -> str:
        """Types the command, answers every question; returns how it ended. Cut off in the step or at the question."""
        self.typed.append("rearguard setup")
        it = self.container.popen(f"{HARDWARE} LG_WD=/tmp rearguard setup --json")
        assert it.stdin is not None and it.stdout is not None
        ended, again = "", BUSY_AGAIN
        try:
            while message := self._next(it.stdout):
                kind = message["kind"]
                if kind == "step":
                    self._step = message["step"]
                if self._is_moment(kill_in, message):
                    os.kill(self.container.process("bin/rearguard setup"), signal.SIGKILL)
                    return "killed"
                if kind in ("question", "do"):
                    self.pi.do(message["key"])
                if kind == "question":
                    answer = self._answer(message["key"])
                    if message["key"] in ("not_proved", "needed"):
                        again -= 1
                        answer = "again" if again >= 0 else "leave"
                    it.stdin.write((json.dumps({"answer": answer}) + "\n").encode())
                    it.stdin.flush()
                elif kind == "result":
                    print(f"{message['step']}: {message['proved']} {message['text']}")
                    self.results[message["step"]] = message["proved"]
                elif kind in ("left", "end", "guard"):
                    print(message)
                    ended = kind if kind != "guard" else ended
        finally:
            it.wait(60)
            it.stdin.close()
            it.stdout.close()
        return ended

    def _is_moment(self, kill_in: str, message: dict[str, Any]) -> bool:
        """A question of that step, that question, or the beginning of a step that asks nothing."""
        if message["kind"] == "question":
            return kill_in in (self._step, message["key"])
        return bool(message["kind"] == "step" and kill_in == self._step == SILENT)

    def _answer(self, key: str) -> Any:
        stage = self.pi._world
        assert isinstance(stage, Stage)
        deck_mm = round(stage.bench.length_m * 1000)
        return (ANSWERS | {"deck": deck_mm, "deck_length": deck_mm}).get(key, "")

    def _next(self, stream: IO[bytes]) -> dict[str, Any]:
        while not select.select([stream], [], [], 0.02)[0]:
            self.pi.wait(0)
        line = stream.readline()
        return json.loads(line) if line else {}

    def walk(self) -> float:
        """Seconds for which somebody walked, guarded."""
        config = load(self.root / "etc/rearguard/config.toml")
        bus = EmulatedBus()
        bus.advance(time.monotonic_ns())
        self.pi.put(World(config, "walk", 1, 3600.0, bus, WALK_M_S))
        for _ in range(BUSY_TRIES):
            self.pi.arm()
            start_s = time.monotonic()
            while self.pi.runs() and time.monotonic() < start_s + 5:
                self.pi.wait(0.02)
            if self.pi.runs():
                return time.monotonic() - start_s
        raise Busy("stopped at each of many tries")


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    if not (IMAGE / "root-bare").exists():
        pytest.skip("tests/vm/build has made no bare root")
    it = Device(IMAGE)
    yield it
    it.container.stop()
    it.pi.close()


def test_three_commands_lead_from_the_bundle_to_a_guarded_walk(device: Device) -> None:
    began_s = time.monotonic()
    assert device.container.sh("command -v rearguard")[0] != 0
    out = device.type("sh /root/rearguard.run")
    assert "is installed" in out, out
    print(f"installed after {time.monotonic() - began_s:.0f} s")
    assert device.set_up() == "left"
    device.boot()
    assert device.set_up() == "end"
    assert set(device.results.values()) == {True}, device.results
    assert len(device.typed) == 3, device.typed
    print(f"set up after {time.monotonic() - began_s:.0f} s")
    assert device.walk() >= 5
    drop = device.pi.drop_after(lambda: device.pi.unplugged.add(0x6B))
    device.pi.unplugged.clear()
    print(f"first walk after {time.monotonic() - began_s:.0f} s; unplugged: off after {drop.took_ms:.1f} ms")
    code, out = device.container.sh("rearguard status")
    assert code == 0 and "measured" in out, out


SILENT = "sheet"  # asks nothing
# Each step; the board's two questions, before its lines are written and after.
MOMENTS = (
    "treadmill", "write_boot", "reboot", "network", "chips", "check", "selftest", "calibrate", "commission", "mqtt",
    "alerts", SILENT,
)  # fmt: skip


def test_a_kill_in_each_step_is_gone_on_with(device: Device) -> None:
    device.stage()
    device.container.sh("rm -rf /var/lib/rearguard/setup /boot/firmware/config.txt.before-rearguard")
    boot = device.root / "boot/firmware/config.txt"
    boot.write_text(BOOT)
    done: set[str] = set()
    for moment in MOMENTS:
        device.results.clear()
        assert device.set_up(kill_in=moment) == "killed", moment
        if moment == "write_boot":
            assert boot.read_text() == BOOT
        if moment == "reboot":
            assert "dtparam=i2c_arm=on" in boot.read_text().splitlines()
            assert boot.with_name("config.txt.before-rearguard").read_text() == BOOT
            assert device.set_up() == "left"
            device.boot()
            device.stage()
        load(device.root / "etc/rearguard/config.toml")
        memory = device.root / "var/lib/rearguard/setup/progress.json"
        assert not memory.exists() or json.loads(memory.read_text())
        assert not set(device.results) & done, "a step that was done is not done again"
        done |= set(device.results)
    device.results.clear()
    assert device.set_up() == "end"
    assert set(device.results.values()) <= {True}
    assert device.walk() >= 5


def test_a_damaged_bundle_and_one_for_another_computer_change_nothing(device: Device) -> None:
    before = device.container.sh("readlink /opt/rearguard/current")[1]
    device.pi.drop_after(lambda: device.pi.unplugged.add(0x6B))  # armed since the walk: all would be refused
    device.pi.unplugged.clear()
    device.container.sh("head -c -1 /root/rearguard.run > /root/cut.run")
    device.container.sh("sed 's/^machine=x86_64/machine=aarch64/' /root/rearguard.run > /root/other.run")
    for file, words in (("cut.run", "damaged"), ("other.run", "for aarch64 and this computer is x86_64")):
        for command in (f"sh /root/{file}", f"rearguard update /root/{file}"):
            code, out = device.container.sh(command)
            assert code == 1 and words in out and "othing was changed" in out, out
    assert device.container.sh("readlink /opt/rearguard/current")[1] == before
    assert device.container.sh("rearguard backup /root/b.zip && rearguard restore /root/b.zip")[0] == 0
