"""A whole device, installed as the README says: boot, walk, drift, stop, tell; upgrade, go back; survive a dead kernel.

One machine, in order, like a person would; the figures are printed. No tight deadlines here: those are tests/system.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.machine import Machine

UNITS = ("rearguard-guard", "rearguard-courier")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    it = Machine(Path(os.environ["REARGUARD_VM"]))
    try:
        print(f"\nvm: booted after {it.wait_boot():.1f} s")
        yield it
    finally:
        it.stop()


def wait_for(machine: Machine, command: str, wanted: str, timeout_s: float) -> str:
    """Asks until the output holds `wanted`."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        _, out = machine.try_sh(command, 60)
        if wanted in out:
            return out
        journal = "journalctl -b -u 'rearguard*' --no-pager -o short-monotonic | tail -40"
        assert time.monotonic() < deadline_s, f"{command}: {out}\n{machine.try_sh(journal)[1]}"
        time.sleep(0.5)


def wait_up(machine: Machine, timeout_s: float = 150.0) -> None:
    for unit in UNITS:
        wait_for(machine, f"systemctl is-active {unit}; true", "active\n", timeout_s)


def relay_is_high(machine: Machine) -> bool:
    line = machine.sh(
        "xxd -p -s $((17*16)) -l 2 /sys/kernel/debug/pisim/lines 2>/dev/null || "
        "python3 -c \"print(open('/sys/kernel/debug/pisim/lines','rb').read()[272:274].hex())\""
    )
    return line.startswith("01")


def test_from_power_on_both_services_come_up_with_the_relay_off(machine: Machine) -> None:
    wait_for(machine, "systemctl is-active rearguard-world; true", "active\n", 120)
    wait_up(machine)
    ready_s = int(machine.sh("systemctl show -P ActiveEnterTimestampMonotonic rearguard-guard")) / 1e6
    print(f"vm: guard ready {ready_s:.1f} s after power-on (1,000 million instructions a second)")
    assert not relay_is_high(machine) or "running" in machine.sh(
        "systemctl show -P StatusText rearguard-guard"
    )


def test_a_walker_who_drifts_is_stopped_and_a_broker_hears_of_it(machine: Machine) -> None:
    machine.sh("rm -f /tmp/heard; (timeout 170 mosquitto_sub -v -t 'rearguard/#' >/tmp/heard 2>&1 &)")
    machine.sh("systemctl restart rearguard-world rearguard-guard", 120)
    wait_for(machine, "cat /tmp/heard", "event/armed", 150)
    heard = wait_for(machine, "cat /tmp/heard", "event/stopped", 150)
    stop = next(line for line in heard.splitlines() if "/event/stopped" in line)
    print(f"vm: {stop[:400]}")
    assert "drift_rear" in heard or "standstill" in heard, heard[-2000:]
    wait_for(machine, "systemctl show -P StatusText rearguard-guard", "stopped", 20)
    envelope = json.loads(stop.split(" ", 1)[1])
    assert envelope["specversion"] == "1.0"


def test_a_person_looks_at_the_stopped_device_and_the_guard_comes_back(machine: Machine) -> None:
    """As root on Debian, whose kernel settings protect the guard's own files in a sticky folder."""
    assert machine.sh("cat /proc/sys/fs/protected_regular").strip() == "2"
    machine.sh("systemctl stop rearguard-guard")
    _, out = machine.try_sh("rearguard check --seconds 1 --json", 120)
    lines = {line["name"]: line for line in (json.loads(x) for x in out.splitlines() if x.startswith("{"))}
    assert "safety monitor" not in lines, (
        out
    )  # "the safety monitor runs already", or a lock that cannot be opened
    assert lines["imu registers"]["verdict"] == "PASS", out
    machine.sh("systemctl start rearguard-guard", 120)
    wait_up(machine)


def test_an_upgrade_switches_and_a_rollback_goes_back(machine: Machine) -> None:
    first = machine.sh("readlink /opt/rearguard/current").strip()
    start_s = time.monotonic()
    out = machine.sh("make -C /root/rearguard-next install 2>&1", 240)
    assert "there   /opt/rearguard/versions/9.9.9" in out, out
    print(f"vm: upgraded in {time.monotonic() - start_s:.0f} s")
    assert "9.9.9" in machine.sh("readlink /opt/rearguard/current")
    wait_up(machine)
    machine.sh("python3 /opt/rearguard/current/share/install.py rollback", 120)
    assert machine.sh("readlink /opt/rearguard/current").strip() == first
    wait_up(machine)


def test_a_dead_kernel_is_reset_by_the_hardware_watchdog_and_comes_back_with_the_relay_off(
    machine: Machine,
) -> None:
    assert "10s" in machine.sh("systemctl show -P RuntimeWatchdogUSec")
    machine.say("echo c > /proc/sysrq-trigger")
    start_s = time.monotonic()
    machine.wait_boot(900)
    print(f"vm: a crashed kernel was back after {time.monotonic() - start_s:.1f} s")
    assert any(event["event"] == "WATCHDOG" for event in machine.events)
    wait_up(machine)
