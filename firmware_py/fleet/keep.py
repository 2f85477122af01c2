"""Owns what of the devices' messages is written down, and when it goes again. Must never store an event twice.

One transaction a batch. What grows is bounded: events, incidents and tallies by age, treadmills and refusals by number.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Table, delete, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from firmware_py.alerts import classes
from firmware_py.alerts.classes import LATE_S, Urgency
from firmware_py.fleet.schema import devices, events, incidents, readers, refused, walked
from firmware_py.fleet.topics import Event, Message, Picture, Refused, Status
from firmware_py.locale import mark
from firmware_py.locale import translate as _

DAY_S = 86_400.0
CHUNK = 2_000  # rows forgotten in one transaction: the batches wait no longer than for one of their own
MOST_REFUSALS = 1_000  # rows; beyond them new ones are counted together
REFUSALS_DAYS = 30
WEEKS_MIN = 100_000  # a longer walk is a broken clock
OUTBOX_S = 31 * DAY_S  # a device keeps no event longer: one that seems older comes from a wrong clock
NEW_DEVICE: dict[str, Any] = {
    "online": False,
    "seen_s": 0.0,
    "tone": "ready",
    "state": "{}",
    "health": "{}",
    "version": "",
    "clock_off_s": 0.0,
}
SOMEBODY = mark("Somebody there")  # who answers on a phone or at the treadmill has no name here
STOPS = frozenset({"stopped", "stopped_by_fault"})


class Keep(NamedTuple):
    """How long, and how many."""

    events_days: int = 730
    incidents_days: int = 730
    silent_days: int = 180  # a treadmill that reports nothing for so long has gone
    most_devices: int = 20_000


def write(
    db: Connection,
    messages: Sequence[Message],
    now_s: float,
    keep: Keep = Keep(),  # noqa: B008
    known: set[tuple[str, str]] | None = None,
) -> list[Event]:
    """One batch, in the caller's transaction; the events that were new. `known` are treadmills that are stored."""
    messages = _of_known(db, messages, keep.most_devices, set() if known is None else known)
    new = _insert_events(db, [m for m in messages if isinstance(m, Event)], now_s)
    _upsert_devices(db, messages, now_s)
    _raise_incidents(db, new, now_s)
    _add_up(db, new, now_s)
    _count_refused(db, [m for m in messages if isinstance(m, Refused)], now_s)
    return new


def _insert(db: Connection, table: Table) -> Any:
    return (sqlite if db.dialect.name == "sqlite" else postgresql).insert(table)


def _of_known(
    db: Connection, messages: Sequence[Message], most: int, known: set[tuple[str, str]]
) -> list[Message]:
    """Refuses treadmills beyond the most that are kept: anybody can invent names."""
    unknown = {(m.site, m.device) for m in messages if not isinstance(m, Refused)} - known
    if unknown:  # by name alone: a database compares pairs one by one
        stored = select(devices.c.site, devices.c.device)
        named = stored.where(devices.c.device.in_(sorted({device for _, device in unknown})))
        known |= unknown & {(site, device) for site, device in db.execute(named)}
        new = sorted(unknown - known)
        room = most - int(db.execute(select(func.count()).select_from(devices)).scalar_one()) if new else 0
        known |= set(new[: max(0, room)])
    return [
        m
        if isinstance(m, Refused) or (m.site, m.device) in known
        else Refused(m.site, m.device, "too many treadmills")
        for m in messages
    ]


def _insert_events(db: Connection, found: Sequence[Event], now_s: float) -> list[Event]:
    """Stores what is not there yet; the new ones."""
    if not found:
        return []
    by_key = {
        (e.device, e.boot_id, e.seq): e for e in reversed(found)
    }  # of two with one key the first stands
    columns = [c.name for c in events.columns]
    rows = [
        {k: v for k, v in {**e._asdict(), "arrived_s": now_s}.items() if k in columns}
        for e in by_key.values()
    ]
    done = _insert(db, events).on_conflict_do_nothing()
    stored = db.execute(done.returning(events.c.device, events.c.boot_id, events.c.seq), rows)
    keys = {tuple(row) for row in stored}
    return [
        e for e in found if by_key[e.device, e.boot_id, e.seq] is e and (e.device, e.boot_id, e.seq) in keys
    ]


def _upsert_devices(db: Connection, messages: Sequence[Message], now_s: float) -> None:
    """The newest picture of each device; the last message of a batch wins."""
    rows: defaultdict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for one in messages:
        if not isinstance(one, Refused):
            rows[one.site, one.device] |= _news(one, now_s)
    alike: defaultdict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
    for (site, device), row in sorted(rows.items()):
        alike[frozenset(row)].append(NEW_DEVICE | row | {"site": site, "device": device})
    for names, some in alike.items():
        done = _insert(db, devices)
        news = {name: done.excluded[name] for name in sorted(names)}
        key = ["site", "device"]
        db.execute(
            done.on_conflict_do_update(index_elements=key, set_=news)
            if news
            else done.on_conflict_do_nothing(index_elements=key),
            some,
        )


def _news(one: Status | Picture | Event, now_s: float) -> dict[str, Any]:
    """What this message changes of its device. A retained picture may be old: it proves no life."""
    if isinstance(one, Status):
        alive = one.online or not one.retained
        return {"online": one.online} | ({"seen_s": now_s} if alive else {})
    if isinstance(one, Event):
        return {"seen_s": now_s} | ({"version": one.version} if one.version else {})
    row: dict[str, Any] = {one.kind: one.text}
    if one.kind == "state":
        row["tone"] = one.tone
    if one.version:
        row["version"] = one.version
    if not one.retained:
        row |= {"online": True, "seen_s": now_s}
        if one.clock_s is not None:
            row["clock_off_s"] = now_s - one.clock_s
    return row


def _raise_incidents(db: Connection, new: Sequence[Event], now_s: float) -> None:
    """An urgent event is an incident until somebody has closed it with a word."""
    rows = []
    for e in new:
        try:
            alert = classes.of_event(json.loads(e.text), e.time_s)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            continue
        if alert is None or alert.urgency not in classes.URGENT:
            continue
        query = select(devices.c.clock_off_s).where(devices.c.site == e.site, devices.c.device == e.device)
        age_s = now_s - e.time_s - float(db.execute(query).scalar() or 0.0)
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
            "late": LATE_S[alert.urgency] < age_s < OUTBOX_S,
            "find": f"{e.device} {e.site} {_(alert.title)}".lower(),
        }
        rows.append(row)
    if rows:
        db.execute(_insert(db, incidents).on_conflict_do_nothing(), rows)
    for e in new:
        if e.kind == "alert_acknowledged":
            _acknowledged_there(db, e, now_s)


def _acknowledged_there(db: Connection, e: Event, now_s: float) -> None:
    """Somebody has told the treadmill itself that they are on the way."""
    alert = str(json.loads(e.text)["data"].get("alert"))[:80].removesuffix("-no-sign")
    query = update(incidents).where(incidents.c.id == f"{e.device}:{alert}", incidents.c.site == e.site)
    db.execute(query.where(incidents.c.seen_s.is_(None)).values(seen_by=SOMEBODY, seen_s=now_s))


def call_for_help(db: Connection, now_s: float) -> None:
    """A stop after which nobody armed, walked, pressed or left for a minute: somebody is to go there."""
    signs = select(events.c.seq).where(
        events.c.site == incidents.c.site,
        events.c.device == incidents.c.device,
        events.c.arrived_s >= incidents.c.arrived_s - classes.NO_SIGN_S,  # for the index; they may overtake
        events.c.time_s > incidents.c.time_s,
        events.c.kind.in_(sorted(classes.SIGNS_OF_LIFE)),
    )
    silent = update(incidents).where(
        incidents.c.arrived_s.between(now_s - LATE_S[Urgency.LOOK], now_s - classes.NO_SIGN_S),
        incidents.c.urgency == Urgency.LOOK.value,
        incidents.c.cause.in_(sorted(cause.value for cause in classes.FOLLOWED)),
        incidents.c.late.is_(False),
        incidents.c.seen_s.is_(None),
        incidents.c.closed_s.is_(None),
        ~signs.exists(),
    )
    title = classes.NO_SIGN[0]
    find = incidents.c.find + f" {_(title).lower()}"
    db.execute(silent.values(urgency=Urgency.HELP.value, title=title, find=find))


def _add_up(db: Connection, new: Sequence[Event], now_s: float) -> None:
    """Minutes and stops of the day, by site and version."""
    sums: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0])
    for e in new:
        if e.kind in STOPS:
            sums[e.site, e.version][1] += 1
        elif e.kind == "session_ended":
            sums[e.site, e.version][0] += _minutes(e)
    if not sums:
        return
    rows = [
        {
            "day": int(now_s // DAY_S),
            "site": site,
            "version": version,
            "minutes": minutes,
            "stops": int(stops),
        }
        for (site, version), (minutes, stops) in sorted(sums.items())
    ]
    done = _insert(db, walked)
    more = {name: walked.c[name] + done.excluded[name] for name in ("minutes", "stops")}
    db.execute(done.on_conflict_do_update(index_elements=["day", "site", "version"], set_=more), rows)


def _minutes(e: Event) -> float:
    value = json.loads(e.text)["data"].get("minutes")
    return float(value) if isinstance(value, int | float) and 0 <= value < WEEKS_MIN else 0.0


def _count_refused(db: Connection, found: Sequence[Refused], now_s: float) -> None:
    """How often, by device and reason; whoever invents names fills no disk."""
    if not found:
        return
    counts = Counter((m.site, m.device, m.reason) for m in found)
    key = tuple_(refused.c.site, refused.c.device, refused.c.reason)
    stored = select(refused.c.site, refused.c.device, refused.c.reason).where(key.in_(sorted(counts)))
    known = {tuple(row) for row in db.execute(stored)}
    room = MOST_REFUSALS - int(db.execute(select(func.count()).select_from(refused)).scalar_one())
    rows: Counter[tuple[str, str, str]] = Counter()
    for name, count in counts.items():
        if name not in known:
            room -= 1
        rows[name if name in known or room >= 0 else ("", "", name[2])] += count
    done = _insert(db, refused)
    db.execute(
        done.on_conflict_do_update(
            index_elements=["site", "device", "reason"],
            set_={"count": refused.c.count + done.excluded.count, "last_s": done.excluded.last_s},
        ),
        [
            {"site": site, "device": device, "reason": reason, "count": count, "last_s": now_s}
            for (site, device, reason), count in sorted(rows.items())
        ],
    )


# -- what goes again -----------------------------------------------------------------------------------------------


def note_reader(db: Connection, incident: str, name: str, now_s: float) -> None:
    """Who has read a report, first and last."""
    row = {"incident": incident, "name": name, "first_s": now_s, "last_s": now_s}
    done = _insert(db, readers).values(row)
    db.execute(done.on_conflict_do_update(index_elements=["incident", "name"], set_={"last_s": now_s}))


def forget(db: Connection, now_s: float, keep: Keep) -> bool:
    """Deletes some of what is too old, in the caller's transaction; True when there may be more."""
    more = False
    for table, days in ((events, keep.events_days), (incidents, keep.incidents_days)):
        more |= _forget_oldest(db, table, table.c.arrived_s, now_s - days * DAY_S)
    db.execute(delete(readers).where(readers.c.last_s < now_s - keep.incidents_days * DAY_S))
    silent_s = now_s - keep.silent_days * DAY_S
    db.execute(delete(devices).where(devices.c.seen_s < silent_s))
    db.execute(delete(refused).where(refused.c.last_s < now_s - REFUSALS_DAYS * DAY_S))
    db.execute(delete(walked).where(walked.c.day < int(now_s // DAY_S) - keep.events_days))
    return more


def _forget_oldest(db: Connection, table: Table, age: Column[float], before_s: float) -> bool:
    """About CHUNK rows; what arrived in one batch goes together."""
    old = select(age).where(age < before_s).order_by(age).offset(CHUNK).limit(1)
    edge_s = db.execute(old).scalar()
    db.execute(delete(table).where(age < before_s if edge_s is None else age <= edge_s))
    return edge_s is not None
