"""Owns the tables of the fleet, the same in SQLite and PostgreSQL. Must never hold a person's name or health detail.

Events are ordered by (boot_id, seq), never by wall time: a device without a network believes in another year.
A treadmill is (site, device): the same name at two sites is two treadmills, and neither covers the other.
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
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("seen_s", Float, nullable=False),  # our clock, when anything new arrived last
    Column("tone", String(10), nullable=False),  # what its tile shows, made of the state once
    Column("state", Text, nullable=False),
    Column("health", Text, nullable=False),
    Column("version", String(40), nullable=False),
    Column("clock_off_s", Float, nullable=False),  # our clock less its own, from its newest state
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
    Column("text", Text, nullable=False),
    Index("events_by_device", "site", "device", "arrived_s"),
    Index("events_by_age", "arrived_s"),
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
    Column("find", Text, nullable=False),  # what the search looks through, in small letters
    Index("incidents_by_site", "site", "arrived_s"),
    Index("incidents_by_arrival", "arrived_s"),
    Index("incidents_waiting", "urgency", "seen_s", "closed_s"),
)

# Who has read the report of an incident: it is about somebody's health.
readers = Table(
    "readers",
    metadata,
    Column("incident", String(150), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("first_s", Float, nullable=False),
    Column("last_s", Float, nullable=False),
)

# What the versions page adds up: a row a day, site and version instead of every event.
walked = Table(
    "walked",
    metadata,
    Column("day", Integer, primary_key=True),  # of our clock, since 1970
    Column("site", String(64), primary_key=True),
    Column("version", String(40), primary_key=True),
    Column("minutes", Float, nullable=False),
    Column("stops", Integer, nullable=False),
)

refused = Table(
    "refused",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("reason", String(40), primary_key=True),
    Column("count", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("last_s", Float, nullable=False),
)

# A treadmill with a certificate: its name stands once in a fleet, whatever the site.
enrolled = Table(
    "enrolled",
    metadata,
    Column("device", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("serial", String(50), nullable=False),
    Column("until_s", Float, nullable=False),
)

revoked = Table(
    "revoked",
    metadata,
    Column("serial", String(50), primary_key=True),
    Column("since_s", Float, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("sites", String(500), nullable=False),  # separated by blanks; "*": every site
    Column("password", String(200), nullable=False),  # argon2
)
