"""Files that people bring: JSON, JSON lines, CSV and XLSX, in UTF-8 or, as spreadsheets in China write, GB18030."""

import codecs
import csv
import io
import json
import unicodedata
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

UNPACKED = 200_000_000
Row = dict[str, Any]


class Unreadable(Exception):
    """A file of which nothing can be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a file: a JSON value or a row of a table, or why it could not be read."""

    line: int
    value: Any = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, and what it is called in messages."""

    name: str
    data: bytes

    @property
    def form(self) -> str:
        """``xlsx``, ``json``, ``jsonl`` or ``csv``, by what is inside and then by the name."""
        if self.data.startswith(b"PK\x03\x04"):
            return "xlsx"
        suffix = Path(self.name).suffix.lower()
        if suffix in {".xlsx", ".xls", ".xlsm"}:
            raise Unreadable(f"{self.name} is no XLSX workbook; open it in a spreadsheet and save it as XLSX or CSV")
        if suffix in {".jsonl", ".ndjson", ".csv"}:
            return "csv" if suffix == ".csv" else "jsonl"
        head = self.data.removeprefix(codecs.BOM_UTF8).lstrip()
        if head[:1] == b"[" or suffix == ".json":
            return "json"
        return "jsonl" if head[:1] == b"{" else "csv"


def decode(source: Source) -> str:
    """Decode UTF-8, UTF-16 with its mark, or GB18030.

    GB18030 gives some text for almost any bytes. So bytes that are mostly UTF-8 are broken UTF-8, and text with
    characters that nobody types is no text.
    """
    data = source.data
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise Unreadable(f"{source.name}: broken UTF-16 at byte {error.start}; save it as UTF-8") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        lenient = data.decode(errors="replace")
        lost = lenient.count("\ufffd")
        kept = sum(char > "\x7f" for char in lenient) - lost
        line = data.count(b"\n", 0, error.start) + 1
        if kept > lost:
            raise Unreadable(
                f"{source.name}: broken UTF-8 in line {line}, at byte {error.start}; save the file again as UTF-8"
            ) from None
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError as other:
            line = data.count(b"\n", 0, other.start) + 1
            raise Unreadable(
                f"{source.name}: neither UTF-8 nor GB18030 in line {line}; save the file as UTF-8"
            ) from None
    for number, line_text in enumerate(text.split("\n"), 1):
        strange = next((char for char in line_text if char not in "\t\r\x0b\x0c" and _strange(char)), None)
        if strange is not None:
            raise Unreadable(
                f"{source.name}: line {number} holds U+{ord(strange):04X}, which is no text; is this the right file?"
            )
    return text


def _strange(char: str) -> bool:
    return (char > "\x7e" and unicodedata.category(char) in {"Cc", "Cn", "Co", "Cs"}) or char < " "


def records(source: Source) -> Iterator[Record]:
    """Give the entries of a list: JSON values, or rows of the one table as dictionaries of text."""
    match source.form:
        case "xlsx":
            tables = workbook(source)
            yield from next(iter(tables.values()), [])
        case "json":
            value = whole(source)
            for number, item in enumerate(value if isinstance(value, list) else [value], 1):
                yield Record(number, item)
        case "jsonl":
            for number, line in enumerate(decode(source).splitlines(), 1):
                if line.strip():
                    try:
                        yield Record(number, json.loads(line))
                    except (ValueError, RecursionError) as error:
                        yield Record(number, fault=f"no JSON: {error}")
        case _:
            yield from table(source)


def whole(source: Source) -> Any:
    """Read one JSON value."""
    try:
        return json.loads(decode(source))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{source.name}: no JSON: {error}") from None


def table(source: Source) -> Iterator[Record]:
    """Read the rows of a CSV file; commas, semicolons or tabs divide the cells."""
    text = decode(source)
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(reader.line_num, fault=f"no CSV: {error}")
            return
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(source, cells)
        elif len(cells) > len(header) and any(cells[len(header) :]):
            yield Record(reader.line_num, fault=f"has {len(cells)} cells under {len(header)} columns")
        else:
            yield Record(reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=False)))


def workbook(source: Source) -> dict[str, list[Record]]:
    """Read every sheet of an XLSX workbook, by its lower-case name."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    tables: dict[str, list[Record]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > UNPACKED:
                raise Unreadable(f"{source.name}: holds more than {UNPACKED:,} bytes unpacked; divide it")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # extensions of spreadsheets that mean nothing here
            book = load_workbook(io.BytesIO(source.data), read_only=True, data_only=True)
            for sheet in book.worksheets:
                header: list[str] | None = None
                rows = tables.setdefault(sheet.title.strip().lower(), [])
                for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                    if all(cell is None or cell == "" for cell in cells):
                        continue
                    if header is None:
                        header = _header(source, ["" if cell is None else str(cell) for cell in cells])
                    else:
                        rows.append(Record(number, dict(zip(header, map(_cell, cells), strict=False))))
            book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, EOFError, OSError, SyntaxError) as error:
        advice = "open it in a spreadsheet and save it again"
        raise Unreadable(f"{source.name}: broken XLSX workbook ({error}); {advice}") from None
    return tables


def _header(source: Source, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    twice = {name for name in names if names.count(name) > 1}
    if twice or not all(names):
        raise Unreadable(
            f"{source.name}: the first line must name each column once ({', '.join(sorted(twice)) or 'one is empty'})"
        )
    return names


def _cell(value: object) -> str:
    """Write a cell as the text that a CSV file would have."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
