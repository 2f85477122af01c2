"""Recordings in the programs that people open them with: Foxglove Studio, and the official MCAP readers."""

import json
import subprocess
from pathlib import Path

import pytest
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader

from firmware_py.traces.mcap_reader import read_mcap
from tests.proof.programs.cache import NotRun, npm
from tests.proof.programs.foxglove import LAYOUT, look
from tests.proof.programs.recordings import make

pytestmark = pytest.mark.longer

READERS = ("@mcap/core@2", "fzstd@0.1", "lz4js@0.2")
DRAWN = 400  # coloured pixels of a panel with a line in it; letters of an event are counted apart


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make(tmp_path_factory.mktemp("recordings"))


@pytest.mark.parametrize("name", ["incident", "imported", "shuffled"])
def test_foxglove_draws_every_topic_and_every_panel(
    tmp_path: Path, recordings: dict[str, Path], name: str
) -> None:
    try:
        seen = look(recordings[name], tmp_path / "foxglove.png")
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    assert seen.problems == []
    with recordings[name].open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    assert seen.topics == sorted(channel.topic for channel in summary.channels.values())
    assert set(seen.panels) == set(json.loads(LAYOUT.read_text())["configById"])
    for panel, marks in seen.panels.items():
        assert marks >= (40 if panel.startswith("RawMessages") else DRAWN), (panel, marks)


def ours(path: Path) -> int:
    return sum(1 for _ in read_mcap(path).frames)


def test_the_official_python_reader_counts_the_frames_that_we_count(recordings: dict[str, Path]) -> None:
    for name, path in recordings.items():
        topics: dict[int, str] = {}
        frames = 0
        with path.open("rb") as file:
            try:
                for record in StreamReader(file, validate_crcs=True).records:
                    if type(record).__name__ == "Channel":
                        topics[record.id] = record.topic  # type: ignore[union-attr]
                    elif type(record).__name__ == "Message":
                        frames += topics[record.channel_id] == "imu"  # type: ignore[union-attr]
            except EndOfFile:
                assert name == "killed"
        assert frames == ours(path) > 1000, name


def test_the_official_javascript_reader_counts_the_frames_that_we_count(recordings: dict[str, Path]) -> None:
    try:
        modules = npm("mcap-readers", *READERS)
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")
    script = Path(__file__).with_name("mcap_count.mjs")
    words = ["node", str(script), str(modules), *map(str, recordings.values())]
    result = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    for (name, path), row in zip(recordings.items(), rows, strict=True):
        assert row["counts"]["imu"] == ours(path), name
        assert row["whole"] == (name != "killed")
        if row["whole"] and name != "without-chunks":
            assert row["indexed"] == sum(row["counts"].values()), name
