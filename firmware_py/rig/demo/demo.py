"""The `rearguard demo` command: plays the scenarios, shows them, prints the results. Must never judge (account.py)."""

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.live import Live

from firmware_py.config import load
from firmware_py.core.frame import Cause
from firmware_py.courier.page.notice import Notice
from firmware_py.courier.recording.incidents import list_incidents
from firmware_py.messages import BUSY_COMPUTER
from firmware_py.rig.demo.account import REST_S, Run
from firmware_py.rig.demo.play import play
from firmware_py.rig.demo.view import picture, result_table
from firmware_py.rig.harness.awake import awake
from firmware_py.rig.harness.processes import process, settle
from firmware_py.rig.world.scenarios import SCENARIOS
from sensors.advice import ConfigError, suggestion

IN_ALL = [row.name for row in SCENARIOS.values() if row.in_demo]
SESSION = "session"  # of the coach; the others are of the guard
NAMES = *SCENARIOS, SESSION, "all"
MOST_TREADMILLS = 50
PICTURE_S = 1 / 15
READ_S = 6.0  # a stop stays on the screen for so long
ANNOUNCED_S = 3.0  # and the page announces the next scene for at least so long
SESSION_TRIES = 3
ENDS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
TRIES = 12  # a computer that is short of time makes the guard stop: then the scenario is played once more
# Without one the device assumes the fastest belt; who stands still on a slower one looks like a drift.
BELT_SENSOR = '\n[belt]\nspeed_sensor = "hall"\n'
BUSY = f"{BUSY_COMPUTER.what} {BUSY_COMPUTER.do}"


def _show(moments: Iterator[None], run: Run, live: Live | None, where: str, below: str) -> None:
    """Plays to the end, with a picture now and then."""
    shown_s = 0.0
    for _ in moments:
        if live is not None and time.monotonic() - shown_s > PICTURE_S:
            shown_s = time.monotonic()
            live.update(picture(run, where, below, *live.console.size), refresh=True)


def _undisturbed(
    name: str,
    config_file: Path,
    seconds: float,
    seed: int,
    linger_s: float,
    announce: Callable[[str], None],
    show: Callable[[Iterator[None], Run], None],
) -> dict[str, Any]:
    """The result of the first try that ran undisturbed and in time, or of the last. Raises RuntimeError."""
    config = load(config_file)
    for attempt in range(1, TRIES + 1):
        run = Run(config, name, linger_s)
        room = config_file.with_name(f"room-{name}-{attempt}")
        try:
            show(play(run, config_file, room, seconds, seed), run)
        except RuntimeError as error:  # as the unit would, a guard that has ended is started again
            if attempt == TRIES:
                raise
            announce(f"{error}\ndemo: {name}: started again.")
            continue
        if run.disturbed:
            announce(BUSY)
        elif run.slow:
            announce(f"demo: {name}: the pin fell a tick or more after the decision; played once more.")
        else:
            break
    return run.result() | {"tries": attempt}


def _session(words: Console, seed: int, as_json: bool) -> None:
    """A session with the coach, in real time: some three minutes."""
    for attempt in range(1, SESSION_TRIES + 1):
        found = _session_once(words, seed, as_json, last=attempt == SESSION_TRIES)
        if found is not None:
            break
        words.print(BUSY)
    assert found is not None
    if as_json:
        typer.echo(json.dumps(found | {"tries": attempt}))
    if not found["as_expected"]:
        raise typer.Exit(1)


def _session_once(words: Console, seed: int, as_json: bool, last: bool) -> dict[str, Any] | None:
    """What came of it, and a folder with the report; None when the computer was too busy. Then nothing is left."""
    from firmware_py.rig.demo import session as coached

    def say(t_s: float, text: str) -> None:
        words.print(f"{t_s:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)

    state = Path(tempfile.mkdtemp(prefix="rearguard-session-"))
    found = None
    try:
        config_file, port = settle(state)
        with config_file.open("a", encoding="utf-8") as config:
            config.write(BELT_SENSOR)
        coached.prepare(config_file)
        page = f"http://127.0.0.1:{port}"
        words.print(f"demo: the page is at {page}, the walker's screen at {page}/walk", soft_wrap=True)
        with ExitStack() as held:
            held.enter_context(awake())
            courier = ("firmware_py", "courier", "--config", config_file)
            held.enter_context(process(state / "courier.log", *courier))
            cues = coached.play(config_file, state / "room", port, seed, say)
            record = coached.record_of(config_file)
            if last or not coached.disturbed(record):
                found = coached.result(config_file, record, cues, state / "report.html")
                words.print(f"demo: the report for the physiotherapist is {found['report']}", soft_wrap=True)
                if not as_json and words.is_terminal and sys.stdin.isatty():
                    words.print("Press Enter to end.")
                    sys.stdin.readline()
        return found
    finally:
        if found is None:
            shutil.rmtree(state, ignore_errors=True)


def _gym(count: int, words: Console, headless: bool, as_json: bool) -> None:
    from firmware_py.rig.gym.play import play as play_gym

    try:
        as_expected = play_gym(count, words, words.is_terminal and not (headless or as_json), as_json)
    except RuntimeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        words.print("demo: ended by hand")
        return
    if not as_expected:
        raise typer.Exit(1)


def demo(
    scenario: Annotated[str, typer.Option(metavar="NAME", help=f"One of: {', '.join(NAMES)}.")] = "all",
    seconds: Annotated[
        float, typer.Option(min=3, metavar="SECONDS", help="How long the walk scenario runs.")
    ] = 10.0,
    headless: Annotated[
        bool, typer.Option("--headless", help="No picture: for programs, and terminals that cannot.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a scenario on stdout.")] = False,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Another person, another day.")] = 1,
    gym: Annotated[
        int | None,
        typer.Option(
            "--gym",
            min=1,
            max=MOST_TREADMILLS,
            metavar="NUMBER",
            help="So many treadmills, the floor page and a phone. Somebody falls.",
        ),
    ] = None,
) -> None:
    """The whole product on this computer, without hardware: a walker, a belt, the device and its page.

    In a terminal the page stays open after the last scene until you press Enter. Nothing is left behind.

    Example: rearguard demo --scenario standstill, or rearguard demo --gym 12
    """
    for number in ENDS:
        signal.signal(number, _interrupt)
    if gym is not None:
        _gym(gym, Console(stderr=True, highlight=False), headless, as_json)
        return
    if scenario == SESSION:
        words = Console(stderr=True)
        try:
            _session(words, seed, as_json)
        except RuntimeError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            words.print("demo: ended by hand")
        return
    names = IN_ALL if scenario == "all" else [_known(scenario)]
    words = Console(stderr=True, highlight=False)
    state = Path(tempfile.mkdtemp(prefix="rearguard-demo-"))
    results: list[dict[str, Any]] = []
    kept = False
    try:
        _play_all(names, state, seconds, seed, words, not (headless or as_json), as_json, results)
        kept = not all(result["as_expected"] for result in results)
    except RuntimeError as error:
        typer.echo(str(error), err=True)
        kept = True
    except KeyboardInterrupt:
        words.print("demo: ended by hand")
    finally:
        if not kept:
            shutil.rmtree(state, ignore_errors=True)
    if kept:
        words.print(f"demo: not as expected. Logs and recordings are in {state}", soft_wrap=True)
        raise typer.Exit(1)


def _play_all(
    names: list[str],
    state: Path,
    seconds: float,
    seed: int,
    words: Console,
    wanted: bool,
    as_json: bool,
    results: list[dict[str, Any]],
) -> None:
    """Every scenario in turn. `results` grows as they end, so that an interruption loses none."""
    config_file, port = settle(state)
    with config_file.open("a", encoding="utf-8") as config:
        config.write(BELT_SENSOR)
    page, notice = f"http://127.0.0.1:{port}", Notice(state)
    shown = words.is_terminal and wanted
    words.print(f"demo: the page is at {page}", soft_wrap=True)
    with ExitStack() as held:
        held.enter_context(awake())
        held.enter_context(process(state / "courier.log", "firmware_py", "courier", "--config", config_file))
        with ExitStack() as picture_held:
            live = None
            if shown:
                live = picture_held.enter_context(Live(console=words, auto_refresh=False, screen=True))
            for i, name in enumerate(names, 1):
                sentence = SCENARIOS[name].sentence
                notice.write(
                    f"Scene {i} of {len(names)}",
                    f"{sentence[0].upper()}{sentence[1:]}.",
                    "It begins in a moment.",
                )

                def announce(text: str) -> None:
                    notice.write("Once more", text, "It begins in a moment.")
                    words.print(text, markup=False, soft_wrap=True)

                if shown and i > 1:
                    time.sleep(ANNOUNCED_S)
                where, below = f"{i}/{len(names)}", f"{page} · Ctrl-C ends"
                show = partial(_show, live=live, where=where, below=below)
                linger_s = READ_S if shown else REST_S
                results.append(_undisturbed(name, config_file, seconds, seed, linger_s, announce, show))
                if as_json:
                    typer.echo(json.dumps(results[-1]))
            notice.write("That was all", "The scenes are over.", "Open a report in the list below.")
        if not as_json:
            Console(width=None if sys.stdout.isatty() else 110).print(result_table(results))
        if shown and sys.stdin.isatty():
            _stay(words, page, state)


def _stay(words: Console, page: str, state: Path) -> None:
    """The page can be read until a person has seen enough."""
    words.print(
        f"The page stays at {page}\nThe walker's screen: {page}/walk\nReports of the stops:", soft_wrap=True
    )
    for incident in reversed(list_incidents(state / "incidents")):
        if incident["cause"] != Cause.LATE.value:
            words.print(f"  {incident['title']}\n    {page}/incidents/{incident['name']}", soft_wrap=True)
    words.print("Press Enter to end.")
    sys.stdin.readline()


def _known(scenario: str) -> str:
    if scenario in SCENARIOS:
        return scenario
    hint = suggestion(scenario, NAMES)
    raise ConfigError(f"demo: there is no scenario {scenario}. {hint}")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not break the tidying up
    raise KeyboardInterrupt
