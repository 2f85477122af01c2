"""The order of the steps: forward, again, back, left, gone on with, alone; and what is refused at the start."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from firmware_py.config import load
from firmware_py.device.setup import steps
from firmware_py.device.setup.engine import Outcome, Setup, Step, run
from firmware_py.device.setup.questions import PRESS
from firmware_py.device.setup.steps import STEPS
from firmware_py.device.setup.talk import Leave, Question
from sensors.advice import ConfigError, Failure
from tests.device.setup.support import LEAVE, Device, Script


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def made(device: Device, outcomes: dict[str, Any], script: Script, only: str | None = None) -> list[str]:
    """Runs three steps with these outcomes, one after the other; the names of those that ran."""
    ran: list[str] = []

    def step(name: str) -> Step:
        def act(setup: Setup) -> Outcome:
            ran.append(name)
            setup.talk.ask(steps.treadmill.__globals__["ask"].MOTOR)
            given = outcomes.get(name, [True])
            outcome = given.pop(0) if len(given) > 1 else given[0]
            if isinstance(outcome, BaseException):
                raise outcome
            return Outcome(outcome, "so")

        return Step(name, name, act, needed=name == "one")

    with device.opened(script) as setup:
        run(setup, [step(name) for name in ("one", "two", "three")], only)
    return ran


def test_the_steps_run_in_their_order_and_are_not_run_again(device: Device) -> None:
    assert made(device, {}, Script()) == ["one", "two", "three"]
    assert made(device, {}, Script()) == []


def test_what_was_left_is_gone_on_with(device: Device) -> None:
    assert made(device, {}, Script(motor=["yes", LEAVE])) == ["one", "two"]
    assert made(device, {}, Script()) == ["two", "three"]


def test_a_step_that_is_not_proved_is_done_again_when_asked(device: Device) -> None:
    assert made(device, {"two": [False, True]}, Script(not_proved="again")) == ["one", "two", "two", "three"]


def test_one_may_go_on_without_a_step_and_it_is_first_the_next_time(device: Device) -> None:
    script = Script(not_proved="next")
    assert made(device, {"two": [False]}, script) == ["one", "two", "three"]
    (end,) = script.of("end")
    assert (end["proved"], end["unproved"]) == (False, ["two"])
    assert end["text"].startswith("Not proved yet: two. Type `")
    assert made(device, {}, Script()) == ["two"]


def test_nobody_goes_on_without_a_needed_step(device: Device) -> None:
    script = Script(needed=["next", "leave"])
    assert made(device, {"one": [False]}, script) == ["one"]
    assert "expected" in script.of("refused")[0]["text"]


def test_back_at_a_first_question_is_the_step_before(device: Device) -> None:
    assert made(device, {}, Script(motor=["yes", "back"])) == ["one", "two", "one", "two", "three"]


def test_back_at_the_very_first_question_stays_there(device: Device) -> None:
    assert made(device, {}, Script(motor=["back"])) == ["one", "one", "two", "three"]


def test_a_step_alone_needs_the_needed_ones_before_it(device: Device) -> None:
    with pytest.raises(Failure, match="`one` comes before"):
        made(device, {}, Script(), "three")
    made(device, {}, Script())
    assert made(device, {}, Script(), "three") == ["three"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "disk is full: free some space. Nothing was changed",
        ),
        (OSError(errno.EIO, "Input/output error"), "Input/output error. Nothing was changed"),
        (
            OSError(errno.EROFS, "Read-only file system", "/etc/rearguard/.config.toml.1f2e.new"),
            "/etc/rearguard cannot be used (Read-only file system). Nothing was changed",
        ),
        (Failure("the pod is loose", "Usually the clip", "fix it"), "fix it"),
        (ConfigError("deck.length_mm is wrong"), "Nothing was changed"),
    ],
)
def test_trouble_in_a_step_is_its_outcome(device: Device, error: Exception, words: str) -> None:
    script = Script(not_proved="next")
    made(device, {"two": [error]}, script)
    text = next(m for m in script.of("result") if m["step"] == "two")["text"]
    assert words in text and "rrno" not in text


def test_an_armed_device_is_left_alone(device: Device) -> None:
    with device.opened(Script()) as setup:
        setup.machine.armed = lambda: True  # type: ignore[method-assign]
        with pytest.raises(Failure, match="armed"):
            run(setup, STEPS)
        assert setup.machine.log == []  # type: ignore[attr-defined]


def test_two_set_ups_at_once_are_refused(device: Device) -> None:
    with (
        device.opened(Script()),
        pytest.raises(Failure, match="another set-up is open"),
        device.opened(Script()),
    ):
        pass


def test_the_guard_is_stopped_meanwhile_and_started_however_it_ends(device: Device) -> None:
    for script in (Script(motor=[LEAVE]), Script(motor=[KeyboardInterrupt()]), Script()):
        with device.opened(script) as setup:
            run(setup, STEPS[:1])
            assert setup.machine.log == ["guard stopped", "guard started"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"results": 5, "notes": null}', '{"results": {"one": 3}}'])
def test_an_unreadable_memory_is_begun_anew(device: Device, text: str) -> None:
    made(device, {}, Script())
    (device.folder / "var/setup/progress.json").write_text(text)
    assert made(device, {}, Script()) == ["one", "two", "three"]


def test_a_full_disk_leaves_the_configuration_and_says_so(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = device.config.read_text()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with device.opened(Script()) as setup:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(Exception, match="the disk is full"):
            setup.change(deck={"length_mm": 1500})
    assert device.config.read_text() == before
    assert not list(device.folder.rglob("*.new"))


@pytest.mark.parametrize("file", ["progress.json", "step.json"])
def test_a_disk_that_is_full_when_a_step_ends_is_named_and_the_step_is_done_again(
    device: Device, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    from firmware_py.device.setup import progress

    write, full = progress.write_whole, [True]

    def when_there_is_room(path: Path, *more: Any) -> None:
        if full and path.name == file:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, *more)

    monkeypatch.setattr(progress, "write_whole", when_there_is_room)
    script = Script(not_proved="leave", needed="leave")
    ran = made(device, {}, script)
    if file == "step.json":  # only the page does not see it
        assert ran == ["one", "two", "three"]
        return
    assert ran == ["one"] and "disk is full" in script.of("result")[0]["text"]
    full.clear()
    assert made(device, {}, Script()) == ["one", "two", "three"]


def test_the_page_sees_the_step_only_while_set_up_is_open(device: Device) -> None:
    from firmware_py.courier.page.setup_step import setup_step

    seen: list[Any] = []
    script = Script()
    script.heard = lambda m: seen.append(setup_step(device.folder / "var")) if m["kind"] == "note" else None
    with device.opened(script) as setup:
        setup.begin(5, 10, STEPS[4])
        setup.talk.watch(PRESS, lambda: True, lambda _s: None)
        setup.talk.show("look")
    assert seen[0]["title"] == "Check the wiring" and "arming button" in seen[0]["text"]
    assert (device.folder / "var/setup/step.json").exists()  # as after a power cut
    assert setup_step(device.folder / "var") is None


def test_what_the_person_at_the_belt_is_asked_stands_on_the_page(device: Device) -> None:
    """Every question, those of the commissioning too, whose texts hold figures."""
    shown: dict[str, str] = {}
    script = Script()
    answer = script.answer

    def look(question: Question) -> Any:
        shown[question.key] = json.loads((device.folder / "var/setup/step.json").read_text())["text"]
        return answer(question)

    device.run()
    script.answer = look  # type: ignore[method-assign]
    with device.opened(script) as setup:
        run(setup, STEPS)
    assert "mark_front" in shown
    assert shown == {message["key"]: message["text"] for message in script.of("question")}


def test_who_leaves_reads_how_to_go_on(device: Device) -> None:
    for script in (Script(motor=[Leave()]), Script(key="none", needed="leave")):
        with device.opened(script) as setup:
            run(setup, STEPS)
        assert f"`{setup.machine.command}`" in script.of("left")[0]["text"]
    with device.opened(script := Script(motor=[KeyboardInterrupt()])) as setup:
        run(setup, STEPS, "treadmill")
    assert f"`{setup.machine.command} treadmill`" in script.of("left")[0]["text"]


def test_no_password_is_remembered_where_it_does_not_belong(device: Device) -> None:
    device.all_of_it()
    holding = [p.name for p in device.folder.rglob("*") if p.is_file() and b"walk-backward" in p.read_bytes()]
    assert holding == ["page_password"]
    assert (device.folder / "etc/rearguard/page_password").stat().st_mode & 0o777 == 0o640
    assert json.loads((device.folder / "var/setup/progress.json").read_text())["notes"] == {}
    assert load(device.config).page.password_file.endswith("page_password")
