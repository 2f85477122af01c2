"""The `rearguard demo` command: plays the scenarios, shows them, prints the results. Must never judge (account.py)."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from firmware_py.config import load
from firmware_py.rig.demo.account import Run
from firmware_py.rig.demo.play import play
from firmware_py.rig.demo.view import picture, result_table
from firmware_py.rig.harness.awake import awake
from firmware_py.rig.harness.processes import process, settle
from firmware_py.rig.world.scenarios import SCENARIOS

IN_ALL = [row.name for row in SCENARIOS.values() if row.in_demo]
PICTURE_S = 1 / 15
TRIES = 12  # a computer that is short of time makes the guard stop: then the scenario is played once more


def _show(moments: Iterator[None], run: Run, live: Live | None, where: str, below: str, width: int) -> None:
    """Plays to the end, with a picture now and then."""
    shown_s = 0.0
    for _ in moments:
        if live is not None and time.monotonic() - shown_s > PICTURE_S:
            shown_s = time.monotonic()
            live.update(picture(run, where, below, width), refresh=True)


def _undisturbed(
    name: str,
    config_file: Path,
    seconds: float,
    seed: int,
    words: Console,
    show: Callable[[Iterator[None], Run], None],
) -> dict[str, Any]:
    """The result of the first try that ran undisturbed and in time, or of the last. Raises RuntimeError."""
    config = load(config_file)
    for attempt in range(1, TRIES + 1):
        run = Run(config, name)
        room = config_file.with_name(f"room-{name}-{attempt}")
        try:
            show(play(run, config_file, room, seconds, seed), run)
        except RuntimeError as error:  # as the unit would, a guard that has ended is started again
            if attempt == TRIES:
                raise
            words.print(f"{error}\ndemo: {name}: started again.", markup=False)
            continue
        if run.disturbed:
            words.print(f"demo: {name}: this computer was busy: the guard came late and stopped.")
        elif run.slow:
            words.print(f"demo: {name}: the pin fell a tick or more after the decision; played once more.")
        else:
            break
    return run.result() | {"tries": attempt}


def demo(
    scenario: Annotated[str, typer.Option(help=" | ".join((*SCENARIOS, "all")))] = "all",
    seconds: Annotated[float, typer.Option(min=3, help="How long the walk scenario runs.")] = 10.0,
    headless: Annotated[
        bool, typer.Option("--headless", help="No picture: for programs, and terminals that cannot.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a scenario on stdout.")] = False,
    seed: Annotated[int, typer.Option(help="Another person, another day.")] = 1,
) -> None:
    """The whole product on this computer: a walker on a belt, the guard, the courier and its page.

    Example: rearguard demo --scenario standstill
    """
    if scenario not in (*SCENARIOS, "all"):
        typer.echo(f"demo: no scenario {scenario}; there are {', '.join(SCENARIOS)} and all.", err=True)
        raise typer.Exit(2)
    words = Console(stderr=True)
    names = IN_ALL if scenario == "all" else [scenario]
    state = Path(tempfile.mkdtemp(prefix="rearguard-demo-"))
    config_file, port = settle(state)
    page = f"http://127.0.0.1:{port}"
    shown = words.is_terminal and not headless and not as_json
    words.print(f"demo: the page is at {page}" + (f", recordings stay in {state}" if shown else ""))
    results = []
    try:
        with ExitStack() as held:
            held.enter_context(awake())
            held.enter_context(
                process(state / "courier.log", "firmware_py", "courier", "--config", config_file)
            )
            live = None
            if shown:
                live = held.enter_context(Live(console=words, auto_refresh=False, screen=True))
            below = f"page {page} · Ctrl-C ends"
            for i, name in enumerate(names, 1):
                show = partial(_show, live=live, where=f"{i}/{len(names)}", below=below, width=words.width)
                results.append(_undisturbed(name, config_file, seconds, seed, words, show))
                if as_json:
                    typer.echo(json.dumps(results[-1]))
    except RuntimeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        words.print("demo: ended by hand")
    if results and not as_json:
        Console(width=None if sys.stdout.isatty() else 110).print(result_table(results))
    if not all(result["as_expected"] for result in results):
        words.print(f"demo: not as expected; logs and recordings are in {state}")
        raise typer.Exit(1)
    if not shown:
        shutil.rmtree(state)
