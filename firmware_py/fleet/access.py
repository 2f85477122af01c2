"""Owns who may see which site and do what. Must never hold a password in clear."""

from enum import Enum
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import Connection, delete, select

from firmware_py.fleet.schema import users

SESSION_S = 12 * 3600


class Role(Enum):
    """What a person does here."""

    FLOOR = "floor"
    THERAPIST = "therapist"
    TECHNICIAN = "technician"
    OWNER = "owner"


class Right(Enum):
    """What a page or a button asks for."""

    SEE_FLOOR = "see the floor"
    ACKNOWLEDGE = "acknowledge"
    SEE_INCIDENTS = "see incidents"
    CLOSE = "close incidents"
    SEE_DEVICES = "see devices"
    SEE_VERSIONS = "see versions"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.FLOOR: frozenset({Right.SEE_FLOOR, Right.ACKNOWLEDGE}),
    Role.THERAPIST: frozenset({Right.SEE_FLOOR, Right.ACKNOWLEDGE, Right.SEE_INCIDENTS, Right.CLOSE}),
    Role.TECHNICIAN: frozenset({Right.SEE_FLOOR, Right.SEE_DEVICES, Right.SEE_VERSIONS}),
    Role.OWNER: frozenset(Right),
}

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's least for argon2id
_NOBODY = _hasher.hash("nobody has this password")  # an unknown name takes as long as a known one


class Viewer(NamedTuple):
    """Who asks."""

    name: str
    role: Role
    sites: tuple[str, ...]

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]


def add(db: Connection, name: str, role: Role, sites: str, password: str) -> None:
    """A new person, or a new password and role for a known one."""
    db.execute(delete(users).where(users.c.name == name))
    db.execute(
        users.insert().values(name=name, role=role.value, sites=sites, password=_hasher.hash(password))
    )


def remove(db: Connection, name: str) -> bool:
    return bool(db.execute(delete(users).where(users.c.name == name)).rowcount)


def log_in(db: Connection, name: str, password: str) -> Viewer | None:
    """Who this is; None when name or password is wrong, and it never shows which."""
    row = db.execute(select(users).where(users.c.name == name)).mappings().first()
    try:
        _hasher.verify(row["password"] if row else _NOBODY, password)
    except (Argon2Error, InvalidHashError):
        return None
    return find(db, name) if row else None


def find(db: Connection, name: str) -> Viewer | None:
    row = db.execute(select(users).where(users.c.name == name)).mappings().first()
    return Viewer(row["name"], Role(row["role"]), tuple(str(row["sites"]).split())) if row else None


def ticket(secret: str, viewer: Viewer) -> str:
    """What the browser keeps: the name, signed and dated."""
    return URLSafeTimedSerializer(secret, "rearguard-fleet").dumps(viewer.name)


def of_ticket(db: Connection, secret: str, text: str) -> Viewer | None:
    """Who shows this ticket; None when it is forged, too old, or the person has gone."""
    try:
        name = URLSafeTimedSerializer(secret, "rearguard-fleet").loads(text, max_age=SESSION_S)
    except BadSignature:
        return None
    return find(db, str(name))
