"""Finds every English sentence that a catalogue must translate: python -m tests.support.sentences writes them into it.

A new sentence gets an empty translation, a stale one goes, the rest stay as they are.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py import locale as language
from firmware_py import messages
from firmware_py.core.body import fall
from sensors import hints

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "firmware_py"
TABLES = (messages, hints, fall)  # modules whose public tables are translated as they are shown
HEAD = "Language: {}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
# `_("...")` in a page or a script; a text runs over several lines only inside one pair of quotes.
IN_MARKUP = re.compile(r"""(?<!\w)_\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")


def sentences() -> dict[str, None]:
    """All of them, in the order of the files; a dict, so that each stands once."""
    found = [
        text
        for module in TABLES
        for name, table in vars(module).items()
        if _public(name)
        for text in _leaves(table)
    ]
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix == ".py":
            found += _in_python(path.read_text(encoding="utf-8"))
        elif path.suffix in (".html", ".js") and "vendor" not in path.parts:
            found += (a or b for a, b in IN_MARKUP.findall(path.read_text(encoding="utf-8")))
    return dict.fromkeys(text for text in found if text)


def _public(name: str) -> bool:
    return name.isupper() and not name.startswith("_")


def _leaves(table: Any) -> Iterator[str]:
    """Every text of a table; a key is a name and no text."""
    if isinstance(table, str):
        yield table
    elif isinstance(table, dict):
        yield from (text for value in table.values() for text in _leaves(value))
    elif isinstance(table, fall.Row):
        yield table.sentence
    elif isinstance(table, tuple):
        yield from (text for value in table for text in _leaves(value))


def _in_python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "mark"):
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main() -> None:
    for path in language.CATALOGUES.glob("*/LC_MESSAGES/*.po"):
        known = language.read_po(path)
        entries = [f"msgid {_quoted(text)}\nmsgstr {_quoted(known.get(text, ''))}\n" for text in sentences()]
        head = HEAD.format(path.parts[-3])
        path.write_text("\n".join([f'msgid ""\nmsgstr {_quoted(head)}\n', *entries]), encoding="utf-8")


if __name__ == "__main__":
    main()
