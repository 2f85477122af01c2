"""Owns `rearguard fleet enroll`, `certificate` and `revoke`. Must never leave the desk open when nobody is awaited.

The library for certificates is imported by these commands alone: the fleet's page does without its memory.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from firmware_py.device.enroll import PORT
from firmware_py.fleet.settings import load
from firmware_py.fleet.store import open_store
from firmware_py.fleet.topics import NAME
from sensors.advice import Failure

LOOK_S = 0.2

SettingsFile = Annotated[
    Path | None, typer.Option("--config", help="fleet.toml; without it one computer and SQLite")
]


def enroll(
    names: Annotated[list[str], typer.Argument(help="names of the treadmills, as in topics")],
    site: Annotated[str, typer.Option(help="where they stand")] = "gym",
    host: Annotated[str, typer.Option(help="address at which to listen meanwhile")] = "0.0.0.0",
    port: Annotated[int, typer.Option(min=1, max=65535)] = PORT,
    config: SettingsFile = None,
) -> None:
    """Print a one-time code for each treadmill, and wait up to 15 minutes until they have fetched their certificates.

    Example: rearguard fleet enroll deck-7 deck-8 --site hall
    """
    from firmware_py.fleet.enroll import desk as desks
    from firmware_py.fleet.enroll import roll
    from firmware_py.fleet.enroll.authority import Authority

    settings = load(config)
    engine = open_store(settings.store)
    with engine.connect() as db:
        for name in names:
            roll.check(db, name, site)
    authority = Authority(Path(settings.certificates))
    desk = desks.Desk(
        authority, roll.noting(engine, authority, settings), roll.told(settings, site), time.time
    )
    typer.echo(f"Within {desks.CODE_S / 60:g} minutes, at each treadmill:")
    for name in names:
        typer.echo(f"  {name}: sudo rearguard enroll THIS-COMPUTER:{port} {desk.code(name, site)}")
    told_of = 0
    with desks.opened(desk, authority, Path(settings.certificates), host, port):
        while desk.awaits or told_of < len(desk.done):
            for name in desk.done[told_of:]:
                typer.echo(f"{name} has its certificate.")
                told_of += 1
            time.sleep(LOOK_S)
    if late := sorted(set(names) - set(desk.done)):
        raise Failure(f"fleet: nobody came for {', '.join(late)}", "", "run it again for new codes")
    typer.echo("Give the broker its new list: rearguard fleet acl mosquitto")


def certificate(
    name: Annotated[str, typer.Argument(help="fleet (the page), floor (staff), or a name for the broker")],
    server: Annotated[
        list[str] | None, typer.Option(help="for a broker: each name or address at which it is reached")
    ] = None,
    config: SettingsFile = None,
) -> None:
    """Make key and certificate of the page, of staff, or of a broker.

    Example: rearguard fleet certificate broker --server broker.example --server 192.0.2.7
    """
    from firmware_py.fleet.enroll.authority import RESERVED, Authority

    settings = load(config)
    folder = Path(settings.certificates)
    if not NAME.fullmatch(name) or name in ("ca", "enroll"):
        raise Failure(f"fleet: {name} is no name for a certificate", "", "use letters, digits, - and _")
    authority, now = Authority(folder), datetime.now(UTC)
    if server:
        authority.server(name, server, now)
    elif name in RESERVED:
        authority.client(name, now)
    else:
        raise Failure(
            f"fleet: {name} would be taken for a treadmill",
            "Only the page (fleet) and staff (floor) get a certificate here",
            "give --server for a broker; a treadmill enrols",
        )
    typer.echo(f"{folder / name}.pem and {folder / name}.key; the authority is {folder / 'ca.pem'}.")


def revoke(name: str, config: SettingsFile = None) -> None:
    """A treadmill's certificate is not believed any more. Give the broker the new lists afterwards.

    Example: rearguard fleet revoke deck-7
    """
    from firmware_py.fleet.enroll import roll
    from firmware_py.fleet.enroll.authority import Authority

    settings = load(config)
    with open_store(settings.store).begin() as db:
        if not roll.strike_off(db, name, time.time()):
            raise Failure(f"fleet: no treadmill {name} is enrolled")
        roll.publish_revocations(db, Authority(Path(settings.certificates)), settings)
    typer.echo("Give the broker its new lists (rearguard fleet acl mosquitto, and ca.crl), and restart it.")
