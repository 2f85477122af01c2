"""Who is told what, when, and how often: a whole process on a turned clock, with channels that can fail."""

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from firmware_py import locale
from firmware_py.alerts.channels import Message, Unsent
from firmware_py.alerts.classes import FAULT_STAYS_S, LATE_S, NO_SIGN_S, Urgency
from firmware_py.alerts.people import People, Person
from firmware_py.alerts.policy import GIVE_UP_S, Rules, State
from firmware_py.alerts.process import SELF_TEST_S, Alerts
from firmware_py.alerts.store import Store
from firmware_py.config.quiet import parse
from firmware_py.core.frame import Cause
from firmware_py.courier.events.database import Outbox
from firmware_py.courier.events.envelope import Stamp, build

NOON_S = datetime(2026, 11, 27, 12, 0).astimezone().timestamp()
NIGHT_S = datetime(2026, 11, 27, 23, 0).astimezone().timestamp()
EVERYTHING = tuple(Urgency)
DESK = Person(name="desk", channel="webhook", address="http://desk", classes=EVERYTHING)
LATER = Person(name="duty", channel="webhook", address="http://duty", classes=(Urgency.HELP,), after_s=180)


class AtOnce(Executor):
    """Asks the channel in the same thread: nothing is left to chance."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def, override]
        fn(*args, **kwargs)


class Gym:
    """A courier's database, the alerts process, and phones that note what they get."""

    def __init__(
        self,
        folder: Path,
        people: tuple[Person, ...] = (DESK,),
        now_s: float = NOON_S,
        senders: Executor | None = None,
    ) -> None:
        self.folder, self.people = folder, people
        self.now_s = now_s
        self.got: list[tuple[str, Message]] = []
        self.senders = senders or AtOnce()
        self.unsure = False
        self.broken: Callable[[Person], bool] = lambda _: False
        self.outbox = Outbox(folder / "events.sqlite")
        self.seq = 0
        self.event("armed")  # what was before the process is nobody's alert
        self.begin()

    def begin(self) -> None:
        self.store = Store(self.folder / "alerts.sqlite")
        rules = Rules(quiet=(parse("22:00-07:00"),))
        people = People(to=self.people)
        events = self.folder / "events.sqlite"
        self.alerts = Alerts(
            events, self.store, people, rules, self.send, lambda: self.now_s, "http://gym", self.senders
        )
        self.alerts.step()

    def send(self, person: Person, message: Message) -> None:
        if self.broken(person):
            raise Unsent("no network", self.unsure)
        self.got.append((person.name, message))

    def event(self, kind: str, cause: Cause | None = None, age_s: float = 0.0, **data: object) -> None:
        self.seq += 1
        stamp = Stamp("deck-7", "guard", "boot", "cfg", "1")
        if cause is not None:
            data["cause"] = cause.value
        made = build(stamp, self.seq, kind, self.now_s - age_s, 0, data)
        with self.outbox.transaction():
            self.outbox.keep([made])

    def wait(self, seconds: float, step_s: float = 0.5) -> None:
        """Time passes."""
        end_s = self.now_s + seconds
        while True:
            self.alerts.step()
            if self.now_s >= end_s:
                return
            self.now_s = min(self.now_s + step_s, end_s)

    def acknowledge(self, event_id: str) -> bool | None:
        """As the server's thread does, while the main thread goes on."""
        with ThreadPoolExecutor(1) as server:
            answer = server.submit(self.alerts.acknowledge, event_id)
            while not answer.done():
                self.alerts.step()
            return answer.result()

    def titles(self, name: str = "desk") -> list[str]:
        return [message.title for who, message in self.got if who == name]


@pytest.fixture
def gym(tmp_path: Path) -> Gym:
    return Gym(tmp_path)


def test_a_fall_is_sent_at_once_and_again_each_minute_until_somebody_acknowledges(gym: Gym) -> None:
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    assert gym.titles() == ["Somebody may have fallen (deck-7)"]
    gym.wait(125)
    assert gym.titles()[1:] == ["Somebody may have fallen (deck-7) (again)"] * 2
    first = gym.got[0][1]
    assert {message.event_id for _, message in gym.got} == {first.event_id}
    gym.acknowledge(first.event_id)
    gym.wait(300)
    assert len(gym.got) == 3


def test_others_are_told_after_three_minutes_unless_somebody_is_on_the_way(tmp_path: Path) -> None:
    for acknowledged in (False, True):
        folder = tmp_path / str(acknowledged)
        folder.mkdir()
        gym = Gym(folder, (DESK, LATER))
        gym.event("stopped", Cause.FALL)
        gym.wait(179, 1.0)
        assert gym.titles("duty") == []
        if acknowledged:
            gym.acknowledge(gym.got[0][1].event_id)
        gym.wait(2)
        assert len(gym.titles("duty")) == (0 if acknowledged else 1)


@pytest.mark.parametrize("cause", [Cause.DRIFT_REAR, Cause.STANDSTILL, Cause.STOP_BUTTON])
def test_a_stop_without_any_sign_for_a_minute_asks_for_help(gym: Gym, cause: Cause) -> None:
    gym.event("stopped", cause)
    gym.wait(NO_SIGN_S - 1, 1.0)
    assert gym.titles() == ["The belt was stopped (deck-7)"]
    gym.wait(2)
    assert gym.titles()[1:] == ["No sign after a stop (deck-7)"]


@pytest.mark.parametrize("sign", ["armed", "reset_refused", "walking"])
def test_who_presses_or_walks_after_a_stop_is_well(gym: Gym, sign: str) -> None:
    gym.event("stopped", Cause.DRIFT_REAR)
    gym.wait(10, 1.0)
    gym.event(sign)
    gym.wait(100, 1.0)
    assert gym.titles() == ["The belt was stopped (deck-7)"]


def test_a_restart_does_not_forget_a_stop_that_waits_for_a_sign(gym: Gym) -> None:
    gym.event("stopped", Cause.STANDSTILL)
    gym.wait(30, 1.0)
    gym.begin()
    gym.wait(35, 1.0)
    assert gym.titles()[-1] == "No sign after a stop (deck-7)"


@pytest.mark.parametrize(
    ("age_s", "title"),
    [
        (LATE_S[Urgency.HELP] - 1, "Somebody may have fallen (deck-7)"),
        (601, "Earlier: Somebody may have fallen (deck-7)"),
    ],
)
def test_what_is_older_than_ten_minutes_is_told_as_earlier_and_once(
    gym: Gym, age_s: float, title: str
) -> None:
    gym.event("stopped", Cause.FALL, age_s=age_s)
    gym.wait(0)
    assert gym.titles() == [title]


def test_an_earlier_alarm_is_not_repeated(gym: Gym) -> None:
    gym.event("stopped", Cause.FALL, age_s=3600)
    gym.wait(300, 1.0)
    assert len(gym.got) == 1


def test_at_night_a_fall_is_sent_and_a_note_waits_for_the_morning(tmp_path: Path) -> None:
    gym = Gym(tmp_path, now_s=NIGHT_S)
    gym.event("storage_changed", part="events", ok=False)
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    assert gym.titles() == ["Somebody may have fallen (deck-7)"]
    gym.acknowledge(gym.got[0][1].event_id)
    gym.wait(7.9 * 3600, 60.0)
    assert len(gym.got) == 1
    gym.wait(0.2 * 3600, 60.0)
    assert gym.titles()[1:] == ["Storage trouble (deck-7)"]


def test_muted_only_help_is_sent_and_the_mute_ends_by_itself(gym: Gym) -> None:
    gym.store.mark("muted_until_s", str(gym.now_s + 600))
    gym.event("stopped", Cause.DRIFT_REAR)
    gym.event("armed")
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    assert gym.titles() == ["Somebody may have fallen (deck-7)"]
    gym.acknowledge(gym.got[0][1].event_id)
    gym.wait(660, 10.0)
    assert "The belt was stopped (deck-7)" in gym.titles()


def test_when_the_network_returns_a_fall_is_sent_within_five_seconds_and_told_as_late(gym: Gym) -> None:
    gym.broken = lambda _: True
    gym.event("stopped", Cause.FALL)
    gym.wait(1200, 0.5)
    assert gym.got == []
    gym.broken = lambda _: False
    gym.wait(5, 0.5)
    assert gym.titles() == ["Earlier: Somebody may have fallen (deck-7)"]


def test_one_broken_channel_holds_up_nobody_else(tmp_path: Path) -> None:
    other = DESK.model_copy(update={"name": "phone"})
    gym = Gym(tmp_path, (DESK, other))
    gym.broken = lambda person: person.name == "desk"
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    assert gym.titles("phone") == ["Somebody may have fallen (deck-7)"]


def test_what_cannot_be_sent_for_a_day_is_given_up_and_shown(gym: Gym) -> None:
    gym.broken = lambda _: True
    gym.event("stopped", Cause.DRIFT_REAR)
    gym.event("armed")
    gym.wait(0)
    gym.now_s += GIVE_UP_S + 1
    gym.wait(0)
    ((_, _, ways),) = gym.store.newest()
    assert [(state, problem) for _, _, state, _, problem in ways] == [(State.GIVEN_UP, "no network")]


def test_a_kill_while_sending_sends_again_and_says_so(gym: Gym) -> None:
    gym.event("stopped", Cause.DRIFT_REAR)
    gym.event("armed")
    # the channel took it; the process dies before that is written down
    gym.alerts._outgoing.take_results = lambda: False  # type: ignore[method-assign]
    gym.alerts.step()
    gym.got.clear()
    gym.begin()
    gym.wait(1)
    assert gym.titles() == ["The belt was stopped (deck-7) (again)"]


def test_nobody_is_alerted_of_what_was_before_the_first_start(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "events.sqlite")
    stamp = Stamp("deck-7", "guard", "boot", "cfg", "1")
    with outbox.transaction():
        outbox.keep([build(stamp, 99, "stopped", NOON_S, 0, {"cause": "fall"})])
    gym = Gym(tmp_path)
    gym.wait(5)
    assert gym.got == []


def test_every_event_is_read_once_whatever_it_holds(gym: Gym) -> None:
    db = sqlite3.connect(gym.folder / "events.sqlite")
    odd = [
        "{",
        "[]",
        "null",
        '{"type": 1}',
        json.dumps({"type": "rearguard.stopped", "source": "x", "id": "1", "data": {}}),
    ]
    for n, text in enumerate(odd):
        db.execute(
            "INSERT INTO events(id, boot_id, seq, type, time_s, event) VALUES(?,?,?,?,?,?)",
            (f"odd{n}", "odd", n, "stopped", NOON_S, text),
        )
    db.commit()
    db.close()
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    assert gym.titles() == ["Somebody may have fallen (deck-7)"]


def test_the_notes_of_a_day_are_one_message(tmp_path: Path) -> None:
    coach = Person(name="coach", channel="webhook", address="http://coach", classes=(Urgency.COACH,))
    gym = Gym(tmp_path, (coach,))
    for n in range(3):
        gym.event(
            "session_ended", session_id=str(n), started="", ended="", why_ended="left_belt", minutes=1, steps=9,
            cadence_per_min=None, speed_m_s=None, distance_m=None, in_zone_fraction=None, warnings=0, stops=0,
        )  # fmt: skip
    gym.wait(3600, 60.0)
    assert gym.got == []
    gym.wait(20 * 3600, 300.0)
    assert gym.titles("coach") == ["3 notes (deck-7)"]


def test_no_message_holds_a_rule_a_figure_or_a_word_about_the_body(gym: Gym) -> None:
    for cause in Cause:
        gym.event("stopped", cause)
        gym.event("health_changed", cause)
        gym.event("stopped_by_fault", cause)
    gym.wait(1)
    assert len(gym.got) > 20
    for _, message in gym.got:
        words = f"{message.title} {message.text}".lower()
        assert not any(
            bad in words for bad in ("m/s", "rule", "hip", "velocity", "tilt", "pain", "guard", "0.")
        )


@pytest.mark.parametrize(("lasts_s", "sent"), [(FAULT_STAYS_S - 1, 0), (FAULT_STAYS_S + 1, 1)])
def test_a_fault_at_rest_that_ends_soon_concerns_nobody(gym: Gym, lasts_s: float, sent: int) -> None:
    gym.event("health_changed", Cause.RANGE)
    gym.wait(lasts_s / 2, 1.0)
    gym.event("health_changed", Cause.IMU)  # another one: the first minute counts
    gym.wait(lasts_s / 2, 1.0)
    gym.event("health_changed")
    gym.wait(2 * FAULT_STAYS_S, 1.0)
    assert len(gym.got) == sent


def test_a_fault_at_rest_is_not_forgotten_by_a_restart(gym: Gym) -> None:
    gym.event("health_changed", Cause.RANGE)
    gym.wait(30, 1.0)
    gym.begin()
    gym.wait(FAULT_STAYS_S, 1.0)
    assert gym.titles() == ["The device needs care (deck-7)"]


@pytest.mark.parametrize("cause", [Cause.NOT_WORN, Cause.SETTLING])
def test_a_treadmill_that_nobody_uses_needs_no_care(gym: Gym, cause: Cause) -> None:
    gym.event("health_changed", cause)
    gym.wait(2 * FAULT_STAYS_S, 1.0)
    assert gym.got == []


def test_a_belt_that_may_still_move_is_told_at_once(gym: Gym) -> None:
    gym.event("health_changed", Cause.RELAY_WELDED)
    gym.wait(0)
    assert gym.titles() == ["Do not use this treadmill (deck-7)"]


def test_a_text_that_may_have_arrived_is_sent_again_with_a_word(gym: Gym) -> None:
    for unsure, title in (
        (False, "The belt was stopped (deck-7)"),
        (True, "The belt was stopped (deck-7) (again)"),
    ):
        gym.got.clear()
        gym.broken, gym.unsure = (lambda _: True), unsure
        gym.event("stopped", Cause.DRIFT_REAR)
        gym.event("armed")
        gym.wait(5)
        gym.broken = lambda _: False
        gym.wait(5)
        assert gym.titles() == [title]


def test_a_call_for_help_overtakes_what_waits(gym: Gym) -> None:
    gym.broken = lambda _: True
    for _ in range(60):
        gym.event("stopped", Cause.DRIFT_REAR)
        gym.event("armed")
    gym.wait(4)
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    gym.broken = lambda _: False
    gym.wait(5)
    assert gym.titles()[0] == "Somebody may have fallen (deck-7)"


class Later(Executor):
    """A channel that does not answer until it is told to."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], None]] = []

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def, override]
        self.asked.append(lambda: fn(*args, **kwargs))


def test_one_message_to_a_person_is_on_its_way_and_nobody_waits_for_another(tmp_path: Path) -> None:
    other = DESK.model_copy(update={"name": "phone"})
    gym = Gym(tmp_path, (DESK, other), senders=Later())
    assert isinstance(gym.senders, Later)
    for _ in range(10):
        gym.event("stopped", Cause.DRIFT_REAR)
        gym.event("armed")
        gym.wait(1)
    assert len(gym.senders.asked) == 2, "one for each person, however much waits"
    gym.senders.asked[0]()
    gym.wait(0)
    assert len(gym.senders.asked) == 3


def test_a_command_beside_the_process_sends_nothing_again(gym: Gym) -> None:
    gym.senders.submit = lambda *_: None  # type: ignore[method-assign]  # on its way, not answered yet
    gym.event("stopped", Cause.FALL)
    gym.alerts.step()
    Store(gym.folder / "alerts.sqlite").close()  # `rearguard alerts status`
    assert gym.store.due("desk", gym.now_s + 3600) == []


def test_who_is_not_on_the_list_any_more_gets_nothing(tmp_path: Path) -> None:
    gym = Gym(tmp_path, (DESK, LATER))
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    gym.people = (DESK,)
    gym.begin()
    gym.wait(300, 1.0)
    assert gym.titles("duty") == []
    states = {name: (state, problem) for name, _, state, _, problem in gym.store.newest()[0][2]}
    assert states["duty"] == (State.GIVEN_UP, "nobody of this name is on the list any more")


def test_a_new_database_in_the_place_of_a_damaged_one_is_read(gym: Gym) -> None:
    for _ in range(5):
        gym.event("armed")
    gym.wait(1)
    gym.outbox.close()
    for tail in ("", "-wal", "-shm"):
        path = gym.folder / f"events.sqlite{tail}"
        if path.exists():
            path.rename(f"{path}.damaged")
    gym.wait(1)  # for a moment there is none
    gym.outbox = Outbox(gym.folder / "events.sqlite")
    gym.event("stopped", Cause.FALL)
    gym.wait(1)
    assert gym.titles() == ["Somebody may have fallen (deck-7)"]


def test_acknowledging_says_who_was_first_and_what_could_not_be_written(gym: Gym) -> None:
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    event_id = gym.got[0][1].event_id
    assert gym.acknowledge(event_id) is True
    assert gym.acknowledge(event_id) is False
    gym.store.close()
    assert gym.acknowledge(event_id) is None


def test_the_monthly_test_is_one_note_and_comes_again(gym: Gym) -> None:
    gym.wait(SELF_TEST_S - 60, 3600.0)
    assert gym.got == []
    gym.wait(120, 1.0)
    assert gym.titles() == ["Alerts still work (alerts)"]
    gym.wait(SELF_TEST_S - 200, 3600.0)
    assert len(gym.got) == 1
    gym.wait(200, 1.0)
    assert len(gym.got) == 2


def test_in_german_every_word_of_a_message_is_german(gym: Gym) -> None:
    locale.use("de")
    try:
        gym.event("stopped", Cause.FALL, age_s=3600)
        gym.wait(0)
    finally:
        locale.use("en")
    (message,) = [message for _, message in gym.got]
    assert message.title == "Früher: Vielleicht ist jemand gestürzt (deck-7)"
    assert message.text == "Das Band ist aus. Zum Laufband gehen und helfen."


def test_a_reminder_that_comes_when_it_should_is_no_old_news(gym: Gym) -> None:
    gym.event("stopped", Cause.FALL)
    gym.wait(3600, 1.0)
    assert len(gym.got) == 1 + Rules().repeats
    assert set(gym.titles()[1:]) == {"Somebody may have fallen (deck-7) (again)"}


def test_a_reminder_that_could_not_be_sent_for_long_is_old_news(gym: Gym) -> None:
    gym.event("stopped", Cause.FALL)
    gym.wait(0)
    gym.broken = lambda _: True
    gym.wait(60 + LATE_S[Urgency.HELP] + 1, 1.0)
    gym.broken = lambda _: False
    gym.wait(5)
    assert gym.titles()[1:] == ["Earlier: Somebody may have fallen (deck-7) (again)"]


def test_who_is_told_late_on_purpose_reads_no_old_news(tmp_path: Path) -> None:
    much_later = LATER.model_copy(update={"after_s": 1800.0})
    gym = Gym(tmp_path, (DESK, much_later))
    gym.event("stopped", Cause.FALL)
    gym.wait(1810, 5.0)
    assert gym.titles("duty") == ["Somebody may have fallen (deck-7)"]
