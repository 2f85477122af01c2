"""Owns the language of every sentence that a person reads: English in the source, others in the catalogues beside.

One language a process, chosen once at its start (`courier.language`). Must never be imported by the core or the guard.
A sentence that a catalogue lacks stays English; tests/test_language.py fails on it. The .po files are the source and
are compiled in memory at first use: nothing is written, and no build step can be forgotten.

What the guard or a sensor reports is built where no language is known. `spoken` finds its sentence in the catalogue by
its shape: "{0} MB free at {1}" stands there, and "512 MB free at /var" is recognised.
"""

import ast
import gettext
import io
import re
import string
import struct
from pathlib import Path

ENGLISH = "en"
CATALOGUES = Path(__file__).parent
_MAGIC = 0x950412DE  # of a .mo file, and with 28 bytes of header before its two tables
_HEADER_BYTES, _ENTRY_BYTES = 28, 8

_current: gettext.NullTranslations = gettext.NullTranslations()
_sentences: dict[str, str] = {}
_shapes: list[tuple[re.Pattern[str], str]] | None = None  # made when they are first asked for
_name = ENGLISH


def use(language: str) -> None:
    """Translate into `language` from now on. Raises OSError without such a catalogue, ValueError for a broken one."""
    global _current, _name, _sentences, _shapes
    known = {} if language == ENGLISH else read_po(catalogue(language))
    _current = gettext.GNUTranslations(io.BytesIO(compiled(known))) if known else gettext.NullTranslations()
    _name, _sentences, _shapes = language, known, None


def current() -> str:
    """The language in use, as BCP 47 writes it."""
    return _name


def sentences() -> dict[str, str]:
    """English sentence -> translation, for the scripts of the page; empty for English."""
    return {text: translated for text, translated in _sentences.items() if text}


def catalogue(language: str) -> Path:
    """Where the sentences of `language` are."""
    return CATALOGUES / language / "LC_MESSAGES" / "rearguard.po"


def translate(text: str) -> str:
    """`text` in the language in use. Imported as `_`, the name that gettext tools look for."""
    return _current.gettext(text) if text else ""  # gettext answers "" with the head of the catalogue


def mark(text: str) -> str:
    """`text` itself, marked as one to translate where it is shown."""
    return text


def spoken(text: str) -> str:
    """A text whose figures are filled in already, in the language in use; itself when no sentence has its shape."""
    global _shapes
    if not _sentences or not text:
        return text
    if text in _sentences:
        return translate(text)
    if _shapes is None:
        _shapes = _shapes_of(_sentences)
    for shape, translation in _shapes:
        found = shape.fullmatch(text)
        if found is not None:
            return translation.format(*map(spoken, found.groups()))
    if text.endswith("."):
        return f"{spoken(text[:-1])}."
    for comma in (". ", "; ", ": ", ", "):
        if comma in text:
            return comma.join(spoken(part) for part in text.split(comma))
    return text


def _shapes_of(known: dict[str, str]) -> list[tuple[re.Pattern[str], str]]:
    """Each sentence with numbered places, as a pattern; those with most words of their own first."""
    shapes = []
    for text, translation in known.items():
        parts = list(string.Formatter().parse(text))
        if translation and any(name is not None and name.isdecimal() for _, name, _, _ in parts):
            pattern = "".join(
                re.escape(own) + ("(.*?)" if name is not None else "") for own, name, _, _ in parts
            )
            own_words = sum(len(own) for own, _, _, _ in parts)
            shapes.append((own_words, re.compile(pattern, re.DOTALL), translation))
    shapes.sort(key=lambda shape: -shape[0])
    return [(pattern, translation) for _, pattern, translation in shapes]


def read_po(path: Path) -> dict[str, str]:
    """English sentence -> translation; "" holds the head. Only msgid and msgstr are known: no plurals, no contexts."""
    found: dict[str, str] = {}
    key, text, reading_key = "", "", False
    for line in [*path.read_text(encoding="utf-8").splitlines(), 'msgid ""']:
        word, _, quoted = line.partition(" ")
        if word == "msgid":
            found[key] = text
            key, text = str(ast.literal_eval(quoted)), ""
            reading_key = True
        elif word == "msgstr":
            text, reading_key = str(ast.literal_eval(quoted)), False
        elif line.startswith('"'):
            more = str(ast.literal_eval(line))
            key, text = (key + more, text) if reading_key else (key, text + more)
    return found


def compiled(sentences: dict[str, str]) -> bytes:
    """The same as a .mo file: sorted keys, then their texts. A sentence without a translation is left out."""
    pairs = sorted((k.encode(), v.encode()) for k, v in sentences.items() if v)
    keys_at, count = _HEADER_BYTES, len(pairs)
    texts_at = keys_at + _ENTRY_BYTES * count
    at = texts_at + _ENTRY_BYTES * count
    tables, data = b"", b""
    for column in (0, 1):
        for pair in pairs:
            tables += struct.pack("<II", len(pair[column]), at + len(data))
            data += pair[column] + b"\0"
    return struct.pack("<7I", _MAGIC, 0, count, keys_at, texts_at, 0, 0) + tables + data
