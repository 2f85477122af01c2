"""Owns turning a text table into lines of cells: encoding, separator, quotes, decimal commas, blank rows.

Must never guess at a number: what is not plainly a table is refused with what it looks like.
"""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from sensors.advice import Failure

SEPARATORS = ",;\t|"
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
_BOMS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_SAMPLE_BYTES = 2048


def numbered_lines(path: Path, comments: bool = False) -> Iterator[tuple[int, str]]:
    """Every line but comments (#), unless they are asked for, and empty ones.

    Raises Failure for what is not text or not whole gzip.

    Bytes of another eight-bit encoding become surrogates: in a comment they do no harm, in a number they are found.
    """
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if (line[0] != "#" or comments) and line != "\n":
                    yield number, line
    except UnicodeError:
        raise Failure(
            f"{path}: not text after line {number}. Usually a damaged file or another format."
        ) from None
    except (EOFError, zlib.error, OSError) as error:
        raise Failure(
            f"{path}: cannot be read after line {number}: {error}. Usually a copy that was cut short: copy it again."
        ) from None


def _opened(path: Path) -> IO[str]:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as raw:
        encoding = encoding_of(raw.read(_SAMPLE_BYTES))
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    return opener(path, "rt", encoding=encoding, errors=errors)


def encoding_of(sample: bytes) -> str:
    """The encoding of a text that begins so. A spreadsheet's "Unicode text" is UTF-16, sometimes without a mark."""
    for mark, encoding in _BOMS.items():
        if sample.startswith(mark):
            return encoding
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(sample) >= 4 and sample[first::2].count(0) > len(sample) * 0.4:  # every second byte is zero
            return encoding
    return "utf-8-sig"


def separator_of(line: str, known: Iterable[str]) -> str:
    """The character that parts the cells of this header: the one that gives most of the `known` names."""
    names = {name.casefold() for name in known}
    found = {sep: len(names & {cell.casefold() for cell in cells_of(line, sep)}) for sep in SEPARATORS + " "}
    return max(found, key=lambda sep: found[sep])


def announced(line: str) -> str | None:
    """The separator that a spreadsheet announces in a line of its own, `sep=;`."""
    word = line.strip().strip('"')
    return word[4] if word.lower().startswith("sep=") and len(word) == 5 else None


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line, without quotes and surrounding blanks."""
    if separator == " ":
        return [cell.strip('"') for cell in line.split()]
    try:
        (cells,) = csv.reader([line.rstrip("\r\n")], delimiter=separator)
    except (ValueError, csv.Error):  # a quote that is never closed
        return line.rstrip("\r\n").split(separator)
    return [cell.strip() for cell in cells]


def plain(line: str, separator: str) -> str:
    """The same row with commas between the cells, points in the numbers and no quotes."""
    return ",".join(
        cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell.replace(",", ";")
        for cell in cells_of(line, separator)
    )


def is_blank(line: str) -> bool:
    """A row of separators alone, as a spreadsheet leaves below a table."""
    return not line.strip(SEPARATORS + ' "\r\n')
