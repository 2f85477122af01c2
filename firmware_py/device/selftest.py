"""`rearguard selftest`: pulls and drops the relay and measures how long the contacts take.

Must never leave the pin high, and never go on after a contact that does not drop. The figures are kept: a relay that
becomes slow is noticed before it is too slow.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from firmware_py.config import Config, load_of_device
from firmware_py.device.language import in_words, speak
from firmware_py.guard.relay import Relay, real_pins
from firmware_py.guard.service import go_realtime, only_instance
from firmware_py.locale import translate as _
from firmware_py.storage.written import read_text, write_text
from sensors.advice import Advice, Failure

DROP_LIMIT_MS = 60.0  # promise P2: last good tick to contact open
PULL_LIMIT_MS = 100.0  # as core/health.py waits for it (F14)
GIVE_UP_MS = 500.0
TICK_NS = 5_000_000  # edges as a loop of 200 Hz gives them
LOOK_NS = 250_000
PULLED_NS = 200_000_000  # each time long enough for a relay to settle
GROWN_MS = 5.0  # against the median of the last runs: hardware.md says to change the relays
KEPT = 100
SLOW = Advice("the contacts have become slow", "Usually worn relays", "change both")


class Round(NamedTuple):
    """One pull and drop. None: it did not happen within half a second."""

    pull_ms: float | None
    drop_ms: float | None


def selftest(
    config: Annotated[
        Path | None, typer.Option(help="TOML file; else the installed one, else the defaults.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often to pull and drop.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Prove the stop: pull and drop the contacts and measure from the last pulse to the open contact.

    Nobody on the belt, belt stopped. Example: rearguard selftest --rounds 10
    """
    speak(config)
    settings = load_of_device(config)
    with only_instance(settings.guard_lock):
        real_pins()
        go_realtime(settings.loop.priority, settings.loop.cpu)
        done = measure(settings, rounds)
    found = judge(done)
    wrong = [str(advice) for advice in found]
    grown_ms = remember(Path(settings.courier.state_dir) / "selftest.jsonl", done)
    if as_json:
        typer.echo(json.dumps({"rounds": [r._asdict() for r in done], "wrong": wrong, "grown_ms": grown_ms}))
    else:
        for number, (pull_ms, drop_ms) in enumerate(done, 1):
            text = _("{number}: pulled after {pull}, dropped {drop} after the last pulse")
            typer.echo(text.format(number=number, pull=_ms(pull_ms), drop=_ms(drop_ms)))
        if grown_ms is not None:
            typer.echo(_("compared with the runs before: {grown} ms").format(grown=f"{grown_ms:+.1f}"))
    if grown_ms is not None and grown_ms >= GROWN_MS:
        typer.echo(f"selftest: {in_words(SLOW)}", err=True)
    for advice in found:
        typer.echo(f"selftest: {in_words(advice)}", err=True)
    raise typer.Exit(1 if wrong else 0)


def measure(
    config: Config,
    rounds: int,
    clock: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Round]:
    """Pulls and drops `rounds` times. Raises Failure when the contacts are not at rest, HardwareError without pins."""
    if config.relay.readback != "contacts":
        raise Failure(
            "selftest: no read-back is fitted, so nothing can be measured",
            "Usually relay.readback is set to none",
            "wire the NC contacts as hardware.md shows and set it to contacts",
        )
    done: list[Round] = []
    with Relay(config.relay.pin, config.relay.drive, config.relay.readback_pin) as relay:
        if _wait(relay, False, GIVE_UP_MS, clock, sleep) is None:
            raise Failure(
                "selftest: the contacts read pulled although the pin is low",
                "Usually a welded contact, 12 V on a coil, or a broken read-back wire",
                "pull the safety key and do not arm before the cause is found",
            )
        for _round in range(rounds):
            pull_ms, last_tick_ns = _pull(relay, clock, sleep)
            if config.relay.drive == "level":
                relay.set(False)  # in pulse drive the ticks just end, as they would with the program
            dropped = _wait(relay, False, GIVE_UP_MS, clock, sleep) is not None
            done.append(Round(pull_ms, (clock() - last_tick_ns) / 1e6 if dropped else None))
            relay.set(False)
            if not dropped:
                break  # a contact that does not drop is not pulled again
    return done


def judge(done: list[Round]) -> list[Advice]:
    """What is wrong, each once; empty: the stop is proven."""
    wrong = []
    for pull_ms, drop_ms in done:
        if drop_ms is None:
            wrong.append(
                Advice(
                    "the contacts did not drop",
                    "Usually a welded contact or a one-shot that never ends",
                    "pull the safety key, change the relay, do not arm",
                )
            )
        elif drop_ms > DROP_LIMIT_MS:
            wrong.append(
                Advice(
                    f"dropped after {drop_ms:.1f} ms, the limit is {DROP_LIMIT_MS:g}",
                    "Usually a wrong R or C at a one-shot, a bare diode across a coil, or a worn relay",
                    "see the timing table of hardware.md",
                )
            )
        if pull_ms is None or pull_ms > PULL_LIMIT_MS:
            what = "never pulled" if pull_ms is None else f"pulled after {pull_ms:.1f} ms"
            wrong.append(
                Advice(
                    f"{what}, the limit is {PULL_LIMIT_MS:g} ms",
                    "Usually 12 V missing, a coil open, or no pulses",
                    "check all three",
                )
            )
    return list(dict.fromkeys(wrong))


def remember(path: Path, done: list[Round]) -> float | None:
    """Keeps this run. By how many ms it dropped slower than the runs before; None without any, or without a place."""
    dropped = sorted(r.drop_ms for r in done if r.drop_ms is not None)
    if not dropped:
        return None
    median_ms = dropped[len(dropped) // 2]
    try:
        lines = read_text(path).splitlines()[-KEPT:] if path.exists() else []
        before = sorted(json.loads(line)["drop_ms"] for line in lines)
        lines.append(json.dumps({"t": round(time.time()), "drop_ms": median_ms}))
        write_text(path, "\n".join(lines) + "\n")
    except (OSError, ValueError, KeyError, TypeError) as error:
        typer.echo(f"selftest: the trend in {path} cannot be kept: {error}", err=True)
        return None
    return round(median_ms - before[len(before) // 2], 3) if before else None


def _pull(relay: Relay, clock: Callable[[], int], sleep: Callable[[float], None]) -> tuple[float | None, int]:
    """Ticks as the loop does, until the contacts have been pulled for a while: ms until they were, "
    "time of the last tick."""
    start_ns = clock()
    pulled_ms: float | None = None
    while True:
        tick_ns = clock()
        relay.set(True)
        while clock() < tick_ns + TICK_NS:
            if pulled_ms is None and relay.feedback():
                pulled_ms = (clock() - start_ns) / 1e6
            sleep(LOOK_NS / 1e9)
        elapsed_ms = (clock() - start_ns) / 1e6
        if elapsed_ms > (GIVE_UP_MS if pulled_ms is None else pulled_ms + PULLED_NS / 1e6):
            return pulled_ms, tick_ns


def _wait(
    relay: Relay, pulled: bool, give_up_ms: float, clock: Callable[[], int], sleep: Callable[[float], None]
) -> float | None:
    """ms until the contacts are so; None: not in time."""
    start_ns = clock()
    while relay.feedback() is not pulled:
        if clock() - start_ns > give_up_ms * 1e6:
            return None
        sleep(LOOK_NS / 1e9)
    return (clock() - start_ns) / 1e6


def _ms(value: float | None) -> str:
    return _("never") if value is None else f"{value:.1f} ms"
