"""Storage in trouble for one process: it stalls while a file exists, refuses while another does; and a small disk."""

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.compiled import compiled


def bad_disk(folder: Path) -> dict[str, str]:
    """The environment of a process whose writes go through the shim; `folder` holds the two files."""
    shim = compiled(Path(__file__).with_name("bad_disk.c"), folder)
    return {"LD_PRELOAD": str(shim), "STALL": str(folder / "stall"), "REFUSE": str(folder / "refuse")}


@contextlib.contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """A file system of its own in `folder`; yields the file that fills it up once `fill` is called."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder / "filler"
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(filler: Path) -> None:
    """Take every byte that is left."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


@contextlib.contextmanager
def disk_full_after(size_bytes: int) -> Iterator[None]:
    """The kernel itself refuses every byte of a file beyond this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
