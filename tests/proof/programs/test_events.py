"""Events of a guard's walk, in the official CloudEvents SDK and in ajv with the published schemas."""

import json
import subprocess
from pathlib import Path

import pytest

from firmware_py.courier.events.envelope import Stamp, from_guard
from firmware_py.traces.mcap_writer import plain
from tests.proof.programs.cache import NotRun, npm
from tests.support.guard_tape import Guard

pytestmark = pytest.mark.longer

PACKAGES = ("ajv@8", "ajv-formats@3", "cloudevents@8")
SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "events"


def live_events() -> list[str]:
    """Armed, walking, stopped by the button, armed again, stopped again; and one that cannot be read."""
    guard, found = Guard(40.0, (12.0, 30.0), rearm=True), [b"{"]
    for _, decision in guard.ticks():
        for event in guard.finder.update(decision):
            found.append(json.dumps(plain(event)).encode())
    stamp = Stamp(device="proof", part="guard", boot_id="b007", version="0.0.test", config_hash="c0ffee")
    return [from_guard(stamp, n, raw, lambda t_ns: 1.76e9 + t_ns / 1e9).text for n, raw in enumerate(found)]


def test_ajv_and_the_cloudevents_sdk_accept_every_live_event() -> None:
    try:
        modules = npm("events", *PACKAGES)
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    events = live_events()
    kinds = {json.loads(event)["type"].rpartition(".")[2] for event in events}
    assert {"armed", "walking", "stopped", "unreadable"} <= kinds
    script = Path(__file__).with_name("events_check.mjs")
    result = subprocess.run(
        ["node", str(script), str(modules), str(SCHEMAS)],
        input="\n".join(events), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"events": len(events), "faults": []}
