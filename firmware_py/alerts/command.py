"""Owns the commands `rearguard alerts ...`. Must never hold more than options and words."""

import json
import logging
import os
import signal
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from firmware_py.alerts import acknowledge, people
from firmware_py.alerts.policy import Rules, State
from firmware_py.alerts.process import Alerts
from firmware_py.alerts.quiet import parse
from firmware_py.alerts.store import Store
from firmware_py.config import Config, load_of_device
from firmware_py.notify import ServiceManager
from sensors.advice import Failure

LONGEST_MUTE_MIN = 24 * 60

alerts = typer.Typer(
    help="Tell people who do not look at the page. Example: rearguard alerts test", no_args_is_help=True
)

ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file; without it the device's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object a line on stdout")]


def _store(config: Config) -> Store:
    return Store(Path(config.courier.state_dir) / "alerts.sqlite")


def _alerts(config: Config, store: Store) -> Alerts:
    a = config.alerts
    return Alerts(
        Path(config.courier.state_dir) / "events.sqlite",
        store,
        people.load(Path(a.people_file)),
        Rules(quiet=tuple(parse(span) for span in a.quiet), repeat_s=a.repeat_s),
        link_base=a.link_address,
    )


@alerts.command()
def run(config: ConfigFile = None) -> None:
    """The process: send alerts until it is stopped.

    Example: rearguard alerts run --config /etc/rearguard/config.toml
    """
    settings = load_of_device(config)
    if not settings.alerts.enabled:
        typer.echo("alerts: not enabled. Set alerts.enabled = true in the configuration.", err=True)
        return
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with (
        closing(_store(settings)) as store,
        closing(ServiceManager(os.environ.get("NOTIFY_SOCKET"))) as manager,
    ):
        it = _alerts(settings, store)
        server = _serve(settings, store, it)
        manager.send("READY=1")
        try:
            it.run(stopping, lambda: manager.send("WATCHDOG=1"))
        finally:
            manager.send("STOPPING=1")
            if server is not None:
                server.should_exit = True


def _serve(config: Config, store: Store, it: Alerts) -> uvicorn.Server | None:
    """The acknowledge page, in a thread of its own; None when no address is set."""
    if not config.alerts.link_address:
        return None
    web = acknowledge.app(store.secret(), it.acknowledge)
    server = uvicorn.Server(
        uvicorn.Config(
            web,
            host=config.alerts.link_host,
            port=config.alerts.link_port,
            log_level="warning",
            access_log=False,
            limit_concurrency=20,
            proxy_headers=False,
        )
    )
    threading.Thread(target=server.run, name="alerts-server", daemon=True).start()
    return server


@alerts.command()
def test(config: ConfigFile = None) -> None:
    """Send a test alert to everybody on the list.

    Example: sudo rearguard alerts test
    """
    settings = load_of_device(config)
    with closing(_store(settings)) as store:
        it = _alerts(settings, store)
        it.test()
        deadline_s = time.monotonic() + 15.0
        pending = True
        while pending and time.monotonic() < deadline_s:
            it.step()
            ways = store.open_alerts(1)[0][2]
            pending = any(
                state in (State.WAITING, State.SENDING) and not problem for *_, state, _, problem in ways
            )
            time.sleep(0.1)
        reached = {name: state is State.SENT for name, _, state, _, _ in ways}
        for name, _, state, _, problem in ways:
            typer.echo(f"{name}: {'sent' if state is State.SENT else problem or 'no answer yet'}")
    if not reached:
        raise Failure("alerts: nobody is on the list", "", f"add people to {settings.alerts.people_file}")
    if not all(reached.values()):
        raise Failure("alerts: not everybody was reached", "", "check address and network, then test again")


@alerts.command()
def status(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """The newest alerts: to whom, when, acknowledged or not.

    Example: rearguard alerts status
    """
    settings = load_of_device(config)
    with closing(_store(settings)) as store:
        rows = store.open_alerts()
    for alert, acknowledged, ways in rows:
        if as_json:
            told = [
                {"name": n, "repeat": r, "state": s.value, "attempts": a, "problem": p}
                for n, r, s, a, p in ways
            ]
            row = alert._asdict() | {
                "urgency": alert.urgency.value,
                "acknowledged": acknowledged,
                "deliveries": told,
            }
            typer.echo(json.dumps(row))
            continue
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(alert.time_s))
        typer.echo(
            f"{when}  {alert.urgency.value.upper():5}  {alert.title}{'  (acknowledged)' if acknowledged else ''}"
        )
        for name, repeat, state, _, problem in ways:
            typer.echo(
                f"    {name}{f', repeat {repeat}' if repeat else ''}: {state.value} {problem}".rstrip()
            )
    if not rows and not as_json:
        typer.echo("No alert yet. `rearguard alerts test` sends one.")


@alerts.command()
def ack(event_id: str, config: ConfigFile = None) -> None:
    """Acknowledge an alert: its repeats stop, nothing else changes.

    Example: rearguard alerts ack 01JDXYZ...
    """
    with closing(_store(load_of_device(config))) as store:
        if not store.acknowledge(event_id, "command", time.time()):
            raise Failure(
                f"alerts: no open alert {event_id}",
                "It may be acknowledged already",
                "see `rearguard alerts status`",
            )


@alerts.command()
def mute(
    minutes: Annotated[
        int, typer.Argument(help=f"0 ends it; at most {LONGEST_MUTE_MIN}", min=0, max=LONGEST_MUTE_MIN)
    ],
    config: ConfigFile = None,
) -> None:
    """Send nothing but HELP for so many minutes. It ends by itself.

    Example: rearguard alerts mute 30
    """
    with closing(_store(load_of_device(config))) as store:
        store.mark("muted_until_s", str(time.time() + 60 * minutes))
    typer.echo(
        f"Muted for {minutes} minutes. A possible fall is still sent." if minutes else "Not muted any more."
    )
