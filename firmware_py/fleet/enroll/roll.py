"""Owns who is enrolled: a row a treadmill, what each is told, and the certificates that are not believed any more."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import Connection, Engine, delete, select

from firmware_py.config import LOOPBACK
from firmware_py.fleet.enroll.authority import RESERVED, Authority
from firmware_py.fleet.schema import enrolled, revoked
from firmware_py.fleet.settings import Settings
from firmware_py.fleet.topics import NAME
from sensors.advice import Failure


def check(db: Connection, name: str, site: str) -> None:
    """Raises Failure when this name cannot be enrolled at this site."""
    if not NAME.fullmatch(name) or not NAME.fullmatch(site) or site == "rearguard":
        raise Failure(f"fleet: {name} at {site} is no name", "", "use letters, digits, - and _")
    if name in RESERVED:
        raise Failure(
            f"fleet: {name} is no name for a treadmill", "It stands for somebody else", "choose another"
        )
    at = db.scalar(select(enrolled.c.site).where(enrolled.c.device == name))
    if at is not None and at != site:
        raise Failure(
            f"fleet: there is a treadmill {name} at {at}",
            "A certificate's name stands once in a fleet",
            f"choose another name, or `rearguard fleet revoke {name}` first",
        )


def told(settings: Settings, site: str) -> dict[str, Any]:
    """What every treadmill is told of its way to the broker."""
    broker = urlsplit(settings.broker.split(",")[0])
    host = broker.hostname or ""
    return {
        "root": f"{settings.root}/{site}" if settings.root else site,
        "host": "" if host in LOOPBACK else host,  # on this computer: the address that the treadmill came to
        "port": settings.device_port,
    }


def noting(
    engine: Engine, authority: Authority, settings: Settings
) -> Callable[[str, str, x509.Certificate], None]:
    """Stores who is enrolled; an earlier certificate of the same treadmill is revoked."""

    def note(device: str, site: str, made: x509.Certificate) -> None:
        with engine.begin() as db:
            if strike_off(db, device, time.time()):
                publish_revocations(db, authority, settings)
            until_s = made.not_valid_after_utc.timestamp()
            row = {"device": device, "site": site, "serial": str(made.serial_number), "until_s": until_s}
            db.execute(enrolled.insert().values(row))

    return note


def strike_off(db: Connection, device: str, now_s: float) -> bool:
    """Its certificate is revoked. False: nobody of this name is enrolled."""
    serial = db.scalar(select(enrolled.c.serial).where(enrolled.c.device == device))
    if serial is None:
        return False
    db.execute(delete(enrolled).where(enrolled.c.device == device))
    db.execute(revoked.insert().values(serial=serial, since_s=now_s))
    return True


def publish_revocations(db: Connection, authority: Authority, settings: Settings) -> None:
    """ca.crl beside the authority, for the broker."""
    since = {
        int(serial): datetime.fromtimestamp(since_s, UTC)
        for serial, since_s in db.execute(select(revoked.c.serial, revoked.c.since_s))
    }
    (Path(settings.certificates) / "ca.crl").write_bytes(authority.revocations(since, datetime.now(UTC)))
