"""What crosses the link comes back bit for bit; what is not ours is refused in words."""

import contextlib

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
    base = Frame(0, 0, Fault.NO_REPLY, None, None, None, False)
    assert len({pack_frame(base._replace(imu=fault)) for fault in Fault}) == len(Fault)
    assert len({pack_frame(base._replace(belt=fault)) for fault in Fault}) == len(Fault)
    assert len({pack_frame(base._replace(refusal=cause)) for cause in (None, *Cause)}) == len(Cause) + 1
