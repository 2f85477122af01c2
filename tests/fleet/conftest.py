"""One PostgreSQL for all tests of the fleet; each begins with empty tables."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from firmware_py.fleet import store
from firmware_py.fleet.schema import metadata
from tests.support.engines import Postgres, missing_postgres, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    if why := missing_postgres():
        pytest.skip(why)
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # noqa: PTH101 - PostgreSQL runs as a user of its own
        with postgres(Path(name), "fsync=off") as made:
            yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty store; the same tests with both databases."""
    if request.param == "sqlite":
        made = store.open_store(f"sqlite:///{tmp_path}/fleet.sqlite")
    else:
        made = store.open_store(request.getfixturevalue("server").url)
    yield made
    if request.param == "postgresql":
        metadata.drop_all(made)
    made.dispose()
