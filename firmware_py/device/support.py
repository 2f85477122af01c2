"""`rearguard support`: one archive to send when asking for help. Must never hold a password, a name or an address."""

import json
import platform
import re
import subprocess
import time
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_py import __version__
from firmware_py.config import Config, load_of_device
from firmware_py.device.check import look
from firmware_py.device.language import speak
from firmware_py.device.service import COURIER, GUARD, refuse_while_armed
from firmware_py.device.status import gather
from firmware_py.locale import translate as _
from firmware_py.storage.written import read_text, replacing
from sensors.advice import Failure

LOG_LINES = 3000
CHECK_S = 2.0
PRIVATE = 0o600
SET, ANYWHERE = "(set)", "0.0.0.0"
HIDDEN = ("user", "host", "root", "device_id", "password_file", "people_file", "ca_file", "link_address")


def support(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("rearguard-support.zip"),
    config: Annotated[
        Path | None, typer.Option(help="TOML file; else the installed one, else the defaults.")
    ] = None,
) -> None:
    """Make one archive for asking for help: versions, check, logs, configuration without names and passwords.

    Example: sudo rearguard support
    """
    speak(config)
    refuse_while_armed("support")
    settings = load_of_device(config)
    file = file.absolute()  # lgpio changes the working directory
    try:
        with replacing(file, PRIVATE) as whole, zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in contents(settings):
                archive.writestr(name, text)
    except OSError as error:
        raise Failure(
            f"support: {file} cannot be written ({error.strerror})",
            "Usually the disk is full, or the folder belongs to somebody else",
            "name another place",
        ) from None
    typer.echo(_("{file}: look into it before you send it").format(file=file), err=True)


def contents(settings: Config) -> list[tuple[str, str]]:
    """Every file of the archive. What the configuration hides is hidden in the logs, too."""
    checks = [json.dumps(line.as_json()) for line in look(settings, CHECK_S)]
    found = [
        ("versions.txt", _versions()),
        ("check.jsonl", "\n".join(checks) + "\n"),
        ("status.json", json.dumps(gather(settings), indent=1)),
        ("config.json", json.dumps(without_secrets(settings), indent=1)),
        ("setup.json", _theirs(Path(settings.courier.state_dir) / "setup/progress.json")),
        *((f"{unit}.log", _log(unit)) for unit in (GUARD, COURIER)),
        ("boot.txt", _text(Path("/boot/firmware/config.txt"))),
    ]
    hide = _hidden(settings)
    return [(name, hide.sub(SET, text)) for name, text in found]


def _hidden(settings: Config) -> re.Pattern[str]:
    """Every hidden setting that a person has changed, as a whole word."""
    usual = Config().model_dump(mode="json")
    values = {
        value
        for name, section in settings.model_dump(mode="json").items()
        for key in HIDDEN
        if (value := section.get(key)) and value != usual[name][key]
    } - {ANYWHERE}
    words = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)" if words else r"(?!)")


def without_secrets(settings: Config) -> dict[str, Any]:
    """The configuration; names, addresses and places of secrets only as set or not."""
    shown = settings.model_dump(mode="json")
    for section in shown.values():
        for key in HIDDEN:
            if section.get(key):
                section[key] = SET
    return shown


def _versions() -> str:
    lines = [
        f"rearguard {__version__}",
        f"python {platform.python_version()}",
        f"kernel {platform.release()} {platform.machine()}",
        f"model {_text(Path('/proc/device-tree/model')).rstrip(chr(0))}",
        f"made {time.strftime('%Y-%m-%d %H:%M:%S %z')}",
        _text(Path("/etc/os-release")),
        *sorted(f"{one.metadata['Name']} {one.version}" for one in distributions()),
    ]
    return "\n".join(lines) + "\n"


def _log(unit: str) -> str:
    command = [
        "journalctl",
        "-u",
        unit,
        "-n",
        str(LOG_LINES),
        "-o",
        "short-iso",
        "--no-pager",
        "--no-hostname",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return "no journal here\n"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _theirs(path: Path) -> str:
    """A file in a folder where another user may plant a link to what must not be sent."""
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError):
        return ""
