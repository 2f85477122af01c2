"""Owns how the limit of a fall came about, in words: what the rule added up, and which signs of a fall spoke.

Must never judge: the figures are the core's own, at the tick of the cut.
"""

from collections.abc import Iterator
from html import escape
from math import degrees

from firmware_py.core.body.fall import BalanceParams, Limit
from firmware_py.core.frame import Decision
from firmware_py.messages import SIGNS
from firmware_py.report.gather import Report

_LEAST_M_S = 0.005  # less than can be shown


def section(report: Report) -> str:
    """The part of the page on a stop by the fall rule; nothing for any other."""
    limit = report.fall_limit
    if limit is None:
        return ""
    params = report.config.monitor_params().balance
    rows = "".join(
        f'<tr><td>{escape(what)}</td><td class="figure">{escape(figure)}</td></tr>'
        for what, figure in _rows(limit, params, report.stop)
    )
    return (
        "<h2>How the limit came about</h2>\n"
        '<p class="quiet">Metres a second of downward speed, at the moment of the cut. What steps explain raises the '
        "limit; a lean, height already lost and a drop lower it, and so do the signs of a fall together.</p>\n"
        f'<div class="columns"><div><h3>What steps explain</h3><table>{rows}</table></div>'
        f"<div><h3>Signs of a fall</h3>{_signs(limit, params)}</div></div>\n"
    )


def _rows(limit: Limit, params: BalanceParams, stop: Decision) -> Iterator[tuple[str, str]]:
    p, terms = params, limit.terms
    yield "The most that steps like this walker\u2019s leave unexplained", _signed(limit.margin_m_s)
    told = (
        (terms.vigour, f"Brisk steps push the hip up, {terms.vigour / p.vigour_s:.1f} m/s\u00b2 on average"),
        (terms.tilt, _lean(stop.tilt_rad or 0.0, p.most_lean_rad)),
        (terms.height, _height(-terms.height / p.sunk_per_s)),
        (terms.acceleration, _acceleration(terms.acceleration / p.ahead_s)),
        (terms.leap, "The hip leapt before"),
        (terms.thrown, "The pod reads a thrust sideways that no hip has"),
    )
    for value, what in told:
        if abs(value) >= _LEAST_M_S:
            yield what, _signed(value)
    total = limit.margin_m_s + limit.explained_m_s
    bounded = min(max(total, p.floor_m_s), p.ceiling_m_s)
    if bounded != total:
        end = f"at least {p.floor_m_s:.2f}" if total < bounded else f"at most {p.ceiling_m_s:.2f}"
        yield f"Together {_signed(total)}, but {end}", f"{bounded:.2f}"
    else:
        yield "Together", f"{bounded:.2f}"
    yield "What the signs of a fall make of it", f"\u00d7 {limit.times:.2f}"
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


def _signs(limit: Limit, params: BalanceParams) -> str:
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
    rows = "".join(
        f'<tr><td>{escape(SIGNS[name])}</td><td class="figure">{_spoke(said / shares[name] if shares[name] else 0.0)}'
        "</td></tr>"
        for name, said in limit.signs._asdict().items()
    )
    return f"<table>{rows}</table>"


def _spoke(share: float) -> str:
    if share <= 0.0:
        return "no"
    return "yes" if share >= 1.0 else f"{share:.0%} of it"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\u2212")
