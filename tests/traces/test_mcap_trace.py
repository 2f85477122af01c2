"""The MCAP form: frames come back exactly, whatever a kill leaves is readable, no damaged byte gets through."""

import json
import random
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader

from firmware_py.config import Config
from firmware_py.core.frame import Frame
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import save
from firmware_py.core.wire import pack_frame
from firmware_py.traces.mcap_reader import read_mcap
from firmware_py.traces.mcap_writer import McapWriter
from firmware_py.traces.replay import replay_file, replay_frames
from firmware_py.traces.schemas import SCHEMAS, for_viewers, from_viewers
from sensors.advice import Failure
from tests.support.guard_tape import Guard, tape_in
from tests.traces.make import about, any_frame, record, walk


@given(st.lists(any_frame, min_size=2, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True)
def test_any_frames_come_back_bit_for_bit(tmp_path: Path, frames: list[Frame]) -> None:
    frames = [frame._replace(t_ns=n * 5_000_000) for n, frame in enumerate(frames)]
    path = tmp_path / "t.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file, about())
        for frame in frames:
            writer.frame(frame)
        writer.finish()
    trace = read_mcap(path)
    assert [pack_frame(frame) for frame in trace.frames] == [pack_frame(frame) for frame in frames]
    assert trace.notes == []


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Frame]]:
    path = tmp_path_factory.mktemp("recorded") / "walk.mcap"
    return path, record(path)


def test_a_recording_replays_to_the_decisions_it_was_recorded_with(
    recorded: tuple[Path, list[Frame]],
) -> None:
    path, frames = recorded
    trace = read_mcap(path)
    assert list(trace.frames) == frames
    assert max(trace.checkpoints) == len(frames)
    summary = replay_file(path)
    assert summary.decisions_sha256 == trace.checkpoints[len(frames)]
    assert summary.armed_t_s is not None and summary.notes == []


def test_other_decisions_than_recorded_are_said(tmp_path: Path, recorded: tuple[Path, list[Frame]]) -> None:
    summary = replay_file(recorded[0], Config.model_validate({"deck": {"rear_line_percent": 60}}))
    assert "other decisions than recorded" in summary.notes[0]


def test_the_official_reader_and_the_schemas_agree_with_every_message(
    recorded: tuple[Path, list[Frame]],
) -> None:
    topics = set()
    with recorded[0].open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        for schema, channel, message in reader.iter_messages():
            assert (
                schema is not None and channel.message_encoding == "json" and schema.encoding == "jsonschema"
            )
            if channel.topic not in topics or message.sequence % 499 == 0:
                jsonschema.validate(json.loads(message.data), json.loads(schema.data))
            topics.add(channel.topic)
            assert message.log_time - message.publish_time == 1_700_000_000_000_000_000
    assert topics == {"config", "imu", "range", "inputs", "decision", "checkpoint"}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_each_schema_is_one(schema: dict[str, object]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def plain_types(name: str, schema: dict[str, Any]) -> None:
    """What viewers draw: one plain type a property, `properties` for each object, `items` for each array."""
    assert schema.get("type") in ("string", "number", "integer", "boolean", "object", "array"), name
    assert not {"oneOf", "anyOf", "allOf", "$ref"} & set(schema), name
    if schema["type"] == "object":
        for field, inner in schema["properties"].items():
            plain_types(f"{name}.{field}", inner)
    if schema["type"] == "array":
        plain_types(f"{name}[]", schema["items"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_property_has_one_plain_type(name: str) -> None:
    plain_types(name, SCHEMAS[name])


def test_no_message_of_an_incident_breaks_its_schema_or_holds_a_null_where_a_viewer_draws(
    tmp_path: Path,
) -> None:
    tape = tape_in(tmp_path)
    Guard(20.0, (12.0,)).into(tape)
    tape.close()
    (incident,) = (tmp_path / "incidents").glob("*.mcap")
    seen = set()
    with incident.open("rb") as file:
        for _, channel, message in make_reader(file).iter_messages():
            payload = json.loads(message.data)
            if channel.topic not in seen or channel.topic in ("decision", "event", "inputs"):
                jsonschema.validate(payload, SCHEMAS[channel.topic])
            assert channel.topic in ("config", "state") or None not in payload.values()
            seen.add(channel.topic)
    assert {"decision", "event", "inputs"} < seen


@given(
    st.dictionaries(st.sampled_from(sorted(SCHEMAS["decision"]["properties"])), st.none() | st.floats(0, 1))
)
def test_what_is_not_known_comes_back_as_not_known(message: dict[str, Any]) -> None:
    written = for_viewers(message)
    assert None not in written.values()
    everything = dict.fromkeys(SCHEMAS["decision"]["properties"]) | message
    assert from_viewers("decision", written) == everything
    assert from_viewers("decision", message) == everything  # as older versions wrote it


def test_a_trace_that_begins_mid_run_goes_on_bit_for_bit(
    tmp_path: Path, recorded: tuple[Path, list[Frame]]
) -> None:
    frames, config = recorded[1], Config()
    monitor = Monitor(config.monitor_params(), 200.0)
    for frame in frames[:1200]:
        monitor.step(frame)
    path = tmp_path / "late.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file, about(config), save(monitor))
        for frame, decision in replay_frames(frames[1200:], monitor, obedient_relay=False):
            writer.frame(frame)
            writer.decision(decision)
        writer.finish()
    summary = replay_file(path)
    assert summary.notes == [] and summary.stops == []
    assert summary.decisions_sha256 == read_all(path)[1]


def read_all(path: Path) -> tuple[list[Frame], str, list[str]]:
    trace = read_mcap(path)
    frames = list(trace.frames)
    return frames, trace.checkpoints.get(len(frames), ""), trace.notes


def chunk_ends(path: Path) -> list[int]:
    """Offset after each chunk and the number of frames up to there, from the official reader's index."""
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    return [chunk.chunk_start_offset + chunk.chunk_length for chunk in summary.chunk_indexes]


def test_a_kill_at_any_byte_leaves_every_complete_chunk_readable(
    tmp_path: Path, recorded: tuple[Path, list[Frame]]
) -> None:
    path, frames = recorded
    data, ends = path.read_bytes(), chunk_ends(path)
    assert len(ends) > 15
    offsets = random.Random(1).sample(range(len(data)), 60)
    offsets += [end + step for end in ends[1:6] for step in (-1, 0, 1)] + [0, 1, 7, 8, 9]
    cut = tmp_path / "cut.mcap.part"
    seen = 0
    for offset in offsets:
        cut.write_bytes(data[:offset])
        whole = sum(end <= offset for end in ends)
        try:
            got, _, notes = read_all(cut)
        except Failure as error:
            assert whole <= 1, error  # fewer than two frames can be in so little
            continue
        assert got == frames[: len(got)]
        assert notes == [] or notes[0].startswith("cut short")
        seen = max(seen, len(got))
        if whole < len(ends):
            per_chunk = len(frames) / len(ends)
            assert len(got) >= (whole - 1) * per_chunk * 0.8
    assert seen > len(frames) * 0.9


def test_a_chunk_that_is_complete_is_read_even_when_the_next_byte_is_missing(
    tmp_path: Path, recorded: tuple[Path, list[Frame]]
) -> None:
    path, _ = recorded
    data, ends = path.read_bytes(), chunk_ends(path)
    cut = tmp_path / "cut.mcap"
    counts = []
    for end in ends[2:12]:
        cut.write_bytes(data[:end])
        counts.append(len(read_all(cut)[0]))
        cut.write_bytes(data[: end - 1])
        assert len(read_all(cut)[0]) < counts[-1]
    assert counts == sorted(set(counts))


def test_no_flipped_bit_gets_through(tmp_path: Path, recorded: tuple[Path, list[Frame]]) -> None:
    path, frames = recorded
    data, dice = path.read_bytes(), random.Random(2)
    flipped = tmp_path / "flipped.mcap"
    found = 0
    for _ in range(150):
        harmed = bytearray(data)
        harmed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        flipped.write_bytes(harmed)
        try:
            got, _, notes = read_all(flipped)
        except Failure:
            found += 1
            continue
        assert got == frames[: len(got)]
        assert len(got) == len(frames) or notes, "frames are missing and nothing says so"
        found += bool(notes)
    assert found > 120  # the rest hit the index at the end, which the reader does not need


def test_a_swallowed_chunk_is_noticed(tmp_path: Path, recorded: tuple[Path, list[Frame]]) -> None:
    path, frames = recorded
    data, ends = path.read_bytes(), chunk_ends(path)
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    start = summary.chunk_indexes[5].chunk_start_offset
    harmed = tmp_path / "swallowed.mcap"
    harmed.write_bytes(data[:start] + b"\x0e" + data[start + 1 :])  # now it calls itself a summary offset
    got, _, notes = read_all(harmed)
    assert got == frames[: len(got)] and "missing" in notes[0]
    assert ends


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no frames of ours"),
        (b"\x89MCAP0\r", "no frames of ours"),
        (b"\0" * 4096, "file of zeros"),
        (b"\x89MCAP0\r\n", "no frames of ours"),
        (b"\x89MCAP0\r\n" + b"\xff" * 100, "no frames of ours"),
        (b"\x89MCAP0\r\n\x0f", "no frames of ours"),
        (b"t_s,accel_x_m_s2\n", "not MCAP"),
    ],
)
def test_what_is_not_a_trace_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "t.mcap"
    path.write_bytes(data)
    with pytest.raises(Failure, match=words) as caught:
        read_mcap(path)
    assert str(path) in str(caught.value)


def foreign(path: Path, topic: str, payload: bytes) -> Path:
    """A sound MCAP file by somebody else."""
    from mcap.writer import Writer

    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        config = writer.register_channel("config", "json", 0)
        channel = writer.register_channel(topic, "json", 0)
        if topic == "imu":
            writer.add_message(config, 0, json.dumps(about()).encode(), 0)
        for n in range(3):
            writer.add_message(channel, n, payload, n, n)
        writer.finish()  # type: ignore[no-untyped-call]
    return path


TICK = b'{"t_ns": 1, "late_ns": 0, "sample_t_ns": 1, '


@pytest.mark.parametrize(
    ("topic", "payload", "words"),
    [
        ("pose", b"{}", "no frames of ours"),
        ("config", b"{}", "another form"),
        ("config", b"[]", "another form"),
        ("config", b'{"rate_hz": 0, "config": {}, "config_hash": "", "version": ""}', "another form"),
        ("config", b'{"rate_hz": 5, "config": {}, "config_hash": "", "version": ""}', "outside 40 to 1000 Hz"),
        ("imu", b"{}", "another form"),
        ("imu", b"[]", "another form"),
        ("imu", b"{", "not JSON"),
        ("imu", b"1,2", "not JSON"),
        ("imu", b'{"t_ns": 1, "late_ns": 0, "fault": "frozen"}', "does not come after 1"),
        ("imu", b'{"t_ns": 1, "late_ns": 0, "fault": "tired"}', "another form"),
        ("imu", TICK + b'"accel_m_s2": [1, 2], "gyro_rad_s": [1, 2, 3]}', "another form"),
        ("imu", TICK + b'"accel_m_s2": [1, 2, NaN], "gyro_rad_s": [1, 2, 3]}', "not finite"),
    ],
)  # fmt: skip
def test_a_file_of_another_program_is_named(tmp_path: Path, topic: str, payload: bytes, words: str) -> None:
    with pytest.raises(Failure, match=words):
        list(read_mcap(foreign(tmp_path / "t.mcap", topic, payload)).frames)


def test_a_gap_of_the_recorder_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t.mcap"
    with path.open("wb") as file:
        writer = McapWriter(file, about())
        for n, frame in enumerate(walk(1.0)):
            if n == 100:
                writer.gap(frame.t_ns, 37, "the disk was full")
            writer.frame(frame)
        writer.finish()
    assert read_all(path)[2] == ["37 frames are missing before 0.5 s: the disk was full"]


DOCS = Path(__file__).parents[2] / "docs"


# What Foxglove and Lichtblick take (their layout type, panel types and message path grammar); a path that is a
# number is a horizontal line.
FOXGLOVE_PANELS = {"Plot", "StateTransitions", "RawMessages"}
MESSAGE_PATH = re.compile(r"(?P<topic>[a-z]\w*)\.(?P<field>\w+)(\[(?P<index>\d+)\])?")


def panels_of(node: Any) -> list[str]:
    """The panels in a tree of splits, each named as often as it is shown."""
    if isinstance(node, str):
        return [node]
    assert set(node) <= {"direction", "first", "second", "splitPercentage"}
    assert node["direction"] in ("row", "column") and 0 < node.get("splitPercentage", 50) < 100
    return panels_of(node["first"]) + panels_of(node["second"])


def test_the_foxglove_layout_has_the_form_that_foxglove_takes() -> None:
    layout = json.loads((DOCS / "foxglove-layout.json").read_text())
    assert set(layout) == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}
    assert sorted(panels_of(layout["layout"])) == sorted(layout["configById"])
    assert {name.split("!")[0] for name in layout["configById"]} == FOXGLOVE_PANELS
    for panel in layout["configById"].values():
        for path in panel.get("paths", []):
            assert path["timestampMethod"] == "receiveTime" and path["label"]


def test_every_line_of_the_foxglove_layout_is_in_a_recorded_incident(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(20.0, (12.0,)).into(tape)
    tape.close()
    (incident,) = (tmp_path / "incidents").glob("*.mcap")
    layout = json.loads((DOCS / "foxglove-layout.json").read_text())
    wanted = [p["value"] for panel in layout["configById"].values() for p in panel.get("paths", [])]
    wanted += [
        panel["topicPath"] + ".kind" for panel in layout["configById"].values() if "topicPath" in panel
    ]
    lines = [float(value) for value in wanted if value.replace(".", "").isdigit()]
    assert lines == [Config().rear_line_m, Config().deck.front_line_mm / 1000]
    paths = [match for value in wanted if (match := MESSAGE_PATH.fullmatch(value))]
    assert len(paths) == len(wanted) - len(lines) > 12
    with incident.open("rb") as file:
        for path in paths:
            file.seek(0)
            messages = [json.loads(m.data) for _, _, m in make_reader(file).iter_messages([path["topic"]])]
            found = [m[path["field"]] for m in messages if m.get(path["field"]) is not None]
            if path["field"] == "warning":  # nobody was warned on this walk
                assert messages and "warning" in messages[0]
                continue
            assert found, path[0]
            if path["index"]:
                assert all(isinstance(v[int(path["index"])], float) for v in found)


def test_every_topic_is_explained() -> None:
    text = (DOCS / "traces.md").read_text()
    assert all(f"| `{topic}` |" in text for topic in SCHEMAS)
