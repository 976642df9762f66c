"""Tables that spreadsheets open: no cell is a formula, and no file of a stranger can do harm."""

import csv
import io
import zipfile
from contextlib import suppress
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from experts.tables import MOST_BYTES, MOST_ROWS, UnreadableTable, csv_chunks, read_table, write_xlsx

EVIL = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\n@x",
    "＝1+1",
    "＠SUM(1)",
]


def csv_of(*rows) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(csv_chunks(rows)).decode("utf-8-sig"), newline="")))


def book_of(*rows, name="One"):
    file = io.BytesIO()
    write_xlsx(file, [(name, rows)])
    return load_workbook(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("text", EVIL)
def test_nothing_that_is_written_is_a_formula(text):
    [[written]] = csv_of([text])
    assert written == "'" + text
    cell = book_of([text]).active["A1"]
    assert cell.data_type == "s" and cell.quotePrefix
    assert not str(cell.value).startswith(("=", "+", "-", "@"))


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_whatever_people_write_is_text_in_both_and_comes_back(texts):
    [written] = csv_of(texts)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in written)
    for cell in book_of(texts).active[1]:
        assert cell.data_type in ("s", "inlineStr") or cell.value is None


def test_phone_numbers_stay_readable_and_can_be_read_again():
    phone = "+44 20 7946 0958"
    assert book_of([phone]).active["A1"].value == phone
    assert csv_of([phone]) == [["'" + phone]]
    for content in (b"".join(csv_chunks([["phone"], [phone]])), xlsx([["phone"], [phone]])):
        assert read_table(content).rows == [(2, [phone])]


def test_days_and_times_are_those_of_a_calendar_and_instants_name_their_zone():
    at = datetime(2027, 3, 10, 14, 30, tzinfo=ZoneInfo("Europe/London"))
    row = [date(2027, 3, 10), time(14, 30), at, 3, None]
    assert csv_of(row) == [["2027-03-10", "14:30", "2027-03-10 14:30+00:00", "3", ""]]
    cells = book_of(row).active[1]
    assert cells[0].value.date() == date(2027, 3, 10) and cells[1].value == time(14, 30)
    assert cells[2].value == "2027-03-10 14:30+00:00"


# Reading


def xlsx(rows, **options) -> bytes:
    book = Workbook(**options)
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


ROWS = [["Expert", "Name"], ["Łukasz", "Zoë; the “Great”, Jr"], ["O'Hara", "two\nlines"]]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_is_read_however_it_was_saved(separator, encoding, end):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(ROWS)
    table = read_table(text.getvalue().encode(encoding))
    assert [table.columns, *(cells for _number, cells in table.rows)] == ROWS


def test_windows_letters_are_read_too():
    assert read_table("name;note\r\nJürgen;5 € – “so”\r\n".encode("cp1252")).rows == [(2, ["Jürgen", "5 € – “so”"])]


def test_rows_are_called_as_a_spreadsheet_calls_them_and_empty_ones_are_left_out():
    assert read_table(b"a,b\n\n1,2\n,\n3\n").rows == [(3, ["1", "2"]), (5, ["3", ""])]
    assert read_table(xlsx([["a", "b"], [None, None], [1, 2.0]])).rows == [(3, ["1", "2"])]
    assert read_table(b"sep=;\na;b\n1;2\n").columns == ["a", "b"]


def test_cells_of_a_workbook_are_read_as_people_write_them():
    row = [date(2027, 3, 10), time(9, 5), datetime(2027, 3, 10, 9, 5), 30, 2.5, True, None, " x "]
    [(_number, cells)] = read_table(xlsx([list("abcdefgh"), row])).rows
    assert cells == ["2027-03-10", "09:05", "2027-03-10 09:05", "30", "2.5", "yes", "", "x"]


def test_a_formula_is_never_worked_out():
    book = Workbook()
    book.active.append(["name"])
    book.active.append(["=1+1"])
    file = io.BytesIO()
    book.save(file)
    assert read_table(file.getvalue()).rows == [], "its last value, which this file has not"
    assert read_table(b"name\n=1+1\n").rows == [(2, ["=1+1"])]


def zipped(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file.getvalue()


def changed(content: bytes, part: str, change) -> bytes:
    """A workbook with one of its parts changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            text = old.read(info)
            new.writestr(info, change(text) if info.filename == part else text)
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b'<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
PLAIN = xlsx([["name"], ["x"]])
HOSTILE = {
    "nothing": b"",
    "spaces": b"  \n\n ",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "a bomb": zipped(**{SHEET: b"\x00" * 90_000_000}),
    "very many parts": zipped(**{f"part{n}": b"x" for n in range(300)}),
    "no workbook": zipped(hello=b"world"),
    "cut off": PLAIN[: len(PLAIN) // 2],
    "entities": changed(PLAIN, SHEET, lambda text: text.replace(b"<worksheet", LAUGHS + b"<worksheet", 1)),
    "entities behind a comment": changed(
        PLAIN,
        SHEET,
        lambda text: text.replace(b"<worksheet", b"<!--" + b"x" * 2_000_000 + b"-->" + LAUGHS + b"<worksheet", 1),
    ),
    "broken": changed(PLAIN, SHEET, lambda text: text[:-40]),
    "encrypted": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600,
    "too large": b"name\n" + b"x" * MOST_BYTES,
    "too many rows": b"name\n" + b"x\n" * (MOST_ROWS + 1),
    "too many rows in a book": xlsx([["name"]] + [["x"]] * (MOST_ROWS + 1), write_only=False),
    "a huge cell": b"name\n" + b"x" * 6000,
    "too many columns": b",".join(b"c%d" % n for n in range(150)) + b"\n",
    "more cells than the head": b"name\nx,y\n",
    "a mark that never ends": b'name\n"x\n',
    "letters of no kind": b"name\n\x81\x8d\x8f\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_no_table_is_refused_in_words(content):
    with pytest.raises(UnreadableTable) as refusal:
        read_table(content)
    assert str(refusal.value)


def test_a_sheet_that_lies_about_its_size_is_read_as_it_is():
    lying = changed(PLAIN, SHEET, lambda text: text.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"'))
    assert lying != PLAIN
    assert read_table(lying).rows == [(2, ["x"])]


def test_a_row_far_below_makes_no_million_of_rows():
    far = changed(PLAIN, SHEET, lambda text: text.replace(b'r="2"', b'r="1048576"').replace(b'"A2"', b'"A1048576"'))
    with pytest.raises(UnreadableTable):
        read_table(far)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused(content):
    for given_bytes in (content, b"PK\x03\x04" + content):
        with suppress(UnreadableTable):
            read_table(given_bytes)


@given(st.integers(0, len(PLAIN) - 1), st.binary(min_size=1, max_size=8))
def test_any_workbook_with_a_fault_is_a_table_or_refused(place, fault):
    with suppress(UnreadableTable):
        read_table(PLAIN[:place] + fault + PLAIN[place + len(fault) :])
