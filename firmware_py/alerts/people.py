"""Owns who is told and how: a file of its own, because addresses and tokens are secrets and the configuration is not.

Must never be written into a recording, an event or the page.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from firmware_py.alerts.classes import Urgency
from firmware_py.alerts.policy import Contact
from sensors.advice import ConfigError


class Person(BaseModel):
    """One person or room."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=60)
    channel: Literal["webhook", "ntfy", "mail", "apprise"]
    address: str = Field(min_length=3, max_length=500, description="an address of the channel's own form")
    classes: tuple[Urgency, ...] = (Urgency.HELP, Urgency.LOOK)
    after_s: float = Field(
        0.0, ge=0.0, le=3600.0, description="HELP: only when nobody has acknowledged for so long"
    )
    token: str = Field("", max_length=500, description="ntfy: access token; webhook: sent as Bearer")
    server: str = Field("", max_length=200, description="mail: host:port of the mail server")
    user: str = ""
    password: str = ""
    sender: str = Field("", description="mail: From address")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.channel in ("webhook", "ntfy") and not self.address.startswith(("http://", "https://")):
            raise ValueError(f"{self.name}: address must begin with http:// or https://")
        if self.channel == "mail" and not (self.server and "@" in self.address and "@" in self.sender):
            raise ValueError(
                f"{self.name}: mail needs an address, a sender and a server such as mail.example:587"
            )
        return self

    @property
    def contact(self) -> Contact:
        return Contact(self.name, frozenset(self.classes), self.after_s)


class People(BaseModel):
    """Everybody. Names are unique: a delivery belongs to a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: tuple[Person, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [person.name for person in self.to]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]} stands twice: give each its own")
        return self


def text(people: People) -> str:
    """As the file holds it; what is as usual is left out. A JSON text, number or list is one of TOML, too."""
    tables = []
    for person in people.to:
        lines = (f"{key} = {_toml(value)}" for key, value in _set(person).items())
        tables.append("\n".join(("[[to]]", *lines)))
    return "\n\n".join(tables) + "\n"


def _set(person: Person) -> dict[str, Any]:
    return person.model_dump(mode="json", exclude_defaults=True)


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def load(path: Path) -> People:
    """Raises ConfigError with every mistake at once."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return People.model_validate(raw)
    except OSError as error:
        raise ConfigError(
            f"alerts: cannot read {path} ({error.strerror})", "", "write it as docs/gym.md shows"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            f"alerts: {path} is not TOML: {error}", "Usually a missing quote or bracket", "correct that line"
        ) from None
    except ValidationError as error:
        lines = []
        for one in error.errors():
            where = ".".join(str(part) for part in one["loc"])
            lines.append(
                f"alerts: {path.name}: {where}: {one['msg'].removeprefix('Value error, ')}".replace(
                    ": :", ":"
                )
            )
        raise ConfigError("\n".join(lines)) from None
