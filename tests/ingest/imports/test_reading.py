"""Files in every encoding, dialect and format that people have, and what is told of those that cannot be read."""

import csv
import gzip
import io
import re
import tempfile
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

from services.ingest.imports.cells import Row, UnreadableFile, row_hash
from services.ingest.imports.reading import Options, opened, recognise
from tests.ingest.imports.files import UNPACKED, content, content_of, csv_text, rewritten, to_the_end, workbook

TABLE = [["Date", "NPS", "Comment"], ["2025-01-02", "9", "Gut, größer"], ["2025-01-03", "3", "very late"]]
CHINESE = [["日期", "评分", "评论"], ["2025-01-02", "9", "很好，谢谢你们的帮助"], ["2025-01-03", "3", "等了三个星期没有人回答"]]
SURROGATES = st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00\r\n")
SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
CELLS = st.text(SURROGATES, max_size=20) | st.text(st.sampled_from("\"',;\t| \nab"), max_size=12)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encoding_and_line_ends_change_neither_what_is_read_nor_what_it_is_known_by(tmp_path: Path, encoding: str, line_end: str) -> None:
    plain = content(tmp_path, csv_text(TABLE, lineterminator="\n"))

    read = content(tmp_path, csv_text(TABLE, lineterminator=line_end).encode(encoding))

    assert read.columns == TABLE[0]
    assert read.cells == TABLE[1:]
    assert read.form.digest == plain.form.digest
    assert [row_hash(read.columns, row) for row in read.rows] == [row_hash(plain.columns, row) for row in plain.rows]


def test_chinese_in_gb18030_is_told_from_western_text(tmp_path: Path) -> None:
    chinese = content(tmp_path, csv_text(CHINESE).encode("gb18030"))
    western = content(
        tmp_path, csv_text([["Name", "Text"], ["Zoë", "déjà vu – naïve façade, £5"], ["Jürgen", "Grüße, süß"]]).encode("cp1252")
    )

    assert chinese.form.encoding == "gb18030"
    assert chinese.cells == CHINESE[1:]
    assert western.form.encoding == "cp1252"
    assert western.cells[0] == ["Zoë", "déjà vu – naïve façade, £5"]


def test_a_file_that_is_utf8_only_at_its_beginning_is_read_as_what_it_is(tmp_path: Path) -> None:
    rows = [["Name"], *[["plain"]] * 60_000, ["Jürgen Müller"]]

    read = content(tmp_path, csv_text(rows).encode("cp1252"))

    assert read.form.encoding == "cp1252"
    assert read.cells[-1] == ["Jürgen Müller"]


def test_a_wrong_encoding_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="not utf-8: say the file's encoding, one of utf-8, utf-16"):
        content(tmp_path, csv_text(TABLE).encode("cp1252"), encoding="utf-8")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_the_delimiter_and_the_quote_are_recognised(tmp_path: Path, delimiter: str, quote: str) -> None:
    rows = [["Date", "Score", "Text"], ["2025-01-02", "4,5", f"one{delimiter} two"], ["2025-01-03", "3,0", "a\nline"]] * 3

    read = content(tmp_path, csv_text(rows, delimiter=delimiter, quotechar=quote, quoting=csv.QUOTE_ALL))

    assert read.form.dialect is not None
    assert (read.form.dialect.delimiter, read.form.dialect.quote) == (delimiter, quote)
    assert read.cells == rows[1:]


def test_what_excel_says_about_the_delimiter_goes_before(tmp_path: Path) -> None:
    read = content(tmp_path, "sep=;\r\na,b;c\r\n1,2;3\r\n")

    assert read.columns == ["a,b", "c"]
    assert read.cells == [["1,2", "3"]]


def test_rows_that_do_not_fit_are_rows_with_a_problem_and_the_others_are_read(tmp_path: Path) -> None:
    read = content(tmp_path, 'a,b\n1,2\n1,2,3\n\n , \n"x",,\n7,8\n9,"open')

    assert [(row.line, row.problem is None) for row in read.rows] == [(2, True), (3, False), (6, True), (7, True), (8, False)]
    assert read.rows[1].problem == "has 3 cells where there are 2 columns: put a text that holds the delimiter in quotes"
    assert read.rows[-1].problem is not None
    assert "never closed" in read.rows[-1].problem


@pytest.mark.parametrize("end", ["", ",", ",,", ",,,"])
def test_blank_cells_at_the_end_of_a_row_may_be_left_out_or_too_many(tmp_path: Path, end: str) -> None:
    whole = content(tmp_path, "id,score,comment\n1,9,fine\n2,,\n")
    read = content(tmp_path, f"id,score,comment\n1,9,fine\n2{end}\n")

    assert read.cells == whole.cells == [["1", "9", "fine"], ["2", "", ""]]
    assert row_hash(read.columns, read.rows[1]) == row_hash(whole.columns, whole.rows[1]), "it is the same row, however it was saved"


def test_a_quote_that_is_never_closed_costs_what_it_swallows_and_no_memory(tmp_path: Path) -> None:
    read = content(tmp_path, 'a,b\n1,"open\n' + "2,two words\n" * 20_000 + "3,4\n")

    refused = [row for row in read.rows if row.problem]
    assert len(refused) == 1
    assert refused[0].line == 2
    assert read.rows[-1].cells == ["3", "4"]


@pytest.mark.parametrize("cell", ['"' + "x" * 10_000_000 + '"', "x" * 10_000_000, '"' + "y" * 200_000 + '"', ",x" * 600_000])
def test_a_cell_or_a_line_of_megabytes_costs_its_row_and_no_other(tmp_path: Path, cell: str) -> None:
    read = content(tmp_path, f"a,b\n1,2\n{cell},3\n4,5\n")

    assert [(list(row.cells), row.problem is None) for row in read.rows] == [(["1", "2"], True), ([], False), (["4", "5"], True)]


def test_a_row_that_goes_on_for_ever_is_not_held(tmp_path: Path) -> None:
    cells = ",".join(['"two\nlines"'] * 1_000_000)

    read = content(tmp_path, f"a,b\n1,2\n{cells}\n3,4\n")

    assert max(len(row.cells) for row in read.rows) < 500_000
    assert read.cells[-1] == ["3", "4"]


def test_a_line_of_json_that_is_too_long_costs_itself(tmp_path: Path) -> None:
    read = content(tmp_path, '{"a": 1}\n{"a": "' + "x" * 2_000_000 + '"}\n{"a": 2}')

    assert [(row.line, row.problem) for row in read.rows] == [(1, None), (2, "is longer than 1,048,576 characters"), (3, None)]


def test_a_stray_nul_is_a_character_of_its_cell(tmp_path: Path) -> None:
    read = content(tmp_path, csv_text([*TABLE, ["2025-01-04", "5", "a\x00b"]] + TABLE[1:] * 10))

    assert read.cells[2] == ["2025-01-04", "5", "a\x00b"]


def test_blank_rows_are_no_rows_but_let_others_in_between(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a,b\n" + ",\n" * 1000 + "1,2\n")
    form = to_the_end(recognise(path, Options(), "of-the-bytes", UNPACKED))
    with opened(path, form, UNPACKED) as file:
        rows = list(file.table().rows)

    assert rows[:1000] == [None] * 1000
    assert rows[1000:] == [Row(1002, ["1", "2"])]


def test_equal_and_blank_names_of_columns_are_told_apart(tmp_path: Path) -> None:
    read = content(tmp_path, "Score,,Score,\n1,2,3,\n")

    assert read.columns == ["Score", "column 2", "Score (2)"]
    assert read.cells == [["1", "2", "3"]]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf \r\n", "the file is empty"),
        (b'[{"a": 1}]', "write one object a line"),
        (b"{broken\n{broken\n", "NDJSON has one in each line"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "unpack it"),
        (b"%PDF-1.7", "this is a PDF"),
        (b"<html><body><table><tr><td>Date", "this is a web page or XML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook>', "this is a web page or XML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 512, "protected by a password, or of the old kind .xls"),
        (b"PK\x03\x04 broken", "is broken"),
        (b"a,b\x00\x01\n1\x00,2\n" * 50, "no text file"),
        (b"a" * (1024 * 1024 + 1), "longer than 1,048,576 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_told_with_what_to_do(tmp_path: Path, data: bytes, told: str) -> None:
    with pytest.raises(UnreadableFile, match=told):
        content(tmp_path, data)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]),
       st.sampled_from(["utf-8", "utf-16", "gb18030"]))  # fmt: skip
def test_whatever_is_written_as_csv_is_read_again(rows: list[list[str]], delimiter: str, line_end: str, encoding: str) -> None:
    header = ["one", "two", "three"]
    text = csv_text([header, *rows], delimiter=delimiter, lineterminator=line_end)
    with tempfile.TemporaryDirectory() as folder:
        read = content(Path(folder), text.encode(encoding), encoding=encoding, delimiter=delimiter, quote='"')

    assert read.columns == header
    assert read.cells == [row for row in rows if any(cell.strip() for cell in row)]
    assert not any(row.problem for row in read.rows)


def test_sheets_give_typed_cells_and_dates(tmp_path: Path) -> None:
    at = datetime(2025, 1, 2, 13, 30)  # noqa: DTZ001 - a sheet has no zones
    long = "x" * 30_000
    path = workbook(tmp_path / "x.xlsx", [["When", "Score", "Yes", "Text"], [at, 4.5, True, "größer 很好"], [], [at, 3, None, long]])

    read = content_of(path)

    assert (read.form.sheet, read.form.sheets) == ("Answers", ["Answers"])
    assert read.columns == ["When", "Score", "Yes", "Text"]
    assert read.cells == [[at, 4.5, True, "größer 很好"], [at, 3, None, long]]
    assert [row.line for row in read.rows] == [2, 4]


def test_dates_are_the_same_in_either_date_system(tmp_path: Path) -> None:
    at = datetime(2025, 1, 2, 13, 30)  # noqa: DTZ001 - a sheet has no zones
    found = []
    for epoch in (WINDOWS_EPOCH, MAC_EPOCH):
        book = openpyxl.Workbook()
        book.epoch = epoch
        for row in (["When"], [at]):
            book.active.append(row)
        book.save(tmp_path / "x.xlsx")
        found.append(content_of(tmp_path / "x.xlsx").cells)

    assert found == [[[at]], [[at]]]


def test_merged_cells_blank_rows_and_other_sheets_change_nothing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["Date", "Shop", "Text"], ["2025-01-02", "North", "late"], ["2025-01-03", None, "very late"]):
        sheet.append(row)
    sheet.merge_cells("B2:B3")
    sheet["C900"] = " "
    sheet["E2"] = "beyond the columns"
    book.create_sheet("Notes").append(["not", "this"])
    book.save(tmp_path / "x.xlsx")

    read = content_of(tmp_path / "x.xlsx")

    assert read.form.sheets == ["Sheet", "Notes"]
    assert read.cells == [["2025-01-02", "North", "late"], ["2025-01-03", None, "very late"]]


def test_a_sheet_without_rows_is_told_with_the_others(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Answers").append(["a"])
    book.save(tmp_path / "x.xlsx")

    with pytest.raises(UnreadableFile, match="there are other sheets: Answers"):
        content_of(tmp_path / "x.xlsx")


def test_a_header_below_a_title_can_be_said(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["Report of March"], [], ["When", "Score"], ["2025-01-02", 3]])

    assert content_of(path, header_row=2).columns == ["When", "Score"]


def test_a_sheet_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["a"], ["1"]])

    with pytest.raises(UnreadableFile, match="no visible sheet 'Internal'; there are Answers"):
        content_of(path, sheet="Internal")


def test_shared_texts_are_found_again_whatever_stands_in_them(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    book = openpyxl.Workbook()
    for row in (["Text"], ["plain"], ["two\nlines"], ["很好 👍"], ["plain"]):
        book.active.append(row)
    book.save(path)

    assert content_of(path).cells == [["plain"], ["two\nlines"], ["很好 👍"], ["plain"]]


def test_a_date_in_a_chinese_format_that_the_file_does_not_describe_is_a_date(tmp_path: Path) -> None:
    at = datetime(2025, 1, 2)  # noqa: DTZ001 - a sheet has no zones
    path = workbook(tmp_path / "x.xlsx", [["日期"], [at]])
    with ZipFile(path) as archive:
        styles = re.sub(rb'(<cellXfs.*numFmtId=)"[1-9]\d*"', rb'\1"31"', archive.read("xl/styles.xml"))

    read = content_of(rewritten(path, styles_xml=styles))

    assert b'numFmtId="31"' in styles
    assert read.cells == [[at]]


def test_every_kind_of_cell_is_read_as_it_is_shown(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["a"], ["1"]])
    header = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in "abcdefgh")
    cells = (
        '<c t="inlineStr"><is><r><t>东</t></r><r><t xml:space="preserve">京 </t></r><rPh sb="0" eb="2"><t>とうきょう</t></rPh></is></c>'
        '<c t="str"><f>A1&amp;"x"</f><v>a_x000D_\nb</v></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c><c><v>1.5E3</v></c>'
        '<c t="d"><v>2025-01-02T13:30:00</v></c><c r="H2"><v>7</v></c>'
    )
    sheet = SHEET.decode() % f"<row>{header}</row><row>{cells}</row>"

    read = content_of(rewritten(path, sheet2_xml=sheet.encode()))

    at = datetime(2025, 1, 2, 13, 30)  # noqa: DTZ001 - a sheet has no zones
    assert read.cells == [["东京 ", "a\r\nb", True, None, 1500.0, at, None, 7]]
    assert [row.line for row in read.rows] == [2]


def test_broken_and_hostile_workbooks_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["a"], ["1"]])
    row = b'<row r="2"><c r="A2" t="inlineStr"><is><t>'
    header = b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
    endless = rewritten(path, sheet2_xml=SHEET % (header + row + b"x" * (9 * 1024 * 1024) + b"</t></is></c></row>"))
    with pytest.raises(UnreadableFile, match="takes more than 8,388,608 bytes"):
        content_of(endless)
    with pytest.raises(UnreadableFile, match="would unpack to"):
        content_of(endless, max_unpacked_bytes=1024 * 1024)
    with pytest.raises(UnreadableFile, match="is broken"):
        content_of(rewritten(path, sheet2_xml=b"<worksheet><sheetData><row>"))
    with pytest.raises(UnreadableFile, match="is broken"):
        content_of(rewritten(path, workbook_xml=b"no xml"))
    strange = SHEET % (header + b'<row r="2"><c r="A2" t="s"><v>-7</v></c></row>')
    with pytest.raises(UnreadableFile, match="is broken"):
        content_of(rewritten(path, sheet2_xml=strange))


def test_a_bomb_of_entities_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["a"], ["1"]])
    entities = b"".join(b'<!ENTITY e%d "%b">' % (n, (b"&e%d;" % (n - 1)) * 10 if n else b"x" * 1000) for n in range(9))
    bomb = b'<?xml version="1.0"?><!DOCTYPE w [' + entities + b"]><worksheet><sheetData>&e8;</sheetData></worksheet>"

    with pytest.raises(UnreadableFile, match="is broken"):
        content_of(rewritten(path, sheet2_xml=bomb))


def test_an_archive_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr("answers.csv", "a,b\n1,2\n")

    with pytest.raises(UnreadableFile, match="send the CSV, XLSX or NDJSON file itself"):
        content(tmp_path, packed.getvalue())


def test_lines_of_json_have_the_names_inside_as_columns(tmp_path: Path) -> None:
    lines = ['{"id": 12345678901234567890, "customer": {"id": "c", "tags": ["a", "b"]}}', "[1]", "", '{"id": NaN}', '{"more": 1.5}']

    read = content(tmp_path, "\n".join(lines))

    assert read.columns == ["id", "customer.id", "customer.tags.0", "customer.tags.1", "more"]
    assert read.cells[0] == [12345678901234567890, "c", "a", "b", None]
    assert [(row.line, row.problem) for row in read.rows] == [
        (1, None), (2, "should be a JSON object: {…}"), (4, "is not readable as JSON"), (5, None),
    ]  # fmt: skip
    assert read.rows[0].whole == lines[0]
