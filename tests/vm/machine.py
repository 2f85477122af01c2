"""Owns one virtual machine under QEMU without KVM: start, shell, boots, events, end. Must never wait for ever.

Its clock counts instructions (-icount, one a nanosecond): inside, a busy test computer is not felt, ticks are on
time, and a second has a thousand million instructions, about what a core of a Pi Zero 2 W does [A].
"""

import json
import queue
import shlex
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KERNEL_LINE = (
    "console=ttyS0 root=/dev/vda rw quiet loglevel=4 panic=0 systemd.show_status=0 random.trust_cpu=1 mitigations=off "
    "tsc=reliable no_timer_check nokaslr audit=0 apparmor=0"
)
COMPUTER = (
    "qemu-system-x86_64 -machine pc -accel tcg,thread=single,tb-size=512 -cpu max -smp 1 "
    "-icount shift=0,sleep=off -display none -nodefaults"
)
DEVICES = "-device virtio-blk-pci,drive=disk -device virtio-rng-pci -device virtio-serial-pci"


class Machine:
    """A machine from the files that `build` made in `image`. The disk of a run is thrown away with it."""

    def __init__(self, image: Path, disk: str = "disk.img", memory_mb: int = 1024) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rearguard-vm-"))
        self.console = self._folder / "console.log"
        self.events: list[dict[str, Any]] = []
        self._boots: queue.Queue[float] = queue.Queue()
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._qmp_answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._number = 0
        command = [
            *shlex.split(COMPUTER),
            *("-m", memory_mb),
            *("-kernel", image / "vmlinuz", "-initrd", image / "initrd", "-append", KERNEL_LINE),
            *("-drive", f"file={image}/{disk},format=raw,if=none,id=disk,cache=unsafe,snapshot=on"),
            *shlex.split(DEVICES),
            *("-serial", f"file:{self.console}", "-device", "i6300esb", "-action", "watchdog=reset"),
            *("-chardev", f"socket,id=agent,path={self._folder}/agent,server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=agent"),
            *("-qmp", f"unix:{self._folder}/qmp,server=on,wait=off"),
        ]
        self.started_s = time.monotonic()
        with (self._folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen([str(x) for x in command], stdin=subprocess.DEVNULL, stderr=log)
        self._agent, self._qmp = self._connect("agent"), self._connect("qmp")
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._hear_qmp, self._hear_agent)]
        for thread in self._threads:
            thread.start()
        self.qmp("qmp_capabilities")

    def wait_boot(self, timeout_s: float = 180.0) -> float:
        """Seconds from now until the next boot has reached the agent."""
        before_s = time.monotonic()
        try:
            return self._boots.get(timeout=timeout_s) - before_s
        except queue.Empty:
            raise TimeoutError(f"no boot within {timeout_s} s:\n{self.console.read_text()[-2000:]}") from None

    def sh(self, command: str, timeout_s: float = 60.0) -> str:
        """The output of a command that must succeed in the machine."""
        code, out = self.try_sh(command, timeout_s)
        assert code == 0, f"exit {code}: {command}\n{out[-6000:]}"
        return out

    def try_sh(self, command: str, timeout_s: float = 60.0) -> tuple[int, str]:
        """Exit code and output; 124 after `timeout_s`."""
        self._number += 1
        answer: queue.Queue[dict[str, Any]] = queue.Queue()
        self._answers[self._number] = answer
        asked = {"id": self._number, "sh": command, "timeout": timeout_s}
        self._agent.sendall((json.dumps(asked) + "\n").encode())
        try:
            told = answer.get(timeout=timeout_s + 30)
        except queue.Empty:
            return 124, f"the machine does not answer:\n{self.console.read_text()[-2000:]}"
        return told["rc"], told["out"]

    def say(self, command: str) -> None:
        """Sends a command whose answer nobody waits for: it ends the machine."""
        self._agent.sendall((json.dumps({"id": 0, "sh": command, "timeout": 5}) + "\n").encode())

    def qmp(self, command: str) -> dict[str, Any]:
        self._qmp.sendall((json.dumps({"execute": command}) + "\n").encode())
        return self._qmp_answers.get(timeout=60)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(30)
        for thread in self._threads:  # their sockets have ended with the machine
            thread.join(10)
        self._agent.close()
        self._qmp.close()

    def _connect(self, name: str) -> socket.socket:
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(f"{self._folder}/{name}")
                return connection
            except OSError:
                connection.close()
                if self._process.poll() is not None:
                    raise RuntimeError((self._folder / "qemu.log").read_text()) from None
                time.sleep(0.02)

    def _hear_qmp(self) -> None:
        for message in _lines(self._qmp):
            if "event" in message:
                self.events.append(message)
            elif "QMP" not in message:
                self._qmp_answers.put(message)

    def _hear_agent(self) -> None:
        for message in _lines(self._agent):
            if "hello" in message:
                self._boots.put(time.monotonic())
            elif message["id"] in self._answers:
                self._answers.pop(message["id"]).put(message)


def _lines(connection: socket.socket) -> Iterator[dict[str, Any]]:
    buffer = b""
    while data := _received(connection):
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:  # the machine was killed
        return b""
