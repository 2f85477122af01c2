"""Owns the continuous recording: MCAP files of ten minutes, made durable every second, old ones deleted.

Must never touch an incident, never take the room that incidents and events need, and never raise for a disk that is
full, read-only or gone: it reports the problem, counts what is lost, and goes on when it can.

Each file has a number that only grows. It is the order in which old ones go: a clock that was wrong orders nothing.
"""

import contextlib
import errno
import logging
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO

from firmware_py.core.frame import Decision, Frame
from firmware_py.courier.ages import ages
from firmware_py.courier.recording.replica import Shadow
from firmware_py.traces.mcap_writer import McapWriter

log = logging.getLogger(__name__)

SEGMENT_NS = 600 * 1_000_000_000
TIDY_EVERY_S = 60.0
RESERVE_SHARE = 0.1  # of the disk is kept free of recordings ...
RESERVE_MOST = 100_000_000  # ... but not more bytes than this: a hundred incidents
NUMBERED = re.compile(r"-n(\d{6,12})\.mcap")


class Segments:
    """Writes what it is given into `folder`. Wall time is passed in; `second` is called about once a second."""

    def __init__(self, folder: Path, quota_bytes: int, keep_s: float) -> None:
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._spare_bytes = (
            quota_bytes // 100
        )  # more than one second adds: the quota holds between two checks
        self._others_bytes = 0  # in every file but the one under way, as far as known
        self._keep_s = keep_s
        self._about: dict[str, Any] | None = None
        self._shadow: Shadow | None = None
        self._file: BinaryIO | None = None
        self._writer: McapWriter | None = None
        self._path = folder
        self._started_ns = self._t_ns = 0
        self._fresh = 0  # frames that may not be on disk yet, those of the chunk under way included
        self._in_chunk = 0
        self._end_bytes = 0  # of the last whole chunk
        self._lost, self._lost_why = 0, ""  # not yet marked in a file ...
        self._marked = 0  # ... or marked in one that is not durable yet
        self._durable = False  # some of this file is certainly on disk
        self._tidy_s = 0.0
        self._number = max((number_of(path) for path in self._files()), default=0)
        self.problem = ""
        self.lost_frames = 0

    def begin(self, about: dict[str, Any], shadow: Shadow) -> None:
        """A guard has connected: what follows goes into a file of its own."""
        self.close()
        self._about, self._shadow = about, shadow

    def tick(self, frame: Frame, decision: Decision, wall_ns: int) -> None:
        """One tick, before the shadow has stepped it."""
        if self._writer is not None and frame.t_ns - self._started_ns >= SEGMENT_NS:
            self.close()
        if self._writer is None and not self.problem:
            self._open(frame.t_ns, wall_ns)
        if self._writer is None:
            self.miss(1, self.problem)
            return
        try:
            self._mark_gap(self._writer, frame.t_ns)
            self._t_ns = frame.t_ns
            self._fresh += 1
            self._in_chunk += 1
            self._writer.frame(frame)
            self._writer.decision(decision)
            if (end := self._size()) != self._end_bytes:
                self._end_bytes, self._in_chunk = end, 1  # part of this tick may be in the next chunk
        except OSError as error:
            self._fail(error)

    def event(self, event: dict[str, Any]) -> None:
        if self._writer is not None:
            try:
                self._writer.event(event)
            except OSError as error:
                self._fail(error)

    def miss(self, frames: int, why: str) -> None:
        """Frames that could not be written; marked in the file as soon as one can be."""
        self._lost += frames
        self.lost_frames += frames
        self._lost_why = why

    def _mark_gap(self, writer: McapWriter, t_ns: int) -> None:
        """Says in the file what of the missed frames it does not say yet. Raises OSError."""
        if self._lost > self._marked:
            writer.gap(t_ns, self._lost - self._marked, self._lost_why)
            self._marked = self._lost

    def _sync(self, file: BinaryIO) -> None:
        """On the disk for certain, with every gap that is marked. Raises OSError."""
        file.flush()
        os.fsync(file.fileno())
        self._lost -= self._marked
        self._marked = 0

    def second(self, wall_s: float) -> None:
        """Make durable what was written; try again after a failure; delete what is too old or too much."""
        if self._file is not None:
            try:
                self._sync(self._file)
                self._durable = True
                self._fresh = self._in_chunk
            except OSError as error:
                self._fail(error)
        elif self.problem and self._about is not None and self._spare():
            self.problem = ""  # the next tick tries again
        if not self._spare() and not self.make_room() and self._file is not None:
            self._fail(OSError(errno.ENOSPC, "the room that is left is kept for incidents and events"))
        crowded = self._others_bytes + self._size() > self._quota_bytes - self._spare_bytes
        if crowded or wall_s - self._tidy_s >= TIDY_EVERY_S or wall_s < self._tidy_s:
            self._tidy_s = wall_s
            self._tidy(wall_s)

    def close(self) -> None:
        """Finish the file under its own name."""
        if self._writer is None or self._file is None:
            return
        try:
            self._mark_gap(self._writer, self._t_ns)
            self._writer.finish()
            self._sync(self._file)
            self._others_bytes += self._size()
            self._file.close()
            self._path.rename(self._path.with_suffix(""))
        except OSError as error:
            self._fail(error)
        self._file = self._writer = None

    def _open(self, t_ns: int, wall_ns: int) -> None:
        if self._about is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(wall_ns / 1e9))
            self._number += 1
            self._path = self._folder / f"{stamp}-n{self._number:06d}.mcap.part"
            self._file = self._path.open("xb")
            state = self._shadow.state() if self._shadow else None
            exact = self._shadow.exact if self._shadow else False
            self._writer = McapWriter(self._file, self._about, state, exact, t_ns, wall_ns - t_ns)
            self._started_ns = t_ns
            self._durable = False
            self._fresh = self._in_chunk = 0
            self._end_bytes = self._size()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Leave the file as it is, readable to its last complete chunk, and wait for the next second."""
        if not self.problem:
            self.problem = (
                f"recorder: cannot write in {self._folder} ({error.strerror or error}). Usually the disk is full, "
                "read-only or failing; it is tried again every second."
            )
            log.error("%s", self.problem)
        self.miss(self._fresh, self.problem)
        self._fresh = self._marked = 0
        if self._file is not None:
            with contextlib.suppress(OSError):  # what cannot be flushed is already counted as lost
                self._file.close()
            if not self._durable:  # a full disk is tried every second: leave no empty files
                with contextlib.suppress(OSError):
                    self._path.unlink()
        self._file = self._writer = None

    def _size(self) -> int:
        return self._file.tell() if self._file is not None else 0

    def make_room(self) -> bool:
        """Delete the oldest recording that is whole; False when there is none or the disk refuses."""
        for path in self._files():
            if path != self._path and self._delete(path):
                log.warning(
                    "recorder: the disk is nearly full: %s makes room for incidents and events", path.name
                )
                return True
        return False

    def _files(self) -> list[Path]:
        """Every recording, oldest first."""
        return sorted(self._folder.glob("*.mcap*"), key=lambda path: (number_of(path), path.name))

    def _spare(self) -> bool:
        """More is free than incidents and events may need."""
        try:
            disk = shutil.disk_usage(self._folder)
        except OSError:
            return True  # writing will show what is wrong
        return disk.free > min(RESERVE_MOST, disk.total * RESERVE_SHARE)

    def _delete(self, path: Path) -> bool:
        try:
            path.unlink()
        except OSError as error:
            log.warning("recorder: cannot delete the old %s (%s)", path, error.strerror)
            return False
        return True

    def _tidy(self, wall_s: float) -> None:
        found = []
        for path in self._files():
            with contextlib.suppress(OSError):
                seen = path.stat()
                found.append((path, seen.st_mtime, seen.st_size))
        ages_s = ages([modified_s for _, modified_s, _ in found], wall_s)
        total = sum(size for _, _, size in found)
        for (path, _, size), age_s in zip(found, ages_s, strict=True):
            fits = total <= self._quota_bytes - 2 * self._spare_bytes
            if path != self._path and (not fits or age_s > self._keep_s) and self._delete(path):
                total -= size
        self._others_bytes = total - self._size()


def number_of(path: Path) -> int:
    """0 for a file of a version that did not number them: those are the oldest."""
    found = NUMBERED.search(path.name)
    return int(found[1]) if found else 0


def unused(path: Path) -> Path:
    """`path`, or the same with a number, so that nothing is overwritten when the clock was set back."""
    stem, dot, suffix = path.name.partition(".")
    for number in range(2, 10_000):
        if not path.exists() and not path.with_suffix("").exists():
            return path
        path = path.with_name(f"{stem}-{number}{dot}{suffix}")
    raise FileExistsError(f"{path}: ten thousand files of this second")
