"""Owns how the limit of a fall came about, in words: what the rule added up, and which evidence of a fall there was.

Must never judge: the figures are the core's own, at the moment of the cut.
"""

from collections.abc import Iterator
from math import degrees
from typing import NamedTuple

from firmware_py.core.body.fall import BalanceParams, Limit
from firmware_py.core.frame import Decision
from firmware_py.locale import translate as _
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
    yield _("The most that steps like this walker's leave unexplained"), _signed(limit.margin_m_s)
    rows = (
        (
            terms.vigour,
            _("Brisk steps push the hip up, {push} m/s\u00b2 on average").format(
                push=f"{terms.vigour / p.vigour_s:.1f}"
            ),
        ),
        (terms.tilt, _lean(stop.tilt_rad or 0.0, p.most_lean_rad)),
        (terms.height, _height(-terms.height / p.sunk_per_s)),
        (terms.acceleration, _acceleration(terms.acceleration / p.ahead_s)),
        (terms.leap, _("The hip leapt before")),
        (terms.thrown, _("The hip sensor reads a sideways thrust that no hip has")),
    )
    for value, what in rows:
        if abs(value) >= _LEAST_M_S:
            yield what, _signed(value)
    total = limit.margin_m_s + limit.explained_m_s
    bounded = min(max(total, p.floor_m_s), p.ceiling_m_s)
    if bounded != total:
        what = (
            _("Together {total}, but at least this")
            if total < bounded
            else _("Together {total}, but at most this")
        )
        yield what.format(total=_signed(total)), f"{bounded:.2f}"
    else:
        yield _("Together"), f"{bounded:.2f}"
    yield _("Times the evidence of a fall"), f"\u00d7 {limit.times:.2f}"
    if p.stumbles == "warn":
        yield _("A recovery is hoped for (balance.stumbles = warn)"), _signed(p.recovery_m_s)
    at_ceiling = limit.m_s < bounded * limit.times - _LEAST_M_S
    yield _("The limit, which is never higher") if at_ceiling else _("The limit"), f"{stop.limit:.2f} m/s"


def _lean(tilt_rad: float, most_rad: float) -> str:
    what = _("The trunk leans {lean}\u00b0 away from its usual posture")
    if tilt_rad > most_rad:
        what = _("The trunk leans {lean}\u00b0 away from its usual posture, of which {most}\u00b0 count")
    return what.format(lean=round(degrees(tilt_rad)), most=round(degrees(most_rad)))


def _height(lost_m: float) -> str:
    what = (
        _("The hip has lost {cm} cm of height") if lost_m > 0.0 else _("The hip has gained {cm} cm of height")
    )
    return what.format(cm=round(abs(lost_m) * 100))


def _acceleration(upward_m_s2: float) -> str:
    what = (
        _("It is being braked at {rate} m/s\u00b2")
        if upward_m_s2 > 0.0
        else _("It drops at {rate} m/s\u00b2")
    )
    return what.format(rate=f"{abs(upward_m_s2):.1f}")


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
        yield _(EVIDENCE[name]), _found(value / shares[name] if shares[name] else 0.0)


def _found(share: float) -> str:
    if share <= 0.0:
        return _("no")
    return _("yes") if share >= 1.0 else _("{share} % of it").format(share=round(100 * share))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\u2212")
