"""Events that a real mosquitto passed on of a real courier, in the CloudEvents SDKs and in ajv with the schemas."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_py.core.frame import Cause
from tests.proof.programs.cache import CACHE, NotRun, npm
from tests.proof.programs.test_events import PACKAGES, SCHEMAS
from tests.support.broker import FOUND, ear, mosquitto
from tests.support.process import courier, guard, toml, wait_for

pytestmark = pytest.mark.longer

SDK = "cloudevents==2.2.0"
PARSE = """
import json, sys
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
for line in open(sys.argv[1], encoding="utf-8"):
    event = JSONFormat().read(CloudEvent, line.strip())
    sent = json.loads(line)
    assert event.get_id() == sent["id"] and event.get_type() == sent["type"], sent
    assert event.get_dataschema() == sent["dataschema"] and event.get_time() is not None, sent
    assert event.get_data() == sent["data"], sent
"""


def live_events(folder: Path) -> list[str]:
    """Events of every kind that a walk, a stop and a courier that is killed bring, as the broker passed them on."""
    with mosquitto(folder) as broker, ear(broker.port) as listener:

        def kinds() -> set[str]:
            return {topic.rsplit("/", 1)[1] for topic, _, _ in listener.received if "/event/" in topic}

        with courier(toml(folder, mqtt_port=broker.port)) as process, guard(folder, round_s=4.0) as talking:
            wait_for(lambda: {"armed", "warning", "warning_cleared", "stopped"} <= kinds())
            wait_for(lambda: len(listener.of("rearguard/rig/event/armed")) == 2)  # it runs again
            talking.force = Cause.IMU
            wait_for(lambda: "stopped_by_fault" in kinds())
            process.kill()
            process.start()
            wait_for(lambda: "courier_lost" in kinds())
            talking.force = Cause.STEP_OFF
            time.sleep(1.0)
            talking.end()
            wait_for(lambda: {"guard_lost", "session_ended"} <= kinds())
            process.end()
        return [payload.decode() for topic, payload, _ in listener.received if "/event/" in topic]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    if not FOUND:
        pytest.skip("not run: mosquitto is not installed")
    return live_events(tmp_path_factory.mktemp("live"))


def test_ajv_and_the_javascript_sdk_accept_what_the_broker_passed_on(events: list[str]) -> None:
    try:
        modules = npm("events", *PACKAGES)
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    script = Path(__file__).with_name("events_check.mjs")
    result = subprocess.run(
        ["node", str(script), str(modules), str(SCHEMAS)],
        input="\n".join(events), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"events": len(events), "faults": []}


def test_the_python_sdk_reads_what_the_broker_passed_on(events: list[str], tmp_path: Path) -> None:
    venv = CACHE / "cloudevents-python"
    for words in ([sys.executable, "-m", "venv", str(venv)], [str(venv / "bin/pip"), "install", "-q", SDK]):
        made = subprocess.run(words, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"not run: {made.stderr.strip()[-300:]}")
    lines = tmp_path / "events.jsonl"
    lines.write_text("\n".join(events) + "\n", encoding="utf-8")
    subprocess.run([str(venv / "bin/python"), "-c", PARSE, str(lines)], check=True)
