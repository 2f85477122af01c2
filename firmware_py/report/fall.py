"""Owns how the limit of a fall came about, in words: what explains the motion of the hip, and what speaks for a fall.

Must never judge: rows and figures are the core's own, at the moment of the cut.
"""

from collections.abc import Iterator
from math import degrees
from typing import NamedTuple

from firmware_py.core.body.fall import BalanceParams, Limit, Motion, Row
from firmware_py.locale import translate as _
from firmware_py.report.gather import Report

Rows = list[tuple[str, str]]

_LEAST_M_S = 0.005  # less cannot be shown


class FallLimit(NamedTuple):
    """Two tables: (what, figure). What came of both ends the second one."""

    explains: Rows
    evidence: Rows


def explained(report: Report) -> FallLimit | None:
    """What the limit of this stop was made of; None for a stop by another rule."""
    limit = report.fall_limit
    if limit is None:
        return None
    p = report.config.monitor_params().balance
    start = (_("A hip that stands still"), f"{p.base_m_s:.2f}")
    explains = [start, *_worth(p.explains, limit.motion, 1.0)]
    return FallLimit(explains, [*_worth(p.evidence, limit.motion, -1.0), *_sum(limit, p, report.stop.limit)])


def _worth(rows: tuple[Row, ...], motion: Motion, sign: float) -> Iterator[tuple[str, str]]:
    for row in rows:
        term = row.term_m_s(motion)
        if abs(term) >= _LEAST_M_S:
            value = getattr(motion, row.feature)
            yield (
                _(row.sentence).format(value=value, degrees=degrees(value), cm=100.0 * value),
                _signed(sign * term),
            )


def _sum(limit: Limit, p: BalanceParams, at_stop_m_s: float) -> Iterator[tuple[str, str]]:
    motion = limit.motion
    total = p.base_m_s + sum(row.term_m_s(motion) for row in p.explains)
    total -= sum(row.term_m_s(motion) for row in p.evidence)
    if total < p.floor_m_s:
        yield _("Together {total}, but at least").format(total=_signed(total)), f"{p.floor_m_s:.2f}"
    else:
        yield _("Together"), f"{total:.2f}"
    if p.stumbles == "warn":
        yield _("A recovery is hoped for (balance.stumbles = warn)"), _signed(p.recovery_m_s)
    yield _("The limit"), f"{at_stop_m_s:.2f} m/s"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\u2212")
