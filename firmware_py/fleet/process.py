"""Owns the commands `rearguard fleet ...` and the process behind them. Must never publish to a device."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from sqlalchemy import select

from firmware_py.fleet import access
from firmware_py.fleet.enroll import acl
from firmware_py.fleet.enroll import command as certificates
from firmware_py.fleet.ingest import Ingest
from firmware_py.fleet.pages.server import app
from firmware_py.fleet.reports import Reports
from firmware_py.fleet.schema import enrolled
from firmware_py.fleet.settings import load
from firmware_py.fleet.store import open_store
from firmware_py.locale import use as use_language
from sensors.advice import Failure

SHORTEST_PASSWORD = 8

fleet = typer.Typer(help="Every treadmill on one page. Example: rearguard fleet run", no_args_is_help=True)
user = typer.Typer(
    help="Who may look. Example: rearguard fleet user add anna --role floor --sites hall",
    no_args_is_help=True,
)
fleet.add_typer(user, name="user")
fleet.command()(certificates.enroll)
fleet.command()(certificates.certificate)
fleet.command()(certificates.revoke)

SettingsFile = Annotated[
    Path | None, typer.Option("--config", help="fleet.toml; without it one computer and SQLite")
]


@fleet.command()
def run(config: SettingsFile = None) -> None:
    """Listen to the broker, store what the treadmills report, and serve the page.

    Example: rearguard fleet run --config /etc/rearguard/fleet.toml
    """
    settings = load(config)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    use_language(settings.language)
    engine = open_store(settings.store)
    tls = settings.tls() if settings.broker.startswith("mqtts:") else None
    ingest = Ingest(settings.broker, settings.root, engine, settings.bounds, tls=tls)
    ingest.start()
    try:
        reports = Reports(settings.device_page, settings.device_password_file)
        web = app(engine, settings.secret(), lambda: ingest.problem, reports=reports)
        uvicorn.run(web, host=settings.host, port=settings.port, log_level="warning", proxy_headers=False)
    finally:
        ingest.close()
        engine.dispose()


@user.command("add")
def add_user(
    name: str,
    role: Annotated[access.Role, typer.Option(help="what this person does")] = access.Role.FLOOR,
    sites: Annotated[str, typer.Option(help="sites separated by blanks; * is every site")] = "*",
    config: SettingsFile = None,
) -> None:
    """A new person, or a new password and role for a known one. The password is asked for, or read from standard input.

    Example: rearguard fleet user add anna --role floor --sites "hall basement"
    """
    password = (
        typer.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    )
    if len(password) < SHORTEST_PASSWORD:
        raise Failure("fleet: the password is too short", "", f"use at least {SHORTEST_PASSWORD} characters")
    engine = open_store(load(config).store)
    with engine.begin() as db:
        access.add(db, name, role, sites, password)
    typer.echo(f"{name} may look at {sites} as {role.value}.")


@user.command("remove")
def remove_user(name: str, config: SettingsFile = None) -> None:
    """Nobody of this name may look any more, at once.

    Example: rearguard fleet user remove anna
    """
    with open_store(load(config).store).begin() as db:
        if not access.remove(db, name):
            raise Failure(f"fleet: nobody is called {name}")


@fleet.command("acl")
def access_lists(
    broker: Annotated[str, typer.Argument(help="mosquitto or nats")],
    devices: Annotated[
        list[str] | None, typer.Argument(help="treadmills without a certificate, as SITE/NAME")
    ] = None,
    config: SettingsFile = None,
) -> None:
    """Print the access list for a broker: who may write and read which topics.

    Every enrolled treadmill gets its own topics at its own site. Run it again after each `fleet enroll` or `revoke`.

    Example: rearguard fleet acl mosquitto > /etc/mosquitto/rearguard.acl
    """
    settings = load(config)
    root = settings.root
    if broker not in ("mosquitto", "nats"):
        raise Failure(f"fleet: no access list for {broker}", "", "ask for mosquitto or nats")
    with open_store(settings.store).connect() as db:
        known = [tuple(row) for row in db.execute(select(enrolled.c.site, enrolled.c.device))]
    for one in devices or []:
        site, _, name = one.rpartition("/")
        known.append((site, name))
    made = acl.mosquitto if broker == "mosquitto" else acl.nats
    typer.echo(made(root, sorted(known)), nl=False)
