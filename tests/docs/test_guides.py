"""The words of the guides: short sentences, a short README, and no title of the page without its cure."""

import re
from math import floor
from pathlib import Path

import pytest

from firmware_py import locale, messages
from firmware_py.config import parse
from firmware_py.core.deck.stopping import safe_speed_m_s
from firmware_py.messages import Message
from tests.support import moving
from tests.support.sentences import sentences

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = [
    ROOT / "README.md",
    ROOT / "hardware.md",
    DOCS / "hardware/electronics.md",
    *(
        DOCS / f"{name}.md"
        for name in (
            "first-walk", "daily-card", "spotter-card", "troubleshooting", "is-my-treadmill-suitable",
            "upgrade-backup-uninstall", "privacy", "glossary", "faq", "page", "set-up", "gym",
            "home-assistant", "fleet", "coach",
        )
    ),
    *sorted((DOCS / "de").glob("*.md")),
]  # fmt: skip
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_WORDS, README_WORDS = 25, 600
SHOWN = sorted(
    {m for table in (messages.STOPS, messages.WARNINGS) for m in table.values()}
    | {value for value in vars(messages).values() if isinstance(value, Message)}
)
GERMAN = sorted((DOCS / "de").glob("*.md"))


def prose(text: str) -> list[str]:
    """The sentences of a Markdown text: no code, no addresses; a cell of a table and a point of a list end one."""
    text = re.sub(r"```.*?```", ".\n\n", text, flags=re.S)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>]*>", "\n\n", text)
    text = re.sub(r"\|", "\n\n", text)
    text = re.sub(r"\n\s*(?:[-*>]|\d+\.|#+)\s", "\n\n", text)
    return [
        sentence
        for block in re.split(r"\n\s*\n", text)
        for sentence in re.split(r"(?<=[.?!:;])\**\s", " ".join(block.split()))
        if sentence
    ]


def words(text: str) -> int:
    return sum(any(c.isalnum() for c in word) for word in text.split())


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_of_a_guide_is_longer_than_a_reader_keeps_in_mind(guide: Path) -> None:
    assert [s for s in prose(guide.read_text(encoding="utf-8")) if words(s) > MOST_WORDS] == []


def test_no_sentence_of_page_message_or_report_is_longer() -> None:
    assert [s for text in sentences() for s in prose(text) if words(s) > MOST_WORDS] == []


def test_a_long_sentence_is_found() -> None:
    long = " ".join(["word"] * 26) + "."
    assert prose(f"Short. {long} Short.\n\n| a | {long} |\n").count(long) == 2


def test_the_readme_has_at_most_600_words() -> None:
    assert words(re.sub(r"\]\([^)]*\)", "]", README)) <= README_WORDS


@pytest.mark.parametrize("title", sorted({message.title for message in SHOWN}))
def test_every_title_of_the_page_is_in_troubleshooting_with_what_it_means(title: str) -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    shown = [
        f"{m.what} {m.why}".strip() for m in SHOWN if m.title == title
    ]  # some titles have several reasons
    assert any(f"| **{title}** | {what} | " in text for what in shown)


def test_a_guide_for_walkers_has_no_direction_that_can_be_read_two_ways() -> None:
    for name in ("first-walk", "daily-card"):
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8").lower()
        assert not re.search(r"\b(forward|behind)\b|\b(drift|walk|step|move) back\b", text), name
        text = (DOCS / f"de/{name}.md").read_text(encoding="utf-8").lower()
        assert not re.search(r"\b(vorwärts|rückwärts|nach (vorn|hinten)|hinter ihnen|zurück\w*)\b", text), (
            name
        )


@pytest.mark.parametrize("german", GERMAN, ids=lambda path: path.name)
def test_a_german_guide_has_the_parts_of_the_english_one_and_the_words_of_the_page(german: Path) -> None:
    english = (DOCS / german.name).read_text(encoding="utf-8")
    text = german.read_text(encoding="utf-8")
    for part in (r"^#+ ", r"^\d+\. ", r"^- ", r"^\|"):
        assert len(re.findall(part, text, re.M)) == len(re.findall(part, english, re.M)), part
    titles = {message.title for message in SHOWN}
    translations = locale.read_po(locale.catalogue("de"))
    for title in set(re.findall(r"\*\*([^*]+)\*\*", english)) & titles:
        assert f"**{translations[title]}**" in text


def test_every_guide_for_walkers_and_helpers_is_there_in_german() -> None:
    assert [path.stem for path in GERMAN] == ["daily-card", "first-walk", "spotter-card"]


def test_the_safe_speeds_of_the_readme_are_those_of_the_device() -> None:
    lengths, speeds = re.search(
        r"\| Running surface (.+) \|\n.+\n\| Highest safe speed (.+) \|", README
    ).groups()  # type: ignore[union-attr]
    for length, speed in zip(re.findall(r"[\d.]+", lengths), re.findall(r"[\d.]+", speeds), strict=True):
        drift = parse({"deck": {"length_mm": round(float(length) * 1000)}}).monitor_params().drift
        lines = drift.rear_line_m, drift.front_line_m
        safe_m_s = safe_speed_m_s(*lines, drift.stop_latency_s, drift.coast_down_m_s2)
        assert float(speed) == floor(safe_m_s * 36 + 1e-6) / 10, length  # never rounded up


def test_the_moving_picture_is_what_the_device_does_today() -> None:
    drawn = moving.drawn(moving.recorded())
    assert drawn == (DOCS / "images/stop.svg").read_text(encoding="utf-8"), "python -m tests.support.moving"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", sorted(DOCS.rglob("*.md")) + sorted(ROOT.glob("*.md")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_link_into_a_page_meets_its_heading(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        target = (page.parent / file).resolve() if file else page
        assert anchor in anchors(target), f"{file}#{anchor}"


def test_every_picture_beside_a_text_is_there() -> None:
    for page in DOCS.rglob("*.md"):
        for source in re.findall(r'<img src="([^"]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / source).exists(), f"{page.name}: {source}"
