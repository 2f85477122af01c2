"""Owns the files of the page: read once, in the language in use. Must never open what a request names."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from firmware_py import locale

_STATIC = Path(__file__).with_name("static")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES = {
    "/": "index.html",
    "/walk": "walk.html",
    "/answer.html": "answer.html",
    "/static/again.js": "again.js",
    "/static/answer.js": "answer.js",
    "/static/coach.js": "coach.js",
    "/static/app.js": "app.js",
    "/static/walk.js": "walk.js",
    "/static/stream.js": "stream.js",
    "/static/signs.js": "signs.js",
    "/static/deck.js": "deck.js",
    "/static/charts.js": "charts.js",
    "/static/style.css": "style.css",
    "/static/walk.css": "walk.css",
    "/static/icon.svg": "icon.svg",
    "/static/uplot.js": "vendor/uplot/uPlot.iife.min.js",
    "/static/uplot.css": "vendor/uplot/uPlot.min.css",
}


def files() -> dict[str, tuple[bytes, str]]:
    """Address -> body and media type."""
    found = {address: (_body(name), _TYPES[Path(name).suffix]) for address, name in _FILES.items()}
    return found | {"/static/words.js": (_words().encode(), _TYPES[".js"])}


def _body(name: str) -> bytes:
    if not name.endswith(".html"):
        return (_STATIC / name).read_bytes()
    pages = Environment(loader=FileSystemLoader(_STATIC), autoescape=True, undefined=StrictUndefined)
    return pages.get_template(name).render(_=locale.translate, language=locale.current()).encode()


def _words() -> str:
    """The same catalogue for the scripts; English needs none."""
    known = json.dumps(locale.sentences(), ensure_ascii=False)
    return (
        f"const known = {known};\n"
        f"export const language = {json.dumps(locale.current())};\n"
        "export const _ = (text) => known[text] ?? text;\n"
        "export const fill = (text, values) => text.replace(/{(\\w+)}/g, (_all, name) => values[name]);\n"
    )
