"""The words of the guides: short sentences, a short README, and no title of the page without its cure."""

import re
from pathlib import Path

import pytest

from firmware_py import messages
from firmware_py.messages import Message
from tests.support.sentences import sentences

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = [
    ROOT / "README.md",
    *(
        DOCS / f"{name}.md"
        for name in (
            "first-walk", "daily-card", "spotter-card", "troubleshooting", "is-my-treadmill-suitable",
            "upgrade-backup-uninstall", "privacy", "glossary", "faq", "page", "set-up", "gym",
            "home-assistant", "fleet", "coach",
        )
    ),
]  # fmt: skip
MOST_WORDS, README_WORDS = 25, 600
TITLES = sorted(
    {m.title for table in (messages.STOPS, messages.WARNINGS) for m in table.values()}
    | {value.title for value in vars(messages).values() if isinstance(value, Message)}
)


def prose(text: str) -> list[str]:
    """The sentences of a Markdown text: no code, no addresses; a cell of a table and a point of a list end one."""
    text = re.sub(r"```.*?```", ".\n\n", text, flags=re.S)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
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


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_no_sentence_of_a_guide_is_longer_than_a_reader_keeps_in_mind(guide: Path) -> None:
    assert [s for s in prose(guide.read_text(encoding="utf-8")) if words(s) > MOST_WORDS] == []


def test_no_sentence_of_page_message_or_report_is_longer() -> None:
    assert [s for text in sentences() for s in prose(text) if words(s) > MOST_WORDS] == []


def test_a_long_sentence_is_found() -> None:
    long = " ".join(["word"] * 26) + "."
    assert prose(f"Short. {long} Short.\n\n| a | {long} |\n").count(long) == 2


def test_the_readme_has_at_most_600_words() -> None:
    assert (
        words(re.sub(r"\]\([^)]*\)", "]", (ROOT / "README.md").read_text(encoding="utf-8"))) <= README_WORDS
    )


@pytest.mark.parametrize("title", TITLES)
def test_every_title_of_the_page_is_in_troubleshooting(title: str) -> None:
    assert f"**{title}**" in (DOCS / "troubleshooting.md").read_text(encoding="utf-8")


def test_a_guide_for_walkers_has_no_direction_that_can_be_read_two_ways() -> None:
    for name in ("first-walk", "daily-card"):
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8").lower()
        assert not re.search(r"\b(forward|behind)\b|\b(drift|walk|step|move) back\b", text), name
