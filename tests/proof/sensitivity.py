"""What if a figure of the balance rule were another: `python -m tests.proof.sensitivity DATA`, a row of a table each.

A quick answer beside `rearguard evaluate --curves`, which plays every setting through the product and takes hours on
two cores. This one looks once (the columns of fit.py: what the product says of each sample, the learned margin
included) and applies the rule with another figure to whole columns; the row of the shipped figures is the product's
own. What it leaves out: time constants, how the margin is learned, a second stop, and who is stopped for lying.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np

from firmware_py.core.body.evidence import Ramp, SignsParams
from firmware_py.core.body.fall import BalanceParams
from firmware_py.evaluation.run.job import WARM
from tests.proof import fit_signs
from tests.proof.fit import SETS, Evidence, Figures, arguments, counts, everyone, look

ALL, MARGIN = "all trip levels", "margin_m_s"
LEVELS = ("floor_m_s", "ceiling_m_s")  # and the margin
FIGURES = (
    *LEVELS, "vigour_s", "lean_m_s", "most_lean_rad", "sunk_per_s", "soon_s", "ahead_s", "leap_m_s", "leap_share",
    "thrown_m_s", "thrown_share",
)  # fmt: skip
SIGNS = ("without", "least", "most", "hardly", *fit_signs.COLUMNS)
WIDE, NARROW = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0), (0.8, 1.25)


def settings() -> Iterator[tuple[str, float]]:
    """What is scaled, and by how much."""
    yield from ((name, scale) for name in (ALL, "floor_m_s") for scale in WIDE)
    yield from ((name, scale) for name in (MARGIN, *FIGURES[1:], *SIGNS) for scale in NARROW)


def scaled(evidence: Evidence, name: str, scale: float) -> tuple[Figures, SignsParams]:
    """The figures and the signs with this one scaled; of a sign its share. The margin is each walker's own."""
    shipped, signs = BalanceParams(), SignsParams()
    figures: Figures = {MARGIN: evidence.said[MARGIN] * (scale if name in (ALL, MARGIN) else 1.0)}
    if name in SIGNS:
        value = getattr(signs, name)
        other = replace(value, share=value.share * scale) if isinstance(value, Ramp) else value * scale
        return figures, replace(signs, **{name: other})
    scaled_names = LEVELS if name == ALL else (name,) if name != MARGIN else ()
    return figures | {n: getattr(shipped, n) * scale for n in scaled_names}, signs


def row(evidence: Evidence, name: str, scale: float) -> str:
    """Falls stopped, leads in ms, falls stopped before they begin; other activities; walks stopped."""
    stops = evidence.stops(*scaled(evidence, name, scale)).tolist()
    falls: dict[str, str] = {}
    others: dict[str, int] = {}
    walks = 0
    for dataset in SETS:
        own = [(t, at) for t, at in zip(evidence.trials, stops, strict=True) if t.dataset == dataset]
        leads, early, of_walks, others[dataset] = counts(own)
        walks += of_walks
        seen = [lead for lead in leads if lead is not None]
        if leads:
            told = f"{100 * len(seen) / len(leads):.1f} %".replace("100.0", "100")
            if seen:
                told += f", {np.median(seen):.0f} / {np.percentile(seen, 5):.0f}"
            falls[dataset] = told + (f" ({early})" if early else "")
    return (
        f"| {name} x {scale:g} | {falls.get('sisfall', '')} | {falls.get('fallalld', '')} "
        f"| {others['sisfall']} + {others['fallalld']} | {walks} |"
    )


def main() -> int:
    options = arguments(__doc__).parse_args()
    everybody = everyone(options.data, (WARM,))
    if not everybody:
        print(f"sensitivity: no people in {options.data}", file=sys.stderr)
        return 2
    with ProcessPoolExecutor(options.jobs) as pool:
        evidence = Evidence.of([trial for some in pool.map(look, everybody) for trial in some])
    print("| | SisFall warm | FallAllD warm | other activities, warm | walks |\n|---|---|---|---|---|")
    for name, scale in settings():
        print(row(evidence, name, scale), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
