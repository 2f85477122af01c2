"""`rearguard backup FILE` and `restore FILE`: configuration, sessions, incidents and the walkers' plans in one file.

Must never put a password into it, never restore a file whose sum, name or configuration is wrong, and never replace a
plan: only the person who answers for it knows which of two holds.
"""

import hashlib
import json
import re
import shutil
import sqlite3
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from firmware_py import __version__
from firmware_py.coach.diary import WALKER
from firmware_py.coach.plan import plans
from firmware_py.config import INSTALLED, Config, load
from firmware_py.device.language import speak
from firmware_py.device.service import COURIER, GUARD, refuse_while_armed, systemctl
from firmware_py.device.settings import save
from firmware_py.guard.service import only_instance
from firmware_py.locale import mark
from firmware_py.locale import translate as _
from firmware_py.storage import record
from firmware_py.storage.written import as_owner, read_bytes, replacing
from sensors.advice import ConfigError, Failure, in_short

PLANS = "programmes"
NAMES = re.compile(
    r"config\.toml|events\.sqlite|incidents/[A-Za-z0-9_][A-Za-z0-9_.+:-]*"
    rf"|{PLANS}/{WALKER.pattern}\.toml"
)
SHARED = 0o640  # in the courier's own folder
READABLE = 0o644  # a plan: the courier reads it, and its folder may be root's
PRIVATE = 0o600  # it is about people
MOST_BYTES = 4_000_000_000  # of one file; a zip may claim more than it holds
RESTORED = mark(
    "Files restored: {count}. Passwords were not in it: set them with `sudo rearguard setup network`, and alerts with "
    "`sudo rearguard setup alerts`."
)
KEPT = mark(
    "The plan of {walker} is not the one in the backup. It stays. For the one in the backup, remove {file} and restore "
    "again."
)
MEASURE = mark(
    "The treadmill was measured otherwise since this backup, or it is another one. The device does not arm: run "
    "`sudo rearguard setup commission`."
)
FILE = Annotated[Path, typer.Argument(help="The backup, a .zip.")]
CONFIG = Annotated[Path, typer.Option(help="The device's TOML file.")]


def backup(file: FILE, config: CONFIG = INSTALLED) -> None:
    """Save configuration, sessions, incidents and plans in one file. Passwords stay on the device.

    Example: sudo rearguard backup /media/usb/rearguard.zip
    """
    speak(config if config.exists() else None)
    refuse_while_armed("backup")
    settings = load(config)
    try:
        with replacing(file, PRIVATE) as whole, zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            sums = {}
            for name, data in _contents(config, settings):
                archive.writestr(name, data)
                sums[name] = hashlib.sha256(data).hexdigest()
            about = {
                "version": __version__,
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "files": sums,
            }
            archive.writestr("manifest.json", json.dumps(about, indent=1))
    except (OSError, sqlite3.Error) as error:
        raise Failure(
            f"backup: {file} cannot be written ({in_short(error)})",
            "Usually the disk is full or the folder is missing",
            "name another place",
        ) from None
    typer.echo(_("Saved in {file}. Files: {count}.").format(count=len(sums), file=file), err=True)


def _contents(config: Path, settings: Config) -> Iterator[tuple[str, bytes]]:
    """One file after the other: a year of incidents is more than a small Pi's memory. Raises OSError, sqlite3.Error."""
    state = Path(settings.courier.state_dir)
    yield "config.toml", config.read_bytes()
    if (state / "events.sqlite").exists():
        yield "events.sqlite", _database(state / "events.sqlite")
    for room, folder in (("incidents", state / "incidents"), (PLANS, plans.folder_of(settings))):
        for path in sorted(folder.glob("*")):
            if NAMES.fullmatch(f"{room}/{path.name}") and stat.S_ISREG(path.lstat().st_mode):
                yield f"{room}/{path.name}", read_bytes(path)


def _database(path: Path) -> bytes:
    """A copy of one moment, though the courier may write meanwhile. Raises sqlite3.Error."""
    with as_owner(path.parent), tempfile.TemporaryDirectory() as room:
        copy = Path(room) / "copy.sqlite"
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(copy)) as still,
        ):
            live.backup(still)
            still.execute("PRAGMA journal_mode=DELETE")
        return copy.read_bytes()


def restore(file: FILE, config: CONFIG = INSTALLED) -> None:
    """Put a backup back: it replaces configuration and sessions, and adds incidents and plans that are missing.

    A plan on the device stays as it is, and is named when the backup holds another. Passwords are set anew.

    Example: sudo rearguard restore /media/usb/rearguard.zip
    """
    speak(config if config.exists() else None)
    refuse_while_armed("restore")
    contents = examine(file)
    restored = _config_of(contents["config.toml"])
    state = Path(restored.courier.state_dir)
    _refuse_without_room(state, sum(map(len, contents.values())))
    refuse_while_armed("restore")  # a large backup takes a while to read
    systemctl("stop", GUARD, COURIER)
    try:
        with only_instance(restored.guard_lock):
            _put(contents, restored, state, config)
            kept = _put_plans(contents, plans.folder_of(restored))
    except OSError as error:
        raise Failure(
            f"restore: {error.filename or state} cannot be written ({error.strerror})",
            "Usually the disk is full, or it was not run with sudo",
            "free some space, then restore again",
        ) from None
    finally:
        systemctl("start", "--no-block", GUARD, COURIER)
    typer.echo(_(RESTORED).format(count=len(contents) - len(kept)), err=True)
    if record.missing(restored, config):
        typer.echo(_(MEASURE), err=True)
    for path in kept:
        typer.echo(_(KEPT).format(walker=path.stem, file=path), err=True)


def examine(file: Path) -> dict[str, bytes]:
    """The files of a backup by name. Raises Failure when it is no backup, or damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            sums = json.loads(archive.read("manifest.json"))["files"]
            if "config.toml" not in sums or not all(NAMES.fullmatch(name) for name in sums):
                raise ValueError("it holds other files")
            if any(archive.getinfo(name).file_size > MOST_BYTES for name in sums):
                raise ValueError("it is too large")
            contents = {name: archive.read(name) for name in sums}
        wrong = [name for name, data in contents.items() if hashlib.sha256(data).hexdigest() != sums[name]]
        if wrong:
            raise ValueError(f"the checksum of {wrong[0]} is wrong")
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, AttributeError, ValueError) as error:
        raise Failure(
            f"restore: {file} is no backup, or damaged ({in_short(error)}); nothing was changed",
            "Usually a broken copy or another file",
            "name another backup",
        ) from None
    return contents


def _config_of(data: bytes) -> Config:
    """Raises ConfigError when this version does not take it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            return load(Path(file.name))
        except ConfigError as error:
            raise ConfigError(
                f"restore: this version does not take the configuration; nothing was changed:\n{error}"
            ) from None


def _refuse_without_room(state: Path, wanted_bytes: int) -> None:
    """Raises Failure when the folder of the sessions is missing, as on a disk that is not connected, or too full."""
    if not state.is_dir():
        raise Failure(
            f"restore: the sessions of this backup belong to {state}, and {state} is not there; nothing was changed",
            "Usually a disk that is not connected",
            "connect it, or make that folder, then restore again",
        )
    if shutil.disk_usage(state).free < wanted_bytes:
        raise Failure(
            f"restore: {wanted_bytes // 1_000_000 + 1} MB are needed at {state}; nothing was changed",
            "The disk is full",
            "free some space, then restore again",
        )


def _put(contents: dict[str, bytes], restored: Config, state: Path, path: Path) -> None:
    """Each file whole or not at all; a restore that was cut off is done again. Raises OSError."""
    for name, data in contents.items():
        target = state / name
        if (
            name == "config.toml"
            or name.startswith(f"{PLANS}/")
            or (name.startswith("incidents/") and target.exists())
        ):
            continue
        if name == "events.sqlite":
            with as_owner(state):
                for tail in ("-wal", "-shm"):
                    (state / f"{name}{tail}").unlink(missing_ok=True)
        with replacing(target, SHARED) as file:
            file.write(data)
    save(restored, path)
    if restored.belt.commissioned and not record.path_of(path).exists():
        record.keep(restored, path)


def _put_plans(contents: dict[str, bytes], folder: Path) -> list[Path]:
    """Plans that are missing; the ones that differ stay, and are returned. Raises Failure."""
    kept = []
    for name, data in contents.items():
        if not name.startswith(f"{PLANS}/"):
            continue
        path = folder / Path(name).name
        try:
            with replacing(path, READABLE, overwrite=False) as file:
                file.write(data)
        except FileExistsError:
            if not _is(path, data):
                kept.append(path)
        except OSError as error:
            raise Failure(
                f"restore: the plan {path} cannot be written ({error.strerror}); all but the plans is restored",
                "Usually the folder belongs to root",
                f"run `sudo chown -R rearguard-courier: {folder}`, then restore again",
            ) from None
    return kept


def _is(path: Path, data: bytes) -> bool:
    try:
        return read_bytes(path) == data
    except OSError:
        return False
