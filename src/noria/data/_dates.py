"""Dates as text or epochs: one description, read by Polars for a column and by Python for one value."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

import polars as pl

from noria.core.schema import Parse
from noria.data._numbers import BLANK, Reading
from noria.errors import ParamError

__all__ = ["EPOCHS", "as_datetime", "check_format", "date_expr", "date_reader", "epoch_expr", "epoch_reader"]

EPOCHS = {"epoch:s": 1_000_000, "epoch:ms": 1_000, "epoch:us": 1}
"""Microseconds per unit."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH = (
    "(?i:(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?))"
)
_DAY = "(?i:(mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?))"
_TOKENS = {
    "%Y": "([12][0-9]{3})",
    "%y": "([0-9]{2})",
    "%m": "(1[0-2]|0?[1-9])",
    "%B": _MONTH,
    "%b": _MONTH,
    "%d": "(3[01]|[12][0-9]|0?[1-9])",
    "%A": _DAY,
    "%a": _DAY,
    "%H": "(2[0-3]|[01]?[0-9])",
    "%I": "(1[0-2]|0?[1-9])",
    "%M": "([0-5][0-9])",
    "%S": "([0-5][0-9])",
    "%.f": r"(\.[0-9]{1,9})?",
    "%p": "([AaPp][Mm])",
    "%#z": "(Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)",
    "%z": "([+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])",
}
_TIGHT = {"%m": "(1[0-2]|0[1-9])", "%d": "(3[01]|[12][0-9]|0[1-9])", "%H": "(2[0-3]|[01][0-9])"}
_SPLIT = re.compile(r"(%\.f|%#z|%[A-Za-z])")
_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%#z")

_DATES = {
    "ymd": ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y-%m"),
    "dmy": ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d-%m-%y"),
    "mdy": ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%m-%d-%y"),
    "words": (
        *("%d %B %Y", "%d-%B-%Y", "%d-%B-%y", "%B %d, %Y", "%B %d %Y", "%d %B, %Y"),
        *("%B %Y", "%B-%Y", "%B-%y", "%A, %d %B %Y", "%A, %B %d, %Y"),
    ),
}
_TIMES = ("", " %H:%M", " %H:%M:%S%.f", "T%H:%M", "T%H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M")
_ZONES = ("", "%#z", " %#z", " UTC")
_ODD = ("%a %B %d %H:%M:%S %#z %Y", "%a %B %d %H:%M:%S %Y")
_ADDABLE = 3


def _pattern(form: str) -> tuple[str, list[str]]:
    """The regular expression of a strptime format and the directives of its groups."""
    parts = [part for part in _SPLIT.split(form) if part]
    tight = any(a in _TOKENS and b in _TOKENS and b in _TIGHT for a, b in itertools.pairwise(parts))
    names = [part for part in parts if part in _TOKENS]
    tokens = _TOKENS | _TIGHT if tight else _TOKENS
    return "".join(tokens.get(part) or re.escape(part) for part in parts), names


def check_format(column: str, form: str) -> None:
    """Raise ParamError unless every alternative of `form` is a format that can be read."""
    for one in form.split("|"):
        if one in EPOCHS or not one:
            continue
        unknown = [part for part in _SPLIT.findall(one) if part not in _TOKENS]
        if unknown or not {"%Y", "%y"} & set(_SPLIT.findall(one)):
            raise ParamError(
                f"The format of the datetime column {column!r} cannot be read.",
                got=repr(one),
                do=f"Use {' '.join(_TOKENS)} (a year at least), or one of {', '.join(EPOCHS)}.",
            )


def _forms(parse: Parse) -> list[str]:
    """The formats to try in turn; ISO 8601 is always understood."""
    own = [form for form in parse.format.split("|") if form and form not in EPOCHS]
    return own + [form for form in _ISO if form not in own]


def _dayless(form: str) -> bool:
    return "%d" not in form and form != "%Y"


def date_expr(text: pl.Expr, parse: Parse) -> pl.Expr:
    """Text to Datetime("us") in naive UTC, null where it is no date."""
    text = text.str.strip_chars(BLANK)
    return pl.coalesce([_form_expr(text, form) for form in _forms(parse)])


def _form_expr(text: pl.Expr, form: str) -> pl.Expr:
    pattern, names = _pattern(form)
    fits = pl.when(text.str.contains(f"^{pattern}$")).then(text).otherwise(None)
    if _dayless(form):
        fits, form = pl.lit("01 ") + fits, "%d " + form
    form = form.replace("%a", "%A").replace("%b", "%B")
    when = fits.str.strptime(pl.Datetime("us"), form, strict=False)
    zoned = {"%z", "%#z"} & set(names)
    return when.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else when


def date_reader(parse: Parse) -> Callable[[str], datetime | None]:
    """The same for one text."""
    readers = [_form_reader(form) for form in _forms(parse)]

    def read(text: str) -> datetime | None:
        text = text.strip(BLANK)
        for reader in readers:
            when = reader(text)
            if when is not None:
                return when
        return None

    return read


@lru_cache(maxsize=256)
def _form_reader(form: str) -> Callable[[str], datetime | None]:
    pattern, names = _pattern(form)
    match = re.compile(pattern).fullmatch

    def read(text: str) -> datetime | None:
        found = match(text)
        if found is None:
            return None
        parts = dict(zip(names, found.groups()))
        try:
            when = datetime(_year(parts), _month(parts), int(parts.get("%d", 1)), *_clock(parts))
        except ValueError:
            return None
        day = parts.get("%a") or parts.get("%A")
        if day and _DAYS.index(day[:3].lower()) != when.weekday():
            return None
        return when - _offset(parts.get("%#z") or parts.get("%z") or "Z")

    return read


def _year(parts: dict[str, str]) -> int:
    if "%Y" in parts:
        return int(parts["%Y"])
    year = int(parts["%y"])
    return year + (1900 if year >= 70 else 2000)


def _month(parts: dict[str, str]) -> int:
    name = parts.get("%B") or parts.get("%b")
    return _MONTHS.index(name[:3].lower()) + 1 if name else int(parts.get("%m", 1))


def _clock(parts: dict[str, str]) -> tuple[int, int, int, int]:
    hour = int(parts.get("%H", 0))
    if "%I" in parts:
        hour = int(parts["%I"]) % 12 + (12 if parts.get("%p", "am").lower() == "pm" else 0)
    fraction = ((parts.get("%.f") or ".0")[1:] + "000000")[:6]
    return hour, int(parts.get("%M", 0)), int(parts.get("%S", 0)), int(fraction)


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def epoch_expr(number: pl.Expr, unit: str) -> pl.Expr:
    """A count of seconds, milliseconds or microseconds since 1970 to Datetime("us")."""
    micros = number.cast(pl.Float64) * EPOCHS[unit]
    inside = pl.when(micros.is_between(_FIRST, _LAST)).then(micros).otherwise(None)
    return inside.cast(pl.Int64).cast(pl.Datetime("us"))


def epoch_reader(unit: str) -> Callable[[float], datetime | None]:
    """The same for one number."""
    scale = EPOCHS[unit]

    def read(number: float) -> datetime | None:
        micros = float(number) * scale
        return _EPOCH + timedelta(microseconds=int(micros)) if _FIRST <= micros <= _LAST else None

    return read


def as_datetime(values: pl.DataFrame, every: pl.DataFrame, *, forced: bool = False) -> Reading | None:
    """How to read texts as dates, or None if too few are.

    Parameters
    ----------
    values : Table
        Columns ``text`` (distinct, stripped, neither blank nor a placeholder, in order of appearance) and
        ``count``.
    every : Table
        Column ``text``: of all rows, in any order; they tell day from month first where `values` do not.
    forced : bool
        The user said that these are dates: take the best reading there is.
    """
    total = float(values["count"].sum())
    likely = values.filter(pl.col("text").str.contains(r"^.{0,20}[0-9].{2,38}$"))["count"].sum()
    need = 1e-9 if forced else 0.95
    if not total or likely < need * total:
        return None
    found = {family: _alternatives(values, family) for family in _DATES}
    family = max(found, key=lambda name: (round(found[name][1], 6), name == "dmy"))
    forms, share = found[family]
    if not forms or share < need:
        return None
    note = f"dates written as {forms[0]}"
    if {"dmy", "mdy"} <= {name for name in found if found[name][1] == share} and family in {"dmy", "mdy"}:
        family, why = _day_or_month_first(values, every, found["dmy"][0], found["mdy"][0])
        forms = found[family][0]
        note = f"dates read as {_WORDS[family]} first ({forms[0]}): {why}"
    elif family in {"dmy", "mdy"}:
        note = f"dates read as {_WORDS[family]} first ({forms[0]}): {_OTHERWISE}"
    return Reading(Parse(format="|".join(forms)), share, (note,))


_WORDS = {"dmy": "day", "mdy": "month"}
_OTHERWISE = "some are no date otherwise"


def _alternatives(values: pl.DataFrame, family: str) -> tuple[list[str], float]:
    """The formats of one family that together read most of the texts, and the share that they read."""
    head = values["text"].gather_every(max(1, values.height // 40)).to_list()
    forms = [a + b + c for a in _DATES[family] for b in _TIMES for c in (_ZONES if b else ("",))]
    forms += _ODD if family == "words" else ()
    shapes = {frozenset(text.lower()) for text in head}
    tried = []
    for form in forms:
        if not _possible(form, shapes):
            continue
        reader = _form_reader(form)
        hits = sum(reader(text) is not None for text in head)
        if hits:
            tried.append((hits, form))
    tried.sort(key=lambda pair: -pair[0])
    chosen: list[str] = []
    left, total = values, float(values["count"].sum())
    for _, form in tried[:12]:
        rest = left.filter(_form_expr(pl.col("text"), form).is_null())
        if rest.height < left.height:
            chosen.append(form)
            left = rest
        if len(chosen) == _ADDABLE or not rest.height:
            break
    return chosen, 1 - float(left["count"].sum()) / total if total else 0.0


def _possible(form: str, shapes: set[frozenset[str]]) -> bool:
    """Whether one of these sets of characters could belong to a text of this format."""
    marks = {*_SPLIT.sub("", form).lower(), *("m" if "%p" in form else "")}
    worded = "%B" in form
    return any(
        marks <= shape and worded == any(sign.isalpha() and sign not in "tzapmuc" for sign in shape)
        for shape in shapes
    )


def _day_or_month_first(
    values: pl.DataFrame, every: pl.DataFrame, dmy: list[str], mdy: list[str]
) -> tuple[str, str]:
    """Decide between two readings that are both possible for every text that was looked at."""
    readings = {
        name: date_expr(pl.col("text"), Parse(format="|".join(forms)))
        for name, forms in (("dmy", dmy), ("mdy", mdy))
    }
    day, month = every.select(read.count().alias(name) for name, read in readings.items()).row(0)
    if day != month:
        return "dmy" if day > month else "mdy", _OTHERWISE
    order = {}
    for name, read in readings.items():
        steps = values.select(read.diff()).to_series()
        ups = float((steps >= timedelta(0)).mean() or 0.0)  # type: ignore[arg-type]
        order[name] = max(ups, 1 - ups)
    best = max(order, key=lambda name: order[name])
    if values.height > 5 and order[best] > 0.9 and order[best] - min(order.values()) > 0.05:
        return best, "the rows are in that order"
    other = "mdy" if "/" in mdy[0] else "dmy"
    return other, "both are possible; set parse: {format: ...} if it is wrong"
