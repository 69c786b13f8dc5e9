"""The page of a profile."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from noria.core.column_profile import QUANTILES, ColumnProfile, Histogram
from noria.core.insight import Finding
from noria.core.profile import Profile, Relation, Shift, Timeline
from noria.core.schema import Type
from noria.core.words import clock, data_size, number, percent
from noria.pages import svg
from noria.pages.render import render

__all__ = ["page"]

_CARDS = 150
_STRONGEST = 15
_EXAMPLES = 3
_SHIFTS = 60
_CELL = 60
_UNITS = {"Duration": "seconds", "Time": "seconds since midnight"}
_SHORTEST = {"month": 29 / 30.44}  # in the unit
_SPACINGS = {
    "year": 86_400 * 365,
    "month": 86_400 * 30.44,
    "week": 604_800,
    "day": 86_400,
    "hour": 3_600,
    "minute": 60,
}


def page(profile: Profile) -> str:
    """A profile as a web page that needs nothing else.

    Parameters
    ----------
    profile : Profile

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> from noria.core.column_profile import ColumnProfile
    >>> column = ColumnProfile("age", Type.CONSTANT, "Null", rows=1, nulls=1, distinct=0)
    >>> html = page(Profile("shop", 1, 8, (column,), (), 1))
    >>> "<h1>" in html, "<bdi>age</bdi>" in html
    (True, True)
    """
    told = _codes(profile.findings)
    holed = sorted((column for column in profile.columns if column.nulls), key=lambda one: -one.nulls)
    cards = [_card(column, told.get(column.name, [])) for column in profile.columns[:_CARDS]]
    rest = [_row(column, told.get(column.name, [])) for column in profile.columns[_CARDS:]]
    return render(
        "profile.html",
        title=f"Profile of {profile.source}",
        profile=profile,
        facts=list(_facts(profile)),
        places={column.name: at for at, column in enumerate(profile.columns)},
        isolated=_isolated,
        number=number,
        percent=percent,
        cards=cards,
        rest=rest,
        heatmap=_heatmap(profile),
        strongest=profile.associations.strongest[:_STRONGEST],
        holed=holed[:_STRONGEST],
        less=len(holed[_STRONGEST:]),
        relations=_relations(profile),
        plain=_unplotted(profile),
        times=[_time(timeline) for timeline in profile.timelines],
        shifts=[_shift(shift) for shift in profile.contrast.shifts[:_SHIFTS]] if profile.contrast else [],
        head=[[_cell(value) for value in row] for row in profile.head],
    )


def _codes(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings of each column, worst first."""
    told: dict[str, list[Finding]] = {}
    for finding in findings:
        for name in finding.columns:
            told.setdefault(name, []).append(finding)
    return told


def _isolated(text: str, names: Sequence[str] = ()) -> str:
    """The text with marks around names that are written from right to left: the rest stays in order."""
    for name in sorted(set(names), key=len, reverse=True):
        if any(unicodedata.bidirectional(sign) in {"R", "AL"} for sign in name):
            text = re.sub(rf"(?<!\u2068){re.escape(name)}", f"\u2068{name}\u2069", text)
    return text


def _facts(profile: Profile) -> Iterator[tuple[str, str]]:
    """The table in a few figures."""
    cells = profile.rows * len(profile.columns)
    lost = sum(column.nulls for column in profile.columns)
    yield "rows", f"{profile.rows:,}"
    yield "columns", f"{len(profile.columns):,}"
    yield "in memory", data_size(profile.bytes)
    yield "missing", percent(lost / cells if cells else 0.0)
    if profile.duplicates is not None:
        yield "repeated rows", f"{profile.duplicates:,}"
    for kind in Type:
        count = sum(column.type is kind for column in profile.columns)
        if count:
            yield str(kind), f"{count:,}"


# --- columns ---------------------------------------------------------------------------------------


def _row(column: ColumnProfile, findings: Sequence[Finding]) -> dict[str, Any]:
    """A column in one line of a table."""
    codes = list(dict.fromkeys((finding.code, str(finding.severity)) for finding in findings))
    numbers, times = column.numbers, column.times
    reach = f"{number(numbers.low)} to {number(numbers.high)}" if numbers else ""
    return {
        "column": column,
        "name": column.name.casefold(),
        "codes": codes,
        "worst": min((list(type(one.severity)).index(one.severity) for one in findings), default=9),
        "distinct": f"{'' if column.exact else '≈ '}{column.distinct:,}",
        "reach": f"{times.first} to {times.last}" if times else reach,
        "top": _short(column.top[0][0]) if column.top and not numbers and not times else "",
    }


def _card(column: ColumnProfile, findings: Sequence[Finding]) -> dict[str, Any]:
    """A column with its figures and its picture."""
    shown = column.numbers or column.texts or column.times
    picture = _histogram(column, shown.histogram) if shown is not None else None
    most = column.top[0][1] if column.top else 1
    top = [(_short(text) or "''", count, count / most) for text, count in column.top]
    listed = column.type in {Type.CATEGORY, Type.BOOLEAN} or shown is None
    return {
        **_row(column, findings),
        "facts": [*_shared(column), *_figures(column)],
        "picture": None if listed else picture,
        "listed": top if listed and most > 1 else [],
        "top": [] if listed or most < 2 else top,
        "examples": [_short(text, 200) for text in _examples(column, listed=listed and most < 2)],
        "odd": [(_short(text), count) for text, count in column.odd],
        "quantiles": list(zip((f"{share:.0%}" for share in QUANTILES), column.numbers.quantiles))
        if column.numbers and column.type is Type.NUMBER
        else [],
    }


def _examples(column: ColumnProfile, *, listed: bool) -> Sequence[str]:
    """Some values of texts, and of what has every value once."""
    if listed:
        return [text for text, _ in column.top[:_EXAMPLES]]
    return column.texts.examples if column.texts else ()


def _shared(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    yield "missing", f"{column.nulls:,} ({percent(column.missing)})" if column.nulls else "none"
    if column.type is not Type.VECTOR:
        yield "distinct", f"{'' if column.exact else '≈ '}{column.distinct:,}"


def _figures(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    """What is told of numbers, texts and moments."""
    numbers, texts, times = column.numbers, column.texts, column.times
    if column.type is Type.VECTOR:
        yield "values", "not looked into"
    if numbers is not None and column.type is Type.NUMBER:
        if unit := _unit(column):
            yield "unit", unit
        yield "range", f"{number(numbers.low)} to {number(numbers.high)}"
        yield "mean", number(numbers.mean)
        yield "median", number(numbers.median)
        for label, value in (("std. deviation", numbers.std), ("skewness", numbers.skew)):
            if value is not None:
                yield label, number(value)
        for label, count in (("zero", numbers.zeros), ("negative", numbers.negatives)):
            if count:
                yield label, f"{count:,} ({percent(count / max(1, column.rows))})"
        if numbers.infinite:
            yield "infinite", f"{numbers.infinite:,}"
        if numbers.outliers is not None and numbers.outliers.count:
            yield "outliers", f"{numbers.outliers.count:,}"
    if texts is not None:
        yield "length", f"{texts.shortest:,} to {texts.longest:,} characters"
        yield "mean length", number(texts.mean)
    if times is not None:
        yield "from", times.first
        yield "to", times.last
        if times.spacing:
            regular = f", {percent(times.regular)} of the steps" if times.regular is not None else ""
            yield "step", f"{_spacing(times.spacing)}{regular}"
        yield "rows in order", "yes" if times.ordered else "no"


def _unit(column: ColumnProfile) -> str:
    """What is counted where values are stored as spans or times of day."""
    return next((unit for kind, unit in _UNITS.items() if column.storage.startswith(kind)), "")


def _spacing(seconds: float) -> str:
    """A time span in its own unit."""
    for unit, size in _SPACINGS.items():
        if seconds >= size * _SHORTEST.get(unit, 1.0):
            count = round(seconds / size, 1)
            return f"{count:g} {unit}{'s' * (count != 1)}"
    return f"{number(seconds)} seconds"


def _histogram(column: ColumnProfile, histogram: Histogram) -> dict[str, Any]:
    """Bars with what lies below them."""
    edges = histogram.edges
    write = clock(edges[0], edges[-1]) if column.times is not None else number
    half = 0.5 if histogram.whole else 0.0
    spans = [(low + half, high - half) for low, high in itertools.pairwise(edges)]
    titles = [f"{_span(*map(write, span))}: {_rows(count)}" for span, count in zip(spans, histogram.counts)]
    low, high = spans[0][0], spans[-1][1]
    if column.numbers is not None:  # bins of whole width may reach beyond the values
        low, high = max(low, column.numbers.low), min(high, column.numbers.high)
    if column.texts is not None:
        low, high = max(low, column.texts.shortest), min(high, column.texts.longest)
    what = "lengths" if column.texts is not None else "values"
    beyond = [f"{_rows(histogram.below)} below"] * (histogram.below > 0)
    beyond += [f"{_rows(histogram.above)} above"] * (histogram.above > 0)
    return {
        "svg": svg.bars(histogram.counts, titles, name=f"Histogram of the {what} of {column.name}"),
        "low": write(low),
        "high": write(high),
        "beyond": ", ".join(beyond),
        "caption": "length in characters" if column.texts is not None else _unit(column),
    }


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _rows(count: float) -> str:
    return f"{count:,.0f} row{'s' * (round(count) != 1)}"


def _short(text: str, most: int = _CELL) -> str:
    text = " ".join(text.split()) if text.strip() else text
    return text if len(text) <= most else text[: most - 1] + "…"


def _cell(text: str | None) -> str | None:
    return None if text is None else _short(text)


# --- relations -------------------------------------------------------------------------------------


def _heatmap(profile: Profile) -> Any:
    names = profile.associations.columns
    if len(names) < 2:
        return None
    return svg.heatmap(names, profile.associations.values, name="Associations of columns; the table has them")


def _relations(profile: Profile) -> list[dict[str, Any]]:
    """The plots of the target: means, or shares of classes, by group of another column."""
    if profile.target is None:
        return []
    return [_relation(one, profile.target.classes) for one in profile.target.relations if one.groups]


def _relation(relation: Relation, classes: Sequence[str]) -> dict[str, Any]:
    cells = zip(relation.groups, relation.rows, relation.values)
    if classes:
        shares = [(group, rows, list(zip(classes, values))) for group, rows, values in cells]
        return {"relation": relation, "shares": shares, "means": []}
    means = [values[0] for values in relation.values]
    low, high = min([0.0, *means]), max([0.0, *means])
    reach = (high - low) or 1.0
    bars = [
        (group, rows, mean, (min(mean, 0.0) - low) / reach, abs(mean) / reach)
        for group, rows, (mean,) in cells
    ]
    return {"relation": relation, "shares": [], "means": bars}


def _unplotted(profile: Profile) -> list[Relation]:
    return [one for one in profile.target.relations if not one.groups] if profile.target else []


def _time(timeline: Timeline) -> dict[str, Any]:
    """Lines over time."""
    write = clock(timeline.edges[0], timeline.edges[-1])
    spans = [f"{write(low)} to {write(high)}" for low, high in itertools.pairwise(timeline.edges)]
    titles = [f"{span}: {_rows(rows)}" for span, rows in zip(spans, timeline.rows)]
    lines = [
        {
            "name": None,
            "svg": svg.bars(timeline.rows, titles, name=f"Rows over {timeline.column}"),
            "low": "0",
            "high": f"{max(timeline.rows, default=0):,.0f}",
        }
    ]
    for name, means in timeline.means:
        known = [mean for mean in means if mean is not None]
        told = [f"{span}: {'none' if mean is None else number(mean)}" for span, mean in zip(spans, means)]
        if known:
            drawn = svg.line(means, told, name=f"Mean of {name} over {timeline.column}")
            lines.append({"name": name, "svg": drawn, "low": number(min(known)), "high": number(max(known))})
    first, last = write(timeline.edges[0]), write(timeline.edges[-1])
    return {"column": timeline.column, "lines": lines, "first": first, "last": last}


def _shift(shift: Shift) -> dict[str, Any]:
    """Both distributions of one column: bars for ranges, a line each for categories."""
    told = list(zip(shift.groups, shift.here, shift.there))
    titles = [f"{group}: {percent(here)} here, {percent(there)} there" for group, here, there in told]
    name = f"{shift.column} here, as bars, and there, as a line"
    ranges = shift.ks is not None
    most = max([*shift.here, *shift.there], default=0.0) or 1.0
    return {
        "shift": shift,
        "svg": svg.bars(shift.here, titles, name=name, second=shift.there) if ranges else None,
        "first": shift.groups[0].partition(" to ")[0] if ranges else "",
        "last": shift.groups[-1].rpartition(" to ")[2] if ranges else "",
        "pairs": [] if ranges else [(*one, one[1] / most, one[2] / most) for one in told],
    }
