"""The incident report: one file, no request, every figure from the trace, and honest about replay."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.config import parse
from firmware_py.core.body.fall import Limit, Motion, limit_m_s
from firmware_py.core.frame import Cause
from firmware_py.core.monitor import Monitor
from firmware_py.messages import RULES, STOPS
from firmware_py.report import command
from firmware_py.report.charts import stretches, thinned
from firmware_py.report.fall import explained
from firmware_py.report.gather import Report, fall_limit, gather
from firmware_py.report.page import reason, render, sentence
from firmware_py.traces.csv_trace import write_csv
from sensors.advice import Failure
from sensors.samples import ImuSample
from tests.support.guard_tape import HELLO, WALL_NS, Guard, tape_in
from tests.support.sample import SAMPLES
from tests.traces.make import walk

TRACES = Path(__file__).parents[1] / "traces"


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walk of 60 s that ends at the stop button, as the recorder leaves it."""
    folder = tmp_path_factory.mktemp("incident")
    tape = tape_in(folder)
    Guard(75.0, (60.0,)).into(tape)
    tape.close()
    (path,) = (folder / "incidents").glob("*.mcap")
    return path


class Page(HTMLParser):
    """Checks that every tag is closed and gathers what a browser would fetch."""

    VOID = frozenset({"meta", "br", "path", "rect", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href", "data", "action", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_one_sound_file_that_fetches_and_runs_nothing(incident: Path) -> None:
    text = render(gather(incident))
    page = Page(text)
    assert page.open == [] and page.fetched == []
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert "url(" not in text and "@import" not in text and "http" not in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    assert len(text) < 200_000


def test_it_says_what_happened_in_one_sentence(incident: Path) -> None:
    found = gather(incident)
    assert sentence(found) == (
        "At 08:54:20 (UTC) on 09 October 2025 the belt was switched off. Somebody pressed the stop button."
    )


def test_it_really_replays_and_says_so(incident: Path) -> None:
    found = gather(incident)
    assert found.agrees is True
    assert "bit for bit" in found.verdict and "Checked by replay" in render(found)
    assert found.stop.t_ns == 60_000_000_000 and found.stop.cause is Cause.STOP_BUTTON and found.before.run
    assert len(found.decisions) == pytest.approx(15 * 200, abs=2)


def test_a_trace_that_replays_otherwise_is_shown_as_recorded_and_said_so(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(75.0, (60.0,)).into(tape, lose=range(8000, 8012))
    tape.close()
    (path,) = (tmp_path / "incidents").glob("*.mcap")
    found = gather(path)
    assert found.agrees is False
    assert "does NOT" in found.verdict and "Replay does not agree" in render(found)
    assert found.stop.t_ns == 60_000_000_000 and found.stop.cause is Cause.STOP_BUTTON
    assert 15 * 20 <= len(found.decisions) <= 15 * 20 + 20


def test_a_trace_without_a_known_state_is_shown_as_recorded(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(75.0, (60.0,)).into(tape, state=False)
    tape.close()
    (path,) = (tmp_path / "incidents").glob("*.mcap")
    found = gather(path)
    assert found.agrees is False and "without the state at its start" in found.verdict
    assert found.stop.cause is Cause.STOP_BUTTON


def test_facts_that_are_damaged_do_not_stop_the_report(incident: Path) -> None:
    facts = incident.with_suffix(".json")
    before = facts.read_bytes()
    for damaged in (b"", b"[]", b'{"t_ns": "x"}'):
        facts.write_bytes(damaged)
        assert gather(incident).stop.t_ns == 60_000_000_000
    facts.write_bytes(before)


def test_a_device_that_went_silent_has_a_message_of_its_own(tmp_path: Path) -> None:
    tape = tape_in(tmp_path)
    Guard(20.0).into(tape)
    tape.lost(WALL_NS + 20_000_000_000)
    (path,) = (tmp_path / "incidents").glob("*.mcap")
    found = gather(path)
    assert "stopped sending while the belt was running" in sentence(found)
    assert "pulses" in render(found)


@pytest.mark.parametrize("name", sorted(p.name for p in TRACES.glob("*.csv.gz") if "keeps" not in p.name))
def test_each_shipped_stop_has_a_page(name: str) -> None:
    found = gather(TRACES / name)
    text = render(found)
    Page(text)
    assert found.agrees is None and "no recorded decisions" in text
    assert "contacts reported open" not in text  # a relay that replay only imagined
    assert STOPS[Cause(found.cause)].title in text
    assert re.search(r"\d", reason(found))


def test_a_value_and_its_limit_are_told_apart() -> None:
    found = gather(TRACES / "rig-unplug.csv.gz")
    assert "reached 30 ms; the limit was 25 ms" in reason(found)


def test_what_the_hip_sensor_did_not_measure_is_not_drawn() -> None:
    text = render(gather(TRACES / "rig-unplug.csv.gz"))
    tilt = text.split("Tilt of the trunk from", 1)[1].split("</svg>", 1)[0]
    (cut_x,) = re.findall(r'<path class="cut" d="M([0-9.]+) ', tilt)
    (curve,) = re.findall(r'<path class="curve" d="([^"]*)"', tilt)
    last_x = float(curve.rsplit("L", 1)[1].split()[0])
    assert last_x <= float(cut_x) + 1


def test_a_reverse_belt_is_drawn_with_the_line_that_the_core_enforces() -> None:
    config = parse({"belt": {"direction": "reverse"}})
    line_m = config.monitor_params().drift.front_line_m
    assert line_m == pytest.approx(0.42)
    text = render(gather(TRACES / "rig-unplug.csv.gz", config))
    assert f'<th scope="row">Front line</th><td>{line_m:.2f} m</td>' in text
    chart = text.split("Position of the walker on the deck", 1)[1].split("</svg>", 1)[0]
    top, height = map(
        float,
        re.findall(r'class="beyond" .* y="([0-9.]+)" .* height="([0-9.]+)"', chart.replace("/>", "/>\n"))[0],
    )
    levels = re.findall(r'class="limit" d="M[0-9.]+ ([0-9.]+)L', chart)
    assert float(levels[0]) == pytest.approx(top, abs=0.11) and height > 0  # the console is at the bottom


def test_a_report_replays_its_trace_once(incident: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    step = Monitor.step
    monkeypatch.setattr(Monitor, "step", lambda self, frame: steps.append(frame.t_ns) or step(self, frame))
    gather(incident)
    assert steps
    assert len(set(steps)) == len(steps)


@pytest.mark.parametrize("facts", ["kept", "gone"])
def test_the_seconds_around_the_stop_are_the_same_with_and_without_the_recorders_facts(
    incident: Path, tmp_path: Path, facts: str
) -> None:
    path = tmp_path / incident.name
    path.write_bytes(incident.read_bytes())
    if facts == "kept":
        path.with_suffix(".json").write_bytes(incident.with_suffix(".json").read_bytes())
    found = gather(path)
    assert found.stop.t_ns == 60_000_000_000
    assert found.decisions[0].t_ns == 50_000_000_000
    assert found.decisions[-1].t_ns == pytest.approx(65_000_000_000, abs=5_000_000)
    assert len(found.decisions) == pytest.approx(15 * 200, abs=2)


def test_a_trace_without_a_stop_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "calm.csv"
    write_csv(path, walk(12.0))
    with pytest.raises(Failure, match="no stop in this trace"):
        gather(path)


def test_every_rule_of_the_core_that_holds_a_figure_has_words() -> None:
    core = "".join(path.read_text() for path in (TRACES.parents[1] / "firmware_py" / "core").rglob("*.py"))
    rules = set(re.findall(r'Cause\.[A-Z_]+, "([a-z_]+)"', core))
    yes_or_no = {
        "settled",
        "button_stuck",
        "stop_button",
        "remote_stop",
        "imu_never_seen",
        "platform",
        "clean_s",
    }
    assert len(rules) > 10
    assert rules - yes_or_no <= set(RULES)


def test_nothing_of_a_name_can_break_the_page(tmp_path: Path, incident: Path) -> None:
    path = tmp_path / "<script>alert(1)<.mcap"
    path.write_bytes(incident.read_bytes())
    text = render(gather(path))
    assert "<script" not in text and "&lt;script&gt;" in text


# -- charts ----------------------------------------------------------------------------------------------------


def test_thinning_keeps_every_peak() -> None:
    points = [(n / 200, 0.0) for n in range(3000)]
    points[1234] = (1234 / 200, 9.0)
    points[2345] = (2345 / 200, -9.0)
    kept = thinned(points, 700)
    assert len(kept) <= 950 and points[1234] in kept and points[2345] in kept
    assert kept == sorted(kept) and thinned(points[:700], 700) == points[:700]


def test_stretches_are_from_flag_up_to_flag_down() -> None:
    flags = [(0.0, False), (1.0, True), (2.0, True), (3.0, False), (4.0, True), (5.0, True)]
    assert stretches(flags) == [(1.0, 3.0), (4.0, 5.0)]
    assert stretches([]) == []


# -- the command -----------------------------------------------------------------------------------------------


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(build(["report"]), ["report", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_command_writes_the_page_and_says_the_sentence(incident: Path, tmp_path: Path) -> None:
    code, out, err = run(incident, "--html", tmp_path / "page.html")
    assert code == 0 and "Somebody pressed the stop button" in out and "page.html" in err
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert run(incident)[0] == 0 and incident.with_name(incident.stem + ".html").exists()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("gone.mcap", None, "cannot be read"),
        ("zeros.mcap", b"\0" * 64, "not MCAP"),
        ("bad.csv", b"t_s\n", "no column"),
        ("calm.txt", b"", "no frames of ours"),
    ],
)
def test_what_cannot_be_reported_is_said_with_exit_code_1(
    tmp_path: Path, name: str, data: bytes | None, words: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    code, _, err = run(tmp_path / name)
    assert code == 1 and words in err
    assert list(tmp_path.glob("*.html")) == []


def test_a_picture_without_a_browser_says_what_to_do(
    incident: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = run(incident, "--html", tmp_path / "p.html", "--png", tmp_path / "p.png")
    assert code == 1 and "apt install chromium" in err and (tmp_path / "p.html").exists()


def test_the_courier_gets_bytes_or_nothing(incident: Path) -> None:
    page = command.html_of(incident.parent, incident.stem)
    assert page is not None and page.startswith(b"<!doctype html>")
    assert HELLO["config_hash"].encode() in page
    for name in ("gone", "", ".", "../incidents/" + incident.stem, str(incident), incident.name):
        assert command.html_of(incident.parent, name) is None
    (incident.parent / "zeros.mcap").write_bytes(b"\0" * 64)
    assert command.html_of(incident.parent, "zeros") is None


def test_a_report_from_the_rig_says_that_nobody_was_on_a_treadmill(incident: Path, tmp_path: Path) -> None:
    assert "simulated rig" not in render(gather(incident))
    tape = tape_in(tmp_path)
    Guard(75.0, (60.0,)).into(tape, about={"simulated": True})
    tape.close()
    (path,) = (tmp_path / "incidents").glob("*.mcap")
    assert "From the simulated rig" in render(gather(path))


def test_the_samples_in_the_documentation_say_that_they_are_some() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for name in SAMPLES:
        text = (docs / f"{name}.html").read_text()
        assert "From the simulated rig" in text and "the same decision again" in text
        assert ("How the limit came about" in text) == (name == "sample-fall")
    assert "python -m tests.support.sample" in (docs / "page.md").read_text()


# -- how the limit of a fall came about ------------------------------------------------------------------------------


def fall(tmp_path: Path, drop_m_s2: float = 7.0, stumbles: str = "stop") -> Report:
    """Twelve seconds of steps, then the hip drops and the trunk goes over, in a trace without decisions."""
    path = tmp_path / "fall.csv"
    frames = []
    for frame in walk(13.0):
        if frame.t_ns >= 12_000_000_000:
            imu = ImuSample(frame.t_ns - 1000, (0.0, 0.0, 9.81 - drop_m_s2), (1.5, 0.0, 1.0))
            frame = frame._replace(imu=imu)
        frames.append(frame)
    write_csv(path, iter(frames))
    return gather(path, parse({"balance": {"stumbles": stumbles}}))


@pytest.mark.parametrize("stumbles", ["stop", "warn"])
def test_the_limit_of_a_fall_is_the_cores_own_and_is_taken_apart(tmp_path: Path, stumbles: str) -> None:
    found = fall(tmp_path, stumbles=stumbles)
    limit, params = found.fall_limit, found.config.monitor_params().balance
    assert found.stop.cause is Cause.FALL and limit is not None
    more_m_s = params.recovery_m_s if stumbles == "warn" else 0.0
    assert limit.m_s + more_m_s == found.stop.limit
    text = render(found)
    Page(text)
    assert "How the limit came about" in text
    assert ("A recovery is hoped for" in text) == (stumbles == "warn")
    assert f"{found.stop.limit:.2f} m/s" in text


def test_a_stop_by_another_rule_has_no_such_section(incident: Path) -> None:
    found = gather(incident)
    assert found.fall_limit is None and "How the limit came about" not in render(found)


def test_what_does_not_come_to_the_limit_of_the_stop_is_not_taken_apart(tmp_path: Path) -> None:
    """As when ticks were lost on the way to the recorder: the page says nothing rather than something else."""
    found = fall(tmp_path)
    assert fall_limit(found.fall_limit, found.config, found.stop) == found.fall_limit is not None
    other = found.stop._replace(limit=found.stop.limit + 0.001)
    assert fall_limit(found.fall_limit, found.config, other) is None
    found.fall_limit = None
    assert "How the limit came about" not in render(found)


MOTION = Motion(0.3, -7.0, vigour_m_s2=1.0, sideways_m_s=0.1, tilt_rad=0.1, height_lost_m=0.03)


def rows(found: Report, **seen: float) -> dict[str, str]:
    """The rows of the section for a limit of this motion."""
    params, motion = found.config.monitor_params().balance, MOTION._replace(**seen)
    found.fall_limit = Limit(motion, limit_m_s(params, motion))
    made = explained(found)
    assert made is not None
    cells = [*made.explains, *made.evidence]
    assert len(dict(cells)) == len(cells)
    return dict(cells)


def test_each_row_is_shown_with_what_was_measured_and_one_of_nothing_is_left_out(tmp_path: Path) -> None:
    shown = rows(fall(tmp_path))
    assert shown["A hip that stands still"] == "1.90"
    assert shown["Brisk steps push the hip up, 1.0 m/s\u00b2 on average"] == "+1.60"
    assert shown["The trunk leans 6\u00b0 away from its usual posture"] == "\u22120.53"
    assert shown["The hip has lost 3 cm of height"] == "\u22120.99"
    assert shown["Together"] == "1.98"
    assert "The pod reads a thrust sideways that no hip has" not in shown


@pytest.mark.parametrize(
    ("seen", "what", "figure"),
    [
        ({"sideways_m_s": 1.0}, "The pod reads a thrust sideways that no hip has", "+0.75"),
        ({"height_lost_m": 0.2}, "The hip has lost 20 cm of height", "\u22122.64"),
        ({"vigour_m_s2": 0.0, "height_lost_m": 0.2}, "Together \u22121.27, but at least", "0.35"),
    ],
)
def test_what_meets_a_bound_says_so(tmp_path: Path, seen: dict[str, float], what: str, figure: str) -> None:
    assert rows(fall(tmp_path), **seen)[what] == figure


@pytest.mark.parametrize(
    ("rule", "title", "why"),
    [
        ("lies_after_blow", "Fall", "followed by lying down"),
        ("height_lost_m", "Loss of balance", "sank farther"),
        ("tilt_rad", "Loss of balance", "leaned farther"),
    ],
)
def test_a_fall_that_another_rule_saw_has_its_own_words_and_no_limit_to_explain(
    tmp_path: Path, rule: str, title: str, why: str
) -> None:
    found = fall(tmp_path)
    found.stop = found.stop._replace(rule=rule, value=0.1, limit=0.26)
    found.fall_limit = fall_limit(found.fall_limit, found.config, found.stop)
    text = render(found)
    assert f"<h1>{title}</h1>" in text and why in reason(found)
    assert found.fall_limit is None and "How the limit came about" not in text
