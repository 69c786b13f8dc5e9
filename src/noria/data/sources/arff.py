"""The attribute-relation file format, in which OpenML stores its tables.

Reference: https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl
from polars.selectors import by_name

from noria.data.sources.ask import Ask, File, Reading
from noria.data.sources.typed import Typing
from noria.errors import SourceError

__all__ = ["open_arff"]

_ATTRIBUTE = re.compile(
    r"@attribute\s+('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\s{]+)\s*(.+)", re.IGNORECASE
)
_FIELD = re.compile(r"\s*('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^,]*?)\s*(,|$)")
_NUMBERS = frozenset({"numeric", "real", "integer"})


def open_arff(file: File, _ask: Ask) -> Reading:
    """Read a dense ARFF file; its ``?`` is null, and nominal attributes are text."""
    return Reading(file.name, lambda: _read(file))


def _read(file: File) -> pl.DataFrame:
    names, numeric = [], []
    with file.path.open(encoding="utf-8", errors="replace") as lines:
        numbered = enumerate(lines, start=1)
        for number, line in numbered:
            text = line.strip()
            if text.lower().startswith("@data"):
                break
            if not text.lower().startswith("@attribute"):
                continue
            match = _ATTRIBUTE.fullmatch(text)
            if match is None:
                raise SourceError(f"{file.name}, line {number} is not an attribute.", got=text[:80])
            names.append(_bare(match[1]))
            if match[2].strip().lower() in _NUMBERS:
                numeric.append(names[-1])
        rows = list(_rows(numbered, len(names), file.name))
    if not rows:
        raise SourceError(f"{file.name} has a header and no rows.", do="Give a file with rows.")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    typing = Typing(numeric)
    typing.look(frame.select(by_name(*numeric)))
    return typing.apply(frame)


def _rows(numbered: Iterator[tuple[int, str]], width: int, name: str) -> Iterator[list[str | None]]:
    for number, line in numbered:
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        if text.startswith("{"):
            raise SourceError(f"{name} is a sparse ARFF file, which Noria does not read.")
        fields = _fields(text)
        if len(fields) != width:
            raise SourceError(
                f"{name}, line {number}: the header has {width} fields and this line has {len(fields)}."
            )
        yield [None if field == "?" else _bare(field) for field in fields]


def _fields(text: str) -> list[str]:
    if "'" not in text and '"' not in text:
        return [field.strip() for field in text.split(",")]
    fields: list[str] = []
    place = 0
    while True:
        match = _FIELD.match(text, place)
        if match is None:
            return [*fields, text[place:]]
        fields.append(match[1])
        place = match.end()
        if match[2] == "":
            return fields


def _bare(text: str) -> str:
    """Without quotes and escapes."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if quoted else text
