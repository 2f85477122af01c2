"""run(a + b) equals run(a), save, restore into a new object, run(b); nothing foreign gets in."""

import json
from collections import deque
from dataclasses import dataclass

import pytest

from firmware_py.core.frame import Cause, Finding, Signal
from firmware_py.core.state import StateError, restore, save


@dataclass(frozen=True, slots=True)
class Params:
    gain: float = 2.0


class Inner:
    __slots__ = ("x",)

    def __init__(self) -> None:
        self.x = 0.5


class Outer:
    __slots__ = ("cause", "finding", "inner", "items", "params", "parts", "ring", "text", "triple")

    def __init__(self) -> None:
        self.params = Params()
        self.inner = Inner()
        self.parts = [Inner(), Inner()]
        self.ring: deque[float] = deque([1.0], maxlen=3)
        self.items = [1, 2]
        self.triple = (1.0, None, Cause.FALL)
        self.cause: Cause | None = None
        self.finding: Finding | None = None
        self.text = "a"


def changed() -> Outer:
    outer = Outer()
    outer.inner.x = 7.0
    outer.parts[1].x = 8.0
    outer.ring.extend([2.0, 3.0, 4.0])
    outer.items = [3]
    outer.cause = Cause.IMU
    outer.finding = Finding(Signal.DANGER, Cause.FALL, "r", 1.0, 2.0)
    outer.text = "b"
    return outer


def test_everything_comes_back_through_json() -> None:
    state = json.loads(json.dumps(save(changed())))
    fresh = Outer()
    restore(fresh, state)
    assert save(fresh) == save(changed())
    assert fresh.inner.x == 7.0
    assert fresh.parts[1].x == 8.0
    assert fresh.ring == deque([2.0, 3.0, 4.0]) and fresh.ring.maxlen == 3
    assert fresh.cause is Cause.IMU and fresh.triple == (1.0, None, Cause.FALL)
    assert fresh.finding == Finding(Signal.DANGER, Cause.FALL, "r", 1.0, 2.0)
    assert isinstance(fresh.finding, Finding), "a finding is read by its names, a bare tuple has none"


def test_what_lies_in_a_list_comes_back_as_what_it_was() -> None:
    outer, fresh = changed(), Outer()
    outer.items = [Cause.FALL, (1.0, Cause.IMU), [2]]  # type: ignore[list-item]
    restore(fresh, json.loads(json.dumps(save(outer))))
    assert fresh.items == [Cause.FALL, (1.0, Cause.IMU), [2]]


def test_parameters_are_not_part_of_the_state() -> None:
    assert "params" not in save(Outer())


@pytest.mark.parametrize(
    "damage",
    [
        {"text": "b"},
        {**save(Outer()), "more": 1},
        {**save(Outer()), "inner": {}},
        {**save(Outer()), "inner": 3},
        {**save(Outer()), "parts": [{"x": 1.0}]},
        {**save(Outer()), "parts": [{"x": 1.0}, {"y": 1.0}]},
        {**save(Outer()), "parts": [{"x": 1.0}, {"x": 1.0}], "cause": {"unknown": 1}},
        {**save(Outer()), "cause": {"enum": "Cause", "name": "NOPE"}},
        {**save(Outer()), "cause": {"enum": "os", "name": "system"}},
        {**save(Outer()), "cause": {"finding": [1]}},
        {**save(Outer()), "cause": {"unknown": 1}},
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(damage: dict[str, object]) -> None:
    outer = changed()
    before = save(outer)
    with pytest.raises(StateError):
        restore(outer, damage)
    assert save(outer) == before


def nested(depth: int, kind: str) -> object:
    inner: object = 1
    for _ in range(depth):
        inner = [inner] if kind == "list" else {kind: [inner]}
    return inner


@pytest.mark.parametrize("kind", ["list", "tuple", "deque"])
@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, True), (2, False), (5000, False)])
def test_a_value_nested_deeper_than_any_of_the_core_is_refused(kind: str, more: int, fits: bool) -> None:
    """As deep as may be: 8 more around the innermost."""
    outer = changed()
    damage = {**save(outer), "items": nested(8 + more, kind)}
    if fits:
        restore(outer, damage)
        assert outer.items
    else:
        with pytest.raises(StateError, match="nested without end"):
            restore(outer, damage)
        assert outer.items == changed().items


def test_core_state_may_not_hold_what_cannot_be_saved() -> None:
    outer = Outer()
    outer.text = {1}  # type: ignore[assignment]
    with pytest.raises(TypeError, match="may not hold a set"):
        save(outer)
