"""What is saved comes back bit for bit; what does not fit is refused and changes nothing."""

import json
import struct
from collections import deque
from dataclasses import dataclass, field, fields, is_dataclass
from math import inf
from typing import Any

import pytest

from firmware_py.core.frame import Cause, Phase
from firmware_py.core.monitor import Monitor, MonitorParams
from firmware_py.core.state import StateError, restore, save


@dataclass(frozen=True, slots=True)
class Params:
    gain: float = 2.0


@dataclass(slots=True)
class Inner:
    x: float = 0.5


@dataclass(slots=True)
class Outer:
    params: Params = field(default_factory=Params)
    inner: Inner = field(default_factory=Inner)
    ring: deque[float] = field(default_factory=lambda: deque([1.0], maxlen=3))
    counts: list[int] = field(default_factory=lambda: [1, 2])
    triple: tuple[float, int, bool] = (1.0, 2, False)
    row: tuple[float, ...] = ()
    phase: Phase = Phase.WAITING
    cause: Cause | None = None
    place_m: float | None = None
    text: str = "a"


def changed() -> Outer:
    return Outer(
        inner=Inner(-0.0),
        ring=deque([2.0, 0.1, 4.0], maxlen=3),
        counts=[3],
        triple=(5e-324, 2**63, True),
        row=(inf, 0.1 + 0.2),
        phase=Phase.GUARDING,
        cause=Cause.IMU,
        place_m=1 / 3,
        text="b",
    )


def through_json(obj: object) -> dict[str, Any]:
    return json.loads(json.dumps(save(obj)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("source", "target"), [(changed(), Outer()), (Outer(), changed())])
def test_everything_comes_back_through_json(source: Outer, target: Outer) -> None:
    restore(target, through_json(source))
    assert target == source
    assert struct.pack("d", target.inner.x) == struct.pack("d", source.inner.x), "the sign of a zero, too"
    assert target.ring.maxlen == 3


def test_a_restored_object_shares_nothing_with_the_one_that_was_saved() -> None:
    source, target = changed(), Outer()
    restore(target, save(source))
    source.inner.x, source.counts[0] = 9.0, 9
    source.ring.append(9.0)
    assert target == changed()


def test_parameters_are_neither_saved_nor_restored() -> None:
    target = Outer(Params(3.0))
    restore(target, through_json(Outer()))
    assert target.params.gain == 3.0
    assert "params" not in save(target)


def test_a_whole_number_fits_where_a_real_one_is_declared_and_not_the_other_way_round() -> None:
    target = Outer()
    restore(target, {**save(target), "place_m": 1})
    assert target.place_m == 1
    with pytest.raises(StateError):
        restore(target, {**save(target), "counts": [1.0]})


MISFITS: list[tuple[str, Any]] = [
    ("more", 1),
    ("inner", {}),
    ("inner", 3),
    ("inner", {"x": None}),
    ("inner", {"x": 1.0, "y": 1.0}),
    ("ring", {"0": 1.0}),
    ("ring", [1.0, "2"]),
    ("ring", 1.0),
    ("triple", [1.0, 2]),
    ("triple", [1.0, 2, False, 3]),
    ("triple", [1.0, 2, 0]),
    ("triple", [1.0, True, False]),
    ("row", [[1.0]]),
    ("phase", None),
    ("phase", "FALL"),
    ("cause", "fall"),
    ("cause", "__class__"),
    ("cause", "mro"),
    ("cause", ["FALL"]),
    ("place_m", "1.0"),
    ("place_m", False),
    ("text", 1),
    ("text", None),
]


@pytest.mark.parametrize(("name", "value"), MISFITS)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(name: str, value: Any) -> None:
    outer = changed()
    with pytest.raises(StateError, match=r"does not fit (Outer|Inner).*: recorded by another version\?"):
        restore(outer, {**save(Outer()), name: value})
    assert outer == changed()


@pytest.mark.parametrize("state", [None, [], {}, 3, {"text": "b"}])
def test_what_is_no_whole_state_is_refused(state: Any) -> None:
    outer = changed()
    with pytest.raises(StateError, match="does not fit Outer"):
        restore(outer, state)
    assert outer == changed()


def test_a_value_nested_without_end_is_refused() -> None:
    deep: Any = 1.0
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(StateError, match=r"Outer\.row"):
        restore(Outer(), {**save(Outer()), "row": deep})


def test_every_part_of_the_monitor_is_a_dataclass_with_slots() -> None:
    """Only such a class is saved whole: an attribute that is no field could not exist, and would be lost."""
    seen = []

    def visit(obj: Any) -> None:
        seen.append(type(obj).__name__)
        assert is_dataclass(obj), seen
        assert not hasattr(obj, "__dict__"), seen
        for one in fields(obj):
            if hasattr(value := getattr(obj, one.name), "__slots__") and is_dataclass(value):
                visit(value)

    visit(Monitor(MonitorParams(), 200.0))
    assert {"Monitor", "Attitude", "Health", "LeakyTimer"} <= set(seen)
