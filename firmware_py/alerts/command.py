"""Owns the commands `rearguard alerts ...`. Must never hold more than options and words."""

import fcntl
import json
import logging
import math
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from firmware_py.alerts import acknowledge, people
from firmware_py.alerts.outgoing import MUTED
from firmware_py.alerts.policy import Rules, State
from firmware_py.alerts.process import Alerts, send_test
from firmware_py.alerts.store import Store, Way
from firmware_py.config import Config, load_of_device
from firmware_py.config.quiet import parse
from firmware_py.locale import mark, spoken
from firmware_py.locale import translate as _
from firmware_py.locale import use as use_language
from firmware_py.notify import ServiceManager
from firmware_py.storage.written import become_owner
from sensors.advice import Failure

LONGEST_MUTE_MIN = 24 * 60
TEST_S = 15.0  # how long a test waits for every channel
STATES = {
    State.WAITING: mark("waiting"),
    State.SENDING: mark("sending"),
    State.SENT: mark("sent"),
    State.GIVEN_UP: mark("given up"),
}

alerts = typer.Typer(
    help="Tell people who do not look at the page. Example: rearguard alerts test", no_args_is_help=True
)

ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file; without it the device's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]


def _settings(path: Path | None) -> Config:
    """The configuration, as the service's own user: with sudo, too, what is written must be the service's to use."""
    config = load_of_device(path)
    become_owner(Path(config.courier.state_dir))
    use_language(config.courier.language)
    return config


def _store(config: Config) -> Store:
    try:
        return Store(Path(config.courier.state_dir) / "alerts.sqlite")
    except (OSError, sqlite3.Error) as error:
        raise Failure(
            f"alerts: cannot use {config.courier.state_dir}/alerts.sqlite ({error})",
            "Usually the folder belongs to another user, or the disk is full",
            "run it with sudo, or check courier.state_dir",
        ) from None


@contextmanager
def _sender(config: Config) -> Iterator[bool]:
    """Whether this process may send: only one does, or a message would go out twice."""
    with (Path(config.courier.state_dir) / "alerts.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


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
    settings = _settings(config)
    if not settings.alerts.enabled:
        typer.echo(_("alerts: not enabled. Set alerts.enabled = true in the configuration."), err=True)
        return
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with (
        closing(_store(settings)) as store,
        _sender(settings) as alone,
        closing(ServiceManager(os.environ.get("NOTIFY_SOCKET"))) as manager,
    ):
        if not alone:
            raise Failure("alerts: they run already", "Usually as the service", "stop that first")
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
    settings = _settings(config)
    listed = people.load(Path(settings.alerts.people_file)).to
    if not listed:
        raise Failure("alerts: nobody is on the list", "", f"write people into {settings.alerts.people_file}")
    with closing(_store(settings)) as store, _sender(settings) as alone:
        it = _alerts(settings, store) if alone else None
        event_id = send_test(store, [person.name for person in listed], time.time())
        ways = _watch(store, event_id, it)
    for name, _repeat, state, _tries, problem in ways:
        typer.echo(f"{name}: {_('sent') if state is State.SENT else spoken(problem) or _('no answer yet')}")
    if not all(state is State.SENT for _, _, state, *_ in ways):
        raise Failure("alerts: not everybody was reached", "", "check address and network, then test again")
    if not settings.alerts.enabled:
        typer.echo(_("Only this test was sent: alerts are off. Set alerts.enabled = true."), err=True)


def _watch(store: Store, event_id: str, it: Alerts | None) -> list[Way]:
    """What came of one alert; `it` sends it, or the service does."""
    deadline_s = time.monotonic() + TEST_S
    while True:
        if it is not None:
            it.step()
        ways = store.ways(event_id)
        asked = all(state is State.SENT or problem for _, _, state, _, problem in ways)
        if asked or time.monotonic() > deadline_s:
            return ways
        time.sleep(0.1)


@alerts.command()
def status(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """The newest alerts: to whom, when, acknowledged or not.

    Example: rearguard alerts status
    """
    with closing(_store(_settings(config))) as store:
        rows = store.newest()
        muted_s = float(store.marked(MUTED) or 0) - time.time()
    if muted_s > 0 and not as_json:
        left_min = math.ceil(muted_s / 60)
        typer.echo(
            _("Muted for {minutes} more minutes. A possible fall is still sent.").format(minutes=left_min)
        )
    for alert, acknowledged, ways in rows:
        if as_json:
            told = [
                {"name": n, "repeat": r, "state": s.value, "attempts": a, "problem": p}
                for n, r, s, a, p in ways
            ]
            row = alert._asdict() | {
                "urgency": alert.urgency.value,
                "acknowledged": bool(acknowledged),
                "acknowledged_by": acknowledged,
                "deliveries": told,
            }
            typer.echo(json.dumps(row))
            continue
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(alert.time_s))
        seen = "  (" + _("acknowledged: {name}").format(name=acknowledged) + ")" if acknowledged else ""
        typer.echo(
            f"{when}  {alert.urgency.value.upper():5}  {_(alert.title)}, {alert.device}{seen}\n    {alert.event_id}"
        )
        for name, repeat, state, _tries, problem in ways:
            again = ", " + _("repeat {count}").format(count=repeat) if repeat else ""
            typer.echo(f"    {name}{again}: {_(STATES[state])}{': ' if problem else ''}{spoken(problem)}")
    if not rows and not as_json:
        typer.echo(_("No alert yet. `rearguard alerts test` sends one."))


@alerts.command()
def ack(event_id: str, config: ConfigFile = None) -> None:
    """Acknowledge an alert: its repeats stop, nothing else changes.

    Example: rearguard alerts ack 01JDXYZ...
    """
    with closing(_store(_settings(config))) as store:
        if store.acknowledge(event_id, "command", time.time()):
            typer.echo(_("The reminders stop. Nothing else has changed."))
        elif store.ways(event_id):
            typer.echo(_("Somebody was faster. The reminders have stopped already."))
        else:
            raise Failure(
                f"alerts: there is no alert {event_id}", "", "see the ids in `rearguard alerts status`"
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
    with closing(_store(_settings(config))) as store:
        store.mark(MUTED, str(time.time() + 60 * minutes))
    typer.echo(
        _("Muted for {minutes} minutes. A possible fall is still sent. It ends by itself.").format(
            minutes=minutes
        )
        if minutes
        else _("Not muted any more.")
    )
