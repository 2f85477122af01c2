"""What crosses the link comes back bit for bit; what is not ours is refused in words."""

import contextlib
import struct
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.core.wire import (
    DECISION_SIZE,
    FRAME_SIZE,
    pack_decision,
    pack_frame,
    unpack_decision,
    unpack_frame,
)
from sensors.samples import Fault, ImuSample, RangeSample
from tests.support import moments

number = st.floats(-1e6, 1e6)
vector = st.tuples(number, number, number)
t_ns = st.integers(0, 2**62)
frames = st.builds(
    Frame,
    t_ns,
    t_ns,
    st.one_of(st.builds(ImuSample, t_ns, vector, vector), st.sampled_from(Fault)),
    st.one_of(st.builds(RangeSample, t_ns, number, st.integers(0, 255)), st.sampled_from(Fault), st.none()),
    st.one_of(number, st.none()),
    st.one_of(st.booleans(), st.none()),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.one_of(st.sampled_from(Cause), st.none()),
)
causes = st.one_of(st.sampled_from(Cause), st.none())
maybe = st.one_of(number, st.none())
decisions = st.builds(
    Decision,
    t_ns,
    st.booleans(),
    causes,
    st.sampled_from(["", "down_velocity", "x" * 24]),
    number,
    number,
    causes,
    causes,
    st.sampled_from(Phase),
    *[maybe] * 8,
    st.integers(0, 2**31),
    number,
    st.booleans(),
    causes,
)


@given(frames)
def test_a_frame_comes_back_as_it_went(frame: Frame) -> None:
    data = pack_frame(frame)
    assert len(data) == FRAME_SIZE
    assert unpack_frame(data) == frame


@given(decisions)
def test_a_decision_comes_back_as_it_went(decision: Decision) -> None:
    data = pack_decision(decision)
    assert len(data) == DECISION_SIZE
    assert unpack_decision(data) == decision


@given(st.binary(max_size=2 * FRAME_SIZE))
def test_foreign_bytes_are_a_frame_or_a_clear_refusal(data: bytes) -> None:
    for unpack in (unpack_frame, unpack_decision):
        try:
            unpack(data)
        except ValueError as error:
            assert str(error)


@given(st.binary(min_size=FRAME_SIZE, max_size=FRAME_SIZE))
def test_bytes_of_the_right_size_never_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        unpack_frame(data)


@pytest.mark.parametrize("size", [0, FRAME_SIZE - 1, FRAME_SIZE + 1])
def test_a_frame_of_another_size_says_what_and_why(size: int) -> None:
    with pytest.raises(ValueError, match=r"not a frame.*versions"):
        unpack_frame(bytes(size))


@pytest.mark.parametrize("size", [0, DECISION_SIZE - 1, DECISION_SIZE + 1])
def test_a_decision_of_another_size_says_what_and_why(size: int) -> None:
    with pytest.raises(ValueError, match=r"not a decision.*versions"):
        unpack_decision(bytes(size))


def test_every_cause_phase_and_fault_has_a_code_of_its_own() -> None:
    base = moments.frame()
    assert len({pack_frame(base._replace(imu=fault)) for fault in Fault}) == len(Fault)
    assert len({pack_frame(base._replace(belt=fault)) for fault in Fault}) == len(Fault)
    assert len({pack_frame(base._replace(refusal=cause)) for cause in (None, *Cause)}) == len(Cause) + 1


def test_bytes_of_a_frame_without_readings_are_laid_out_as_written_here() -> None:
    """A replay's hash covers the filling of places that hold nothing, so the filling is part of the format."""
    frame = Frame(7, 8, Fault.NO_REPLY, None, None, None, True, True, True, Cause.CONFIG)
    no_reply, config = list(Fault).index(Fault.NO_REPLY) + 1, list(Cause).index(Cause.CONFIG) + 1
    wanted = struct.pack("<qqBq6dBqdBdbBB", 7, 8, no_reply, 0, *[0.0] * 6, 255, 0, 0.0, 0, nan, -1, 7, config)
    assert pack_frame(frame) == wanted
    assert len(wanted) == FRAME_SIZE == 102


def test_bytes_of_a_frame_with_readings_are_laid_out_as_written_here() -> None:
    imu, belt = ImuSample(1, (2.0, 3.0, 4.0), (5.0, 6.0, 7.0)), RangeSample(8, 9.0, 10)
    frame = Frame(11, 12, imu, belt, 13.0, True, False, True, False, None)
    wanted = struct.pack("<qqBq6dBqdBdbBB", 11, 12, 0, 1, 2, 3, 4, 5, 6, 7, 0, 8, 9, 10, 13, 1, 2, 0)
    assert pack_frame(frame) == wanted
    faulty = frame._replace(belt=Fault.NO_TARGET, feedback=False, reset_pressed=True, stop_pressed=False)
    no_target = list(Fault).index(Fault.NO_TARGET) + 1
    wanted = struct.pack("<qqBq6dBqdBdbBB", 11, 12, 0, 1, 2, 3, 4, 5, 6, 7, no_target, 0, 0, 0, 13, 0, 1, 0)
    assert pack_frame(faulty) == wanted
    assert unpack_frame(wanted) == faulty


def test_bytes_of_a_decision_are_laid_out_as_written_here() -> None:
    decision = Decision(
        1, True, None, "rule", 2.0, 3.0, Cause.POWER_ON, None, Phase.GUARDING, None, *[4.0] * 7, 5, 6.0, True, None
    )  # fmt: skip
    wanted = struct.pack(
        "<q?B24sddBBB8dId?B", 1, True, 0, b"rule", 2, 3, 1, 0, 2, nan, *[4.0] * 7, 5, 6, True, 0
    )
    assert pack_decision(decision) == wanted
    nothing = decision._replace(position_m=4.0, **dict.fromkeys(decision._fields[10:17]))
    wanted = struct.pack(
        "<q?B24sddBBB8dId?B", 1, True, 0, b"rule", 2, 3, 1, 0, 2, 4.0, *[nan] * 7, 5, 6, True, 0
    )
    assert pack_decision(nothing) == wanted
    assert unpack_decision(wanted) == nothing


@pytest.mark.parametrize("changed", [
    {"t_ns": -1},
    {"belt_speed_m_s": nan},
    {"belt_speed_m_s": inf},
    {"tilt_rad": inf},
    {"position_m": -inf},
])  # fmt: skip
def test_a_decision_that_no_core_makes_is_refused(changed: dict[str, float]) -> None:
    good = moments.decision(value=nan, limit=inf)
    assert unpack_decision(pack_decision(good)).t_ns == 0  # the figures of a rule may be anything
    with pytest.raises(ValueError, match="not a decision"):
        unpack_decision(pack_decision(good._replace(**changed)))


@pytest.mark.parametrize("changed", [{"t_ns": -1}, {"belt_speed_m_s": inf}])
def test_a_frame_that_no_guard_makes_is_refused(changed: dict[str, float]) -> None:
    good = moments.frame()
    assert unpack_frame(pack_frame(good)) == good
    with pytest.raises(ValueError, match="not a frame"):
        unpack_frame(pack_frame(good._replace(**changed)))
