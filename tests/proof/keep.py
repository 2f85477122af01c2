"""Keeps what a test has measured where tests/proof/figures.py finds it. Does nothing in an ordinary run."""

import json
import os
from pathlib import Path
from typing import Any


def keep(name: str, row: dict[str, Any]) -> None:
    """One more line of the figure `name`, in the folder that REARGUARD_FIGURES names."""
    if folder := os.environ.get("REARGUARD_FIGURES"):
        with (Path(folder) / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def keep_times(fault: str, took_ms: list[float], bound_ms: float) -> None:
    """A line of the figure `processes`: how long a drop took, every time."""
    ordered = sorted(took_ms)
    keep("processes", {
        "fault": fault, "repetitions": len(took_ms), "median_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[len(ordered) * 99 // 100], "max_ms": ordered[-1], "bound_ms": bound_ms,
        "over_bound": sum(t > bound_ms for t in took_ms), "load_average": os.getloadavg()[1],
    })  # fmt: skip
