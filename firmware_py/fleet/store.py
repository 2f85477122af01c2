"""Owns what is written to the fleet's database and what the pages ask of it.

Must never show a site to who may not see it.
Every question takes the sites of the person who asks, and the query itself keeps to them.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from firmware_py.alerts import classes
from firmware_py.alerts.classes import LATE_S, Urgency
from firmware_py.fleet.schema import devices, events, incidents, metadata, refused
from firmware_py.fleet.topics import Event, Message, Picture, Refused, Status

ALL_SITES = "*"
NEW_DEVICE = {"online": False, "state": "{}", "state_s": 0.0, "health": "{}", "version": ""}
OFFLINE_S = 90.0  # three times the longest pause between two states
PAGE = 50
WEEKS_MIN = 100_000  # a longer walk is a broken clock

Rows = list[dict[str, Any]]


def open_store(url: str) -> Engine:
    """The database, with its tables. SQLite waits for its disk at each commit, as the events of a device do."""
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _careful(connection: Any, _record: Any) -> None:
            for line in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
                connection.execute(f"PRAGMA {line}")

    metadata.create_all(engine)
    return engine


def write(db: Connection, messages: Sequence[Message], now_s: float) -> int:
    """One batch, in the caller's transaction; how many events were new."""
    found = [m for m in messages if isinstance(m, Event)]
    new = _insert_events(db, found, now_s)
    _upsert_devices(db, messages, now_s)
    _raise_incidents(db, new, now_s)
    for one in messages:
        if isinstance(one, Refused):
            row = {"site": one.site, "device": one.device, "reason": one.reason, "count": 1, "last_s": now_s}
            done = _insert(db, refused).values(row)
            db.execute(
                done.on_conflict_do_update(
                    index_elements=["site", "device", "reason"],
                    set_={"count": refused.c.count + 1, "last_s": now_s},
                )
            )
    return len(new)


def _insert(db: Connection, table: Table) -> Any:
    return (sqlite if db.dialect.name == "sqlite" else postgresql).insert(table)


def _insert_events(db: Connection, found: Sequence[Event], now_s: float) -> list[Event]:
    """Stores what is not there yet; the new ones."""
    if not found:
        return []
    rows = {
        (e.device, e.boot_id, e.seq): e._asdict() | {"arrived_s": now_s, "minutes": _minutes(e)}
        for e in found
    }
    done = (
        _insert(db, events)
        .on_conflict_do_nothing()
        .returning(events.c.device, events.c.boot_id, events.c.seq)
    )
    stored = {tuple(row) for row in db.execute(done.values(list(rows.values())))}
    by_key = {(e.device, e.boot_id, e.seq): e for e in found}
    return [by_key[key] for key in rows if key in stored]


def _minutes(e: Event) -> float:
    if e.kind != "session_ended":
        return 0.0
    value = json.loads(e.text)["data"].get("minutes")
    return float(value) if isinstance(value, int | float) and 0 <= value < WEEKS_MIN else 0.0


def _upsert_devices(db: Connection, messages: Sequence[Message], now_s: float) -> None:
    """The newest picture of each device; the last message of a batch wins."""
    rows: dict[str, dict[str, Any]] = {}
    for one in messages:
        if isinstance(one, Refused):
            continue
        row = rows.setdefault(one.device, {"site": one.site, "seen_s": now_s})
        if isinstance(one, Status):
            row["online"] = one.online
        elif isinstance(one, Picture):
            row[one.kind] = one.text
            row["online"] = True
            if one.kind == "state":
                row["state_s"] = now_s
        elif one.version:
            row["version"] = one.version
    for device, row in rows.items():
        whole = (
            {"online": False, "state": "{}", "state_s": 0.0, "health": "{}", "version": ""}
            | row
            | {"device": device}
        )
        done = _insert(db, devices).values(whole)
        db.execute(done.on_conflict_do_update(index_elements=["device"], set_=row))


def _raise_incidents(db: Connection, new: Iterable[Event], now_s: float) -> None:
    """An urgent event is an incident until somebody has closed it with a word."""
    for e in new:
        try:
            alert = classes.of_event(json.loads(e.text), e.time_s)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            continue
        if alert is None or alert.urgency not in classes.URGENT:
            continue
        row = {
            "id": f"{e.device}:{e.id}",  # another device may use the same id
            "device": e.device,
            "site": e.site,
            "urgency": alert.urgency.value,
            "title": alert.title,
            "cause": e.cause,
            "version": e.version,
            "time_s": e.time_s,
            "arrived_s": now_s,
            "late": now_s - e.time_s > LATE_S[alert.urgency],
        }
        db.execute(_insert(db, incidents).values(row).on_conflict_do_nothing())


# -- what the pages ask --------------------------------------------------------------------------------------------


def _seen_by(query: Select[Any], table: Table, sites: Sequence[str]) -> Select[Any]:
    """Keeps a query to the sites that this person may see."""
    return query if ALL_SITES in sites else query.where(table.c.site.in_(list(sites)))


def floor(db: Connection, sites: Sequence[str], now_s: float) -> Rows:
    """A tile a treadmill: calls for help first, oldest first, then by site and name."""
    calls = (
        select(incidents.c.device, func.min(incidents.c.arrived_s).label("help_s"))
        .where(
            incidents.c.urgency == Urgency.HELP.value,
            incidents.c.seen_s.is_(None),
            incidents.c.late.is_(False),
        )
        .where(incidents.c.closed_s.is_(None))
        .group_by(incidents.c.device)
        .subquery()
    )
    query = select(devices, calls.c.help_s).outerjoin(calls, calls.c.device == devices.c.device)
    tiles = []
    for row in db.execute(_seen_by(query, devices, sites)).mappings():
        state = json.loads(row["state"])
        online = bool(row["online"]) and now_s - row["seen_s"] < OFFLINE_S
        tiles.append(
            {
                "device": row["device"],
                "site": row["site"],
                "online": online,
                "help_s": row["help_s"],
                "tone": "help" if row["help_s"] is not None else _tone(state, online),
                "word": "Go and help" if row["help_s"] is not None else _word(state, online),
                "seen_s": row["seen_s"],
                "version": row["version"],
            }
        )
    return sorted(
        tiles, key=lambda t: (t["help_s"] is None, t["help_s"] or 0.0, t["site"], _natural(t["device"]))
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts deck-2 before deck-12."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _tone(state: dict[str, Any], online: bool) -> str:
    if not online:
        return "offline"
    if state.get("problem"):
        return "fault"
    if state.get("run"):
        return "warning" if state.get("warning") else "walking"
    return "stopped" if state.get("danger") else "ready"


def _word(state: dict[str, Any], online: bool) -> str:
    return {
        "offline": "Offline",
        "fault": "Needs care",
        "warning": "Warning",
        "walking": "Guarding",
        "stopped": "Stopped",
        "ready": "Belt off",
    }[_tone(state, online)]


def device(db: Connection, sites: Sequence[str], name: str) -> dict[str, Any] | None:
    """Everything about one treadmill, None when there is none or this person may not see it."""
    row = (
        db.execute(_seen_by(select(devices).where(devices.c.device == name), devices, sites))
        .mappings()
        .first()
    )
    if row is None:
        return None
    recent = db.execute(
        select(events.c.kind, events.c.cause, events.c.time_s, events.c.arrived_s)
        .where(events.c.device == name)
        .order_by(events.c.arrived_s.desc())
        .limit(PAGE)
    ).mappings()
    return dict(row) | {
        "state": json.loads(row["state"]),
        "health": json.loads(row["health"]),
        "events": [dict(e) for e in recent],
        "missing": missing(db, name),
    }


def missing(db: Connection, name: str) -> int:
    """How many events of this device never arrived: gaps in the count of each of its starts."""
    query = (
        select(func.max(events.c.seq) - func.min(events.c.seq) + 1 - func.count())
        .where(events.c.device == name)
        .group_by(events.c.boot_id)
    )
    return int(sum(gap for (gap,) in db.execute(query)))


def find_incidents(
    db: Connection, sites: Sequence[str], word: str = "", open_only: bool = False, page: int = 0
) -> Rows:
    """Incidents, newest first, PAGE at a time; `word` is looked for in device, site, title and closing word."""
    query = _seen_by(select(incidents), incidents, sites)
    if open_only:
        query = query.where(incidents.c.closed_s.is_(None))
    if word:
        like = f"%{word.lower()}%"
        columns = (incidents.c.device, incidents.c.site, incidents.c.title, incidents.c.word)
        query = query.where(or_(*(func.lower(column).like(like) for column in columns)))
    query = query.order_by(incidents.c.arrived_s.desc()).limit(PAGE).offset(PAGE * page)
    return [dict(row) for row in db.execute(query).mappings()]


def acknowledge(db: Connection, sites: Sequence[str], incident: str, by: str, now_s: float) -> bool:
    """Somebody is on the way. False: there is no such incident here, or somebody was first."""
    query = update(incidents).where(incidents.c.id == incident, incidents.c.seen_s.is_(None))
    if ALL_SITES not in sites:
        query = query.where(incidents.c.site.in_(list(sites)))
    return bool(db.execute(query.values(seen_by=by, seen_s=now_s)).rowcount)


def close(db: Connection, sites: Sequence[str], incident: str, by: str, word: str, now_s: float) -> bool:
    """An incident is closed with a word of what it was."""
    query = update(incidents).where(incidents.c.id == incident, incidents.c.closed_s.is_(None))
    if ALL_SITES not in sites:
        query = query.where(incidents.c.site.in_(list(sites)))
    values: dict[str, Any] = {"closed_by": by, "closed_s": now_s, "word": word[:200]}
    return bool(db.execute(query.values(values)).rowcount)


def versions(db: Connection, sites: Sequence[str]) -> Rows:
    """Which software runs where, and what it costs: stops of walkers per 1,000 walking minutes."""
    count = _seen_by(select(devices.c.version, func.count()), devices, sites).group_by(devices.c.version)
    stops = _seen_by(select(events.c.version, func.count()), events, sites).where(
        events.c.kind.in_(("stopped", "stopped_by_fault"))
    )
    walked = _seen_by(select(events.c.version, func.sum(events.c.minutes)), events, sites)
    stopped = {row[0]: row[1] for row in db.execute(stops.group_by(events.c.version))}
    minutes = {row[0]: row[1] for row in db.execute(walked.group_by(events.c.version))}
    found = []
    for version, number in db.execute(count):
        walked_min, stop_count = float(minutes.get(version) or 0.0), int(stopped.get(version) or 0)
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
