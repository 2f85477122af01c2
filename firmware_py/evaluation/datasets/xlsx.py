"""Reads the cells of the first sheet of an .xlsx file. Must never evaluate a formula or need another package."""

import io
import re
import zipfile
from xml.etree import ElementTree

from firmware_py.evaluation.datasets.files import RecordingError

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def first_sheet(data: bytes, where: str) -> list[list[str]]:
    """Rows of cell texts, blank cells as "". Raises RecordingError when it is not a workbook."""
    try:
        book = zipfile.ZipFile(io.BytesIO(data))
        names = book.namelist()
        shared = _shared_strings(book) if "xl/sharedStrings.xml" in names else []
        sheets = sorted(name for name in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name))
        sheet = ElementTree.fromstring(book.read(sheets[0]))
        return [_row(row, shared) for row in sheet.iter(f"{_NS}row")]
    except (zipfile.BadZipFile, ElementTree.ParseError, IndexError, KeyError, ValueError) as error:
        raise RecordingError(
            f"{where}: not a workbook ({error}). Usually a page saved by mistake: fetch it again."
        ) from None


def _shared_strings(book: zipfile.ZipFile) -> list[str]:
    table = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
    return [_text(item) for item in table.iter(f"{_NS}si")]


def _row(row: ElementTree.Element, shared: list[str]) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(f"{_NS}c"):
        column = _column(cell.get("r", ""), len(cells))
        cells += [""] * (column - len(cells))
        value = cell.find(f"{_NS}v")
        if cell.get("t") == "inlineStr":
            cells.append(_text(cell))
        elif value is None or value.text is None:
            cells.append("")
        else:
            cells.append(shared[int(value.text)] if cell.get("t") == "s" else value.text)
    return cells


def _text(element: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in element.iter(f"{_NS}t"))


def _column(reference: str, default: int) -> int:
    """C7 -> 2. Blank cells are left out of the file, so the place is in the name."""
    letters = re.match(r"[A-Z]+", reference)
    if letters is None:
        return default
    index = 0
    for letter in letters[0]:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
