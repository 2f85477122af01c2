"""Page, walker's screen and report in a real Chromium: axe finds nothing, no word is broken, the card never jumps."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_py import locale, messages
from firmware_py.messages import Message
from tests.support.axe import violations
from tests.support.broker import free_port
from tests.support.chromium import FOUND, Browser, browser
from tests.support.process import courier, guard, toml, wait_for

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not FOUND, reason="chromium is not installed: sh tests/system-packages.sh test"),
]

TONES = ("running", "ready", "warning", "stopped", "fault", "offline")
SIZES = {"phone": (390, 844), "tablet": (1280, 800), "landscape phone": (844, 390), "1080p": (1920, 1080)}
SHOWN = [
    *messages.STOPS.values(),
    *messages.WARNINGS.values(),
    messages.GUARDING,
    messages.LEARNING,
    messages.READY,
]
# The test is the stream: `stream.on.view` is what the page does with an update. One fall has its report.
OWN_STREAM = """window.EventSource = class {
  constructor() { window.stream = this; this.on = {}; }
  addEventListener(kind, listener) { this.on[kind] = listener; }
};
const asked = window.fetch, fall = { n: 1, name: "fall", title: "Fall", cause: "fall", time: "2026-03-05T08:40:35Z" };
window.fetch = (path) => path === "/api/incidents" ? Promise.resolve(Response.json([fall])) : asked(path);
"""
# No word of the title is wider than its box, and nothing runs over the edge.
FITS = """(() => {
  const words = document.createRange();
  words.selectNodeContents(document.getElementById("title"));
  return words.getBoundingClientRect().right <= innerWidth && document.documentElement.scrollWidth <= innerWidth;
})()"""
ON_THE_SCREEN = (
    "(({ scrollHeight, clientHeight }) => scrollHeight <= clientHeight + 1)(document.querySelector('main'))"
)
CARD = "Math.round(document.getElementById('state').getBoundingClientRect().height)"
# Screen -> its width, and the least height of a whole letter. 16 mm at 3 m: an x-height of 10 arc minutes, twice what
# sharp eyes need. A phone cannot show a long word larger.
LETTERS_MM = {"landscape phone": (150, 16), "tablet": (217, 19), "1080p": (531, 30)}
NAMES_APART = """(() => {
  const names = [...document.querySelectorAll("#deck text")].map((name) => name.getBoundingClientRect());
  const apart = (a, b) => a === b || a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  return names.every((a) => a.left >= 0 && names.every((b) => apart(a, b)));
})()"""
ONE_LINE = """["#connection", ".links"].every((at) => document.querySelector(at).offsetHeight < 40)"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.open("about:blank")
        opened.call("Page.addScriptToEvaluateOnNewDocument", source=OWN_STREAM)
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("page"), free_port()
    with courier(toml(folder, port=port)), guard(folder) as talking:
        wait_for(lambda: talking.link.connected)
        yield f"http://127.0.0.1:{port}"


def opened(page: Browser, url: str, size: tuple[int, int], dark: bool = False) -> None:
    """The page, which has begun to listen and from now on shows only what a test sends."""
    page.open(url, *size, dark)
    page.until("window.stream && stream.on.health")
    page.value(
        "(() => { for (let id = 0; id < 1000; id++) clearInterval(id); })()"
    )  # it would notice the silence
    page.value("fetch('/api/now').then((a) => a.text()).then((data) => stream.on.health({ data }))")
    page.until("!document.getElementById('incidents') || document.querySelector('#incident-list li')")


def send(page: Browser, tone: str, message: Message, **more: object) -> None:
    view = {
        "tone": tone,
        "cause": "fall",
        "rule": "The figure reached 2; the limit was 1.",
        **message._asdict(),
        **more,
    }
    page.value(f"stream.on.view({{ data: {json.dumps(json.dumps(view))} }})")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/walk"])
def test_axe_finds_nothing_in_any_state(page: Browser, address: str, path: str, dark: bool) -> None:
    opened(page, address + path, SIZES["phone"], dark)
    page.value("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    for tone in TONES:
        send(page, tone, messages.STOPS[messages.Cause.FALL])
        assert violations(page) == [], tone


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["sample-fall.html", "sample-incident.html"])
def test_axe_finds_nothing_in_a_report(page: Browser, name: str, dark: bool) -> None:
    page.open((Path(__file__).parents[3] / "docs" / name).as_uri(), *SIZES["phone"], dark)
    assert violations(page) == []
    page.until("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", ["/", "/walk"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_no_word_is_broken_and_the_card_never_jumps(
    page: Browser, address: str, path: str, size: str, language: str
) -> None:
    locale.use(language)
    shown = [message.translated() for message in SHOWN]
    locale.use("en")
    opened(page, address + path, SIZES[size])
    heights = set()
    for message in shown:
        send(page, "ready" if message == shown[-1] else "stopped", message)
        assert page.value(FITS), message.title
        if path == "/walk":
            assert page.value(ON_THE_SCREEN), message
        else:
            heights.add(page.value(CARD))
    assert len(heights) <= 1, heights
    if size == "landscape phone":
        assert page.value(
            "document.body.dataset.view || document.getElementById('state').offsetHeight < innerHeight"
        )


def test_the_walkers_screen_shows_the_time_left_where_a_coach_runs(page: Browser, address: str) -> None:
    opened(page, address + "/walk", SIZES["tablet"])
    send(page, "running", messages.GUARDING)
    assert page.value("document.getElementById('left').textContent") == ""
    page.value('stream.on.coach({ data: \'{"stage": "set", "left_s": 125}\' })')
    assert page.value("document.getElementById('left').textContent") == "2:05 left"
    page.value("stream.on.coach({ data: 'null' })")
    assert page.value("document.getElementById('left').textContent") == ""


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_names_on_the_deck_stand_apart(
    page: Browser, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, language: str
) -> None:
    port = free_port()
    with courier(toml(tmp_path, port=port, language=f'"{language}"')) as started:
        wait_for(lambda: "page: http" in started.log)
        for size in SIZES.values():
            opened(page, f"http://127.0.0.1:{port}/", size)
            page.until("document.querySelector('#deck text')")
            assert page.value(NAMES_APART), size


def test_a_long_name_of_the_device_breaks_nothing_beside_it(page: Browser, address: str) -> None:
    opened(page, address, SIZES["phone"])
    send(page, "offline", messages.NO_DATA)
    page.value(
        "document.getElementById('device').textContent = 'practice-by-the-market-treadmill-2-at-the-rear'"
    )
    assert page.value(ONE_LINE)
    assert page.value(FITS)


def test_the_walkers_screen_asks_for_what_saves_the_walker(page: Browser, address: str) -> None:
    opened(page, address + "/walk", SIZES["tablet"])
    text = "document.getElementById('do').textContent"
    runaway = messages.STOPS[messages.Cause.BELT_RUNAWAY]
    send(page, "fault", runaway, locked_out=True)
    assert page.value(text) == runaway.do.replace("`", "")
    send(page, "offline", messages.NO_DATA, lost=True)
    assert page.value(text) == messages.NO_DATA.do.replace("`", "")


@pytest.mark.parametrize("size", LETTERS_MM)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_warning_is_read_from_three_metres(page: Browser, address: str, size: str, language: str) -> None:
    locale.use(language)
    warnings = [message.translated() for message in messages.WARNINGS.values()]
    locale.use("en")
    width_mm, least_mm = LETTERS_MM[size]
    opened(page, address + "/walk", SIZES[size])
    for message in warnings:
        send(page, "warning", message)
        letter_px = page.value("parseFloat(getComputedStyle(document.getElementById('title')).fontSize)")
        assert letter_px * width_mm / SIZES[size][0] >= least_mm, message.title


def test_a_belt_that_never_ran_is_off_and_not_stopped(page: Browser, address: str) -> None:
    opened(page, address, SIZES["phone"])
    send(page, "stopped", messages.STOPS[messages.Cause.SETTLING], cause="power_on")
    assert page.value("document.getElementById('belt').textContent") == "Belt off"
    assert page.value("document.getElementById('report').hidden")


def test_the_answers_page_names_the_device(page: Browser, address: str) -> None:
    page.open(f"{address}/answer.html", *SIZES["phone"])
    page.until("document.getElementById('device').textContent === 'rig' && document.title.endsWith('rig')")
