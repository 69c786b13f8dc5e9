"""Numbers written as text: one description, read by Polars for a column and by Python for one value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from noria.core.schema import Parse

__all__ = [
    "BLANK",
    "INFINITE",
    "LOST",
    "PLACEHOLDERS",
    "Reading",
    "as_number",
    "missing_words",
    "number_expr",
    "number_reader",
]

BLANK = " \t\r\n\x0b\x0c\u00a0\u2007\u2009\u202f\ufeff"

LOST = frozenset({"?", "n/a", "n.a.", "#n/a", "nan", "null", "(null)", "<na>", "\\n"})
"""Texts, folded to lower case, that mean a missing value in every column."""

INFINITE = frozenset({"inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"})
"""Texts that mean an infinite number."""

PLACEHOLDERS = (
    LOST
    | INFINITE
    | frozenset(
        {"na", "-", "--", "---", ".", "..", "none", "nil", "missing", "unknown", "undefined", "not available"}
        | {"#na", "#value!", "#div/0!", "#null!", "#ref!"}
    )
)
"""Texts that mean a missing value among numbers and dates."""


def missing_words(parse: Parse) -> frozenset[str]:
    """What stands for a missing number or date, in lower case; infinity does not."""
    return frozenset({"", *(PLACEHOLDERS - INFINITE), *(null.lower() for null in parse.nulls)})


_CLASS = "[" + BLANK + "]"
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MONEY = r"(?:[A-Z]{1,2})?[$€£¥₹₽₩₺₪₫฿₴]|USD|EUR|GBP|JPY|INR|CHF|CAD|AUD|CNY|SEK|NOK|DKK|PLN|BRL|Rs\.?|~|≈"
_UNIT = r"[%‰°A-Za-zµμΩ€$£¥₹₽₩²³][%‰°A-Za-zµμΩ€$£¥₹²³/.^ ]{0,14}"
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_SCALES = frozenset({"%", "‰", "k", "K", "M", "mn", "mln", "B", "bn"})  # beside 1.2k, 800 is another number
_MARKS = (("", "."), (",", "."), (" ", "."), ("'", "."), ("", ","), (".", ","), (" ", ","))


@dataclass(frozen=True)
class Reading:
    """A way to read a column, the share of its texts that it reads, and what is worth saying about it."""

    parse: Parse
    share: float
    notes: tuple[str, ...] = ()


def _mark(thousands: str) -> str:
    return BLANK if thousands.isspace() else thousands


def number_expr(text: pl.Expr, parse: Parse) -> pl.Expr:
    """Text to Float64, null where it is no finite number."""
    text = text.str.strip_chars(BLANK)
    if parse.prefix:
        text = text.str.replace(f"^([+-]?){_CLASS}*{re.escape(parse.prefix.strip(BLANK))}{_CLASS}*", "${1}")
    if parse.suffix or parse.percent:
        unit = f"{_CLASS}*{re.escape(_unit(parse))}$"
        text = text.str.extract(f"(?s)^(.*?){unit}") if _scaled(parse) else text.str.replace(unit, "")
    for mark in _mark(parse.thousands):
        text = text.str.replace_all(mark, "", literal=True)
    if parse.decimal != ".":
        text = text.str.replace_all(parse.decimal, ".", literal=True)
    number = text.cast(pl.Float64, strict=False)
    return number * 0.01 if parse.percent else number


def number_reader(parse: Parse) -> Callable[[str], float | None]:
    """The same for one text."""
    prefix = suffix = None
    if parse.prefix:
        prefix = re.compile(f"^([+-]?){_CLASS}*{re.escape(parse.prefix.strip(BLANK))}{_CLASS}*")
    if parse.suffix or parse.percent:
        suffix = re.compile(f"{_CLASS}*{re.escape(_unit(parse))}\\Z")
    drop = dict.fromkeys(map(ord, _mark(parse.thousands)))
    decimal, percent, scaled = parse.decimal, parse.percent, _scaled(parse)
    plain, finite = _PLAIN.fullmatch, math.isfinite

    def read(text: str) -> float | None:
        text = text.strip(BLANK)
        if prefix:
            text = prefix.sub(r"\1", text, count=1)
        if suffix:
            text, found = suffix.subn("", text, count=1)
            if scaled and not found:
                return None
        if drop:
            text = text.translate(drop)
        if decimal != ".":
            text = text.replace(decimal, ".")
        if plain(text) is None:
            return None
        number = float(text)
        if not finite(number):
            return None
        return number * 0.01 if percent else number

    return read


def _unit(parse: Parse) -> str:
    return parse.suffix.strip(BLANK) or "%"


def _scaled(parse: Parse) -> bool:
    """Whether a number without the suffix is another one, and not to be read."""
    return parse.suffix.strip(BLANK) in _SCALES


def as_number(values: pl.DataFrame, *, forced: bool = False) -> Reading | None:
    """How to read texts as numbers, or None if too few are.

    Parameters
    ----------
    values : Table
        Columns ``text`` (distinct, stripped, neither blank nor a placeholder) and ``count``.
    forced : bool
        The user said that these are numbers: take the best reading there is.
    """
    total = float(values["count"].sum())
    if not total:
        return None
    if not forced:
        coded = _weight(values, pl.col("text").str.contains(r"^[+-]?0[0-9]+$"))
        if coded > 0.01 * total:
            return None
    plain = _weight(values, pl.col("text").cast(pl.Float64, strict=False).is_not_null())
    if plain == total:
        return Reading(Parse(), 1.0)
    taken = _take_apart(values)
    prefix, suffix = _common(taken, "prefix", f"^(?:{_MONEY})$"), _common(taken, "suffix", f"^(?:{_UNIT})$")
    suffixes = [suffix] if suffix in _SCALES else ["", suffix]
    whole = taken.filter(pl.col("prefix").is_in(["", prefix]) & pl.col("suffix").is_in(suffixes))
    best, thousands, decimal = -1.0, "", "."
    for t, d in _MARKS:
        read = _weight(whole, pl.col("body").str.contains(_grouped(t, d)))
        if read > best:
            best, thousands, decimal = read, t, d
    if best < plain:
        prefix, suffix, thousands, decimal, best = "", "", "", ".", plain
    share = best / total
    if share < (1e-9 if forced else 0.95):
        return None
    parse = Parse(prefix=prefix, suffix=suffix, thousands=thousands, decimal=decimal, percent=suffix == "%")
    return Reading(parse, share, _describe(parse))


def _weight(values: pl.DataFrame, chosen: pl.Expr) -> float:
    """How many rows the chosen texts stand for."""
    return float(values.filter(chosen)["count"].sum())


def _take_apart(values: pl.DataFrame) -> pl.DataFrame:
    """Columns prefix, body, suffix and count of the texts that look like a number in something."""
    sign_and_prefix = r"^([+-]?)[\s\u00a0]*([^0-9.,+\-\s]{0,4}\.?)[\s\u00a0]*"
    number = r"([+-]?(?:[0-9][0-9.,' \u00a0\u2009\u202f]*[0-9]|[0-9]|[.,][0-9]+)\.?(?:[eE][+-]?[0-9]+)?)"
    pattern = sign_and_prefix + number + r"[\s\u00a0]*([^0-9\s][^0-9]*)?$"
    parts = pl.col("text").str.extract_groups(pattern).struct
    return values.select(
        parts.field("2").fill_null("").alias("prefix"),
        parts.field("3").alias("body"),
        parts.field("4").fill_null("").str.strip_chars(BLANK).alias("suffix"),
        pl.col("count"),
    ).filter(pl.col("body").is_not_null())


def _common(taken: pl.DataFrame, part: str, allowed: str) -> str:
    """The most frequent prefix or suffix that is a unit."""
    counts = (
        taken.filter(pl.col(part).str.contains(allowed) & ~pl.col(part).is_in(list(_ORDINALS)))
        .group_by(part)
        .agg(pl.col("count").sum())
        .sort(["count", part], descending=[True, False])
    )
    return counts[part][0] if counts.height else ""


def _grouped(thousands: str, decimal: str) -> str:
    """Pattern of a number with these marks."""
    whole = "[0-9]+"
    if thousands:
        group = "[" + _mark(thousands) + "]"
        whole = f"[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[0-9]+"
    point = re.escape(decimal)
    return f"^[+-]?(?:(?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


def _describe(parse: Parse) -> tuple[str, ...]:
    """What is unusual about the writing, in words."""
    marks = []
    if parse.thousands:
        marks.append("spaces" if parse.thousands.isspace() else f"{parse.thousands!r}")
    notes = [f"numbers written as text with {mark} between thousands" for mark in marks]
    if parse.decimal != ".":
        notes.append(f"{parse.decimal!r} is read as the decimal mark")
    if parse.percent:
        notes.append("percentages, read as shares (45% is 0.45)")
    unit = parse.prefix or parse.suffix
    if unit and unit != "%":
        notes.append(f"numbers with the unit {unit!r}")
    return tuple(notes)
