"""Owns saving the whole state of a core object as plain values, and restoring it (for incidents and replay).

Every stateful class of the core is a `@dataclass(slots=True)`: its fields are its state. A field with a frozen
dataclass holds parameters; these are not saved, the object to restore has its own.

Must never run code from a file: a value is accepted only as the type that its field declares.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin


class StateError(ValueError):
    """The saved state does not fit this object: another version, another rate, or a damaged file."""


def save(obj: object) -> dict[str, Any]:
    """Every field of `obj`, nested, as JSON-able values; enums by name."""
    return {name: _plain(getattr(obj, name)) for name, _ in _declared(obj)}


def restore(obj: object, state: Any) -> None:
    """Set every field of `obj`, built with the same parameters, from `save`.

    Raises StateError and changes nothing when the state does not fit.
    """
    for owner, name, value in list(_assignments(obj, state)):
        setattr(owner, name, value)


def _declared(obj: Any) -> Iterator[tuple[str, Any]]:
    """Name and type of every field that is saved."""
    for field in fields(obj):
        if not (is_dataclass(field.type) and getattr(field.type, "__dataclass_params__").frozen):  # noqa: B009
            yield field.name, field.type


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (tuple, list, deque)):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return save(value)


def _assignments(obj: Any, state: Any) -> Iterator[tuple[Any, Any, Any]]:
    """(owner, field, value) of everything that is to be set."""
    declared = dict(_declared(obj))
    if not isinstance(state, dict) or state.keys() != declared.keys():
        raise _misfit(type(obj).__name__)
    for name, kind in declared.items():
        current = getattr(obj, name)
        if is_dataclass(current):
            yield from _assignments(current, state[name])
        else:
            rebuilt = _rebuilt(state[name], kind, f"{type(obj).__name__}.{name}")
            yield obj, name, deque(rebuilt, current.maxlen) if isinstance(current, deque) else rebuilt


def _rebuilt(value: Any, kind: Any, where: str) -> Any:
    """`value` as the declared type: a number, text, enum, a row of those, or None where that is allowed."""
    if isinstance(kind, UnionType):
        if value is None:
            return None
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    origin = get_origin(kind) or kind
    if issubclass(origin, Enum) and isinstance(value, str) and value in origin.__members__:
        return origin[value]
    if issubclass(origin, (tuple, list, deque)) and isinstance(value, list):
        kinds = get_args(kind)
        if origin is not tuple or Ellipsis in kinds:  # any number of the same
            kinds = kinds[:1] * len(value)
        if len(kinds) == len(value):
            return origin(_rebuilt(part, one, where) for part, one in zip(value, kinds, strict=True))
    if type(value) is origin or (type(value) is int and origin is float):
        return value
    raise _misfit(where)


def _misfit(where: str) -> StateError:
    return StateError(f"saved state does not fit {where}: recorded by another version?")
