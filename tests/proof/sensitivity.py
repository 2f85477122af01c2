"""What if a figure of the fall rule were another: `python -m tests.proof.sensitivity DATA`, a row of a table each.

A quick answer beside `rearguard evaluate --curves`, which plays every setting through the product and takes hours. This
one looks once (the columns of fit.py) and calls the product's rule with another figure on whole columns. It leaves out
time constants, the gate, a second stop, and who is stopped for lying.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from firmware_py.core.body.fall import BalanceParams, figures
from firmware_py.core.monitor import MonitorParams
from firmware_py.evaluation.results.curves import ALL, scaled
from firmware_py.evaluation.run.job import WARM
from tests.proof.fit import SETS, Evidence, arguments, counts, everyone, look

HELD = ("vigour_tau_s", "hold_s", "lean_s")  # times, which the columns cannot change
WIDE, NARROW = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0), (0.8, 1.25)


def settings() -> Iterator[tuple[str, float]]:
    """What is scaled, and by how much."""
    yield from ((ALL, scale) for scale in WIDE)
    yield from ((name, scale) for name in figures(BalanceParams()) if name not in HELD for scale in NARROW)


def row(evidence: Evidence, name: str, scale: float) -> str:
    """Falls stopped, leads in ms, falls stopped before they begin; stumbles; what leaves walking; walks stopped."""
    stops = evidence.stops(scaled(MonitorParams(), name, scale).balance).tolist()
    falls: dict[str, str] = {}
    others: dict[str, int] = {}
    stumbles: dict[str, int] = {}
    walks = 0
    for dataset in SETS:
        own = [(t, at) for t, at in zip(evidence.trials, stops, strict=True) if t.dataset == dataset]
        leads, early, of_walks, others[dataset], stumbles[dataset] = counts(own)
        walks += of_walks
        seen = [lead for lead in leads if lead is not None]
        if leads:
            told = f"{100 * len(seen) / len(leads):.1f} %".replace("100.0", "100")
            if seen:
                told += f", {np.median(seen):.0f} / {np.percentile(seen, 5):.0f}"
            falls[dataset] = told + (f" ({early})" if early else "")
    return (
        f"| {name} x {scale:g} | {falls.get('sisfall', '')} | {falls.get('fallalld', '')} "
        f"| {stumbles['sisfall']} + {stumbles['fallalld']} | {others['sisfall']} + {others['fallalld']} | {walks} |"
    )


def main() -> int:
    options = arguments(__doc__).parse_args()
    everybody = everyone(options.data, (WARM,))
    if not everybody:
        print(f"sensitivity: no people in {options.data}", file=sys.stderr)
        return 2
    with ProcessPoolExecutor(options.jobs) as pool:
        evidence = Evidence.of([trial for some in pool.map(look, everybody) for trial in some])
    print("| | SisFall warm | FallAllD warm | stumbles | leaves walking | walks |\n|---|---|---|---|---|---|")
    for name, scale in settings():
        print(row(evidence, name, scale), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
