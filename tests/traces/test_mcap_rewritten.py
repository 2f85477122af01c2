"""Recordings that other MCAP tools have rewritten: every conformant form gives the same frames and agrees."""

import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType, IndexType, Writer

from firmware_py.core.frame import Frame
from firmware_py.traces.mcap_reader import read_mcap
from firmware_py.traces.replay import replay_file
from sensors.advice import Failure
from tests.traces.make import record

Row = tuple[Any, Any, Any]  # schema, channel, message of the official reader


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Frame]]:
    path = tmp_path_factory.mktemp("recorded") / "walk.mcap"
    return path, record(path, 6.0)


def rows_of(path: Path) -> list[Row]:
    with path.open("rb") as file:
        return list(make_reader(file).iter_messages(log_time_order=False))


def rewrite(
    path: Path, rows: list[Row], number: bool = True, library: str = "mcap go v1.7.4", **options: Any
) -> Path:
    """The same messages, written by the official writer."""
    with path.open("wb") as file:
        writer = Writer(file, **options)
        writer.start("rearguard", library)
        channels: dict[str, int] = {}
        for schema, channel, message in rows:
            if channel.topic not in channels:
                schema_id = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.topic] = writer.register_channel(channel.topic, "json", schema_id)
            sequence = message.sequence if number else 0
            writer.add_message(
                channels[channel.topic], message.log_time, message.data, message.publish_time, sequence
            )
        writer.finish()  # type: ignore[no-untyped-call]
    return path


def in_file_order(rows: list[Row]) -> list[Row]:
    return rows


def sorted_by_time_and_topic(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row[2].log_time, row[1].topic))


def topic_by_topic(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row[1].topic)


def shuffled(rows: list[Row]) -> list[Row]:
    return random.Random(3).sample(rows, len(rows))


ORDERS = (in_file_order, sorted_by_time_and_topic, topic_by_topic, shuffled)
FORMS = [
    {"compression": compression, "use_chunking": chunks, "enable_crcs": crcs, "enable_data_crcs": crcs}
    for compression, chunks, crcs in product(CompressionType, (True, False), (True, False))
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
@pytest.mark.parametrize("number", [True, False], ids=["numbered", "without-numbers"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_conformant_form_gives_the_same_frames(
    tmp_path: Path, recorded: tuple[Path, list[Frame]], order: Any, number: bool, form: dict[str, Any]
) -> None:
    path = rewrite(tmp_path / "t.mcap", order(rows_of(recorded[0])), number, **form)
    trace = read_mcap(path)
    assert list(trace.frames) == recorded[1]
    assert trace.notes == [] and len(trace.checkpoints) == 6


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.__name__)
def test_the_replay_of_a_rewritten_file_agrees(
    tmp_path: Path, recorded: tuple[Path, list[Frame]], order: Any
) -> None:
    path = rewrite(tmp_path / "t.mcap", order(rows_of(recorded[0])), False, compression=CompressionType.LZ4)
    summary, original = replay_file(path), replay_file(recorded[0])
    assert summary.agrees is True and summary.decisions_sha256 == original.decisions_sha256


def test_a_file_without_summary_or_index_is_read(tmp_path: Path, recorded: tuple[Path, list[Frame]]) -> None:
    path = rewrite(
        tmp_path / "t.mcap",
        rows_of(recorded[0]),
        index_types=IndexType.NONE,
        repeat_channels=False,
        repeat_schemas=False,
        use_statistics=False,
        use_summary_offsets=False,
    )
    assert list(read_mcap(path).frames) == recorded[1]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_rewritten_file_that_was_cut_is_read_as_far_as_it_goes(
    tmp_path: Path, recorded: tuple[Path, list[Frame]], form: dict[str, Any]
) -> None:
    whole = rewrite(tmp_path / "t.mcap", rows_of(recorded[0]), chunk_size=32_768, **form).read_bytes()
    path = tmp_path / "cut.mcap"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    trace = read_mcap(path)
    frames = list(trace.frames)
    assert 100 < len(frames) < len(recorded[1]) and frames == recorded[1][: len(frames)]
    assert trace.notes[0].startswith("cut short")


def test_a_wrong_crc_is_damage_in_a_rewritten_file_too(
    tmp_path: Path, recorded: tuple[Path, list[Frame]]
) -> None:
    form = {"compression": CompressionType.NONE, "chunk_size": 32_768}
    data = bytearray(rewrite(tmp_path / "t.mcap", rows_of(recorded[0]), **form).read_bytes())
    at = data.find(b'"late_ns":0', len(data) // 2)
    data[at + 10 : at + 11] = b"7"
    path = tmp_path / "harmed.mcap"
    path.write_bytes(data)
    trace = read_mcap(path)
    frames = list(trace.frames)
    assert frames == recorded[1][: len(frames)] and "CRC is wrong" in trace.notes[0]


def test_frames_that_a_filter_took_are_not_called_other_decisions(
    tmp_path: Path, recorded: tuple[Path, list[Frame]]
) -> None:
    rows = rows_of(recorded[0])
    begin_ns = rows[0][2].log_time + 2_000_000_000
    kept = [row for row in rows if row[1].topic == "config" or row[2].log_time >= begin_ns]
    summary = replay_file(rewrite(tmp_path / "t.mcap", kept))
    assert summary.agrees is None
    assert any("not compared" in note for note in summary.notes)


def test_two_recordings_merged_into_one_file_are_named(
    tmp_path: Path, recorded: tuple[Path, list[Frame]]
) -> None:
    rows = rows_of(recorded[0])
    other = rewrite(tmp_path / "a.mcap", rows)
    schema, channel, message = next(row for row in rows if row[1].topic == "config")
    changed = type(message)(
        message.channel_id,
        message.log_time,
        message.data.replace(b"0.0.test", b"0.1.test"),
        message.publish_time,
        0,
    )
    merged = rewrite(tmp_path / "b.mcap", [*rows_of(other), (schema, channel, changed)])
    with pytest.raises(Failure, match="different recordings"):
        read_mcap(merged)


@pytest.mark.parametrize("name", ["bz2", "snappy"])
def test_an_unknown_packing_is_named_with_the_command_that_converts(
    tmp_path: Path, recorded: tuple[Path, list[Frame]], name: str
) -> None:
    data = rewrite(tmp_path / "t.mcap", rows_of(recorded[0])).read_bytes()
    at = data.index(b"\x04\0\0\0zstd")
    word = name.encode().ljust(4, b" ")[:4]
    path = tmp_path / "other.mcap"
    path.write_bytes(data[: at + 4] + word + data[at + 8 :])
    with pytest.raises(Failure, match=r"is not read here.*mcap compress"):
        read_mcap(path)


def test_a_file_of_another_program_is_named_by_its_topics(tmp_path: Path) -> None:
    path = tmp_path / "robot.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start("ros2", "libmcap 1.0")
        channel = writer.register_channel("/imu/data", "cdr", 0)
        writer.add_message(channel, 0, b"\0\1\0\0", 0)
        writer.finish()  # type: ignore[no-untyped-call]
    with pytest.raises(Failure, match=r"/imu/data, written by libmcap 1.0.*trace import") as caught:
        read_mcap(path)
    assert "damaged" not in str(caught.value)


def test_a_recording_without_a_frame_is_an_error(tmp_path: Path, recorded: tuple[Path, list[Frame]]) -> None:
    rows = [row for row in rows_of(recorded[0]) if row[1].topic == "config"]
    with pytest.raises(Failure, match="holds no frames"):
        replay_file(rewrite(tmp_path / "t.mcap", rows))


def test_a_file_whose_imu_messages_are_alone_is_named(
    tmp_path: Path, recorded: tuple[Path, list[Frame]]
) -> None:
    rows = [row for row in rows_of(recorded[0]) if row[1].topic == "imu"]
    with pytest.raises(Failure, match=r"'config' is missing.*filtered"):
        read_mcap(rewrite(tmp_path / "t.mcap", rows))
