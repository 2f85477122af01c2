"""Owns incidents: the 30 s before a stop and the 10 s after it, each as one trace that is never deleted.

Must never leave half a file under an incident's name, and never drop an incident while the process lives: it is
written at the stop, once more when the 10 s are over, and again every second while the disk refuses.
"""

import contextlib
import errno
import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from firmware_py.core.frame import Decision
from firmware_py.core.wire import unpack_decision, unpack_frame
from firmware_py.courier.recording.index import described, facts_of
from firmware_py.courier.recording.replica import Shadow
from firmware_py.courier.recording.segments import unused
from firmware_py.messages import WENT_SILENT, of_stop
from firmware_py.traces.mcap_writer import McapWriter, plain

log = logging.getLogger(__name__)

SECOND_NS = 1_000_000_000
BEFORE_NS = 30 * SECOND_NS
AFTER_NS = 10 * SECOND_NS
MOST_NS = 120 * SECOND_NS  # stops that follow one another at once share a file up to this length
BLOCK_NS = 5 * SECOND_NS  # how often the monitor's state is saved: an incident begins at one of these states
BLOCKS_STAY = 2  # at least: the one before BEFORE_NS and the one under way
GUARD_LOST = "guard_lost"  # no cause of the core: the guard went silent while the belt ran
FULL = (errno.ENOSPC, errno.EDQUOT)
WAITING_MOST = 8  # incidents that the disk refuses; beyond it the oldest is dropped

Tick = tuple[int, bytes, bytes]  # t_ns, packed frame, packed decision: a third of the memory of the objects


@dataclass(slots=True)
class Block:
    """Some seconds of ticks, and the monitor's state before the first of them."""

    state: dict[str, Any] | None
    exact: bool
    ticks: list[Tick] = field(default_factory=list)


@dataclass(slots=True)
class Incident:
    """One stop, with all that goes into its file."""

    moment: str
    facts: dict[str, Any]
    about: dict[str, Any]
    wall_offset_ns: int
    until_ns: int
    blocks: list[Block]
    events: list[dict[str, Any]]
    path: Path | None = None  # chosen when it is first written


class Incidents:
    """Holds the last 30 s in memory and writes them to a file at each stop."""

    def __init__(
        self,
        folder: Path,
        on_lost: Callable[[str], None] = lambda _: None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        """`on_lost(message)` reports a loss; `make_room()` deletes what is worth less, False when there is nothing."""
        self._folder = folder
        self._on_lost, self._make_room = on_lost, make_room
        self._about: dict[str, Any] | None = None
        self._shadow: Shadow | None = None
        self._blocks: deque[Block] = deque()
        self._events: deque[dict[str, Any]] = deque(maxlen=100)
        self._run = False
        self._open: Incident | None = None
        self._waiting: list[Incident] = []
        self.problem = ""
        self.stops = 0  # seen since the start of this process
        self.count = sum(1 for _ in folder.glob("*.mcap"))

    def begin(self, about: dict[str, Any], shadow: Shadow) -> None:
        """A guard has connected: nothing of an earlier one belongs to its incidents."""
        self.close()
        self._about, self._shadow = about, shadow
        self._blocks.clear()
        self._events.clear()
        self._run = False

    def tick(self, t_ns: int, frame: bytes, decision: Decision, packed: bytes, wall_ns: int) -> None:
        """One tick, before the shadow has stepped it."""
        if self._about is None or self._shadow is None:
            return
        block = self._blocks[-1] if self._blocks else None
        if block is None or t_ns - block.ticks[0][0] >= BLOCK_NS:
            block = Block(self._shadow.state(), self._shadow.exact)
            self._blocks.append(block)
            if self._open is not None:
                self._open.blocks.append(block)
            while len(self._blocks) > BLOCKS_STAY and t_ns - self._blocks[1].ticks[0][0] >= BEFORE_NS:
                self._blocks.popleft()
        block.ticks.append((t_ns, frame, packed))
        if self._run and not decision.run:
            self.stops += 1
            self._stopped(decision, wall_ns)
        self._run = decision.run
        if self._open is not None and t_ns >= self._open.until_ns:
            self._close_open()

    def event(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        if self._open is not None and self._open.events[-1:] != [event]:
            self._open.events.append(event)

    def second(self) -> None:
        """Write what the disk refused before."""
        for incident in list(self._waiting):
            if self._write(incident):
                self._waiting.remove(incident)

    def close(self) -> None:
        """The guard or the courier ends: an incident under way is written as far as it goes."""
        self._close_open()
        self.second()

    def give_up(self) -> None:
        """The process ends: report what could not be written."""
        for incident in self._waiting:
            self._lose(incident)
        self._waiting.clear()

    @property
    def unwritten(self) -> list[str]:
        """Incidents that are not whole on the disk."""
        under_way = [self._open] if self._open is not None else []
        return [incident.moment for incident in (*self._waiting, *under_way)]

    def _lose(self, incident: Incident) -> None:
        message = f"The incident {incident.moment} could not be written and is lost. {self.problem}"
        log.error("%s", message)
        self._on_lost(message)

    def _stopped(self, decision: Decision, wall_ns: int) -> None:
        if self._open is not None:  # armed again and stopped again within the 10 s: one file holds both
            self._open.until_ns = min(decision.t_ns + AFTER_NS, self._open.blocks[0].ticks[0][0] + MOST_NS)
            return
        if decision.cause is not None and self._about is not None:
            title = of_stop(decision.cause, decision.rule, self._about.get("simulated") is True).title
            self._begin(decision.cause.value, title, decision, wall_ns)

    def lost(self, wall_ns: int) -> None:
        """The guard has disconnected. When the belt was running, that is an incident too."""
        if self._run and self._open is None and self._blocks:
            last = unpack_decision(self._blocks[-1].ticks[-1][2])
            self._begin(GUARD_LOST, WENT_SILENT.title, last, wall_ns)
        self._run = False
        self.close()

    def _begin(self, cause: str, title: str, last: Decision, wall_ns: int) -> None:
        assert self._about is not None
        moment = time.gmtime(wall_ns / 1e9)
        last_known = plain(last)
        facts = {
            "title": title,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment),
            "t_ns": last.t_ns,
            "cause": cause,
            **{key: last_known[key] for key in ("rule", "value", "limit", "position_m", "velocity_m_s")},
            **{key: self._about.get(key, "") for key in ("boot_id", "version", "config_hash")},
        }
        self._open = Incident(
            f"{time.strftime('%Y-%m-%dT%H-%M-%SZ', moment)}-{cause}",
            facts,
            self._about,
            wall_ns - last.t_ns,
            last.t_ns + AFTER_NS,
            list(self._blocks),
            list(self._events),
        )
        self._write(self._open)
        self.count += 1  # after the file: a reader who sees the new count finds the incident

    def _close_open(self) -> None:
        incident, self._open = self._open, None
        if incident is not None and not self._write(incident):
            self._waiting.append(incident)
            if len(self._waiting) > WAITING_MOST:
                self._lose(self._waiting.pop(0))

    def _write(self, incident: Incident) -> bool:
        """The whole incident as one file; old recordings make room for it. False when the disk refuses all the same."""
        while True:
            try:
                self._save(incident)
            except OSError as error:
                if error.errno in FULL and self._make_room():
                    continue
                if not self.problem:
                    self.problem = (
                        f"recorder: cannot write the incident {incident.moment} ({error.strerror or error}). Usually "
                        "the disk is full, read-only or failing; it is kept in memory and tried again every second."
                    )
                    log.error("%s", self.problem)
                return False
            self.problem = ""
            return True

    def _save(self, incident: Incident) -> None:
        """In place at once. Raises OSError; then no half of it stays."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if incident.path is None:
            incident.path = unused(self._folder / f"{incident.moment}.mcap.part").with_suffix("")
            incident.facts["name"] = incident.path.stem
        path, part = incident.path, incident.path.with_name(incident.path.name + ".part")
        try:
            with part.open("wb") as file:
                _fill(file, incident)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        _put(path.with_suffix(".json"), json.dumps(incident.facts, allow_nan=False).encode())
        _sync_folder(self._folder)


def _fill(file: BinaryIO, incident: Incident) -> None:
    first = incident.blocks[0]
    start_ns = first.ticks[0][0]
    writer = McapWriter(file, incident.about, first.state, first.exact, start_ns, incident.wall_offset_ns)
    for block in incident.blocks:
        for _, frame, decision in block.ticks:
            writer.frame(unpack_frame(frame))
            writer.decision(unpack_decision(decision))
    for event in incident.events:
        if event["t_ns"] >= start_ns:
            writer.event(event)
    writer.finish()


def _put(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _sync_folder(folder: Path) -> None:
    """A rename is only durable when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def list_incidents(folder: Path) -> list[dict[str, Any]]:
    """The facts of every incident, newest name first."""
    names = sorted((path.stem for path in folder.glob("*.mcap")), reverse=True)
    return [described(name, facts_of(folder / f"{name}.json")) for name in names]
