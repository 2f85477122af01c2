"""Owns how the limit of a fall came about, in words: what the rule added up, and which evidence of a fall there was.

Must never judge: the figures are the core's own, at the moment of the cut.
"""

from collections.abc import Iterator
from math import degrees
from typing import NamedTuple

from firmware_py.core.body.fall import BalanceParams, Limit
from firmware_py.core.frame import Decision
from firmware_py.messages import EVIDENCE
from firmware_py.report.gather import Report

Rows = list[tuple[str, str]]

_LEAST_M_S = 0.005  # less cannot be shown


class FallLimit(NamedTuple):
    """Two tables: (what, figure)."""

    terms: Rows
    evidence: Rows


def explained(report: Report) -> FallLimit | None:
    """What the limit of this stop was made of; None for a stop by another rule."""
    limit = report.fall_limit
    if limit is None:
        return None
    params = report.config.monitor_params().balance
    return FallLimit(list(_terms(limit, params, report.stop)), list(_evidence(limit, params)))


def _terms(limit: Limit, params: BalanceParams, stop: Decision) -> Iterator[tuple[str, str]]:
    p, terms = params, limit.terms
    yield "The most that steps like this walker\u2019s leave unexplained", _signed(limit.margin_m_s)
    rows = (
        (terms.vigour, f"Brisk steps push the hip up, {terms.vigour / p.vigour_s:.1f} m/s\u00b2 on average"),
        (terms.tilt, _lean(stop.tilt_rad or 0.0, p.most_lean_rad)),
        (terms.height, _height(-terms.height / p.sunk_per_s)),
        (terms.acceleration, _acceleration(terms.acceleration / p.ahead_s)),
        (terms.leap, "The hip leapt before"),
        (terms.thrown, "The hip sensor reads a sideways thrust that no hip has"),
    )
    for value, what in rows:
        if abs(value) >= _LEAST_M_S:
            yield what, _signed(value)
    total = limit.margin_m_s + limit.explained_m_s
    bounded = min(max(total, p.floor_m_s), p.ceiling_m_s)
    if bounded != total:
        end = f"at least {p.floor_m_s:.2f}" if total < bounded else f"at most {p.ceiling_m_s:.2f}"
        yield f"Together {_signed(total)}, but {end}", f"{bounded:.2f}"
    else:
        yield "Together", f"{bounded:.2f}"
    yield "Times the evidence of a fall", f"\u00d7 {limit.times:.2f}"
    if p.stumbles == "warn":
        yield "A recovery is hoped for (balance.stumbles = \u201cwarn\u201d)", _signed(p.recovery_m_s)
    at_ceiling = limit.m_s < bounded * limit.times - _LEAST_M_S
    yield "The limit, which is never higher" if at_ceiling else "The limit", f"{stop.limit:.2f} m/s"


def _lean(tilt_rad: float, most_rad: float) -> str:
    counts = f", of which {degrees(most_rad):.0f}\u00b0 count" if tilt_rad > most_rad else ""
    return f"The trunk leans {degrees(tilt_rad):.0f}\u00b0 away from its usual posture{counts}"


def _height(lost_m: float) -> str:
    what = "lost" if lost_m > 0.0 else "gained"
    return f"The hip has {what} {abs(lost_m) * 100:.0f} cm of height"


def _acceleration(upward_m_s2: float) -> str:
    what = "is being braked" if upward_m_s2 > 0.0 else "drops"
    return f"It {what} at {abs(upward_m_s2):.1f} m/s\u00b2"


def _evidence(limit: Limit, params: BalanceParams) -> Iterator[tuple[str, str]]:
    whole = params.signs
    shares = {
        "stride": max(whole.stride_m_s.share, whole.stride_of_usual.share),
        "tilting": whole.tilting_rad_s.share,
        "turning": whole.turning_rad_s.share,
        "tipping": whole.tipping_rad_s.share,
        "sinking": whole.sinking_s.share,
        "sideways": whole.sideways_m_s.share,
        "leapt": whole.leapt_m_s.share,
    }
    for name, value in limit.signs._asdict().items():
        yield EVIDENCE[name], _found(value / shares[name] if shares[name] else 0.0)


def _found(share: float) -> str:
    if share <= 0.0:
        return "no"
    return "yes" if share >= 1.0 else f"{share:.0%} of it"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\u2212")
