"""Outbox, link and recorder through random stories of trouble: what is acknowledged stays, nothing comes twice."""

import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware_py.core.events import Event
from firmware_py.core.frame import Cause
from firmware_py.courier.events.database import Outbox
from firmware_py.courier.events.envelope import Envelope, ulid
from firmware_py.courier.recording.recorder import Tape
from firmware_py.guard.link import EVENTS_KEPT, RESEND_NS, RETRY_NS, Link
from firmware_py.traces.mcap_reader import read_mcap
from sensors.advice import Failure
from tests.support.bad_disk import disk_full_after
from tests.support.guard_tape import HELLO, WALL_NS, Guard
from tests.support.link_end import LinkEnd
from tests.support.moments import decision, frame

pytestmark = pytest.mark.longer

MORE = max(1, int(os.environ.get("REARGUARD_REPETITIONS", "1")) // 20)
STORIES = settings(
    max_examples=12 * MORE,
    stateful_step_count=30,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # a failing story is printed as it came
    derandomize=MORE == 1,
    suppress_health_check=list(HealthCheck),
)
SECOND_NS = 1_000_000_000


class Folders(RuleBasedStateMachine):
    """A folder of its own, and copies of it: what a kill or a power cut leaves behind."""

    def __init__(self) -> None:
        super().__init__()
        self._room = tempfile.TemporaryDirectory()
        self.folder = Path(self._room.name) / "0"
        self.folder.mkdir()
        self._copies = 0

    def cut(self) -> Path:
        """The files as they are on disk at this moment; the process that wrote them is no more."""
        self._copies += 1
        copy = self.folder.with_name(str(self._copies))
        shutil.copytree(self.folder, copy)
        return copy

    def teardown(self) -> None:
        self._room.cleanup()


# -- the outbox ----------------------------------------------------------------------------------------------


class OutboxStory(Folders):
    """The model is a dict: (boot, seq) -> has the broker taken it?"""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(self.folder / "events.sqlite")
        self.kept: dict[tuple[str, int], bool] = {}
        self.forgotten: set[tuple[str, int]] = set()
        self.full = False

    def envelope(self, boot: str, seq: int) -> Envelope:
        return Envelope(ulid(1e9 + seq, boot, seq), boot, seq, "armed", 1e9 + seq, "{}" + " " * 3000)

    @rule(boot=st.sampled_from("ab"), seqs=st.lists(st.integers(1, 40), min_size=1, max_size=8))
    def keep(self, boot: str, seqs: list[int]) -> None:
        """As the guard sends: again and again, in any order, until it is acknowledged."""
        try:
            with self.outbox.transaction():
                self.outbox.keep(self.envelope(boot, seq) for seq in seqs)
        except sqlite3.OperationalError as error:
            assert self.full and "full" in str(error)
        else:
            for seq in seqs:
                self.kept.setdefault((boot, seq), False)
                self.forgotten.discard((boot, seq))

    @rule(seqs=st.lists(st.integers(1, 40), min_size=1, max_size=4))
    def keep_and_die_before_the_commit(self, seqs: list[int]) -> None:
        with suppress(ZeroDivisionError, sqlite3.OperationalError), self.outbox.transaction():
            self.outbox.keep(self.envelope("a", seq) for seq in seqs)
            1 / 0  # noqa: B018

    @rule(limit=st.integers(1, 10))
    def publish(self, limit: int) -> None:
        rows = self.outbox.unpublished(0, limit)
        assert [row.n for row in rows] == sorted({row.n for row in rows})
        try:
            with self.outbox.transaction():
                self.outbox.published([row.n for row in rows], 2e9)
        except sqlite3.OperationalError as error:
            assert self.full and "full" in str(error)
            return
        numbers = {row.n for row in rows}
        for boot, seq, n in self.rows("boot_id, seq, n"):
            if n in numbers:
                self.kept[boot, seq] = True

    @rule(stay=st.integers(0, 10))
    def forget(self, stay: int) -> None:
        before = {(boot, seq) for boot, seq in self.rows("boot_id, seq")}
        try:
            with self.outbox.transaction():
                self.outbox.forget(3e9, unpublished_too=False, newest_stay=stay)
        except sqlite3.OperationalError as error:
            assert self.full and "full" in str(error)
            return
        for key in before - {(boot, seq) for boot, seq in self.rows("boot_id, seq")}:
            assert self.kept.pop(key), "only what the broker has may be forgotten"

    @rule(full=st.booleans())
    def fill_the_disk(self, full: bool) -> None:
        self.full = full
        pages = self.outbox._db.execute("PRAGMA page_count").fetchone()[0] if full else 1_000_000
        self.outbox._db.execute(f"PRAGMA max_page_count = {pages}")

    @rule(clean=st.booleans())
    def begin_again(self, clean: bool) -> None:
        """After a good end or a kill."""
        left = self.folder if clean else self.cut()
        self.outbox.close()
        self.folder, self.full = left, False
        self.outbox = Outbox(self.folder / "events.sqlite")
        assert self.outbox.set_aside is None

    def rows(self, columns: str) -> list[tuple[object, ...]]:
        return self.outbox._db.execute(f"SELECT {columns} FROM events ORDER BY n").fetchall()

    @invariant()
    def what_was_committed_is_there_once(self) -> None:
        found = self.rows("boot_id, seq, id, published_s IS NOT NULL")
        assert {(boot, seq): bool(taken) for boot, seq, _, taken in found} == self.kept
        assert len({name for _, _, name, _ in found}) == len(found) == len(self.kept)

    def teardown(self) -> None:
        self.outbox.close()
        super().teardown()


# -- the link ------------------------------------------------------------------------------------------------


class LinkStory(Folders):
    """The guard's real end; the other end stores some of it, acknowledges, dies and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.path = self.folder / "c.sock"
        self.link = Link(str(self.path), {"boot_id": "b"})
        self.t_ns = 0
        self.sent = 0
        self.disk: list[int] = []
        self.memory: list[int] = []
        self.courier: LinkEnd | None = None

    def go_on(self, ns: int) -> None:
        self.t_ns += ns
        self.link.connect(self.t_ns)
        self.link.poll(self.t_ns)

    @rule(count=st.integers(1, 40))
    def tell(self, count: int) -> None:
        for _ in range(count):
            self.sent += 1
            self.link.event(Event("stopped", self.t_ns, Cause.FALL, "r", 1.0, 0.5, None, None))
        self.go_on(5_000_000)

    @rule(count=st.integers(1, 600))
    def tick(self, count: int) -> None:
        for _ in range(count):
            self.link.tick(frame(self.t_ns // 5_000_000), decision(1))
        self.go_on(5_000_000)

    @rule(ns=st.sampled_from([5_000_000, RETRY_NS, RESEND_NS]))
    def wait(self, ns: int) -> None:
        self.go_on(ns)

    @precondition(lambda self: self.courier is None)
    @rule()
    def come(self) -> None:
        self.courier = LinkEnd(self.path)

    @precondition(lambda self: self.courier is not None)
    @rule()
    def die(self) -> None:
        """What was only in memory is gone."""
        assert self.courier is not None
        self.courier.die()
        self.courier = None
        self.memory.clear()

    @rule(most=st.integers(1, 400))
    def read(self, most: int) -> None:
        messages = self.courier.messages(most) if self.courier else []
        self.memory += [int.from_bytes(m[1:9], "little") for m in messages if m[:1] == b"E"]

    @rule(most=st.integers(1, 100), acknowledge=st.booleans())
    def write(self, most: int, acknowledge: bool) -> None:
        """To disk, first; then the acknowledgement, or the courier is killed before it."""
        for seq in self.memory[:most]:
            if seq not in self.disk:
                self.disk.append(seq)
            if acknowledge and self.courier is not None:
                with suppress(OSError):
                    self.courier.ack(seq)
        del self.memory[:most]

    @invariant()
    def every_event_is_on_disk_or_with_the_guard(self) -> None:
        pending = list(self.link._pending)
        assert pending == sorted(pending) and len(pending) <= EVENTS_KEPT
        missing = set(range(1, self.sent + 1)) - set(self.disk) - set(pending)
        assert len(missing) <= self.link.dropped_events

    def teardown(self) -> None:
        """In the end a courier comes that stays: everything that was not given up arrives."""
        if self.courier is not None:
            self.die()
        self.come()
        for _ in range(2 * EVENTS_KEPT):
            if not self.link._pending:
                break
            self.go_on(RESEND_NS)
            self.read(1000)
            self.write(1000, acknowledge=True)
            for _ in range(4):  # the guard ticks on
                self.go_on(5_000_000)
        assert not self.link._pending
        assert len(self.disk) == len(set(self.disk)) >= self.sent - self.link.dropped_events
        self.die()
        self.link.close()
        super().teardown()


# -- the recorder --------------------------------------------------------------------------------------------


class RecorderStory(Folders):
    """Ticks go in; every one is in a file, or counted as lost, or was not yet in a whole chunk at a kill."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = Guard(600.0, tuple(range(7, 600, 15)), rearm=True).ticks()
        self.tape = self.begin()
        self.pushed = self.lost_before = self.cut_off = 0
        self.last_ns = 0
        self.incidents: set[str] = set()

    def begin(self) -> Tape:
        tape = Tape(self.folder, 1000, 30)
        tape.hello(HELLO)
        return tape

    def push(self, count: int) -> None:
        for f, d in islice(self.ticks, count):
            self.tape.tick(f, d, WALL_NS + f.t_ns)
            self.pushed, self.last_ns = self.pushed + 1, f.t_ns

    @rule(count=st.integers(1, 900))
    def walk(self, count: int) -> None:
        self.push(count)

    @rule()
    def second(self) -> None:
        self.tape.second((WALL_NS + self.last_ns) / 1e9)

    @rule(count=st.integers(1, 500), size_kb=st.integers(0, 60))
    def walk_with_a_full_disk(self, count: int, size_kb: int) -> None:
        with disk_full_after(size_kb * 1000):
            self.push(count)
            self.second()

    @rule()
    def the_guard_restarts(self) -> None:
        self.tape.lost(WALL_NS + self.last_ns)
        self.tape.hello(HELLO)

    @rule()
    def kill(self) -> None:
        left = self.cut()
        waiting = self.tape.segments._fresh  # since the last whole chunk that was made durable
        self.lost_before += self.tape.segments.lost_frames
        self.tape.close()
        self.folder = left
        self.cut_off += waiting
        self.tape = self.begin()

    @invariant()
    def every_file_is_readable_and_in_order(self) -> None:
        names = {path.stem for path in (self.folder / "incidents").glob("*.mcap")}
        assert names >= self.incidents, "an incident has gone"
        self.incidents = names

    def teardown(self) -> None:
        self.second()
        self.tape.close()
        kept = 0
        for path in sorted(self.folder.rglob("*.mcap*")):
            if path.parent.name == "incidents":
                if path.suffix == ".mcap":
                    assert sum(1 for _ in read_mcap(path).frames) > 0
                continue
            try:
                kept += sum(1 for _ in read_mcap(path).frames)
            except Failure as error:
                assert path.suffix == ".part" and "no frames of ours" in str(error)
        lost = self.lost_before + self.tape.segments.lost_frames
        assert kept + lost + self.cut_off >= self.pushed, (kept, lost, self.cut_off, self.pushed)
        super().teardown()


OutboxStory.TestCase.settings = LinkStory.TestCase.settings = STORIES
RecorderStory.TestCase.settings = settings(STORIES, max_examples=5 * MORE)

TestOutbox = OutboxStory.TestCase
TestLink = LinkStory.TestCase
TestRecorder = RecorderStory.TestCase
