"""What stops a fall that the fall rule does not see: `python -m tests.proof.lying DATA`, a row of a table each.

The product with its fall rule silent, on everybody: who is stopped for lying after a blow
(firmware_py/core/body/fallen.py), or because the pod hangs loose (health.py).
Nothing here is searched or fitted. Some six minutes on two cores.
"""

import sys
from collections.abc import Iterator

from firmware_py.evaluation.datasets.trials import Kind
from firmware_py.evaluation.run.campaign import run_jobs
from firmware_py.evaluation.run.job import COLD, WARM
from firmware_py.evaluation.run.score import Outcome, Score
from tests.proof.fit import SETS, arguments, everyone


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
    options = arguments(__doc__).parse_args()
    everybody = everyone(options.data, (WARM, COLD), tuple(Kind))
    if not everybody:
        print(f"lying: no people in {options.data}", file=sys.stderr)
        return 2
    print("| people | | | stopped for lying | after the impact, median |\n|---|---|---|---|---|")
    for row in rows(run_jobs(everybody, options.jobs, lambda job: None).scores):
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
