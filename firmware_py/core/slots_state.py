"""Saves and restores the classes that still have plain __slots__; goes when the last of them is a dataclass.

Must never run code from a file: only numbers, strings, known enums, lists, deques and tuples are rebuilt, and
only into attributes that the object already has.
"""

from collections import deque
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from firmware_py.core.deck.gate import Trust
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.latch import Latch
from sensors.samples import Fault

_ENUMS: dict[str, type[Enum]] = {e.__name__: e for e in (Cause, Phase, Signal, Fault, Latch, Trust)}

MOST_DEPTH = 8  # no value of the core is nested half as deep


class StateError(ValueError):
    """The saved state does not fit this object: another version, another rate, or a damaged file."""


def save(obj: object) -> dict[str, Any]:
    """Every slot of `obj`, nested, as JSON-able values. Frozen dataclasses (parameters) are left out."""
    return {name: _plain(getattr(obj, name)) for name in _slots(obj) if not _constant(getattr(obj, name))}


def restore(obj: object, state: dict[str, Any]) -> None:
    """Set every slot of `obj`, built with the same parameters, from `save`. Raises StateError, changes nothing then."""
    _check(obj, state)
    for name, value in state.items():
        current = getattr(obj, name)
        if _is_own(current):
            restore(current, value)
        elif _are_own(current):
            for part, saved in zip(current, value, strict=True):
                restore(part, saved)
        else:
            setattr(obj, name, _rebuilt(value, current))


def _check(obj: object, state: Any) -> None:
    wanted = {name for name in _slots(obj) if not _constant(getattr(obj, name))}
    if not isinstance(state, dict) or set(state) != wanted:
        raise StateError(f"saved state does not fit {type(obj).__name__}: recorded by another version?")
    for name, value in state.items():
        current = getattr(obj, name)
        if _is_own(current):
            _check(current, value)
        elif _are_own(current):
            if not isinstance(value, list) or len(value) != len(current):
                raise StateError(f"saved state has other parts in {name}: recorded by another version?")
            for part, saved in zip(current, value, strict=True):
                _check(part, saved)
        else:
            _rebuilt(value, current)


def _slots(obj: object) -> list[str]:
    return [name for cls in type(obj).__mro__ for name in getattr(cls, "__slots__", ()) if hasattr(obj, name)]


def _constant(value: object) -> bool:
    frozen = is_dataclass(value) and getattr(type(value), "__dataclass_params__").frozen  # noqa: B009
    return bool(frozen) or callable(value)


def _is_own(value: object) -> bool:
    return hasattr(type(value), "__slots__") and not isinstance(value, (tuple, Enum, int, float, str, deque))


def _are_own(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_own(part) for part in value)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if isinstance(value, Finding):
        return {"finding": [_plain(v) for v in value]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(v) for v in value]}
    if isinstance(value, deque):
        return {"deque": [_plain(v) for v in value]}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if _is_own(value):
        return save(value)
    raise TypeError(f"core state may not hold a {type(value).__name__}")


def _rebuilt(value: Any, current: Any, depth: int = 0) -> Any:
    if not isinstance(value, (list, dict)):
        return value
    if depth > MOST_DEPTH:
        raise StateError("saved state is nested without end: a damaged file?")
    depth += 1
    if isinstance(value, list):
        return [_rebuilt(v, None, depth) for v in value]
    try:
        match value:
            case {"enum": kind, "name": name}:
                return _ENUMS[kind][name]
            case {"finding": parts}:
                return Finding(*(_rebuilt(v, None, depth) for v in parts))
            case {"tuple": parts}:
                return tuple(_rebuilt(v, None, depth) for v in parts)
            case {"deque": parts}:
                return deque((_rebuilt(v, None, depth) for v in parts), getattr(current, "maxlen", None))
    except (KeyError, TypeError) as error:
        raise StateError(f"saved state is damaged near {error}") from None
    raise StateError(f"saved state has an unknown form: {sorted(value)}")
