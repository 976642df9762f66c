"""Write tables that spreadsheets open, as CSV and XLSX, and read them, from whoever made them.

What is written is text and numbers and nothing else: a cell that a spreadsheet would take for a formula is marked as
text. What is read is bounded before it is unpacked, and no formula of it is ever worked out.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import IO, Any

from django.utils.translation import gettext as _
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell

Cell = str | int | float | date | time | datetime | None
Row = Sequence[Cell]

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_BYTES = 5 * 1024 * 1024  # of a file that is read
MOST_ROWS = 10_000  # of its rows, without the head
MOST_COLUMNS = 100
LONGEST_CELL = 5_000  # characters; notes have 2,000
MOST_UNPACKED = 60 * 1024 * 1024  # bytes of all that is packed in an XLSX
MOST_PARTS = 200  # files in it

# What spreadsheets begin a formula with: also in full width, and behind a tab, a line's end or a space.
_FORMULA = re.compile(r"[\s\x00-\x20]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_PHONE = re.compile(r"\+\d[\d ().-]*")
_MARKED = re.compile(r"'(?=[\s]*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])")
# No XML can hold these.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def harmless(text: str) -> str:
    """The text as no spreadsheet takes it for a formula: with an apostrophe before it, where it could be one."""
    return f"'{text}" if _FORMULA.match(text) else text


def unmarked(text: str) -> str:
    """The text without the apostrophe that ``harmless`` has put before it."""
    return _MARKED.sub("", text, count=1)


_DOCTYPE = tuple("<!DOCTYPE".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))


# Writing


def csv_chunks(rows: Iterable[Row]) -> Iterator[bytes]:
    """A CSV in UTF-8, a row at a time; with the mark by which spreadsheets know that it is."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    yield b"\xef\xbb\xbf"
    for row in rows:
        writer.writerow([_as_text(cell) for cell in row])
        yield buffer.getvalue().encode("utf-8", "replace")
        buffer.seek(0)
        buffer.truncate()


def _as_text(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return harmless(cell.replace("\x00", ""))
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "minutes")
    if isinstance(cell, time):
        return cell.isoformat("minutes")
    return cell.isoformat() if isinstance(cell, date) else cell


def write_xlsx(file: IO[bytes], sheets: Iterable[tuple[str, Iterable[Row]]]) -> None:
    """Write a workbook of sheets with a name each, whose first row stays in sight. Texts are never formulas."""
    book = Workbook(write_only=True)
    for name, rows in sheets:
        sheet = book.create_sheet(name[:31])
        sheet.freeze_panes = "A2"
        for row in rows:
            sheet.append([_as_cell(sheet, cell) for cell in row])
    book.save(file)


def _as_cell(sheet: Any, value: Cell) -> Any:
    if isinstance(value, datetime):  # a workbook knows no zones
        value = value.isoformat(" ", "minutes")
    if isinstance(value, str):
        text = _ILLEGAL.sub("", value)[:32_767]
        cell = WriteOnlyCell(sheet, text if _PHONE.fullmatch(text) else harmless(text))
        cell.data_type = "s"
        # Text also after somebody has edited the cell.
        cell.quotePrefix = bool(_FORMULA.match(text))
        return cell
    cell = WriteOnlyCell(sheet, value)
    if isinstance(value, date):
        cell.number_format = "yyyy-mm-dd"
    elif isinstance(value, time):
        cell.number_format = "hh:mm"
    return cell


# Reading


class UnreadableTable(Exception):
    """A file that is no table that can be read here. Its text says why, for people."""


@dataclass(frozen=True)
class Table:
    """The head of a table, and its rows with the numbers by which a spreadsheet calls them."""

    columns: list[str]
    rows: list[tuple[int, list[str]]]


def read_table(content: bytes) -> Table:
    """Read the first sheet of an XLSX, or a CSV: UTF-8 or Windows-1252, with commas, semicolons or tabs.

    Dates and times of a workbook become ``2027-03-10`` and ``14:30``. Rows without any text are left out, and every row
    is as long as the head. Raises UnreadableTable.
    """
    if len(content) > MOST_BYTES:
        raise UnreadableTable(_("The file is larger than 5 MB."))
    if not content.strip():
        raise UnreadableTable(_("The file is empty."))
    lines = _xlsx_rows(content) if content[:4] == b"PK\x03\x04" else _csv_rows(content)
    head: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    for number, cells in lines:
        texts = [unmarked(cell.strip()) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            continue
        if len(texts) > MOST_COLUMNS:
            raise UnreadableTable(_("Row %(row)d has more than 100 columns.") % {"row": number})
        if any(len(text) > LONGEST_CELL for text in texts):
            raise UnreadableTable(_("Row %(row)d has a cell that is too long.") % {"row": number})
        if not head:
            head = texts
            continue
        if len(texts) > len(head):
            words = {"row": number, "cells": len(texts), "columns": len(head)}
            raise UnreadableTable(_("Row %(row)d has %(cells)d cells, and the head %(columns)d.") % words)
        rows.append((number, texts + [""] * (len(head) - len(texts))))
        if len(rows) > MOST_ROWS:
            raise UnreadableTable(_("The file has more than 10,000 rows. Import it in parts."))
    if not head:
        raise UnreadableTable(_("The file is empty."))
    return Table(head, rows)


def _csv_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    if b"\x00" in content:
        raise UnreadableTable(_("This is no table. Save it as CSV or XLSX."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError as error:
            raise UnreadableTable(_("The file’s letters cannot be read. Save it as “CSV UTF-8”.")) from error
    first = text.lstrip().splitlines()[0]
    if first.lower().startswith("sep=") and len(first) == 5:  # what Excel writes to itself
        separator, text = first[4], text.lstrip().partition("\n")[2]
    else:
        separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = 0
    try:
        for cells in reader:
            # Where a cell has several lines, the row is called by its first.
            number, before = before + 1, reader.line_num
            yield number, cells
    except csv.Error as error:
        where = {"row": reader.line_num}
        raise UnreadableTable(_("Row %(row)d cannot be read: a quotation mark is missing.") % where) from error


def _xlsx_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    refusal = UnreadableTable(_("This workbook cannot be read. Save it as CSV, and try that."))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
            # Nothing unpacks to more than it says here: zipfile stops there.
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise UnreadableTable(_("The workbook is too large when it is unpacked."))
            if any(_has_entities(packed, part) for part in parts):
                raise refusal
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What the sheet says of its own size may be a lie, and rows that are not there would all be made up.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), 1):
            if number > MOST_ROWS * 2:
                raise UnreadableTable(_("The file has more than 10,000 rows. Import it in parts."))
            yield number, [_of_cell(cell) for cell in cells]
    except UnreadableTable:
        raise
    except Exception as error:  # whatever openpyxl stumbles over in a file that somebody has made up
        raise refusal from error


def _has_entities(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether an XML defines entities of its own, with which a small file becomes a huge one. No workbook needs any."""
    if not part.filename.endswith((".xml", ".rels")):
        return False
    before = b""
    with packed.open(part) as file:
        while some := file.read(1 << 20):
            if any(mark in before + some for mark in _DOCTYPE):
                return True
            before = some[-20:]
    return False


def _of_cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        if cell.time() == time.min:
            return cell.date().isoformat()
        return cell.isoformat(" ", "minutes")
    if isinstance(cell, time):
        return cell.isoformat("minutes")
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)
