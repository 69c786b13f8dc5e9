"""What a column seems to be, by how its values are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import polars as pl

from noria.core.schema import Column, Parse, Role, Type
from noria.data import _names
from noria.data._dates import as_datetime
from noria.data._numbers import LOST, PLACEHOLDERS, Reading, as_number
from noria.data._seen import Seen, measure
from noria.data.conform import FALSE_WORDS, TRUE_WORDS, column_expr

__all__ = ["epoch_of", "guess", "kind_of_whole", "kind_of_words", "own_boolean"]

_ODD_TEXTS = 10
_EPOCH_RANGES = {"epoch:s": (1e8, 4.2e9), "epoch:ms": (1e11, 4.2e12), "epoch:us": (1e14, 4.2e15)}


def guess(seen: Seen) -> Column:
    """Type, role, parsing and notes of a column."""
    return _GUESSES.get(seen.kind, _guess_other)(seen)


def _guess_text(seen: Seen) -> Column:
    """A text column: yes and no, numbers, dates, or words."""
    if seen.look.height:
        digits = bool(seen.look["text"].str.contains("[0-9]").any())
        for kind, read in ((Type.BOOLEAN, _usual_boolean), (Type.DATETIME, _digits_as_date)):
            reading = read(seen)
            if reading is not None:
                return Column(seen.name, kind, parse=reading.parse, notes=reading.notes)
        for kind, find in _WRITTEN if digits else ():
            reading = find(seen)
            column = reading and _verified(seen, kind, reading)
            if column:
                return column
    return _guess_words(seen)


_WRITTEN: tuple[tuple[Type, Callable[[Seen], Reading | None]], ...] = (
    (Type.NUMBER, lambda seen: as_number(seen.look)),
    (Type.DATETIME, lambda seen: as_datetime(seen.look, seen.counts)),
)


def _usual_boolean(seen: Seen) -> Reading | None:
    """Exactly one usual word for true and one for false."""
    lost = LOST | {"na"}
    counts = seen.counts
    if counts.height > 12:
        return None
    words = set(counts["text"].str.to_lowercase()) - lost
    if len(words) != 2 or len(words & TRUE_WORDS) != 1 or len(words & FALSE_WORDS) != 1:
        return None
    found = seen.among(lost)
    return Reading(Parse(nulls=tuple(found), true=tuple(words & TRUE_WORDS)), 1.0, _missing_note(found))


def _verified(seen: Seen, kind: Type, reading: Reading) -> Column | None:
    """The column with what it cannot read among its nulls, or None if that is too much."""
    column = Column(seen.name, kind, parse=reading.parse, notes=reading.notes)
    placeholders = seen.among(PLACEHOLDERS)
    typed = seen.counts.select(
        pl.col("text").alias("raw"), "count", column_expr(replace(column, name="text"), pl.String())
    )
    known = pl.col("raw").is_in(list(placeholders))
    odd = typed.filter(pl.col("text").is_null() & ~known).sort("raw")
    share = float(odd["count"].sum()) / max(1.0, float(typed.filter(~known)["count"].sum()))
    if odd.height > _ODD_TEXTS or share > 0.05:
        return None
    strange = dict(zip(odd["raw"], odd["count"]))
    notes = (*column.notes, *_missing_note(placeholders))
    if strange:
        notes += (f"neither a {column.type} nor a placeholder, read as missing: {_listed(strange)}",)
    return replace(column, parse=replace(column.parse, nulls=(*placeholders, *strange)), notes=notes)


def _missing_note(found: Mapping[str, int]) -> tuple[str, ...]:
    return (f"read as missing: {_listed(found)}",) if found else ()


def _listed(found: Mapping[str, int]) -> str:
    return ", ".join(f"{text!r} ({count:,} row{'s' * (count != 1)})" for text, count in found.items())


def _guess_words(seen: Seen) -> Column:
    """Words: an id, free text or a category."""
    lost = seen.among(LOST)
    parse, notes = Parse(nulls=tuple(lost)), _missing_note(lost)
    values = seen.counts.filter(~pl.col("text").is_in(list(lost)))
    rows, distinct = int(values["count"].sum()), values.height
    kind = kind_of_words(seen.name, values["text"], rows, distinct)
    if kind is Type.ID:
        notes = (*notes, f"ignored: an id, {distinct:,} distinct values in {rows:,} rows")
        return Column(seen.name, Type.ID, Role.IGNORE, parse, notes=notes)
    return Column(seen.name, kind, parse=parse, notes=notes)


def kind_of_words(name: str, texts: pl.Series, rows: int, distinct: int) -> Type:
    """Whether words are an id, free text or categories.

    Parameters
    ----------
    name : str
        Of the column.
    texts : Series of str
        Distinct values, or some of them.
    rows, distinct : int
        How many values there are, and how many distinct ones.
    """
    every = max(1, texts.len() // 5000)
    sample = texts.filter(texts.hash() % every == 0)  # the same ones in whatever order they come
    words = float((sample.str.count_matches(r"\s+") + 1).mean() or 0)  # type: ignore[arg-type]
    spaced = float(sample.str.contains(r"\s").mean() or 0)  # type: ignore[arg-type]
    length = float(sample.str.len_chars().mean() or 0)  # type: ignore[arg-type]
    repeats = 1 - distinct / max(1, rows)
    unique = repeats <= 0.01 and rows >= 20
    named = _names.says_id(name) and repeats <= 0.05 and rows >= 3
    if (unique or named) and spaced <= 0.1:
        return Type.ID
    long = (words >= 4 or length >= 40) and distinct >= 20 and repeats <= 0.9
    short = words >= 2 and distinct >= 50 and repeats <= 0.5
    tiny = words >= 3 and distinct >= 5 and repeats <= 0.2
    return Type.TEXT if long or short or tiny or unique else Type.CATEGORY


def _digits_as_date(seen: Seen) -> Reading | None:
    """Texts such as 20210305."""
    text = seen.look["text"]
    if not bool(text.str.contains(r"^(?:19|20)[0-9]{6}$").all()):
        return None
    return _compact(text, _names.says_time(seen.name))


def _compact(text: pl.Series, named: bool) -> Reading | None:
    """Digits that are dates without exception, and either enough of them or so called."""
    column = Column(text.name, Type.DATETIME, parse=Parse(format="%Y%m%d"))
    if text.len() < (3 if named else 20):
        return None
    typed = text.to_frame().select(column_expr(column, text.dtype)).to_series()
    return Reading(column.parse, 1.0, ("dates written as %Y%m%d",)) if not typed.null_count() else None


def _guess_number(seen: Seen) -> Column:
    """A column of numbers: yes and no, an id, codes, a date, or a quantity."""
    column = measure(seen, Column(seen.name, Type.NUMBER))
    infinite = 0 if seen.kind != "real" else int(seen.raw.is_infinite().sum() or 0)
    notes = (f"infinite values read as missing: {infinite:,}",) if infinite else ()
    column = replace(column, notes=notes)
    known = seen.raw.drop_nulls()
    if column.distinct < 2 or (seen.kind == "real" and not bool((known.drop_nans() % 1 == 0).all())):
        return column
    low, high = column.low or 0.0, column.high or 0.0
    if column.distinct == 2 and (low, high) == (0.0, 1.0):
        return replace(column, type=Type.BOOLEAN)
    form = epoch_of(seen) if _names.says_time(seen.name) else ""
    if form:
        note = f"dates written as {form}"
        return replace(column, type=Type.DATETIME, parse=Parse(format=form), notes=(note,))
    if low >= 19_000_101 and high <= 21_001_231:
        days = known.cast(pl.Int64, strict=False).unique(maintain_order=True)
        reading = _compact(days, _names.says_time(seen.name))
        if reading:
            return replace(column, type=Type.DATETIME, parse=reading.parse, notes=reading.notes)
    return _id_or_code(seen, column) or column


def epoch_of(seen: Seen) -> str:
    """The unit in which all numbers are moments between 1973 and 2103, if there is one."""
    low, high = seen.raw.min(), seen.raw.max()
    inside = [
        unit
        for unit, (first, last) in _EPOCH_RANGES.items()
        if low is not None and first <= float(low) and float(high) <= last  # type: ignore[arg-type]
    ]
    return inside[0] if inside else ""


def _id_or_code(seen: Seen, column: Column) -> Column | None:
    """The column, if its whole numbers name things."""
    rows, low, high = seen.rows - column.nulls, column.low or 0.0, column.high or 0.0
    dense = column.distinct == rows == high - low + 1
    orderly = dense and bool((seen.raw.diff().drop_nulls().abs() == 1).all())
    found = kind_of_whole(seen.name, (rows, column.distinct), (low, high), orderly=orderly)
    if found is None:
        return None
    kind, note = found
    role = Role.IGNORE if kind is Type.ID else Role.FEATURE
    return replace(column, type=kind, role=role, notes=(*column.notes, note))


def kind_of_whole(
    name: str, counts: tuple[int, int], bounds: tuple[float, float], *, orderly: bool
) -> tuple[Type, str] | None:
    """What whole numbers are that name things, and why; None if they count something.

    Parameters
    ----------
    name : str
        Of the column.
    counts : tuple of int
        How many values there are, and how many distinct ones.
    bounds : tuple of float
        The smallest and the largest value.
    orderly : bool
        Whether neighbouring rows differ by one.
    """
    (rows, distinct), (low, high) = counts, bounds
    years = _names.says_time(name) or (low >= 1800 and high <= 2100)
    running = distinct == rows == high - low + 1 and rows >= 20 and not years
    named = _names.says_id(name)
    if running and (low in {0.0, 1.0} or orderly):
        return Type.ID, f"ignored: an id, it runs from {low:,.0f} to {high:,.0f}"
    if named and distinct >= 0.95 * rows:
        return Type.ID, f"ignored: an id by its name, {distinct:,} distinct values in {rows:,} rows"
    if low >= 0 and (_names.says_code(name) or (named and _names.says_strong_id(name))):
        return Type.CATEGORY, "whole numbers that name things, by the column's name"
    return None


def _guess_boolean(seen: Seen) -> Column:
    return Column(seen.name, Type.BOOLEAN)


def _guess_moment(seen: Seen) -> Column:
    return Column(seen.name, Type.DATETIME)


def _guess_span(seen: Seen) -> Column:
    return Column(seen.name, Type.NUMBER, notes=("a duration or a time of day, in seconds",))


def _guess_null(seen: Seen) -> Column:
    return Column(seen.name, Type.CONSTANT, Role.IGNORE)


def _guess_other(seen: Seen) -> Column:
    """Lists, structures, bytes: nothing that a table's learner reads."""
    note = f"ignored: values of type {seen.raw.dtype}"
    some = seen.rows - seen.raw.null_count()
    return Column(seen.name, Type.VECTOR, Role.IGNORE, distinct=some, notes=(note,))


_GUESSES: dict[str, Callable[[Seen], Column]] = {
    "text": _guess_text,
    **dict.fromkeys(("whole", "real", "decimal"), _guess_number),
    "boolean": _guess_boolean,
    **dict.fromkeys(("moment", "zoned"), _guess_moment),
    **dict.fromkeys(("span", "clock"), _guess_span),
    "null": _guess_null,
}


def own_boolean(seen: Seen) -> Reading | None:
    """Two words of the user's own: the later one in the alphabet means true."""
    words = sorted(set(seen.look["text"].str.to_lowercase()))
    if len(words) != 2 or set(words) <= TRUE_WORDS | FALSE_WORDS:
        return None
    return Reading(Parse(true=(words[1],)), 1.0, (f"{words[1]!r} is read as true, {words[0]!r} as false",))
