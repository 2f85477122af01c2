"""Owns the tables of the fleet, the same in SQLite and PostgreSQL. Must never hold a person's name or health detail.

Events are ordered by (boot_id, seq), never by wall time: a device without a network believes in another year.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

devices = Table(
    "devices",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("site", String(64), nullable=False, index=True),
    Column("online", Boolean, nullable=False, default=False),
    Column("seen_s", Float, nullable=False),  # our clock, when anything arrived last
    Column("state", Text, nullable=False, default="{}"),
    Column("state_s", Float, nullable=False, default=0.0),
    Column("health", Text, nullable=False, default="{}"),
    Column("version", String(40), nullable=False, default=""),
)

events = Table(
    "events",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("boot_id", String(64), primary_key=True),
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("id", String(80), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("cause", String(40), nullable=False),
    Column("version", String(40), nullable=False),
    Column("time_s", Float, nullable=False),  # the device's clock
    Column("arrived_s", Float, nullable=False),  # our clock
    Column("minutes", Float, nullable=False, default=0.0),  # of a session that ended, else 0
    Column("text", Text, nullable=False),
    Index("events_by_arrival", "site", "arrived_s"),
    Index("events_by_kind", "kind", "arrived_s"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(150), primary_key=True),  # device:event
    Column("device", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("urgency", String(10), nullable=False),
    Column("title", String(80), nullable=False),
    Column("cause", String(40), nullable=False),
    Column("version", String(40), nullable=False),
    Column("time_s", Float, nullable=False),
    Column("arrived_s", Float, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("seen_by", String(60), nullable=False, default=""),
    Column("seen_s", Float),
    Column("closed_by", String(60), nullable=False, default=""),
    Column("closed_s", Float),
    Column("word", String(200), nullable=False, default=""),
    Index("incidents_by_arrival", "site", "arrived_s"),
    Index("incidents_open", "closed_s", "urgency"),
)

refused = Table(
    "refused",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("reason", String(40), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_s", Float, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("sites", String(500), nullable=False),  # separated by blanks; "*": every site
    Column("password", String(200), nullable=False),  # argon2
)
