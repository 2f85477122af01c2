"""Owns the demonstration of the coach: one short session with the real guard, courier and page, in real time.

The simulated walker reads the page and answers through it, as a person would. Must never judge the walk, and never
know more than the page and the treadmill's own console show.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol

from firmware_py.coach import diary
from firmware_py.coach.plan import plans
from firmware_py.coach.record import Record
from firmware_py.coach.report.account import Account
from firmware_py.coach.report.page import render
from firmware_py.config import load
from firmware_py.core.frame import Cause
from firmware_py.rig.demo.account import BUSY
from firmware_py.rig.harness.processes import GUARD, STARTS, is_up, process

WALKER = "demo"
PLAN = """[start]
speed_km_h = 1.6
set_s = 60
sets = {sets}
pause_s = 30
[goal]
speed_km_h = 1.6
set_s = 60
sets = {sets}
"""
SPEED_M_S = 1.6 / 3.6
RAGGED = 0.06  # strides about as alike as those of recorded walkers
TIPS_S = (38.0, 55.0)  # of the first set
REACTS_S = 2.0  # from a word to a hand
LONGEST_S = 600.0
STARTS_S = 20.0  # the courier opens its page within so long
STAYS_S = 3.0  # the end of the session can be read so long
ANSWERS = {"company": "here", "ready": "yes", "rails": "one", "pain": 1, "effort": 11, "talk": "yes"}
PLANNED = 60.0


class Hands(Protocol):
    """What a person at the treadmill can do."""

    def console(self, **asked: object) -> None: ...
    def answer(self, question: str, value: object) -> None: ...


class Person:
    """The simulated walker: confirms, arms, starts and stops the treadmill when asked, tips forward once, answers."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._act_s: float | None = None  # when the hand reaches what it reaches for
        self._stage, self._since_s, self._tips = "", 0.0, False
        hands.console(press=False, belt_m_s=0.0, ragged=RAGGED)

    def look(self, now_s: float, shown: dict[str, Any], may_run: bool, belt_m_s: float) -> None:
        """What this person does now, by what the page shows and the treadmill does."""
        stage, left_s = shown["stage"], shown.get("left_s")
        if stage != self._stage:
            self._stage, self._since_s = stage, now_s
        settled = now_s - self._since_s >= REACTS_S
        if stage in ("checklist", "pause", "ask") and settled and belt_m_s <= 0.0:
            for question in [q for q in shown["questions"] if q["key"] in ANSWERS][:1]:
                self._hands.answer(question["key"], ANSWERS[question["key"]])
        if stage in ("tare", "pause") and settled and left_s == 0:
            self._hands.console(**({"belt_m_s": SPEED_M_S} if may_run else {"press": True}))
        if stage in ("pause", "ask") and left_s != 0 and settled and belt_m_s > 0.0:
            self._hands.console(belt_m_s=0.0)
        walked_s = PLANNED - (left_s or 0.0)
        tips = stage == "set" and shown["set"] == 1 and TIPS_S[0] <= walked_s < TIPS_S[1]
        if tips != self._tips:
            self._tips = tips
            self._hands.console(act="tip" if tips else "walk")


class _Hands:
    """The console of the world, and the questions on the screen at the treadmill."""

    def __init__(self, person: socket.socket, port: int) -> None:
        self._person, self._port = person, port

    def console(self, **asked: object) -> None:
        self._person.send(json.dumps(asked).encode())

    def answer(self, question: str, value: object) -> None:
        host = f"127.0.0.1:{self._port}"
        with closing(HTTPConnection(host, timeout=5)) as screen:
            screen.request("GET", "/answer-here")
            token = screen.getresponse().headers["location"].partition("#")[2]
        headers = {"Content-Type": "application/json", "Origin": f"http://{host}"}
        with closing(HTTPConnection(host, timeout=5)) as screen:
            body = json.dumps({"token": token, "question": question, "value": value})
            screen.request("POST", "/answer", body, headers)
            screen.getresponse().read()


def prepare(config_file: Path, sets: int = 2) -> None:
    """A plan for the one walker of the demonstration."""
    folder = plans.folder_of(load(config_file))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{WALKER}.toml").write_text(PLAN.format(sets=sets), encoding="utf-8")


def play(config_file: Path, room: Path, port: int, seed: int, say: Callable[[float, str], None]) -> list[str]:
    """One session, to its end; the cues in their order. Raises RuntimeError when a program does not run."""
    room.mkdir()
    cues: list[tuple[str, int]] = []  # with the number of the set
    began_s = time.monotonic()
    with _treadmill(config_file, room, seed) as (person_socket, truths):
        person = Person(_Hands(person_socket, port))
        truth: dict[str, Any] = {"pulled": False, "belt_speed_m_s": 0.0}
        stage, ended_s = "", None
        for shown in _page(port):
            now_s = time.monotonic() - began_s
            truth = _newest(truths, room) or truth
            if shown["stage"] != stage:
                stage = shown["stage"]
                say(now_s, f"{shown['title']}. {shown['do']}".strip())
                ended_s = now_s if stage == "end" else ended_s
            cue = shown["cue"]
            if (
                cue is not None and (cue["kind"], shown["set"]) not in cues
            ):  # a warning may hide it for a moment
                cues.append((cue["kind"], shown["set"]))
                say(now_s, f"\u201c{cue['text']}\u201d")
            person.look(now_s, shown, truth["pulled"], truth["belt_speed_m_s"])
            if ended_s is not None and now_s - ended_s >= STAYS_S:
                return [kind for kind, _ in cues]
            if now_s > LONGEST_S:
                raise RuntimeError(f"demo: the session did not end within {LONGEST_S:.0f} s")
    raise RuntimeError("demo: the page has gone")


@contextmanager
def _treadmill(config_file: Path, room: Path, seed: int) -> Iterator[tuple[socket.socket, Any]]:
    """A world whose person waits to be asked, and a guard in it: the person's socket, and what the world reports."""
    with ExitStack() as held:
        manager = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(str(room / "notify.sock"))
        arguments = (room, "--config", config_file, "--seed", seed, "--scenario", "walk", "--speed-m-s", 0.0)
        world = held.enter_context(process(room / "world.log", "firmware_py.rig.harness.world", *arguments))
        world.stdout.readline()  # the world stands
        person = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        person.connect(str(room / "person.sock"))
        person.send(json.dumps({"press": False}).encode())
        os.set_blocking(world.stdout.fileno(), False)
        asked = ("--config", config_file, "--world", room)
        notify = {"NOTIFY_SOCKET": str(room / "notify.sock")}
        for _ in range(STARTS):
            guard = held.enter_context(process(room / "guard.log", GUARD, *asked, **notify))
            if is_up(guard, manager):
                break
        else:
            raise RuntimeError(f"demo: the guard does not start:\n{(room / 'guard.log').read_text()}")
        yield person, world.stdout


def _newest(truths: Any, room: Path) -> dict[str, Any] | None:
    """The last whole line that the world has reported; None: nothing new."""
    try:
        lines = os.read(truths.fileno(), 1 << 20).splitlines()
    except BlockingIOError:
        return None
    if not lines:
        raise RuntimeError(f"demo: the world has ended:\n{(room / 'world.log').read_text()}")
    for line in reversed(lines):
        try:
            return dict(json.loads(line))
        except ValueError:
            continue  # cut in two
    return None


def _page(port: int) -> Iterator[dict[str, Any]]:
    """What the page shows of the coach, once a second, as long as the courier runs."""
    with closing(_opened(port)) as page:
        page.request("GET", "/api/stream")
        stream = page.getresponse()
        kind = ""
        while line := stream.readline():
            name, _, value = line.decode().strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "coach":
                yield json.loads(value)


def _opened(port: int) -> HTTPConnection:
    """A connection to the page, which opens a moment after the courier starts. Raises RuntimeError."""
    end_s = time.monotonic() + STARTS_S
    while True:
        page = HTTPConnection(f"127.0.0.1:{port}", timeout=STARTS_S)
        try:
            page.connect()
            return page
        except ConnectionRefusedError:
            if time.monotonic() > end_s:
                raise RuntimeError("demo: the page does not open") from None
            time.sleep(0.1)


def record_of(config_file: Path) -> Record:
    """The newest session in the database."""
    config = load(config_file)
    return diary.past(Path(config.courier.state_dir) / plans.DATABASE, WALKER)[-1]


def disturbed(record: Record) -> bool:
    """Whether the computer, not the walker, has cut a set short."""
    return any(s.cause in {cause.value for cause in (*BUSY, Cause.RELAY_OPEN)} for s in record.sets)


def result(config_file: Path, record: Record, cues: list[str], page: Path) -> dict[str, Any]:
    """Writes the report and returns what `--json` prints."""
    config = load(config_file)
    now = datetime.now(UTC)
    plan = plans.plan_of(config, WALKER, now.date())
    step, past = plans.next_of(config, WALKER, plan, now, None)
    page.write_text(render(Account(WALKER, plan, past, step, now)), encoding="utf-8")
    expected = ["tipped", *["set_done", "pause_over"] * (record.done().dose.sets - 1), "all_done"]
    return {
        "scenario": "session",
        "sets": [{"ended": s.ended, "cause": s.cause, "walked_s": s.walked_s} for s in record.sets],
        "cues": cues,
        "answers": record.answers,
        "next": step.reason,
        "report": str(page),
        "as_expected": cues == expected and all(s.ended == "done" for s in record.sets),
    }
