"""Owns the settings of the fleet page: where messages come from, where they are kept, where the page is shown."""

import secrets
import ssl
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from firmware_py.fleet.keep import Keep
from sensors.advice import ConfigError


class Settings(BaseModel):
    """Without a file: one computer, mosquitto beside it, and SQLite in this folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    broker: str = Field(
        default="mqtt://127.0.0.1:1883",
        pattern=r"^mqtts?://",
        description="mqtts:// with TLS; a cluster's brokers separated by commas",
    )
    store: str = Field(
        default="sqlite:///fleet.sqlite", description="sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"
    )
    root: str = Field(default="", pattern=r"^[A-Za-z0-9_/-]*$", description="before the site in topics")
    host: str = Field(default="127.0.0.1", description="where the page listens")
    port: int = Field(default=8770, ge=1, le=65535)
    language: Literal["en", "de"] = Field(default="en", description="of the pages")
    secret_file: str = Field(
        default="fleet.secret", description="signs the sessions; made at the first start"
    )
    device_page: str = Field(
        default="",
        pattern=r"^(https?://[A-Za-z0-9_.:{}-]+)?$",
        description="where a treadmill's own page is, such as http://{device}.local:8765; empty: no reports",
    )
    device_password_file: str = Field(default="", description="the password of these pages")
    certificates: str = Field(
        default="fleet-certificates",
        description="folder of the authority; its ca.key is the fleet's root of trust",
    )
    device_port: int = Field(
        default=8883, ge=1, le=65535, description="the broker's port for enrolled treadmills"
    )
    events_days: int = Field(default=Keep().events_days, ge=1, le=3650, description="events go after this")
    incidents_days: int = Field(default=Keep().incidents_days, ge=1, le=3650)
    silent_days: int = Field(
        default=Keep().silent_days, ge=1, le=3650, description="a treadmill that is gone"
    )
    most_devices: int = Field(default=Keep().most_devices, ge=1, le=200_000, description="more are refused")

    @field_validator("device_page")
    @classmethod
    def _names_only(cls, value: str) -> str:
        try:
            value.format(device="d", site="s")
        except (KeyError, IndexError, ValueError):
            raise ValueError("only {device} and {site} can stand in it") from None
        return value

    @property
    def bounds(self) -> Keep:
        """How long what arrives is kept."""
        return Keep(self.events_days, self.incidents_days, self.silent_days, self.most_devices)

    def tls(self) -> ssl.SSLContext:
        """For mqtts: the fleet's own authority and the page's certificate, once they are made; else the system's."""
        folder = Path(self.certificates)
        own = folder / "ca.pem"
        context = ssl.create_default_context(cafile=str(own) if own.exists() else None)
        if (folder / "fleet.pem").exists():
            context.load_cert_chain(folder / "fleet.pem", folder / "fleet.key")
        return context

    def secret(self) -> str:
        """The signing key, made when there is none."""
        path = Path(self.secret_file)
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32), encoding="ascii")
        return path.read_text(encoding="ascii")


def load(path: Path | None) -> Settings:
    """Raises ConfigError with every mistake at once."""
    if path is None:
        return Settings()
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise ConfigError(
            f"fleet: cannot read {path}: {error.strerror}", "", "name another --config"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"fleet: {path} is not TOML: {error}") from None
    except ValidationError as error:
        lines = [f"fleet: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ConfigError("\n".join(lines)) from None
