"""A walker who lies still after an impact has fallen; each of the three alone is no fall."""

from math import cos, radians
from types import SimpleNamespace
from typing import Any, cast

import pytest

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.fallen import Fallen, FallenParams
from firmware_py.core.frame import Cause, Finding, Signal
from sensors.samples import ImuSample, Vec3

P = FallenParams()
LIES = cos(radians(75.0))
IMPACT: Vec3 = (0.0, 0.0, 30.0)
REST: Vec3 = (9.81, 0.0, 0.0)
DT_S = 1.0 / 128.0  # sums without rounding


class Body:
    """Feels and lies as each test wants; time is data."""

    def __init__(self) -> None:
        self.fallen = Fallen(P)

    def feels(
        self, samples: int, accel: Vec3 = REST, up_z: float = 1.0, watching: bool = True
    ) -> Finding | None:
        """The finding of the last of so many samples."""
        found: Finding | None = None
        for _ in range(samples):
            attitude: Any = SimpleNamespace(up=(0.0, 0.0, up_z))
            imu = ImuSample(0, accel, (0.0, 0.0, 0.0))
            found = self.fallen.update(imu, cast(Attitude, attitude), watching, DT_S)
        return found


LONG = 39  # samples that are the first to last 0.3 s


@pytest.mark.parametrize(("samples", "found"), [(LONG - 1, False), (LONG, True), (LONG + 1, True)])
def test_who_lies_for_300_ms_after_an_impact_has_fallen(samples: int, found: bool) -> None:
    body = Body()
    body.feels(1, IMPACT)
    expected = Finding(Signal.DANGER, Cause.FALL, "lies_after_blow", 0.1, LIES)
    assert body.feels(samples, up_z=0.1) == (expected if found else None)


@pytest.mark.parametrize("way", [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.6, 0.0, -0.8)])
@pytest.mark.parametrize(("size_m_s2", "found"), [(19.99, False), (20.0, False), (20.01, True)])
def test_an_impact_is_more_than_two_g_from_whatever_side(way: Vec3, size_m_s2: float, found: bool) -> None:
    body = Body()
    body.feels(1, (way[0] * size_m_s2, way[1] * size_m_s2, way[2] * size_m_s2))
    assert (body.feels(LONG, up_z=0.0) is not None) is found


@pytest.mark.parametrize(("up_z", "found"), [(LIES + 1e-9, False), (LIES, False), (LIES - 1e-9, True)])
def test_lying_is_75_degrees_from_upright(up_z: float, found: bool) -> None:
    body = Body()
    body.feels(1, IMPACT)
    assert (body.feels(LONG, up_z=up_z) is not None) is found


@pytest.mark.parametrize("watching", [True, False])
def test_only_who_is_watched_can_have_fallen(watching: bool) -> None:
    body = Body()
    body.feels(1, IMPACT, watching=watching)
    assert (body.feels(LONG, up_z=0.0, watching=watching) is not None) is watching


def test_who_lies_down_without_an_impact_stops_nothing() -> None:
    assert Body().feels(1000, up_z=0.0) is None


# An impact is young for 191 more samples: the last of those that lie has to be one of them.
@pytest.mark.parametrize(("upright", "found"), [(191 - LONG, True), (192 - LONG, False)])
def test_an_impact_counts_for_a_second_and_a_half(upright: int, found: bool) -> None:
    body = Body()
    body.feels(1, IMPACT)
    body.feels(upright)
    expected = [body.feels(1, up_z=0.0) for _ in range(200)]
    assert any(expected) is found


def test_each_impact_counts_anew() -> None:
    body = Body()
    body.feels(1, IMPACT)
    body.feels(150)
    body.feels(1, IMPACT)
    body.feels(150)
    assert body.feels(LONG, up_z=0.0) is not None


def test_who_gets_up_for_a_moment_gets_a_quarter_of_it_back() -> None:
    body = Body()
    body.feels(1, IMPACT)
    body.feels(LONG - 1, up_z=0.0)
    body.feels(16)
    assert body.feels(4, up_z=0.0) is None
    assert body.feels(1, up_z=0.0) is not None


def test_another_walker_has_neither_had_an_impact_nor_lain() -> None:
    body = Body()
    body.feels(1, IMPACT)
    body.feels(LONG - 1, up_z=0.0)
    body.fallen.relearn()
    assert body.fallen == Fallen(P)
    assert body.feels(LONG, up_z=0.0) is None
