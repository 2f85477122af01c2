"""Reads and checks a configuration file. Refuses unknown keys, wrong spans and contradictions, all at once."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from firmware_py.config.hardware import AUTO
from firmware_py.config.section import limits, unit_of
from firmware_py.config.whole import Config
from sensors.advice import ConfigError

INSTALLED = Path("/etc/rearguard/config.toml")
LARGEST_FILE = 65_536  # bytes of a configuration; the one that is shipped has 8,000
DECIMAL_COMMA = re.compile(r"^\s*\w+\s*=\s*([+-]?\d+),(\d+)\s*(?:#.*)?$", re.MULTILINE)
LONGEST_LINE = 1_000  # bytes; a key of 30,000 parts keeps the TOML reader busy for a minute


def load(path: Path | None) -> Config:
    """Read a TOML file (None: the defaults). Raises ConfigError with every mistake at once."""
    if path is None:
        return Config()
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE or any(len(line) > LONGEST_LINE for line in data.splitlines()):
            raise ConfigError(
                f"config: {path} has more than {LARGEST_FILE} bytes, or more than {LONGEST_LINE} in a line",
                "Usually a wrong file",
                "`rearguard config` prints one of the right form",
            )
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"config: cannot read {path}: {error.strerror}", do="Give --config the path of a TOML file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"config: {path} is not UTF-8 text", "Usually a wrong file, or one saved by a word processor"
        ) from None
    try:
        return parse(tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, too
        raise ConfigError(f"config: {path} is not TOML: {error}", _why_no_toml(text, str(error))) from None


def _why_no_toml(text: str, error: str) -> str:
    if error.startswith("Cannot"):  # overwrite a value, declare a table twice
        return "Usually a name that stands twice"
    if found := DECIMAL_COMMA.search(text):
        return f"Usually a decimal comma: write {found[1]}.{found[2]}"
    if set(text) & set("\u201c\u201d\u201e\u2018\u2019"):
        return 'Usually quotes of a word processor: write plain ones, "'
    return "Usually a missing quote or bracket on that line"


def load_of_device(path: Path | None) -> Config:
    """`path`, else the installed file, else the defaults: for commands of a person, never for the guard."""
    return load(path or (INSTALLED if INSTALLED.exists() else None))


def parse(raw: dict[str, Any]) -> Config:
    """Build a Config from plain values. Raises ConfigError with every mistake at once."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(explain(error, Config, "config")) from None


def explain(error: ValidationError, model: type[BaseModel], file: str) -> str:
    """Every mistake in a line of its own: key, value, and what is allowed. `file` names what was read."""
    return "\n".join(_explain(dict(e), model, file) for e in error.errors())


def _explain(error: dict[str, Any], model: type[BaseModel], file: str) -> str:
    where = [str(part) for part in error["loc"]]
    key = ".".join(where)
    section = _section_of(model, where[0]) if where else None
    if error["type"] == "extra_forbidden":
        known = _names(section if section and len(where) > 1 else model)
        near = difflib.get_close_matches(where[-1], known, 1, 0.4)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}."
        return f"{file}: {key} is not a setting; {hint}"
    if error["type"] == "value_error":
        return "\n".join(f"{file}: {line}" for line in str(error["ctx"]["error"]).splitlines())
    value = error["input"]
    if not where:
        return f"{file}: it must be a table of settings, not {value!r}."
    if section and len(where) == 1:
        return f"{file}: [{key}] must be a section with settings of its own, not {value!r}."
    field = section.model_fields[where[1]] if section else model.model_fields[where[0]]
    return f"{file}: {key} = {value!r} {_span(field)}."


def _section_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model of a section of this name; None when it is a plain setting or nothing at all."""
    field = model.model_fields.get(name)
    kind = field.annotation if field else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _names(model: type[BaseModel]) -> list[str]:
    return list(model.model_fields)


def _span(field: FieldInfo) -> str:
    if get_args(field.annotation) and all(isinstance(a, str) for a in get_args(field.annotation)):
        return "is none of: " + ", ".join(f'"{a}"' for a in get_args(field.annotation))
    if field.default == AUTO:
        return "must be auto or a number such as 0x6a"
    low, high = limits(field)
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(
        field.annotation if isinstance(field.annotation, type) else object, "of the form shown in config.toml"
    )
    span = f" from {low:g} to {high:g}" if low is not None and high is not None else ""
    return f"must be {kind}{span}{' ' + unit_of(field) if unit_of(field) else ''}"
