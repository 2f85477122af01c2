"""What keeps the processors of a virtual machine awake runs behind everything else, and is gone afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_py.rig.harness import awake as module
from firmware_py.rig.harness.awake import awake, is_virtual
from tests.support.process import wait_for


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_each_processor_has_a_spinner_of_the_lowest_class_and_none_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "is_virtual", lambda: True)
    with awake() as spinners:
        wait_for(lambda: {os.sched_getscheduler(pid) for pid in spinners} == {os.SCHED_IDLE})
        assert {min(os.sched_getaffinity(pid)) for pid in spinners} == os.sched_getaffinity(0)
        assert len(spinners) == len(os.sched_getaffinity(0))
    assert all(is_gone(pid) for pid in spinners)


def test_a_spinner_ends_with_the_program_that_started_it() -> None:
    parent = (
        "import os, time; from firmware_py.rig.harness import awake; awake.is_virtual = lambda: True\n"
        "with awake.awake() as spinners: print(*spinners, flush=True); os._exit(0)"
    )
    pids = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True).stdout
    wait_for(lambda: all(is_gone(int(pid)) for pid in pids.split()))


@pytest.mark.parametrize(
    ("text", "virtual"), [("flags\t: fpu hypervisor lahf_lm\n", True), ("flags\t: fpu lahf_lm\n", False)]
)
def test_a_real_computer_has_none(monkeypatch: pytest.MonkeyPatch, text: str, virtual: bool) -> None:
    monkeypatch.setattr(module.Path, "read_text", lambda _self, encoding: text)
    assert is_virtual() is virtual
    with awake() as spinners:
        assert bool(spinners) is virtual
