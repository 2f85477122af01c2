"""Compiles the C of the tests into a library that a process loads first."""

import shutil
import subprocess
from pathlib import Path

import pytest

needs_gcc = pytest.mark.skipif(
    not shutil.which("gcc"), reason="gcc is not installed: sh tests/system-packages.sh test"
)


def compiled(source: Path, folder: Path) -> Path:
    """The library, in `folder`. A warning is an error."""
    library = folder / source.with_suffix(".so").name
    flags = ("-O2", "-Wall", "-Werror", "-shared", "-fPIC")
    subprocess.run(["gcc", *flags, "-o", library, source, "-ldl"], check=True)
    return library
