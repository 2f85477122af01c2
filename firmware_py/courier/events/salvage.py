"""Owns what can still be read from a damaged database. Must never write to it; a bad row costs itself only."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

CHUNK = 256  # rows; a chunk that cannot be read is halved until the bad row is alone
_TABLES = {  # table -> its key, its columns; what is small comes first
    "marks": ("rowid", "name, value"),
    "sessions": ("rowid", "id, started_s, ended_s, summary"),
    "coached": ("rowid", "id, walker, started_s, ended_s, record, state"),
    "answers": ("n", "n, session, walker, time_s, question, value, set_number"),
    "events": ("n", "n, id, boot_id, seq, type, time_s, event, published_s"),
}
_JSON = {"sessions": 3, "coached": 4, "events": 6}  # the column that must be JSON


class Found(NamedTuple):
    """Rows of one table, to be inserted where there is none of their key yet."""

    table: str
    columns: str
    rows: list[tuple[Any, ...]]


def salvage(path: Path) -> Iterator[Found]:
    """Everything that reads, CHUNK rows at a time; nothing when the file is no database any more."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as db:
        for table, (key, columns) in _TABLES.items():
            last = last_key(db, table, key)
            for first in range(0, last + 1, CHUNK):
                rows = [row for row in _rows(db, table, key, columns, first, CHUNK) if _sound(table, row)]
                if rows:
                    yield Found(table, columns, rows)


def newest_first(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """Every row that reads, by the names of its columns; `n` is its number. Raises sqlite3.Error for no database."""
    key, columns = _TABLES[table]
    names = f"{key} AS n, {columns}" if key == "rowid" else columns
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as db:
        db.text_factory = readable
        last = last_key(db, table, key)
        for first in range(last - last % CHUNK, -1, -CHUNK):
            for row in reversed(list(_rows(db, table, key, names, first, CHUNK))):
                yield dict(zip([name.rpartition(" ")[2] for name in names.split(", ")], row, strict=True))


def readable(text: bytes) -> str:
    """Text of a database; a byte that is no UTF-8 costs itself only."""
    return text.decode("utf-8", "replace")


def last_event(path: Path) -> int:
    """The highest number an event had; 0 when it cannot be read."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as db:
        return last_key(db, "events", "n")
    return 0


def last_key(db: sqlite3.Connection, table: str, key: str) -> int:
    for question in (
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'",
        f"SELECT max({key}) FROM {table}",
    ):
        with suppress(sqlite3.Error):
            row = db.execute(question).fetchone()
            if row and isinstance(row[0], int):
                return row[0]
    return 0


def _rows(
    db: sqlite3.Connection, table: str, key: str, columns: str, first: int, count: int
) -> Iterator[tuple[Any, ...]]:
    question = f"SELECT {columns} FROM {table} WHERE {key} >= ? AND {key} < ? ORDER BY {key}"
    try:
        yield from db.execute(question, (first, first + count)).fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        if count > 1:
            half = count // 2
            yield from _rows(db, table, key, columns, first, half)
            yield from _rows(db, table, key, columns, first + half, count - half)


def _sound(table: str, row: tuple[Any, ...]) -> bool:
    if table not in _JSON:
        return True
    try:
        return isinstance(json.loads(row[_JSON[table]]), dict)
    except (TypeError, ValueError, RecursionError):
        return False
