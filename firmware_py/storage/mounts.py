"""Owns the question whether a folder is remembered: not on a file system that forgets at power-off or takes no writes.

Must never write. The installer's look before uses this very file (a link in systemd/), so it imports the standard
library only.
"""

import os
from pathlib import Path
from typing import NamedTuple

FORGETFUL = ("overlay", "overlayfs", "aufs", "unionfs", "fuse.fuse-overlayfs", "tmpfs", "ramfs")
IN_MEMORY = ("/dev/ram", "/dev/zram")
# What raspi-config and overlayroot put into the kernel's command line.
OVERLAY_WORDS = ("boot=overlay", "overlayroot=")
COMMAND_LINES = ("boot/firmware/cmdline.txt", "boot/cmdline.txt")
CURE = (
    "switch the read-only mode off (raspi-config nonint do_overlayfs 1, then reboot), or give these folders a "
    "partition of their own that can be written"
)


class Mount(NamedTuple):
    """One line of the kernel's table of mounts."""

    place: str
    kind: str
    source: str
    options: frozenset[str]


def trouble(root: Path, folder: str) -> str:
    """Why what is written to `folder` would be lost, in a few words; "" when it stays. `root` is / on the device."""
    mount = _mount_of(root, folder)
    if mount is None:
        return ""
    if mount.kind in FORGETFUL:
        return f"{folder} lies on {mount.kind}, which forgets everything at power-off"
    if mount.source.startswith(IN_MEMORY):
        return f"{folder} lies in memory ({mount.source}), which forgets everything at power-off"
    if "ro" in mount.options:
        return f"{folder} is mounted read-only"
    if mount.place == "/" and (word := _overlay_at_next_boot(root)):
        return f"{folder} will forget everything from the next boot on ({word} in cmdline.txt)"
    return ""


def _mount_of(root: Path, folder: str) -> Mount | None:
    """The mount that `folder` lies on, also when the folder is still to be made; None where nothing is known."""
    try:
        lines = (root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    real = os.path.realpath(root / folder.lstrip("/"))
    inside = os.path.normpath(f"/{os.path.relpath(real, os.path.realpath(root))}")
    mounts = [mount for mount in map(_parsed, lines) if mount is not None]
    over = [m for m in mounts if (inside + "/").startswith(m.place.rstrip("/") + "/")]
    # Of two at the same place the later one covers the earlier.
    return max(enumerate(over), key=lambda pair: (len(pair[1].place), pair[0]))[1] if over else None


def _parsed(line: str) -> Mount | None:
    """proc(5), mountinfo: six fields, optional ones, a dash, then type, source and the options of the super block."""
    before, dash, after = line.partition(" - ")
    fields, (kind, source, above) = before.split(), (*after.split(), "", "", "")[:3]
    if not dash or len(fields) < 6:  # noqa: PLR2004
        return None
    place = fields[4].encode().decode("unicode_escape", errors="replace")  # a blank is written \\040
    return Mount(place, kind, source, frozenset((*fields[5].split(","), *above.split(","))))


def _overlay_at_next_boot(root: Path) -> str:
    for name in COMMAND_LINES:
        try:
            words = (root / name).read_text(encoding="utf-8", errors="replace").split()
        except OSError:
            continue
        return next((w for w in words if w.startswith(OVERLAY_WORDS) and w != "overlayroot=disabled"), "")
    return ""
