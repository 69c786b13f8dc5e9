"""Where the records and the fields of delimited text are: separators, quotes, ragged lines."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noria.errors import SourceError

__all__ = ["NO_SEPARATOR", "Records", "count_lines", "count_records", "rewrite", "sniff"]

_SEPARATORS = ",;\t|"
NO_SEPARATOR = "\x1f"
_HEAD_CHARS = 1 << 18
_HEAD_ROWS = 200
_TABBED = frozenset({".tsv", ".tab"})
_LINES_BELOW = 0.8
_CHUNK_BYTES = 1 << 22
_QUOTE, _NEWLINE, _RETURN = 34, 10, 13


def sniff(path: Path, suffix: str, name: str) -> tuple[str, list[str]]:
    """The separator and the header of a UTF-8 file.

    The separator is the one that cuts most of the first records into as many fields as the header;
    among equals, the one that cuts into more. A ``.txt`` file in which none does so nearly always is one
    column of lines, and quotes in it are part of the text.

    Raises
    ------
    SourceError
        If there is no header.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(_HEAD_CHARS)
        lines = head.splitlines(keepends=True)
        if len(head) == _HEAD_CHARS:
            lines = lines[:-1] or [head + file.readline()]
    share, width, separator = 0.0, 1, ","
    for candidate in "\t" if suffix in _TABBED else _SEPARATORS:
        rows = _rows(lines, candidate)
        fields = len(rows[0]) if rows else 0
        even = sum(len(row) == fields for row in rows) / max(len(rows), 1)
        if fields > 1 and (even, fields) > (share, width):
            share, width, separator = even, fields, candidate
    if suffix == ".txt" and share < _LINES_BELOW:
        header = [next((line.strip() for line in lines if line.strip()), "")]
        separator = NO_SEPARATOR
    else:
        separator = "\t" if suffix in _TABBED else separator
        header = next(iter(_rows(lines, separator)), [])
    if not any(field.strip() for field in header):
        what = "has no names in its first line" if lines and lines[0].strip() else "is empty"
        raise SourceError(f"{name} {what}.", do="Give a file with a header and rows.")
    return separator, header


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The first records that are not blank, as far as they can be cut."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=separator):
            if row:
                rows.append(row)
            if len(rows) == _HEAD_ROWS:
                break
    except csv.Error:
        return rows
    return rows


@dataclass(frozen=True)
class Records:
    """The records of a regular file.

    Attributes
    ----------
    count : int
        How many there are, header included.
    cuts : tuple of int
        Places in bytes, about 4 MB apart, at which a record begins; the first is 0, the last the end.
    """

    count: int
    cuts: tuple[int, ...]


class _Counter:
    """Counts records chunk by chunk and notices what a fast reader would get wrong."""

    def __init__(self, separator: str, width: int) -> None:
        self.separator = ord(separator)
        self.expected = width - 1
        self.records = 0
        self.size = 0
        self.cuts = [0]
        self.inside = 0
        self.before = _NEWLINE
        self.closing = False
        self.fields = 0
        self.length = 0

    def feed(self, chunk: bytes) -> bool:
        """Take in a chunk; False if it is irregular."""
        data = np.frombuffer(chunk, dtype=np.uint8)
        newlines, separators = data == _NEWLINE, data == self.separator
        quotes = data == _QUOTE
        if self.inside or self.closing or quotes.any():
            parity = (np.cumsum(quotes, dtype=np.uint8) + np.uint8(self.inside)) & 1
            if not self._quotes_regular(data, np.flatnonzero(quotes), parity):
                return False
            outside = parity == 0
            newlines &= outside
            separators &= outside
            self.inside = int(parity[-1])
        regular = self._widths_regular(data, np.flatnonzero(newlines), np.flatnonzero(separators))
        self.before = int(data[-1])
        self.size += int(data.size)
        return regular

    def _quotes_regular(self, data: np.ndarray, quotes: np.ndarray, parity: np.ndarray) -> bool:
        """Whether quotes open only at the start of a field and close only at its end."""
        around = np.array([self.separator, _NEWLINE, _RETURN, _QUOTE], dtype=np.uint8)
        if self.closing and data[0] not in around:
            return False
        opening, closing = quotes[parity[quotes] == 1], quotes[parity[quotes] == 0]
        previous = np.where(opening > 0, data[opening - 1], np.uint8(self.before))
        self.closing = closing.size > 0 and int(closing[-1]) == data.size - 1
        following = data[closing[:-1] + 1] if self.closing else data[closing + 1]
        return bool(np.isin(previous, around[[0, 1, 3]]).all() and np.isin(following, around).all())

    def _widths_regular(self, data: np.ndarray, ends: np.ndarray, separators: np.ndarray) -> bool:
        """Whether every record that ends in this chunk has as many fields as the header."""
        cut = np.searchsorted(separators, ends)
        if ends.size:
            widths = np.diff(cut, prepend=0)
            widths[0] += self.fields
            starts = np.concatenate(([0], ends[:-1] + 1))
            lengths = ends - starts - (data[ends - 1] == _RETURN)
            lengths[0] += self.length
            if not (widths == self.expected).all() or (lengths <= 0).any():
                return False
            self.records += int(ends.size)
            self.cuts.append(self.size + int(ends[-1]) + 1)
            self.fields, self.length = 0, 0
        tail = int(ends[-1]) + 1 if ends.size else 0
        self.fields += int(separators.size - (cut[-1] if cut.size else 0))
        self.length += int(data.size) - tail
        return True

    def finish(self) -> bool:
        """Take in the end of the file; False if it is irregular."""
        if self.inside or (self.length and self.fields != self.expected):
            return False
        self.records += bool(self.length)
        return True


def count_records(path: Path, separator: str, width: int) -> Records | None:
    """The number of records, header included, and where some of them begin; None if any is irregular.

    Irregular are blank lines, records of another width than the header, quotes inside unquoted fields,
    a quote that is never closed, and lone carriage returns as line ends. One pass in constant memory.

    Parameters
    ----------
    path : Path
        UTF-8 text.
    separator : str
        One character.
    width : int
        Fields in the header.
    """
    counter = _Counter(separator, width)
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            counter.size = len(codecs.BOM_UTF8)
        else:
            file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            if not counter.feed(chunk):
                return None
    if not counter.finish() or not counter.records:
        return None
    return Records(counter.records, tuple(dict.fromkeys([*counter.cuts, counter.size])))


def count_lines(path: Path) -> int:
    """The number of lines that are not blank, header included."""
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def rewrite(source: Path, target: Path, separator: str, width: int, name: str) -> int:
    """Write irregular text again as regular CSV and return its number of records, header included.

    Blank lines are left out; quotes inside unquoted fields are taken as they stand.

    Raises
    ------
    SourceError
        If a record is not as wide as the header, or a quote is never closed; it names the line.
    """
    count, line, row = 0, 1, [""]
    with (
        source.open(encoding="utf-8-sig", newline="") as lines,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        spaced = f'{separator} "' in lines.read(_HEAD_CHARS)
        lines.seek(0)
        rows = csv.reader(lines, delimiter=separator, skipinitialspace=spaced)
        writer = csv.writer(out)
        try:
            for row in rows:
                if row and len(row) != width:
                    _check_closed(source, separator, line, rows.line_num, name)
                    raise _ragged(name, line, len(row), width, separator)
                if row:
                    writer.writerow(row)
                    count += 1
                last, line = line, rows.line_num + 1
        except csv.Error as error:
            raise SourceError(
                f"{name}, line {line}: {error}.", do="Is a quote there never closed?"
            ) from error
    if count:
        _check_closed(source, separator, last, line - 1, name)
    return count


def _check_closed(source: Path, separator: str, first: int, last: int, name: str) -> None:
    """Raise if the record on the lines from `first` to `last` is quoted to the end of the file."""
    if first == last:
        return
    with source.open(encoding="utf-8-sig", newline="") as lines:
        record = itertools.islice(lines, first - 1, last)
        try:
            list(csv.reader(record, delimiter=separator, strict=True))
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise SourceError(
                    f"{name}, line {first}: a quote is opened and never closed.",
                    do="Close it, or double the quotes that are part of the text.",
                ) from error


def _ragged(name: str, line: int, found: int, width: int, separator: str) -> SourceError:
    return SourceError(
        f"{name}, line {line}: the header has {width} fields and this line has {found}.",
        do=f"Correct the line, or quote the fields that hold the separator {separator!r}.",
    )
