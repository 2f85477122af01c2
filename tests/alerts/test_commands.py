"""`rearguard alerts test|status|ack|mute` as a person uses them: what is printed, and what it changes."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.alerts import classes
from firmware_py.alerts.classes import Alert, Urgency
from firmware_py.alerts.command import LONGEST_MUTE_MIN, _sender, _settings
from firmware_py.alerts.store import Store
from tests.support.alarm import Phone


@pytest.fixture
def phone() -> Iterator[Phone]:
    with closing(Phone()) as it:
        yield it


@pytest.fixture
def config(tmp_path: Path, phone: Phone) -> Path:
    (tmp_path / "alerts.toml").write_text(
        f'[[to]]\nname = "desk"\nchannel = "webhook"\naddress = "{phone.address}"\n'
    )
    path = tmp_path / "config.toml"
    path.write_text(
        f'[courier]\nstate_dir = "{tmp_path}"\n[alerts]\nenabled = true\npeople_file = "{tmp_path}/alerts.toml"\n'
    )
    return path


def ask(config: Path, *words: str) -> Result:
    return CliRunner().invoke(build(["alerts"]), ["alerts", *words, "--config", str(config)])


def fallen(config: Path) -> Store:
    store = Store(config.with_name("alerts.sqlite"))
    store.add(Alert("id1", Urgency.HELP, time.time(), "deck-7", *classes.FALL), {"desk": 0.0}, time.time())
    return store


def test_a_test_alert_reaches_everybody_and_says_so(config: Path, phone: Phone) -> None:
    done = ask(config, "test")
    assert (done.exit_code, done.stdout) == (0, "desk: sent\n")
    assert [got.body["title"] for got in phone.got] == ["Test of the alerts (test)"]


def test_who_is_not_reached_is_named_with_the_reason(config: Path, phone: Phone) -> None:
    phone.go_away("fails")
    done = ask(config, "test")
    assert done.exit_code == 1
    assert done.stdout == "desk: the other side answered 503\n"
    assert "not everybody was reached" in done.stderr


def test_without_anybody_on_the_list_the_file_is_named(config: Path) -> None:
    config.with_name("alerts.toml").write_text("")
    done = ask(config, "test")
    assert done.exit_code == 1
    assert "nobody is on the list" in done.stderr and "alerts.toml" in done.stderr


def test_beside_the_service_a_test_waits_for_it_and_sends_nothing_itself(
    config: Path, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_py.alerts.command.TEST_S", 0.2)
    with _sender(_settings(config)) as alone:
        assert alone
        done = ask(config, "test")
    assert "desk: no answer yet" in done.stdout and done.exit_code == 1
    assert phone.got == []


def test_a_second_process_says_that_they_run_already(config: Path) -> None:
    with _sender(_settings(config)):
        done = ask(config, "run")
    assert done.exit_code == 1 and "they run already" in done.stderr


def test_status_shows_what_to_whom_and_how_to_acknowledge_it(config: Path) -> None:
    assert "No alert yet" in ask(config, "status").stdout
    with closing(fallen(config)) as store:
        shown = ask(config, "status").stdout
        for words in ("HELP", "Somebody may have fallen, deck-7", "id1", "desk: waiting"):
            assert words in shown
        (row,) = [json.loads(line) for line in ask(config, "status", "--json").stdout.splitlines()]
        assert (row["event_id"], row["acknowledged"], row["deliveries"][0]["name"]) == ("id1", False, "desk")
        store.acknowledge("id1", "link", time.time())
        assert "(acknowledged: link)" in ask(config, "status").stdout


def test_ack_stops_the_reminders_once_and_knows_a_wrong_id(config: Path) -> None:
    with closing(fallen(config)):
        assert "reminders stop" in ask(config, "ack", "id1").stdout
        assert "Somebody was faster" in ask(config, "ack", "id1").stdout
        wrong = ask(config, "ack", "id2")
        assert wrong.exit_code == 1 and "there is no alert id2" in wrong.stderr


def test_a_mute_is_shown_with_its_end_and_can_be_ended(config: Path) -> None:
    assert "30 minutes" in ask(config, "mute", "30").stdout
    assert "Muted for 30 more minutes" in ask(config, "status").stdout
    assert ask(config, "mute", "0").stdout == "Not muted any more.\n"
    assert "Muted" not in ask(config, "status").stdout


@pytest.mark.parametrize(
    ("minutes", "taken"),
    [(LONGEST_MUTE_MIN - 1, True), (LONGEST_MUTE_MIN, True), (LONGEST_MUTE_MIN + 1, False)],
)
def test_a_mute_lasts_a_day_at_most(config: Path, minutes: int, taken: bool) -> None:
    assert (ask(config, "mute", str(minutes)).exit_code == 0) is taken


def test_a_folder_that_cannot_be_used_is_named(config: Path) -> None:
    config.with_name("alerts.sqlite").mkdir()
    done = ask(config, "status")
    assert done.exit_code == 1
    assert "alerts.sqlite" in done.stderr and "Usually" in done.stderr
