"""Tables to take along, safe to open in a spreadsheet: no cell that somebody has written is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

Cell = str | int | float | None

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that some spreadsheet would reckon with, the wide signs of Chinese keyboards among them."""

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def dangerous(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula; blanks before it do not help."""
    return text.lstrip(" \u00a0\u3000").startswith(DANGEROUS)


def write_csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write UTF-8 with its mark, by which Excel in China knows it, each dangerous text after an apostrophe."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([_plain(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and dangerous(cell) else cell


def write_xlsx(title: str, rows: Iterable[Sequence[Cell]], formats: Sequence[str] = ()) -> bytes:
    """Write a workbook of one sheet; texts are texts, whatever they begin with.

    Parameters
    ----------
    formats
        How the numbers of each column are shown; the empty one leaves it to the spreadsheet.
    """
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title[:31]
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column)
            if isinstance(value, str):
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
                cell.data_type = "s"  # a text that begins with "=" would have become a formula
                cell.quotePrefix = dangerous(value)  # and stays a text when somebody edits it
            else:
                cell.value = value
                cell.number_format = (formats[column - 1] if column <= len(formats) else "") or "General"
            if number == 1:
                cell.font = Font(bold=True)
    sheet.freeze_panes = "B2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
