"""1,200 strangers at a page that is open to the network, while somebody walks and falls: the record does not suffer."""

import os
import time
from pathlib import Path

import pytest

from firmware_py.core.frame import Cause
from firmware_py.courier.page.connections import MOST
from firmware_py.courier.recording.incidents import list_incidents
from tests.courier.recording.test_storage import alike, all_kept_once, now, settle, undisturbed
from tests.support.broker import free_port
from tests.support.flood import flooded
from tests.support.process import courier, guard, toml, wait_for

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it

STRANGERS = 1200  # more than a process has handles for
FLOOD_S = 20.0 if "REARGUARD_REPETITIONS" in os.environ else 3.0
HOST = "Host: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        f"GET / HTTP/1.1\r\n{HOST}",
        f"GET /api/stream HTTP/1.1\r\n{HOST}\r\n",
        f"GET / HTTP/1.1\r\n{HOST}\r\n",
        "\x16\x03",
    ],
    ids=["idle", "half a request", "viewers that read nothing", "requests", "garbage"],
)
def test_strangers_at_the_page_cost_no_tick_no_incident_and_no_restart(tmp_path: Path, sent: str) -> None:
    port = free_port()
    with courier(toml(tmp_path, port=port)) as process, guard(tmp_path, round_s=3600.0) as talking:
        wait_for(lambda: talking.link.connected)
        quiet = undisturbed(talking)
        dropped = talking.link.dropped_ticks
        assert process.process is not None
        pid = process.process.pid
        with flooded(port, STRANGERS, sent):
            time.sleep(FLOOD_S)
            talking.force = Cause.FALL
            wait_for(lambda: list_incidents(tmp_path / "state" / "incidents"))
            assert len(os.listdir(f"/proc/{pid}/fd")) < MOST + 64  # noqa: PTH208
        alike(talking, quiet, len(talking.work_us))
        settle(talking)
        assert talking.link.dropped_ticks == dropped and all_kept_once(tmp_path, talking)
        wait_for(lambda: now(port)["Recording"]["text"] == "0 readings lost")
        assert process.process.poll() is None and process.log.count("\n") < 30, process.log[-2000:]
