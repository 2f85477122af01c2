"""Owns turning a text table into lines of cells: encoding, separator, quotes, decimal commas, blank rows.

Must never guess at a number: what is not plainly a table is refused with what it looks like.
"""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
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
LONGEST_LINE = 100_000  # characters; a packed file of 1 MB may hold one of a gigabyte
_AS_CSV = "open it in the program that wrote it and save it as CSV"
# How files begin that are no text, what they are, and what to do.
_NO_TEXT = {
    b"PK\x03\x04": (
        "a packed workbook or folder",
        f"{_AS_CSV}; a .zip of tables keeps that name for `rearguard trace import`",
    ),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", _AS_CSV),
    b"\x1f\x8b": ("packed with gzip, perhaps twice", "unpack it, or let its name end in .gz"),
    b"SQLite format 3\0": ("a database", _AS_CSV),
    b"PAR1": ("a Parquet file", _AS_CSV),
    b"\x89HDF": ("an HDF5 file", _AS_CSV),
    b"MATLAB 5": ("a MATLAB file", _AS_CSV),
    b"\x89MCAP": ("an MCAP file", "let its name end in .mcap"),
}
DECIMAL_COMMAS = (
    "Usually a row cut short, or decimal commas beside commas between the cells: a decimal comma needs semicolons, "
    "tabs or quotes."
)
_LIKE_TEXT = {"{": "JSON", "[": "JSON", "<": "a web page or XML"}
_IN_NAMES = "_.\"' -+()[]\r\n"  # beside letters and digits, what stands in the name of a column


def numbered_lines(path: Path, comments: bool = False) -> Iterator[tuple[int, str]]:
    """Every line but comments (#), unless they are asked for, and empty ones.

    Raises Failure for what is not text or not whole gzip.

    Bytes of another eight-bit encoding become surrogates: in a comment they do no harm, in a number they are found.
    """
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE), ""), 1):
                if number == 1:
                    _check_text(path, line)
                if len(line) == LONGEST_LINE:
                    raise Failure(
                        f"{path}: line {number} has more than {LONGEST_LINE} characters. Usually another format."
                    )
                if (line[0] != "#" or comments) and line != "\n":
                    yield number, line
    except UnicodeError:
        raise Failure(
            f"{path}: not text after line {number}. Usually a damaged file or another format."
        ) from None
    except (EOFError, zlib.error, OSError) as error:
        if getattr(error, "errno", None) is not None:  # of the file itself, not of what is in it
            raise Failure(
                f"{path}: cannot be read: {error.strerror}. Check the path and the rights."  # type: ignore[union-attr]
            ) from None
        raise Failure(
            f"{path}: cannot be read after line {number}: {error}. Usually a copy that was cut short: copy it again."
        ) from None


def _opened(path: Path) -> IO[str]:
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rb") as raw:
        sample = raw.read(_SAMPLE_BYTES)
    for begin, (what, do) in _NO_TEXT.items():
        if sample.startswith(begin):
            raise Failure(f"{path}: {what}, no table of text. Usually the wrong file of an export: {do}.")
    encoding = encoding_of(sample)
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    return opener(path, "rt", encoding=encoding, errors=errors)


def _check_text(path: Path, first: str) -> None:
    """Raises Failure when the first line is of another form than a table, and before it is shown to anybody."""
    what = _LIKE_TEXT.get(first.lstrip()[:1])
    if what is not None:
        raise Failure(f"{path}: {what}, no table. Usually the wrong file of an export: {_AS_CSV}.")
    if any(sign < " " and sign not in "\t\n\r\f" for sign in first):
        raise Failure(f"{path}: no text. Usually a damaged file or another format.")


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


def other_separator(line: str, known: Iterable[str]) -> str | None:
    """What parts the cells of this header where none of SEPARATORS does; None when nothing does."""
    names = {name.casefold() for name in known}
    for sign in dict.fromkeys(line):
        cells = line.split(sign)
        no_name = not sign.isalnum() and sign not in _IN_NAMES + SEPARATORS
        if no_name and len(names & {cell.strip().casefold() for cell in cells}) > 1:
            return sign
    return None


def parted_by(sign: str) -> str:
    """The end of a sentence about a table with such a separator."""
    return (
        f"cells are parted by {sign}. Usually an export with a separator of its own: save it with commas, semicolons, "
        "tabs or bars"
    )


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
    """The same row with commas between the cells, points in the numbers, no quotes and plain minus signs."""
    return ",".join(
        cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell.replace(",", ";")
        for cell in cells_of(line.replace("\N{MINUS SIGN}", "-"), separator)
    )


def is_blank(line: str) -> bool:
    """A row of separators alone, as a spreadsheet leaves below a table."""
    return not line.strip(SEPARATORS + ' "\r\n')
