"""Owns the commands `rearguard programme` and `rearguard forget`: a walker's plan, next session, past, and erasure."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from firmware_py import locale
from firmware_py.coach import diary, words
from firmware_py.coach.plan import plans
from firmware_py.coach.plan.programme import Programme, safe_speed_of
from firmware_py.coach.plan.programme import load as load_plan
from firmware_py.coach.plan.progression import Soreness
from firmware_py.config import Config, load_of_device
from firmware_py.locale import translate as _
from firmware_py.storage.written import write_text
from sensors.advice import ConfigError, Failure

programme = typer.Typer(
    help="The plan of a walker: what it says, what comes next, and what was done.", no_args_is_help=True
)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file of the device.")]
Walker = Annotated[str, typer.Argument(help="The walker's short name: the plan is NAME.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@programme.command()
def show(
    walker: Annotated[str, typer.Argument(help="None: the general ladder of the articles.")] = "",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a plan in words.

    Example: sudo rearguard programme show anna
    """
    device = _device(config)
    plan = plans.plan_of(device, walker, _today()) if walker else Programme()
    if walker:
        _note_without_plan(device, walker)
    if as_json:
        typer.echo(json.dumps({"walker": walker or None, "plan": plan.model_dump(mode="json")}))
        return
    for line in _told(plan):
        typer.echo(line)


@programme.command()
def check(
    file: Annotated[Path, typer.Argument(help="The plan to check.")],
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Check a plan: every key, value and span, and this treadmill's safe speed. Exit code 2 when it is refused.

    Example: rearguard programme check anna.toml
    """
    if not file.exists():
        raise ConfigError(f"programme: there is no file {file}", "", "name the plan to check")
    device = _device(config)
    plan = load_plan(file, _today(), safe_speed_of(device))
    last_day = plan.last_day
    due = last_day is not None and _today() > last_day
    if as_json:
        typer.echo(json.dumps({"fine": True, "review_due": due, "plan": plan.model_dump(mode="json")}))
        return
    typer.echo(_("{file}: fine").format(file=file.name))
    if due:
        typer.echo(
            _("Its review was due on {day}: it steps up no more until its author renews it.").format(
                day=last_day
            ),
            err=True,
        )
    if not device.belt.commissioned:
        typer.echo(_("This treadmill's safe speed is not known yet: run `rearguard commission`."), err=True)


@programme.command("next")
def next_(
    walker: Walker,
    sore: Annotated[
        str, typer.Option(help=f"sore from the last session? {' | '.join(s.value for s in Soreness)}")
    ] = "",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what the next session asks for, and why.

    Example: sudo rearguard programme next anna --sore none
    """
    device = _device(config)
    if sore and sore not in {s.value for s in Soreness}:
        words_for = ", ".join(f'"{s.value}"' for s in Soreness)
        raise ConfigError(f"programme: --sore {sore!r} is none of: {words_for}")
    plan = plans.plan_of(device, walker, _today())
    _note_without_plan(device, walker)
    with _database_errors(device):
        step, _past = plans.next_of(device, walker, plan, datetime.now(UTC), Soreness(sore) if sore else None)
    if as_json:
        rest = step.not_before.isoformat() if step.not_before else None
        typer.echo(
            json.dumps(
                {
                    "walker": walker,
                    "dose": step.dose.model_dump(),
                    "reason": step.reason,
                    "stepped_up": step.stepped_up,
                    "not_before": rest,
                    "spotter": step.spotter,
                    "tell_the_therapist": step.tell_the_therapist,
                }
            )
        )
        return
    typer.echo(
        _("{dose}, {pause} of pause between sets.").format(
            dose=words.dose(step.dose), pause=words.minutes(step.dose.pause_s)
        )
    )
    typer.echo(step.reason)
    if step.not_before:
        typer.echo(_("Rest until {time}.").format(time=f"{step.not_before.astimezone():%Y-%m-%d, %H:%M}"))
    if step.spotter:
        typer.echo(_(words.COMPANY))
    if step.tell_the_therapist:
        typer.echo(_("Tell the therapist what happened."))


@programme.command()
def history(walker: Walker, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show what a walker has done, a line a session; --json: one object a session.

    Example: sudo rearguard programme history anna --json
    """
    device = _device(config)
    plans.plan_of(device, walker, _today())
    with _database_errors(device):
        records = diary.past(_database(device), walker)
    if as_json:
        for record in records:
            typer.echo(json.dumps(record.plain()))
        return
    if not records:
        typer.echo(_("{walker} has not walked with the coach yet.").format(walker=walker))
    for r in records:
        done = r.done()
        at = done.started.astimezone()
        pain = "-" if done.answers.pain is None else str(done.answers.pain)
        said = _("{dose}: {share} done, {warnings} warnings, {stops} stops, pain {pain}.").format(
            dose=words.dose(done.dose),
            share=f"{done.share:.0%}",
            warnings=done.warnings,
            stops=r.stops,
            pain=pain,
        )
        typer.echo(f"{at:%Y-%m-%d %H:%M}  {said} {r.reason}")


@programme.command()
def report(
    walker: Walker,
    html: Annotated[Path | None, typer.Option(help="The page; print it, or save it as PDF.")] = None,
    csv: Annotated[Path | None, typer.Option(help="One row a set.")] = None,
    json_file: Annotated[Path | None, typer.Option(help="Everything that is kept: the export.")] = None,
    fhir: Annotated[Path | None, typer.Option(help="A FHIR R4 bundle.")] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the report for the physiotherapist, and export what is kept of a walker.

    Example: sudo rearguard programme report anna --html anna.html --csv anna.csv
    """
    from firmware_py.coach.report import fhir as bundles
    from firmware_py.coach.report import files, page
    from firmware_py.coach.report.account import Account

    device = _device(config)
    plan = plans.plan_of(device, walker, _today())
    now = datetime.now(UTC)
    with _database_errors(device):
        step, past = plans.next_of(device, walker, plan, now, None)
    if not past:
        raise Failure(
            _("{walker} has not walked with the coach yet.").format(walker=walker).rstrip("."),
            "",
            _("come back after a session"),
        )
    account = Account(walker, plan, past, step, now)
    if html:
        _write(html, page.render(account))
    if csv:
        _write(csv, files.as_csv(account))
    if json_file:
        _write(json_file, json.dumps(files.as_json(account), indent=1))
    if fhir:
        _write(fhir, json.dumps(bundles.bundle(account), indent=1))
    if as_json:
        typer.echo(json.dumps(files.as_json(account)))
    elif not any((html, csv, json_file, fhir)):
        typer.echo(
            _("{sessions} sessions, {minutes} minutes backward. Name a file: --html anna.html").format(
                sessions=len(past), minutes=f"{account.minutes:.0f}"
            )
        )


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise Failure(
            f"programme: cannot write {path}: {error.strerror}",
            "Usually the folder is missing",
            "name another file",
        ) from None
    typer.echo(f"{path}", err=True)


def forget(
    walker: Walker,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove everything that the coach holds of a walker: plan, sessions, answers. It cannot be undone.

    Example: sudo rearguard forget anna
    """
    device = _device(config)
    if not diary.WALKER.fullmatch(walker):
        raise ConfigError(f"forget: {walker!r} is no walker's name: use a-z, 0-9 and - only")
    if not yes:
        typer.confirm(
            _("Remove the plan, sessions and answers of {walker}?").format(walker=walker),
            abort=True,
            err=True,
        )
    with _database_errors(device):
        if diary.walks_now(_database(device), walker, datetime.now(UTC).timestamp()):
            raise Failure(
                _("A session of {walker} goes on, so nothing was removed.").format(walker=walker).rstrip("."),
                "",
                _("end the session, then run it again"),
            )
        sessions, answers = diary.forget(_database(device), walker)
        damaged = diary.forget_set_aside(_database(device), walker)
    file = plans.folder_of(device) / f"{walker}.toml"
    had_plan = file.exists()
    file.unlink(missing_ok=True)
    found = {"plan": int(had_plan), "sessions": sessions, "answers": answers, "damaged_files": len(damaged)}
    if as_json:
        typer.echo(json.dumps({"walker": walker, **found}))
        return
    if not any(found.values()):
        typer.echo(_("Nothing is kept of {walker}.").format(walker=walker))
        return
    typer.echo(
        _("{walker}: {plan} plan, {sessions} sessions and {answers} answers removed.").format(
            walker=walker, **found
        )
    )
    for path in damaged:
        typer.echo(_("{file} named {walker} and was removed.").format(file=path.name, walker=walker))
    typer.echo(_("Backups still hold them: run this again after each restore."), err=True)


def _told(plan: Programme) -> list[str]:
    """A plan in lines for a person."""
    lines = [f"{words.by(plan)}."]
    if plan.last_day:
        lines.append(_("Steps up until {day}; then its author looks at it.").format(day=plan.last_day))
    lines += [
        _("Start: {dose}.").format(dose=words.dose(plan.first_dose)),
        _("Goal: {dose}.").format(dose=words.dose(plan.goal)),
        _("{sessions} sessions a week, {time} backward in one at most.").format(
            sessions=plan.sessions_a_week, time=words.minutes(plan.longest_session_s)
        ),
        _(
            "One thing at a time: sets longer by {time}, then {speed} km/h faster, then {incline} % steeper."
        ).format(
            time=words.minutes(plan.step.set_s),
            speed=f"{plan.step.speed_km_h:g}",
            incline=f"{plan.step.incline_percent:g}",
        ),
    ]
    return lines if plan.by_a_person else [*lines, _(words.ASK_FIRST)]


def _device(config: Path | None) -> Config:
    """The device's configuration; from here on its language is spoken."""
    device = load_of_device(config)
    locale.use(device.courier.language)
    return device


def _note_without_plan(device: Config, walker: str) -> None:
    """A mistyped name must not pass for a walker."""
    file = plans.folder_of(device) / f"{walker}.toml"
    if not file.exists():
        typer.echo(_("{walker} has no plan: there is no {file}.").format(walker=walker, file=file), err=True)


def _today() -> date:
    return datetime.now().astimezone().date()


def _database(config: Config) -> Path:
    return Path(config.courier.state_dir) / plans.DATABASE


@contextmanager
def _database_errors(config: Config) -> Iterator[None]:
    """Turns a database that cannot be used into a sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise Failure(
            f"programme: cannot use {_database(config)} ({error})",
            "Usually it belongs to another user, or the disk is full",
            "run the command as the courier's user",
        ) from None
