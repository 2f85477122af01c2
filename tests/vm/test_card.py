"""From the bundle to a guarded first walk on a machine of its own: a real kernel, a real bus, a real restart.

Three typed commands, no edited file, no network. person.py answers what the screen asks and knows nothing else.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vm.machine import Machine

SET_UP = "PYTHONPATH=/srv/world python3 /srv/world/person.py"
WALK = (
    "systemd-run -q -p Type=notify -p Nice=-5 -E PYTHONPATH=/srv/world"
    " python3 /srv/world/world.py /etc/rearguard/config.toml walk"
)


@pytest.fixture(scope="module")
def card() -> Iterator[Machine]:
    it = Machine(Path(os.environ["REARGUARD_VM"]), "card.img")
    try:
        it.wait_boot(600)
        yield it
    finally:
        it.stop()


def set_up(card: Machine) -> list[dict[str, Any]]:
    out = card.sh(SET_UP, 1800)
    print(out)
    return [json.loads(line) for line in out.splitlines()]


def test_three_commands_lead_from_the_bundle_to_a_guarded_walk_over_a_real_restart(card: Machine) -> None:
    began_s = time.monotonic()
    assert card.try_sh("command -v rearguard")[0] != 0
    assert "is installed" in card.sh("sh /root/rearguard.run 2>&1", 1800)
    print(f"vm: installed after {time.monotonic() - began_s:.0f} s")
    assert set_up(card)[-1]["kind"] == "left"
    card.wait_boot(600)
    said = set_up(card)
    print(f"vm: set up after {time.monotonic() - began_s:.0f} s")
    assert said[-1]["kind"] == "end"
    proved = {message["step"]: message["proved"] for message in said if message["kind"] == "result"}
    assert proved and all(proved.values()), proved
    assert "dtparam=i2c_arm=on" in card.sh("cat /boot/firmware/config.txt").splitlines()
    card.sh(f"systemctl stop rearguard-stage; {WALK}", 120)
    deadline_s = time.monotonic() + 300
    while "running" not in (state := card.sh("systemctl show -P StatusText rearguard-guard")):
        assert time.monotonic() < deadline_s, state
        time.sleep(0.5)
    print(f"vm: first walk after {time.monotonic() - began_s:.0f} s; {card.sh('rearguard status')}")
