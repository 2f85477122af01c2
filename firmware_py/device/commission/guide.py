"""Owns `rearguard commission`: measures one treadmill with a person's help and writes what the device must know of it.

Must never let the belt run without a person's word, and never write a figure that was not measured or typed. It touches
hardware only through the Bench that is handed in, so a real deck and the rig are commissioned by the same lines.
"""

import json
import math
import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_py.config import INSTALLED, Config, annotated_toml, load, parse
from firmware_py.core.deck.drift import mark_m, safe_speed_m_s, zone_m
from firmware_py.device.commission.bench import STEP_S, Bench, Person, Reading
from firmware_py.device.commission.coast_down import Drop, Fit, fit
from firmware_py.device.commission.deck_drawing import draw
from firmware_py.guard import EdgeError
from firmware_py.guard.service import only_instance

DROPS = 3
STEADY_S = 0.6  # the box moves evenly for so long before the relay is dropped
# A box that moves less than this within STILL_S lies still: three times a mean reading's noise.
STILL_M = 0.004
STILL_S = 0.7
PATIENCE_S = 60.0
_KM_H = 3.6


class CommissionError(Exception):
    """The treadmill could not be measured: what, probably why, do this."""


def guide(bench: Bench, person: Person, before: Config) -> tuple[Config, dict[str, Any]]:
    """The whole commissioning. Returns the new config and the figures. Raises CommissionError or ConfigError."""
    person.tell(
        "Nobody on the moving belt, the treadmill's own key and cord in place. You need a tape measure and a light "
        "box that stands on the belt and reaches above the range sensor."
    )
    length_m = (
        person.ask("Length of the running surface from end to end, in mm", before.deck.length_mm) / 1000
    )
    ceiling = person.ask("Fastest belt speed you will ever walk at, in km/h", before.belt.ceiling_km_h)
    front = before.range.mount == "front"

    mark_m = 0.5
    person.ready(
        f"Belt off. Put the box on the belt, its face toward the sensor exactly {mark_m * 1000:.0f} mm from the "
        f"{before.range.mount} edge."
    )
    zero_m = _look(bench, "the box") - mark_m

    seen = {}
    for name, part in (("front", 0.35), ("middle", 0.5), ("rear", 0.65)):
        person.ready(
            f"Stand as you walk, the middle of your pelvis {length_m * part * 1000:.0f} mm from the front edge, "
            f"which is the {name} mark."
        )
        at_m = length_m * part if front else length_m * (1.0 - part)
        seen[name] = at_m - (_look(bench, f"a person at the {name} mark") - zero_m)
    half_body_m = sorted(seen.values())[1]
    if max(seen.values()) - min(seen.values()) > 0.06:
        raise CommissionError(
            f"commission: the three marks do not agree ({_mm(seen)}). Usually the sensor looks past the body or "
            "sees the belt: aim it level at the hips, then run this again."
        )

    drops: list[Drop] = []
    for number in range(1, DROPS + 1):
        person.ready(
            f"Drop {number} of {DROPS}. The belt may run once you go on: start it at a slow walk, about 1.5 km/h. When "
            "it runs evenly, set the box down on it "
            f"{'close to the console' if front else 'at the console end, facing the sensor'}, let go, keep clear."
        )
        drops.append(_drop(bench, sign=1.0 if front else -1.0))
    coast = fit(drops, ceiling / _KM_H)
    for speed, way in coast.drops:
        person.tell(f"from {speed * _KM_H:.2f} km/h the belt rests {way * 1000:.0f} mm after the cut")

    told = before.model_dump(mode="json")
    told["deck"]["length_mm"] = round(length_m * 1000)
    told["range"]["zero_mm"] = round(zero_m * 1000)
    told["range"]["half_body_mm"] = max(0, round(half_body_m * 1000))
    told["belt"] |= {
        "ceiling_km_h": ceiling,
        "coast_down_m_s2": math.floor(coast.told.deceleration_m_s2 * 100) / 100,
        "stop_latency_ms": math.ceil(coast.told.latency_s * 1000),
        "commissioned": True,
    }
    config = parse(told)
    return config, figures(config, coast)


def figures(config: Config, coast: Fit) -> dict[str, Any]:
    """What commissioning means for the walker."""
    drift = config.monitor_params().drift
    lines = (drift.rear_line_m, drift.front_line_m)
    safe = safe_speed_m_s(*lines, drift.stop_latency_s, drift.coast_down_m_s2)
    speed = min(safe, config.belt_ceiling_m_s)
    from_m, to_m = zone_m(*lines, speed, drift.stop_latency_s, drift.coast_down_m_s2)
    return {
        "deck_length_m": drift.deck_length_m,
        "zero_mm": config.range.zero_mm,
        "half_body_mm": config.range.half_body_mm,
        "stop_latency_s": drift.stop_latency_s,
        "coast_down_m_s2": drift.coast_down_m_s2,
        "front_line_m": drift.front_line_m,
        "rear_line_m": round(drift.rear_line_m, 3),
        "safe_speed_m_s": round(safe, 3),
        "ceiling_m_s": round(config.belt_ceiling_m_s, 3),
        "ceiling_is_safe": config.belt_ceiling_m_s <= safe,
        "walk_from_m": round(from_m, 3),
        "walk_to_m": round(to_m, 3),
        "mark_m": round(mark_m(drift), 3),
        "drops": [{"speed_m_s": round(v, 3), "way_m": round(way, 3)} for v, way in coast.drops],
        "best_fit": {
            "stop_latency_s": round(coast.best.latency_s, 3),
            "coast_down_m_s2": round(coast.best.deceleration_m_s2, 2),
        },
        "config_hash": config.hash,
    }


def _look(bench: Bench, what: str) -> float:
    """The middle of a second of readings, belt off."""
    seen = [r.distance_m for r in (bench.step(run=False) for _ in range(200)) if r.distance_m is not None]
    if len(seen) < 8:
        raise CommissionError(
            f"commission: the range sensor does not see {what} ({len(seen)} readings in a second). Usually its "
            "aim, its window or dark cloth: run `rearguard check`, then this again."
        )
    return sorted(seen)[len(seen) // 2]


def _drop(bench: Bench, sign: float) -> tuple[list[tuple[float, float]], float]:
    """Follow the box, drop the relay while it moves evenly, follow it until it lies still."""
    way: list[tuple[float, float]] = []
    cut_s: float | None = None
    begun_s: float | None = None
    while True:
        reading = bench.step(run=cut_s is None)
        begun_s = reading.t_s if begun_s is None else begun_s
        if reading.t_s - begun_s > PATIENCE_S:
            raise CommissionError(
                "commission: no box was carried past the sensor within a minute. Usually the belt did not start (key, "
                "console) or the box stands outside the beam: run this again."
            )
        if reading.distance_m is None:
            continue
        way.append((reading.t_s, sign * reading.distance_m))
        if cut_s is None:
            if _even(way):
                cut_s = reading.t_s
                bench.step(run=False)
        elif reading.t_s - cut_s > STILL_S and _still(way):
            first_s = cut_s - STEADY_S
            return [(t, x) for t, x in way if t >= first_s], cut_s


def _even(way: list[tuple[float, float]]) -> bool:
    """Moving at one speed for STEADY_S: its two halves agree within a tenth, or the noise of their means."""
    now_s = way[-1][0]
    some = [(t, x) for t, x in way if t > now_s - STEADY_S]
    if some[-1][0] - some[0][0] < 0.9 * STEADY_S or len(some) < 12:
        return False
    third = len(some) // 3
    means = [
        (sum(t for t, _ in part) / third, sum(x for _, x in part) / third)
        for part in (some[:third], some[third : 2 * third], some[-third:])
    ]
    (t0, x0), (t1, x1), (t2, x2) = means
    early, late = (x1 - x0) / (t1 - t0), (x2 - x1) / (t2 - t1)
    return early > 0.1 and late > 0.1 and abs(late - early) < 0.1 * (early + late)


def _still(way: list[tuple[float, float]]) -> bool:
    now_s = way[-1][0]
    some = [x for t, x in way if t > now_s - STILL_S]
    half = len(some) // 2
    return half >= 5 and abs(sum(some[half:]) / (len(some) - half) - sum(some[:half]) / half) < STILL_M


def _mm(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value * 1000:.0f} mm" for name, value in values.items())


class _Terminal:
    """A person at the keyboard; words go to stderr, so that stdout stays for --json."""

    def tell(self, words: str) -> None:
        typer.echo(words, err=True)

    def ask(self, words: str, default: float) -> float:
        return float(typer.prompt(words, default=default, type=float, err=True))

    def ready(self, words: str) -> None:
        typer.prompt(f"{words}\nThen press Enter", default="", show_default=False, err=True)


class _RealBench:
    """The range sensor and the relay of this device, stepped on a grid of STEP_S."""

    def __init__(self, config: Config) -> None:
        from firmware_py.guard.process import build_sensors
        from firmware_py.guard.relay import Relay, real_pins
        from sensors.i2c import open_bus

        real_pins()
        _, self._range = build_sensors(config, open_bus)
        self._range.open()
        self.relay = Relay(config.relay.pin, config.relay.drive, None)
        self._next_s = time.monotonic()

    def step(self, run: bool) -> Reading:
        from sensors.samples import RangeSample

        self._next_s = max(self._next_s + STEP_S, time.monotonic())
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self.relay.set(run)
        t_ns = time.monotonic_ns()
        seen = self._range.poll(t_ns)
        return Reading(t_ns * 1e-9, seen.distance_m if isinstance(seen, RangeSample) else None)


def commission(
    config: Annotated[
        Path | None, typer.Option(help="TOML file to start from and to write; without it the device's own")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout")] = False,
) -> None:
    """Measure this treadmill once: deck, sensor place, coast-down; then write the lines and the safe speed.

    With --rig it measures a simulated treadmill instead: `rearguard commission --rig --help`.

    Example: rearguard commission --config /etc/rearguard/config.toml
    """
    path = config or INSTALLED
    before = read_before(path)
    try:
        with only_instance(before.guard_lock):
            real = _RealBench(before)
            with real.relay:
                write_after(path, *guide_or_leave(real, _Terminal(), before), as_json)
    except EdgeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None


def read_before(path: Path) -> Config:
    """The configuration that commissioning starts from. Leaves with 2 when `path` cannot be written afterwards."""
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        typer.echo(
            f"commission: {path} cannot be written. Run with sudo, or name another file: --config.", err=True
        )
        raise typer.Exit(2)
    return load(path if path.exists() else None)


def guide_or_leave(bench: Bench, person: Person, before: Config) -> tuple[Config, dict[str, Any]]:
    """`guide`, and a treadmill that cannot be commissioned ends the program with its words and 1."""
    try:
        return guide(bench, person, before)
    except CommissionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def write_after(path: Path, after: Config, told: dict[str, Any], as_json: bool) -> None:
    """Writes the new configuration and shows what was measured."""
    path.write_text(annotated_toml(after), encoding="utf-8")
    typer.echo(json.dumps(told) if as_json else draw(told))
    typer.echo(f"written: {path} (hash {after.hash}). Now run `rearguard selftest`.", err=True)
