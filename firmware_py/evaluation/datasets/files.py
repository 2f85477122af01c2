"""Owns finding recorded files in folders, zips and zips inside zips. Must never unpack to disk or read a value.

A recording keeps its publisher's layout, unpacked or not: point at what was downloaded.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_DEEPEST_ZIP = 3  # a zip in a zip in a zip: no data set is deeper


class RecordingError(ValueError):
    """One recording cannot be used. The message says what, probably why, and what to do."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, on disk (`members` empty) or inside zips (`members`: the way in, outermost first)."""

    path: Path
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last part: the publisher's name for the file."""
        return self.where.rsplit("/", 1)[-1]

    @property
    def where(self) -> str:
        """The whole path, zips included, for messages and for finding the subject."""
        return "/".join((self.path.as_posix(), *self.members))

    def read(self) -> bytes:
        """The bytes. Raises RecordingError when the disk or the zip is damaged."""
        try:
            if not self.members:
                return self.path.read_bytes()
            return _open_zip(self.path, self.members[:-1]).read(self.members[-1])
        except (OSError, KeyError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
            raise RecordingError(
                f"{self.where}: cannot be read ({error}). Usually a broken download: fetch it again."
            ) from None


def find(paths: list[Path]) -> tuple[list[SourceFile], list[str]]:
    """Every file under the paths in a stable order, and a line for each zip that cannot be opened."""
    found: list[SourceFile] = []
    problems: list[str] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            found += _expand(SourceFile(file), problems)
    return sorted(set(found), key=lambda f: _natural(f.where)), problems


def _expand(file: SourceFile, problems: list[str]) -> Iterator[SourceFile]:
    if not file.name.lower().endswith(".zip") or len(file.members) >= _DEEPEST_ZIP:
        yield file
        return
    try:
        names = _open_zip(file.path, file.members).namelist()
    except (OSError, zipfile.BadZipFile, KeyError, RuntimeError) as error:
        problems.append(
            f"{file.where}: not a zip that opens ({error}). Usually a broken download: fetch it again."
        )
        return
    for name in names:
        if not name.endswith("/") and "__MACOSX" not in name:
            yield from _expand(SourceFile(file.path, (*file.members, name)), problems)


@lru_cache(maxsize=4)
def _open_zip(path: Path, members: tuple[str, ...]) -> zipfile.ZipFile:
    if not members:
        return zipfile.ZipFile(path)
    return zipfile.ZipFile(io.BytesIO(_open_zip(path, members[:-1]).read(members[-1])))


def _natural(text: str) -> list[tuple[int, str]]:
    """T2 before T10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]
