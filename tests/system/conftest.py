"""Builds the shim once and gives each test a simulated Pi header of its own."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pisim import header

REPETITIONS = int(os.environ.get("REARGUARD_REPETITIONS", "10"))
SHIM_SOURCE = Path(header.__file__).with_name("pishim.c")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: run tests/system-packages.sh test")
    library = tmp_path_factory.mktemp("pisim") / "pishim.so"
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SHIM_SOURCE, "-ldl"],
        check=True,
    )
    return library


@pytest.fixture
def new_header(tmp_path: Path) -> Iterator[Callable[..., header.Header]]:
    made: list[header.Header] = []

    def make(persist: bool = True) -> header.Header:
        made.append(header.Header(tmp_path / "header.sock", persist))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def on_a_pi(shim: Path, tmp_path: Path) -> dict[str, str]:
    """The environment in which a program finds the simulated header."""
    return header.environment(shim, tmp_path / "header.sock", tmp_path / "root")
