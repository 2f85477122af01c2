"""Owns the regression behind the signs: what each is worth, from falls against everything else that goes down. Must
never look at anybody who is scored, nor move the ramps: where they begin and end was set by hand.

A logistic regression on the samples in which the hip goes down at more than half the limit: is this a fall? Its odds
grow with the ratio of velocity and limit, too, so a share of the odds is a share of the limit, and where the odds are
`ODDS` the limit is.
"""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from firmware_py.core.body.evidence import Ramp, SignsParams

Floats = NDArray[np.float64]

ODDS = (
    2.25  # logarithm; set by hand on all development people, on the flat part between losing leads and chairs
)
MOST_RATIO, LEAST_RATIO, LEAST_SLOPE = 2.0, 0.55, 0.1
FALLING_S = (1.2, 0.2)  # before the impact: these samples are a fall's ...
BEFORE_S = 2.0  # ... those before this are none, and what lies between is neither
# What a sample counts: a trial's samples share the root of their number, so neither long trials nor short ones rule.
AN_EARLY_ONE, A_WALK, ANOTHER, SMALLER_SET = 3.0, 4.0, 2.0, 2.0
_RIDGE = 0.0004

NAMES = [
    f.name
    for f in fields(SignsParams)
    if isinstance(getattr(SignsParams(), f.name), Ramp) and f.name != "hardly"
]


def parts(signs: SignsParams, said: dict[str, Any]) -> Floats:
    """How much of each sign there is, 0 to 1; a row a sample, a column for each of COLUMNS."""
    whole = {name: _ramp(getattr(signs, name), said[name]) for name in NAMES}
    whole["stride_m_s"] = np.maximum(whole["stride_m_s"], whole.pop("stride_of_usual"))
    return np.stack(list(whole.values()), axis=1)


COLUMNS = [name for name in NAMES if name != "stride_of_usual"]


def times(signs: SignsParams, said: dict[str, Any]) -> Floats:
    """core/signs.py for whole columns."""
    left = signs.without - parts(signs, said) @ np.array([getattr(signs, name).share for name in COLUMNS])
    return np.clip(left, signs.least, signs.most) + signs.hardly.share * _ramp(signs.hardly, left)


def regress(said: dict[str, Any], ratio: Any, falls: Any, weights: Any) -> SignsParams:
    """The signs with the shares of these samples; all of one sense: a sign of a fall never speaks against one."""
    shipped = SignsParams()
    rows = np.column_stack([parts(shipped, said), np.minimum(ratio, MOST_RATIO)])
    sense = [1.0 if getattr(shipped, name).share > 0.0 else -1.0 for name in COLUMNS] + [1.0]
    side = np.where(falls, 1.0, -1.0)
    share = weights / weights.sum()

    def loss(x: Floats) -> tuple[float, Floats]:
        z = side * (rows @ x[1:] + x[0])
        pull = -share * side / (1.0 + np.exp(np.clip(z, -500.0, 500.0)))
        grad = np.concatenate(([pull.sum()], rows.T @ pull + 2.0 * _RIDGE * x[1:]))
        return float(share @ np.logaddexp(0.0, -z) + _RIDGE * x[1:] @ x[1:]), grad

    bounds = [(None, None)] + [(0.0, None) if s > 0.0 else (None, 0.0) for s in sense]
    bounds[-1] = (LEAST_SLOPE, None)  # where velocity said nothing there would be no limit
    found = minimize(
        loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300}
    ).x
    each = dict(zip(COLUMNS, (found[1:-1] / found[-1]).tolist(), strict=True))
    each["stride_of_usual"] = each["stride_m_s"]
    return replace(
        shipped,
        without=float((ODDS - found[0]) / found[-1]),
        **{name: replace(getattr(shipped, name), share=share_) for name, share_ in each.items()},
    )


def _ramp(ramp: Ramp, value: Any) -> Floats:
    return np.clip((value - ramp.nothing) / (ramp.whole - ramp.nothing), 0.0, 1.0)
