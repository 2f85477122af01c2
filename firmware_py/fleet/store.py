"""Owns what the pages ask of the fleet's database. Must never show a site to who may not see it.

Every question takes the sites of the person who asks, and the query itself keeps to them.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Table,
    Update,
    and_,
    case,
    create_engine,
    event,
    func,
    inspect,
    or_,
    select,
    tuple_,
    update,
)

from firmware_py.alerts.classes import Urgency
from firmware_py.fleet.schema import devices, enrolled, events, incidents, metadata, readers, refused, walked
from firmware_py.locale import mark
from sensors.advice import Failure

ALL_SITES = "*"
OFFLINE_S = 180.0  # three times the longest pause between two states (mqtt.profile = "fleet")
PAGE = 50
MOST_TILES = 200  # beyond this the floor shows a line a site, and the calls
MOST_CALLS = 100  # red tiles at once
WORDS = {
    "help": mark("Go and help"),
    "offline": mark("Offline"),
    "fault": mark("Needs care"),
    "warning": mark("Warning"),
    "walking": mark("Guarding"),
    "stopped": mark("Stopped"),
    "ready": mark("Belt off"),
}

Rows = list[dict[str, Any]]
_Query = TypeVar("_Query", Select[Any], Update)


def open_store(url: str) -> Engine:
    """The database, with its tables. SQLite waits for its disk at each commit, as the events of a device do.

    Raises Failure for a database whose tables another version has made.
    """
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _careful(connection: Any, _record: Any) -> None:
            for line in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
                connection.execute(f"PRAGMA {line}")

    metadata.create_all(engine)
    found = inspect(engine)
    for table in metadata.tables.values():
        if {c.name for c in table.columns} != {c["name"] for c in found.get_columns(table.name)}:
            raise Failure(
                f"fleet: the table {table.name} was made by another version",
                "",
                "name a new database as store in fleet.toml, or go back to the version that made this one",
            )
    return engine


def _seen_by(query: _Query, table: Table, sites: Sequence[str]) -> _Query:
    """Keeps a question or a change to the sites that this person may see."""
    return query if ALL_SITES in sites else query.where(table.c.site.in_(list(sites)))


def _online(now_s: float) -> ColumnElement[bool]:
    """A treadmill that is silent is offline, whatever it said last."""
    return and_(devices.c.online, devices.c.seen_s > now_s - OFFLINE_S)


def by_site(db: Connection, sites: Sequence[str], now_s: float) -> Rows:
    """A line a site: how many treadmills, and how many of them in each tone."""
    tone = case((_online(now_s), devices.c.tone), else_="offline").label("tone")
    query = _seen_by(select(devices.c.site, tone, func.count()), devices, sites).group_by(
        devices.c.site, tone
    )
    found: dict[str, dict[str, Any]] = {}
    for site, word, number in db.execute(query):
        row = found.setdefault(site, {"site": site, "treadmills": 0, **dict.fromkeys(WORDS, 0)})
        row["treadmills"] += number
        row[word] += number
    return sorted(found.values(), key=lambda row: _natural(row["site"]))


def floor(
    db: Connection, sites: Sequence[str], now_s: float, site: str = "", calls_only: bool = False
) -> Rows:
    """A tile a treadmill: calls for help first, oldest first, then by site and name.

    `site` keeps to one site, `calls_only` to none; a call for help is shown all the same.
    """
    waiting = (
        select(incidents.c.site, incidents.c.device, func.min(incidents.c.arrived_s).label("help_s"))
        .where(incidents.c.urgency == Urgency.HELP.value, incidents.c.seen_s.is_(None))
        .where(incidents.c.closed_s.is_(None), incidents.c.late.is_(False))
        .group_by(incidents.c.site, incidents.c.device)
        .order_by("help_s")
        .limit(MOST_CALLS)
    )
    calls = {(row.site, row.device): row.help_s for row in db.execute(_seen_by(waiting, incidents, sites))}
    key = tuple_(devices.c.site, devices.c.device)
    columns = (devices.c.site, devices.c.device, devices.c.seen_s, devices.c.tone, devices.c.version)
    query = _seen_by(select(*columns, _online(now_s).label("online")), devices, sites)
    if site or calls_only:  # no site has an empty name
        query = query.where(or_(key.in_(list(calls)), devices.c.site == site))
    tiles = [_tile(row, calls.get((row["site"], row["device"]))) for row in db.execute(query).mappings()]
    return sorted(
        tiles, key=lambda t: (t["help_s"] is None, t["help_s"] or 0.0, t["site"], _natural(t["device"]))
    )


def _tile(row: RowMapping, help_s: float | None) -> dict[str, Any]:
    tone = "help" if help_s is not None else row["tone"] if row["online"] else "offline"
    return {**row, "help_s": help_s, "tone": tone, "word": WORDS[tone]}


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts deck-2 before deck-12."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def device(db: Connection, sites: Sequence[str], name: str, site: str = "") -> dict[str, Any] | None:
    """Everything about one treadmill, None when there is none or this person may not see it.

    Two sites may have a treadmill of one name; without `site` it is the one that was seen last.
    """
    query = select(devices).where(devices.c.device == name).order_by(devices.c.seen_s.desc())
    query = query.where(devices.c.site == site) if site else query
    row = db.execute(_seen_by(query, devices, sites)).mappings().first()
    if row is None:
        return None
    until = select(enrolled.c.until_s).where(enrolled.c.device == name, enrolled.c.site == row["site"])
    recent = db.execute(
        select(events.c.kind, events.c.cause, events.c.time_s, events.c.arrived_s)
        .where(events.c.site == row["site"], events.c.device == name)
        .order_by(events.c.arrived_s.desc())
        .limit(PAGE)
    ).mappings()
    return dict(row) | {
        "state": json.loads(row["state"]),
        "health": json.loads(row["health"]),
        "events": [dict(e) for e in recent],
        "missing": missing(db, name, row["site"]),
        "certificate_until_s": db.scalar(until),
    }


def missing(db: Connection, name: str, site: str) -> int:
    """How many events of this device never arrived: gaps in the count of each of its starts."""
    gap = func.max(events.c.seq) - func.min(events.c.seq) + 1 - func.count()
    # Only the key is read, whatever the events hold; then whose start it is.
    starts = select(events.c.boot_id, gap).where(events.c.device == name).group_by(events.c.boot_id)
    found = 0
    for boot_id, number in db.execute(starts.having(gap > 0)):
        one = select(events.c.site).where(events.c.device == name, events.c.boot_id == boot_id).limit(1)
        found += int(number) if db.execute(one).scalar() == site else 0
    return found


def find_incidents(
    db: Connection, sites: Sequence[str], word: str = "", open_only: bool = False, page: int = 0
) -> Rows:
    """Incidents, newest first, PAGE at a time; `word` is looked for in device, site, title and closing word."""
    query = _seen_by(select(incidents), incidents, sites)
    if open_only:
        query = query.where(incidents.c.closed_s.is_(None))
    if word:
        query = query.where(incidents.c.find.contains(word.lower(), autoescape=True))
    query = (
        query.order_by(incidents.c.arrived_s.desc(), incidents.c.id.desc()).limit(PAGE).offset(PAGE * page)
    )
    rows = [dict(row) for row in db.execute(query).mappings()]
    return _with_readers(db, rows)


def find_incident(db: Connection, sites: Sequence[str], incident: str) -> dict[str, Any] | None:
    """One incident, None when there is none or this person may not see it."""
    query = _seen_by(select(incidents).where(incidents.c.id == incident), incidents, sites)
    row = db.execute(query).mappings().first()
    return dict(row) if row else None


def _with_readers(db: Connection, rows: Rows) -> Rows:
    """Who has read the report of each."""
    query = select(readers).where(readers.c.incident.in_([row["id"] for row in rows]))
    for row in rows:
        row["readers"] = []
    by_id = {row["id"]: row for row in rows}
    for one in db.execute(query.order_by(readers.c.first_s)).mappings():
        by_id[one["incident"]]["readers"].append(one["name"])
    return rows


def acknowledge(db: Connection, sites: Sequence[str], incident: str, by: str, now_s: float) -> bool:
    """Somebody is on the way. False: there is no such incident here, or somebody was first."""
    query = update(incidents).where(incidents.c.id == incident, incidents.c.seen_s.is_(None))
    query = _seen_by(query, incidents, sites)
    return bool(db.execute(query.values(seen_by=by, seen_s=now_s)).rowcount)


def acknowledge_all(
    db: Connection, sites: Sequence[str], device: str, site: str, by: str, now_s: float
) -> None:
    """Somebody is on the way to this treadmill: to every open call of it."""
    query = update(incidents).where(incidents.c.device == device, incidents.c.seen_s.is_(None))
    query = query.where(incidents.c.closed_s.is_(None), incidents.c.site == site)
    db.execute(_seen_by(query, incidents, sites).values(seen_by=by, seen_s=now_s))


def close(db: Connection, sites: Sequence[str], incident: str, by: str, word: str, now_s: float) -> bool:
    """An incident is closed with a word of what it was."""
    query = update(incidents).where(incidents.c.id == incident, incidents.c.closed_s.is_(None))
    query = _seen_by(query, incidents, sites)
    values: dict[str, Any] = {"closed_by": by, "closed_s": now_s, "word": word[:200]}
    values["find"] = incidents.c.find + " " + word[:200].lower()
    return bool(db.execute(query.values(values)).rowcount)


def versions(db: Connection, sites: Sequence[str]) -> Rows:
    """Which software runs where, and what it costs: stops of walkers per 1,000 walking minutes."""
    count = _seen_by(select(devices.c.version, func.count()), devices, sites).group_by(devices.c.version)
    sums = select(walked.c.version, func.sum(walked.c.minutes), func.sum(walked.c.stops))
    tally = {
        version: (minutes, stops)
        for version, minutes, stops in db.execute(_seen_by(sums, walked, sites).group_by(walked.c.version))
    }
    found = []
    for version, number in db.execute(count):
        walked_min, stop_count = tally.get(version, (0.0, 0))
        found.append(
            {
                "version": version or "unknown",
                "devices": number,
                "minutes": round(walked_min),
                "stops": stop_count,
                "rate": round(1000 * stop_count / walked_min, 1) if walked_min else None,
            }
        )
    return sorted(found, key=lambda row: str(row["version"]), reverse=True)


def refusals(db: Connection) -> Rows:
    """What arrived and was not used, for the owner."""
    query = select(refused).order_by(refused.c.last_s.desc()).limit(PAGE)
    return [dict(row) for row in db.execute(query).mappings()]
