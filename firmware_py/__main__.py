"""The command line: imports the module of the named command and turns its failure into a message and an exit code.

Must never do the work of a command. Only the named command's module is imported: the guard must start lean.
Exit codes: 0 fine, 1 the thing asked about failed, 2 usage or config, 3 hardware (sensors/advice.py).
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from firmware_py import __version__
from firmware_py.device.usage import HELP, UsageError, plain, without_types
from sensors.advice import Failure, suggestion

COMMANDS = {
    "demo": "firmware_py.rig.demo.demo:demo",
    "run": "firmware_py.guard.process:run",
    "courier": "firmware_py.courier.command:courier",
    "replay": "firmware_py.traces.command:replay",
    "trace": "firmware_py.traces.command:trace",
    "evaluate": "firmware_py.evaluation.command:evaluate",
    "rig": "firmware_py.rig.command:rig",
    "bench": "firmware_py.rig.bench.bench:bench",
    "setup": "firmware_py.device.setup.command:setup",
    "check": "firmware_py.device.check:check",
    "calibrate": "firmware_py.device.calibrate:calibrate",
    "commission": "firmware_py.device.commission.command:commission",
    "selftest": "firmware_py.device.selftest:selftest",
    "status": "firmware_py.device.status:status",
    "update": "firmware_py.device.update:update",
    "rollback": "firmware_py.device.update:rollback",
    "backup": "firmware_py.device.backup:backup",
    "restore": "firmware_py.device.backup:restore",
    "support": "firmware_py.device.support:support",
    "report": "firmware_py.report.command:report",
    "history": "firmware_py.courier.sessions.history:history",
    "programme": "firmware_py.coach.command:programme",
    "forget": "firmware_py.coach.command:forget",
    "config": "firmware_py.device.settings:config",
    "enroll": "firmware_py.device.enroll:enroll",
    "alerts": "firmware_py.alerts.command:alerts",
    "fleet": "firmware_py.fleet.process:fleet",
}
# What a person runs at the treadmill never imports the simulated one: with --rig the rig takes the command.
ON_THE_RIG = {
    "setup": "firmware_py.rig.harness.setup:setup",
    "commission": "firmware_py.rig.harness.commissioning:commission",
}


class _Commands(TyperGroup):
    """Every command reports a failure in the same way: its advice on stderr, then its exit code."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        without_types(self)
        with _reported():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        with _reported():
            return super().invoke(ctx)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        if error.format_message():  # without one its help was shown
            typer.echo(plain(error), err=True)
        raise typer.Exit(error.exit_code) from None
    except Failure as failure:
        typer.echo(_in_words(failure), err=True)
        raise typer.Exit(failure.exit_code) from None
    except PermissionError as error:  # the device's own folders are closed to others
        if error.errno != errno.EACCES:
            raise
        typer.echo(_denied(error), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        typer.echo(f"rearguard: {error.strerror}. Nothing more could be written.", err=True)
        raise typer.Exit(1) from None


def build(names: list[str], rig: bool = False) -> typer.Typer:
    """The command line with these commands only."""
    app = typer.Typer(
        name="rearguard",
        cls=_Commands,
        no_args_is_help=True,
        context_settings={"help_option_names": HELP},
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Stops a treadmill before a person who walks backward on it is hurt. "
        "It supplements the treadmill's own key and cord and never replaces them.",
    )
    app.callback(invoke_without_command=True)(_root)
    for name in names:
        module, attribute = (ON_THE_RIG if rig and name in ON_THE_RIG else COMMANDS)[name].split(":")
        target = getattr(import_module(module), attribute)
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name)
        else:
            app.command(name)(target)
    return app


def _in_words(failure: Failure) -> str:
    from firmware_py.device.language import in_words  # the guard never needs it

    return in_words(failure.advice)


def _denied(error: PermissionError) -> str:
    from firmware_py.device.language import denied

    return denied(error)


def _root(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of `rearguard`."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    if asked and not asked.startswith("-") and asked not in COMMANDS:
        typer.echo(f"rearguard: there is no command {asked}. {suggestion(asked, COMMANDS)}", err=True)
        sys.exit(2)
    rig = asked in ON_THE_RIG and "--rig" in sys.argv
    if rig:
        sys.argv.remove("--rig")
    try:
        app = build([asked] if asked in COMMANDS else list(COMMANDS), rig)
    except KeyboardInterrupt:  # loading takes seconds on a small computer
        sys.exit(130)
    app()


if __name__ == "__main__":
    main()
