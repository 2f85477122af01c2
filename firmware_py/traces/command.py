"""Owns the commands `rearguard replay` and `rearguard trace`. Must never decide, and never overwrite a file."""

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from firmware_py import __version__
from firmware_py.config import Config, ConfigError, load
from firmware_py.core.events import EventFinder
from firmware_py.core.frame import Frame
from firmware_py.storage.written import replacing
from firmware_py.traces.csv_trace import write_csv
from firmware_py.traces.mcap_writer import McapWriter
from firmware_py.traces.replay import Summary, open_trace, prepare, replay_file, replay_trace
from firmware_py.traces.tables import plausible, presets
from firmware_py.traces.tables.foreign import read_foreign
from firmware_py.traces.trace import Trace, find_traces
from sensors.advice import Failure, suggestion
from sensors.samples import ImuSample, RangeSample

FAILED, USAGE = 1, 2  # exit codes of design.md: the thing asked about failed; usage or configuration


def replay(
    traces: Annotated[list[Path], typer.Argument(help="Traces (.mcap, .csv, .csv.gz) or folders of them.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file; default: what the trace was recorded with.")
    ] = None,
    rearm: Annotated[
        bool, typer.Option("--rearm", help="Press the button again 3 s after each stop.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Traces replayed at the same time.")] = 1,
    strict: Annotated[
        bool,
        typer.Option(help="Fail for a trace that never armed, or gives other decisions than were recorded."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a trace on stdout, nothing else.")
    ] = False,
) -> None:
    """Play recorded traces through the same core as the live device.

    Example: rearguard replay tests/traces --jobs 2
    """
    settings = _config(config)
    failed = False
    table = Table("trace", "walking", "armed", "stops", "warnings", "decisions", row_styles=["", "dim"])
    for column in table.columns:
        column.overflow = "fold"
    for result in _results(traces, settings, rearm, jobs):
        if isinstance(result, Failure):
            failed = True
            _report(str(result))
            continue
        failed = failed or (strict and (result.armed_t_s is None or result.agrees is False))
        _report(*(f"{result.trace}: {note}" for note in result.notes))
        if as_json:
            sys.stdout.write(json.dumps(result.row(), allow_nan=False) + "\n")
            sys.stdout.flush()
        else:
            table.add_row(*_cells(result))
    if not as_json and table.row_count:
        Console().print(table)
    if failed:
        raise typer.Exit(FAILED)


def _results(paths: list[Path], config: Config | None, rearm: bool, jobs: int) -> Iterator[Summary | Failure]:
    """A summary, or why there is none, for each trace in the order asked for."""
    one = partial(_one, config=config, rearm=rearm)
    if jobs == 1:
        yield from map(one, _found(paths))
    else:
        with ProcessPoolExecutor(jobs) as pool:
            yield from pool.map(one, _found(paths))


def _one(found: Path | Failure, config: Config | None, rearm: bool) -> Summary | Failure:
    try:
        return replay_file(_good(found), config, rearm)
    except Failure as error:
        return error


def _cells(summary: Summary) -> tuple[str, ...]:
    armed = "never" if summary.armed_t_s is None else f"{summary.armed_t_s:.2f} s"
    stops = "\n".join(
        f"{s['t_s']:.2f} s {s['cause']}: {s['rule']} {_figure(s['value'])} against {_figure(s['limit'])}"
        for s in summary.stops
    )
    return (
        Path(summary.trace).name,
        f"{summary.walking_s:.0f} of {summary.duration_s:.0f} s",
        armed,
        stops or "none",
        str(len(summary.warnings)),
        summary.decisions_sha256[:12],
    )


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


def _units(known: Iterable[str]) -> str:
    return f"{', '.join(known)}, or the factor to SI units."


trace = typer.Typer(no_args_is_help=True, help="Look into traces and turn one form into the other.")


@trace.command()
def info(
    traces: Annotated[list[Path], typer.Argument(help="Traces or folders of them.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a trace on stdout, nothing else.")
    ] = False,
) -> None:
    """Show what is in a trace.

    Example: rearguard trace info tests/traces
    """
    failed = False
    for found in _found(traces):
        try:
            row = _facts(_good(found))
        except Failure as error:
            failed = True
            _report(str(error))
            continue
        if as_json:
            sys.stdout.write(json.dumps(row) + "\n")
        else:
            sys.stdout.write("\n".join(f"{key:20} {value}" for key, value in row.items()) + "\n\n")
    if failed:
        raise typer.Exit(FAILED)


def _facts(path: Path) -> dict[str, Any]:
    trace = open_trace(path)
    frames = without_imu = readings = 0
    first_ns = last_ns = None
    for frame in trace.frames:
        frames += 1
        without_imu += not isinstance(frame.imu, ImuSample)
        readings += isinstance(frame.belt, RangeSample)
        first_ns, last_ns = first_ns or frame.t_ns, frame.t_ns
    return {
        "trace": str(path),
        "duration_s": ((last_ns or 0) - (first_ns or 0)) / 1e9,
        "frames": frames,
        "rate_hz": round(trace.rate_hz, 3),
        "frames_without_imu": without_imu,
        "distance_readings": readings,
        "button_recorded": trace.button_recorded,
        "feedback_recorded": trace.feedback_recorded,
        "begins_mid_run": trace.state is not None,
        "version": trace.version,
        "config_hash": trace.config_hash,
        "simulated": trace.simulated,
        "notes": trace.notes,
    }


@trace.command("export")
def export_csv(
    source: Annotated[Path, typer.Argument(help="A trace, usually .mcap.")],
    out: Annotated[
        Path, typer.Argument(help="The new .csv or .csv.gz; an existing file is never overwritten.")
    ],
) -> None:
    """Write a trace as CSV. Faults become empty cells; the read-back and the stop button are left out.

    Example: rearguard trace export incident.mcap incident.csv.gz
    """
    with _sentences(out, (".csv", ".csv.gz")):
        opened = open_trace(source)
        comment = (
            f"exported from {source.name}, recorded by rearguard {opened.version or '(version unknown)'}"
        )
        count = write_csv(out, opened.frames, (comment,))
        _report(f"{out}: {count} frames", *opened.notes)


@trace.command("import")
def import_trace(
    source: Annotated[
        Path, typer.Argument(help="A table (.csv, .txt, .gz), or a folder or .zip of one file a sensor.")
    ],
    out: Annotated[Path, typer.Argument(help="The new .mcap; an existing file is never overwritten.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file; default: what the trace was recorded with.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help=f"The program that wrote it: {', '.join(presets.PRESETS)}.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="OURS=THEIRS,... for a table with other names; OURS,... for one without a header."),
    ] = None,
    accel_unit: Annotated[str | None, typer.Option(help=_units(plausible.ACCEL_M_S2))] = None,
    gyro_unit: Annotated[str | None, typer.Option(help=_units(plausible.GYRO_RAD_S))] = None,
    distance_unit: Annotated[str | None, typer.Option(help=_units(plausible.DISTANCE_M))] = None,
    speed_unit: Annotated[str | None, typer.Option(help=_units(plausible.SPEED_M_S))] = None,
    time_unit: Annotated[
        str | None, typer.Option(help=f"{', '.join(plausible.TIME_NS)}, or samples with --rate-hz.")
    ] = None,
    rate_hz: Annotated[
        float | None, typer.Option(min=1, help="Samples a second, when time counts them.")
    ] = None,
    axes: Annotated[
        str | None, typer.Option(help="Our forward x, left y, up z by the sensor's axes: x=-z,y=y,z=x.")
    ] = None,
    accel_inverted: Annotated[
        bool, typer.Option("--accel-inverted", help="At rest the axis that points up reads -1 g.")
    ] = False,
    as_is: Annotated[
        bool,
        typer.Option("--as-is", help="Units, axes and clock are right, however unlikely the numbers look."),
    ] = False,
) -> None:
    """Write a trace as MCAP with the decisions of a replay beside the frames, for Foxglove or PlotJuggler.

    Examples: rearguard trace import walk.csv.gz walk.mcap
    rearguard trace import walk.zip walk.mcap --preset sensor-logger --axes x=-z,y=-x,z=y
    """
    units = {
        "accel_unit": accel_unit,
        "gyro_unit": gyro_unit,
        "distance_unit": distance_unit,
        "speed_unit": speed_unit,
        "time_unit": time_unit,
        "rate_hz": rate_hz,
        "axes": axes,
        "inverted": accel_inverted or None,
    }
    with _sentences(out, (".mcap",)):
        options = {name: unit for name, unit in units.items() if unit}
        opened = _opened(source, preset, columns, options, as_is)
        settings, monitor = prepare(opened, _config(config))
        about = {
            "version": __version__,
            "config": settings.model_dump(mode="json"),
            "config_hash": settings.hash,
            "rate_hz": opened.rate_hz,
            "simulated": opened.simulated,
            "button_recorded": opened.button_recorded,
            "feedback_recorded": opened.feedback_recorded,
            "distance_recorded": opened.distance_recorded,
        }
        finder, read = EventFinder(), deque[Frame]()
        frames = iter(opened.frames)
        first = next(frames)  # a trace without frames has failed by now
        opened.frames = _kept(chain([first], frames), read)
        with replacing(out, overwrite=False) as file:
            writer = McapWriter(
                file, about, opened.state, start_ns=first.t_ns, wall_offset_ns=opened.wall_offset_ns
            )
            for _, decision in replay_trace(opened, settings, monitor):
                writer.frame(read.popleft())
                writer.decision(decision)
                for event in finder.update(decision):
                    writer.event(event)
            writer.finish()
        _report(f"{out}: {writer.frames} frames", *opened.notes)


def _opened(
    source: Path, preset: str | None, columns: str | None, options: dict[str, Any], as_is: bool
) -> Trace:
    """A trace of ours, or a recording of another program when anything names how it writes."""
    if not (preset or columns or options or source.is_dir() or source.suffix == ".zip"):
        return open_trace(source, as_is)
    if preset is not None and preset not in presets.PRESETS:
        raise ValueError(f"--preset: there is no {preset}. {suggestion(preset, presets.PRESETS)}")
    form = presets.PRESETS[preset] if preset else presets.Form()
    if columns:
        form = presets.with_columns(form, columns)
    form = replace(form, **options, as_is=as_is)
    if form.rate_hz and form.time_unit != "samples":
        raise ValueError("--rate-hz counts samples: add --time-unit samples, or leave it out for a clock.")
    return read_foreign(source, form)


def _kept(frames: Iterable[Frame], read: deque[Frame]) -> Iterator[Frame]:
    """The same frames; what was read is kept for the file, without what replay adds to it."""
    for frame in frames:
        read.append(frame)
        yield frame


@contextmanager
def _sentences(out: Path, suffixes: tuple[str, ...]) -> Iterator[None]:
    """Every failure of a conversion as one line and an exit code. No half-written file is left."""
    if not out.name.endswith(suffixes):
        _report(f"{out}: the name must end in {' or '.join(suffixes)}.")
        raise typer.Exit(USAGE)
    if out.exists():
        _report(f"{out}: exists and is not overwritten. Choose another name.")
        raise typer.Exit(FAILED)
    try:
        yield
    except ValueError as error:  # an option that names no unit, column or axis
        out.unlink(missing_ok=True)
        _report(str(error))
        raise typer.Exit(USAGE) from None
    except (Failure, OSError) as error:
        _report(str(error))
        raise typer.Exit(FAILED) from None


def _found(paths: Iterable[Path]) -> Iterator[Path | Failure]:
    """Every trace asked for, in order; a path that holds none is its own error."""
    for path in paths:
        try:
            yield from find_traces(path)
        except Failure as error:
            yield error


def _good(found: Path | Failure) -> Path:
    if isinstance(found, Failure):
        raise found
    return found


def _config(path: Path | None) -> Config | None:
    if path is None:
        return None
    try:
        return load(path)
    except ConfigError as error:
        _report(str(error))
        raise typer.Exit(USAGE) from None


def _report(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(line + "\n")
