"""Columns from text files: what looks like a number is one, all else stays text, what could be either is refused."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from learning_debt.data import PERIOD

SEPARATORS = (",", ";", "\t", "|")
NO_VALUE = ("na", "n/a", "nan", "null", "none", "-", "#n/a", "<na>", "nat")
"""What stands for a missing number, in small letters; beside text it is text."""
TRUTH = {"true": True, "false": False}
WHOLE = re.compile(r"[+-]?\d+")
LEADING_ZERO = re.compile(r"[+-]?0\d+")
POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)
COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}((,\d{3})+(\.\d+)?|(\.\d{3})+,\d+|(\.\d{3}){2,}|([ '’  ]\d{3})+([.,]\d+)?)")
AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[,.]\d{3}")
DAY_OR_MONTH_FIRST = re.compile(r"\d{1,2}[./-](\d{1,2}[./-](\d{4}|\d{2})(\D.*)?|\d{4})")
TIMES = (PERIOD, "arrived")
LARGEST = 2**63


def read_text_table(path: Path) -> pd.DataFrame:
    """Columns of a CSV file and its kin, separated by commas, semicolons, tabs or bars, packed by gzip or not.

    A column is numbers if all its cells are; an empty cell is a missing value, and beside numbers so are NA, nan and
    null. Numbers with leading zeros, such as 007, are names and stay text, and so does a column in which NA stands
    beside text. Decimals may have commas where semicolons or tabs separate.

    Raises
    ------
    ValueError
        Naming file, column and remedy, where cells could be read in two ways or rows do not fit the header.
    """
    header, rows, separator = _cells(path)
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in header]
    named = list(zip(header, columns, strict=True))
    for name, column in named:
        if name in TIMES:
            _require_sortable(path, name, column)
    decimal = _decimal_mark(path, named, separator)
    converted = [_converted(path, name, column, decimal) for name, column in named]
    frame = pd.concat([pd.Series(values) for values in converted], axis=1) if converted else pd.DataFrame()
    frame.columns = pd.Index(header)
    return frame


def _cells(path: Path) -> tuple[list[str], list[list[str]], str]:
    """Header and rows, all of one length, and what separates their cells."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"--history: {path} is not text in UTF-8 ({error.reason}); save it as CSV in UTF-8") from error
    except (OSError, EOFError) as error:
        raise ValueError(f"--history: {path} cannot be read ({error})") from error
    if "\0" in text:
        raise ValueError(f"--history: {path} holds zero bytes and is no text file; save it as CSV in UTF-8")
    return _rows(path, text)


def _rows(path: Path, text: str) -> tuple[list[str], list[list[str]], str]:
    first = next((line for line in re.split(r"[\r\n]+", text) if line.strip()), "")
    if not first:
        raise ValueError(f"--history: {path} is empty")
    separator = max(SEPARATORS, key=lambda delimiter: len(next(csv.reader([first], delimiter=delimiter))))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    header: list[str] = []
    rows = []
    for row in reader:
        blank = not any(cell.strip() for cell in row)
        if blank and (len(row) != len(header) or len(row) < 2):
            continue  # an empty line; one of separators only is a row of missing values
        if not header:
            header = [name.strip() or f"Unnamed: {position}" for position, name in enumerate(row)]
            continue
        if len(row) != len(header):
            hint = "; are decimals written with commas, or names that hold some?" if separator == "," else ""
            found = f"line {reader.line_num} of {path} holds {len(row)} cells"
            raise ValueError(f"--history: {found}, and the header {len(header)}{hint}")
        rows.append(row)
    if not rows:
        raise ValueError(f"--history: {path} holds a header and no rows")
    return header, rows, separator


def _require_sortable(path: Path, name: str, column: list[str]) -> None:
    for line, cell in enumerate(column, start=2):
        if DAY_OR_MONTH_FIRST.fullmatch(cell.strip()):
            raise ValueError(
                f"--history: column {name!r} of {path}, row {line}: {cell.strip()} begins with the day or the month, "
                "and such dates do not sort in time; write the year first, as in 2024-12-31"
            )


def _decimal_mark(path: Path, columns: list[tuple[str, list[str]]], separator: str) -> str:
    """The decimal mark of all columns that are numbers; refused where it could be a mark of thousands."""
    marks: dict[str, tuple[str, str]] = {}
    doubtful: dict[str, tuple[str, str]] = {}
    certain = set() if separator == ";" else {"."}  # beside semicolons a point may mark thousands
    for name, cell in _numbers(columns):
        ambiguous = AMBIGUOUS.fullmatch(cell)
        if THOUSANDS.fullmatch(cell) and not ambiguous:
            raise ValueError(
                f"--history: column {name!r} of {path} holds {cell!r}; write numbers without marks between thousands"
            )
        for mark in {",", "."} & set(cell):
            marks.setdefault(mark, (name, cell))
            if ambiguous:
                doubtful.setdefault(mark, (name, cell))
            else:
                certain.add(mark)
    if len(marks) > 1:
        (one, first), (other, second) = marks["."], marks[","]
        raise ValueError(
            f"--history: column {one!r} of {path} holds {first!r} and column {other!r} {second!r}; write all decimals "
            "with the same mark"
        )
    for mark, (name, cell) in doubtful.items():
        if mark not in certain:
            raise ValueError(
                f"--history: column {name!r} of {path} holds {cell!r}, in which the {mark!r} may mark decimals or "
                "thousands; write decimals with a point, thousands without a mark, and commas between the columns"
            )
    return next(iter(marks), ".")


def _numbers(columns: list[tuple[str, list[str]]]) -> Iterator[tuple[str, str]]:
    """Cells of the columns that hold nothing but numbers, however written, with the column's name."""
    for name, column in columns:
        cells = [cell.strip() for cell in column]
        filled = [cell for cell in cells if cell and cell.lower() not in NO_VALUE]
        if all(POINT.fullmatch(text) or COMMA.fullmatch(text) or THOUSANDS.fullmatch(text) for text in filled):
            yield from ((name, cell) for cell in filled)


def _converted(path: Path, name: str, column: list[str], decimal: str) -> np.ndarray:
    """A column as numbers, truth values or text, whichever all of its cells are."""
    cells = [cell.strip() for cell in column]
    filled = [cell for cell in cells if cell]
    numbers = [cell for cell in filled if cell.lower() not in NO_VALUE]
    pattern = COMMA if decimal == "," else POINT
    if filled and all(cell.lower() in TRUTH for cell in filled) and len(filled) == len(cells):
        return np.array([TRUTH[cell.lower()] for cell in cells])
    if numbers and all(pattern.fullmatch(cell) or POINT.fullmatch(cell) for cell in numbers):
        if any(LEADING_ZERO.fullmatch(cell) for cell in numbers) or any(_too_large(cell) for cell in numbers):
            return _as_text(column)
        if len(numbers) == len(cells) and all(WHOLE.fullmatch(cell) for cell in cells):
            return np.array([int(cell) for cell in cells], dtype="int64")
        missing = {cell for cell in cells if not cell or cell.lower() in NO_VALUE}
        return np.array([np.nan if cell in missing else float(cell.replace(",", ".")) for cell in cells])
    if not filled:
        return np.full(len(cells), np.nan)
    return _as_text(column)


def _too_large(cell: str) -> bool:
    """Whether a whole number would lose digits."""
    return WHOLE.fullmatch(cell) is not None and not -LARGEST <= int(cell) < LARGEST


def _as_text(column: list[str]) -> np.ndarray:
    """Text as it stands; an empty cell is a missing label."""
    return np.array([cell if cell.strip() else None for cell in column], dtype=object)
