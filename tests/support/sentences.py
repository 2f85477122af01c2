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
ELSEWHERE = ("usage.py",)  # help is English
# What these report is built where no language is known; `locale.spoken` finds it by its shape.
SPOKEN = [
    *sorted(path for path in (PACKAGE / "device").rglob("*.py") if path.name not in ELSEWHERE),
    *(PACKAGE / f"guard/{name}.py" for name in ("relay", "service")),
    *(PACKAGE / f"storage/{name}.py" for name in ("mounts", "record")),
    *(
        PACKAGE / f"courier/events/{name}.py"
        for name in ("login", "certificate", "connection", "mqtt", "writer")
    ),
    *(
        PACKAGE / f"courier/{name}.py"
        for name in ("page/server", "recording/incidents", "recording/segments", "sessions/history")
    ),
    PACKAGE / "report/command.py",
    *(PACKAGE / f"alerts/{name}.py" for name in ("command", "people", "channels")),
    *(
        ROOT / f"sensors/{name}.py"
        for name in ("advice", "i2c", "registers", "vl53l1x", "tf_luna", "lsm6dsox", "mpu6050")
    ),
]
REPORTS = {
    *("Failure", "ConfigError", "HardwareError", "Unsent", "Advice", "_replace", "wrong_dates"),
    *("failed", "warned", "passed", "_refused", "_button", "_cable", "_end", "look"),
    *("_note", "_refuse", "_no_remote_stop"),  # what keeps the courier from its work
}
PARTS = {"what", "why", "do", "CURE", "OTHER_CHIP", "LIKELY_CHIPS", "THROTTLED_NOW", "MARKS", "problem"}
ITS_OWN_WORD = re.compile(r"[^\W\d_]{4}")  # what a text with places must have beside them
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
    found += [text for path in SPOKEN for text in _spoken(path.read_text(encoding="utf-8"))]
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


def _spoken(source: str) -> Iterator[str]:
    """What is reported: the parts of an advice, wherever it is made, as text or as a shape."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            given = [*node.args, *(word.value for word in node.keywords if word.arg in PARTS)]
            found = given if name in REPORTS else []
        elif isinstance(node, ast.Assign):
            found = _parts(node)
        else:
            found = [node.value] if isinstance(node, ast.Return) and node.value is not None else []
            found = [part for part in found if " " in "".join(_shapes(part)).strip()]
        for part in found:
            yield from (text for text in _shapes(part) if _is_sentence(text))


def _parts(node: ast.Assign) -> list[ast.expr]:
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=True))
    else:
        pairs = [(target, value)]
    return [v for t, v in pairs if (t.id if isinstance(t, ast.Name) else getattr(t, "attr", "")) in PARTS]


def _shapes(node: ast.expr) -> Iterator[str]:
    """Every text in it; of a filled one its shape, with numbered places."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        numbers = iter(range(len(node.values)))
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{next(numbers)}}}"
            for part in node.values
        )
    elif isinstance(node, (ast.Tuple, ast.List)):
        yield from (text for one in node.elts for text in _shapes(one))
    elif isinstance(node, ast.Dict):
        yield from (text for one in node.values for text in _shapes(one))
    elif isinstance(node, ast.Starred):
        yield from _shapes(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (text for one in (node.body, node.orelse) for text in _shapes(one))


def _is_sentence(text: str) -> bool:
    """No format, no name: words, and beside its places at least one of its own."""
    own = re.sub(r"{\d+}", "", text)
    words = text.replace("-", "").isalpha() or (" " in text and any(c.isalpha() for c in text))
    return bool(ITS_OWN_WORD.search(own)) if own != text else words and not text.endswith("\n")


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
