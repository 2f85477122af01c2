"""`rearguard update BUNDLE` and `rollback`: another version in one step, or the one before. Must never touch an armed
device, and never start a bundle that is damaged or for another computer.
"""

import hashlib
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from firmware_py.device.language import speak
from firmware_py.device.service import refuse_while_armed
from firmware_py.locale import mark
from firmware_py.locale import translate as _
from sensors.advice import ConfigError, Failure, in_short

INSTALLER = Path("/opt/rearguard/current/share/install.py")
HEAD_BYTES = 4096
FIELDS = ("version", "machine", "payload_bytes", "payload_sha256")
CHUNK = 1 << 20
UNCHANGED = mark("nothing was changed")


class Head(NamedTuple):
    """What a bundle says about itself (systemd/bundle.py)."""

    version: str
    machine: str
    payload_bytes: int
    payload_sha256: str


def update(
    bundle: Annotated[Path, typer.Argument(help="A file rearguard-VERSION-MACHINE.run.")],
) -> None:
    """Install another version from a bundle, without a network. What does not start here is rolled back by itself.

    Example: sudo rearguard update rearguard-0.2.0-aarch64.run
    """
    speak()
    refuse_while_armed("update")
    found = examine(bundle)
    need_root("update")
    typer.echo(_("update: to {version}").format(version=found.version), err=True)
    raise typer.Exit(subprocess.run(["/bin/sh", bundle.resolve(), "install"], check=False).returncode)


def rollback() -> None:
    """Go back to the version before this one.

    Example: sudo rearguard rollback
    """
    speak()
    refuse_while_armed("rollback")
    if not INSTALLER.exists():
        raise Failure(
            "rollback: nothing is installed here", "Usually this is the source tree", "run it on the device"
        )
    need_root("rollback")
    raise typer.Exit(subprocess.run(["/usr/bin/python3", INSTALLER, "rollback"], check=False).returncode)


def need_root(command: str) -> None:
    """Raises ConfigError for anybody else."""
    if os.geteuid() != 0:
        raise ConfigError(
            f"{command}: not root", "It changes the installed files", f"type: sudo rearguard {command}"
        )


def examine(bundle: Path) -> Head:
    """Raises Failure when this is no bundle, one for another computer, or damaged."""
    try:
        with bundle.open("rb") as file:
            text = file.read(HEAD_BYTES).decode("ascii", errors="replace")
            found = dict(re.findall(r"^(\w+)=(\S+)$", text, re.MULTILINE))
            if not text.startswith("#!/bin/sh\n# Rearguard ") or not all(name in found for name in FIELDS):
                raise _refused(
                    f"{bundle} is no bundle", "Usually another file", "name the file that ends in .run"
                )
            head = Head(
                found["version"], found["machine"], int(found["payload_bytes"]), found["payload_sha256"]
            )
            if head.machine != platform.machine():
                raise _refused(
                    f"{bundle} is for {head.machine} and this computer is {platform.machine()}",
                    "It was made for another computer",
                    f"take the bundle for {platform.machine()}",
                )
            file.seek(max(0, bundle.stat().st_size - head.payload_bytes))
            digest = hashlib.sha256()
            while data := file.read(CHUNK):
                digest.update(data)
    except (OSError, ValueError) as error:
        raise _refused(
            f"{bundle} cannot be read ({in_short(error)})", "Usually a wrong name", "name the bundle"
        ) from None
    if digest.hexdigest() != head.payload_sha256:
        raise _refused(
            f"{bundle} is damaged: its checksum is wrong",
            "Usually a broken copy",
            "copy or download it again",
        )
    return head


def _refused(what: str, why: str, do: str) -> Failure:
    return Failure(f"update: {what}", why, f"{do}; {UNCHANGED}")
