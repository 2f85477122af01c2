"""The languages: complete, never stale, and the same figures in every one of them."""

import gettext
import io
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_py import locale as language
from firmware_py.config import CourierConfig
from firmware_py.core.frame import Cause
from firmware_py.messages import of_event, of_stop, of_warning, rule_sentence
from tests.support.sentences import PACKAGE, sentences

SHIPPED = [path.parts[-3] for path in language.CATALOGUES.glob("*/LC_MESSAGES/rearguard.po")]
MOST_WORDS = 25


@pytest.fixture(autouse=True)
def back_to_english() -> Iterator[None]:
    yield
    language.use(language.ENGLISH)


def test_every_language_that_can_be_set_is_shipped() -> None:
    offered = CourierConfig.model_fields["language"].annotation.__args__  # type: ignore[union-attr]
    assert set(offered) == {language.ENGLISH, *SHIPPED}


@pytest.mark.parametrize("name", SHIPPED)
def test_no_sentence_is_missing_and_none_is_stale(name: str) -> None:
    known, wanted = language.read_po(language.catalogue(name)), sentences()
    assert [text for text in wanted if not known.get(text)] == [], (
        "python -m tests.support.sentences, then translate"
    )
    assert [text for text in known if text and text not in wanted] == [], "python -m tests.support.sentences"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_translation_has_the_same_places_for_figures_and_the_same_commands(name: str) -> None:
    for text, translated in language.read_po(language.catalogue(name)).items():
        if text:
            assert places(translated) == places(text), text
            assert sorted(re.findall("`[^`]+`", translated)) == sorted(re.findall("`[^`]+`", text)), text


PAGES = [
    *(PACKAGE / "courier/page/static").glob("*.html"),
    *(PACKAGE / "fleet/pages").glob("*.html"),
    *(PACKAGE / f"{name}.html" for name in ("report/page", "coach/report/page", "device/setup/sheet")),
]
JINJA = re.compile(r"{% macro.*?{% endmacro %}|{#.*?#}|{{.*?}}|{%.*?%}", re.DOTALL)
MARKUP = re.compile(
    r"<!--.*?-->|<style.*?</style>|<script.*?</script>|<code.*?</code>|<[^>]*>|&\w+;", re.DOTALL
)
NAMES_AND_UNITS = {"Rearguard", "m", "km", "h", "mph"}


def bare_words(page: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", MARKUP.sub(" ", JINJA.sub("", page)))) - NAMES_AND_UNITS


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_has_a_word_that_cannot_be_translated(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert bare_words(page) == set()
    assert bare_words(page + "<p>Nobody translates this.</p>") != set()


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_translated_sentence_is_longer_than_a_reader_keeps_in_mind(name: str) -> None:
    for translated in language.read_po(language.catalogue(name)).values():
        for sentence in re.split(r"(?<=[.?!])\s", translated):
            assert len(sentence.split()) <= MOST_WORDS, sentence


def test_a_stop_is_explained_in_the_language_in_use() -> None:
    english = of_stop(Cause.FALL, "")
    language.use("de")
    assert language.current() == "de"
    german = of_stop(Cause.FALL, "")
    assert all(a != b for a, b in zip(english, german, strict=True))
    assert german.what in of_event("stopped", Cause.FALL, "", None, None)
    assert of_warning(Cause.STANDSTILL).title == "Weitergehen"
    assert "0.99 m" in rule_sentence("rest_position_m", 0.991, 0.98)
    language.use("en")
    assert of_stop(Cause.FALL, "") == english


def test_an_empty_text_and_an_unknown_one_stay_as_they_are() -> None:
    language.use("de")
    assert language.translate("") == ""
    assert language.translate("No catalogue has this.") == "No catalogue has this."


def test_a_language_without_a_catalogue_is_an_error_and_english_stays() -> None:
    with pytest.raises(OSError):
        language.use("tlh")
    assert language.current() == "en"
    assert language.translate("Guarding") == "Guarding"


def test_a_catalogue_is_read_as_gettext_reads_it(tmp_path: Path) -> None:
    po = tmp_path / "x.po"
    po.write_text(
        '# a comment\nmsgid ""\nmsgstr "Language: xx\\nContent-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "one \\"quoted\\""\nmsgstr "eins \\"ä\\""\n\nmsgid "on "\n"two lines"\nmsgstr "auf "\n"zweien"\n\n'
        'msgid "later"\nmsgstr ""\n',
        encoding="utf-8",
    )
    known = gettext.GNUTranslations(io.BytesIO(language.compiled(language.read_po(po))))
    assert known.gettext('one "quoted"') == 'eins "ä"'
    assert known.gettext("on two lines") == "auf zweien"
    assert known.gettext("later") == "later"
    assert known.info()["language"] == "xx"


def test_the_guard_never_loads_a_sentence() -> None:
    program = "import sys, firmware_py.guard.process; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "firmware_py.guard.process" in loaded
    assert [name for name in ("firmware_py.locale", "firmware_py.messages") if name in loaded.split()] == []
