"""What stops a fall that the fall rule does not see: `python -m tests.proof.lying DATA`, a row of a table each.

The product with its fall rule silent, on everybody: who is stopped because the pod lies (firmware_py/core/health.py).
Nothing here is searched or fitted. Three minutes on two cores.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from firmware_py.core.balance import BalanceParams
from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.campaign import COLD, WARM, run_jobs
from firmware_py.evaluation.score import Outcome, Score
from firmware_py.evaluation.trials import Kind
from tests.proof.fit import SETS, everyone

SILENT = MonitorParams(balance=BalanceParams(hold_s=1e9))


def rows(scores: list[Score]) -> Iterator[str]:
    """Of each set, protocol and kind: how many are stopped, and of falls how long after the impact (median)."""
    for dataset in SETS:
        for protocol in (WARM, COLD):
            for kind in Kind:
                own = [s for s in scores if (s.dataset, s.protocol, s.kind) == (dataset, protocol, kind)]
                if not own:
                    continue
                if kind.is_fall:
                    stopped = [s for s in own if s.outcome in (Outcome.STOPPED, Outcome.LATE)]
                else:
                    stopped = [s for s in own if s.false_stops]
                after = sorted(s.stop_s - s.impact_s for s in stopped if s.stop_s and s.impact_s)
                told = f"{after[len(after) // 2]:.2f} s" if after else ""
                yield f"| {dataset} | {protocol} | {kind.value} | {len(stopped)} of {len(own)} | {told} |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    everybody = [
        replace(job, params=SILENT, kinds=tuple(Kind)) for job in everyone(options.data, (WARM, COLD))
    ]
    if not everybody:
        print(f"lying: no people in {options.data}", file=sys.stderr)
        return 2
    print("| people | | | stopped for lying | after the impact, median |\n|---|---|---|---|---|")
    for row in rows(run_jobs(everybody, options.jobs, lambda job: None).scores):
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
