"""Where a model is weak: properties of held-out rows, in words, that go with significantly higher losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.explanation import word
from noria.core.insight import Slice
from noria.core.protocol import Metric
from noria.core.result import Figure
from noria.core.schema import Column, Role, Type
from noria.core.signature import PROBABILITY
from noria.lifecycle import evaluate
from noria.methods.significance import surprise
from noria.methods.slices import Property, WeakSlice, weak_slices
from noria.pages import charts
from noria.pages.charts import amount, number, words

if TYPE_CHECKING:
    from noria.lifecycle.examine import Case

__all__ = ["Worded", "draw", "properties", "worst"]

_LEAST, _SHARE = 30, 0.02  # rows of a slice
_ROWS = 100_000
_BINS, _FEW, _LEVELS, _PAIRED = 8, 8, 12, 6
_ROLES = frozenset({Role.FEATURE, Role.SERIES, Role.GROUP, Role.TIME})
_NAMES = frozenset({Role.SERIES, Role.GROUP})
_SEARCHING = 0.5  # of the time
_EXCESS, _CHANCE = 0.1, 1e-3


class Worded(NamedTuple):
    """A property, and each of its candidates in words."""

    property: Property
    words: list[str]


def worst(case: Case, deadline: Deadline) -> list[Slice]:
    """The slices of the held-out rows with the highest losses, the worst first; none if none is sure.

    The losses are the search metric's. The scores are of the first metric, the search metric before the
    others, that is worse on every slice than on its rest: a ranking such as ROC AUC says little within one.
    """
    metrics = sorted(case.system.metrics(), key=lambda one: one.name != case.evaluation.metric)
    truth, predictions = case.evidence.truth, case.evidence.predictions
    if metrics[0].losses is None:
        return []
    if truth.height > _ROWS:
        some = np.linspace(0, truth.height - 1, _ROWS).astype(np.int64)
        truth, predictions = truth[some], predictions[some]
    known = [column for column in case.data.schema if column.role in _ROLES and column.name in truth.columns]
    worded = list(properties(truth, known, deadline))
    kinds, losses = [one.property for one in worded], metrics[0].losses(truth, predictions)
    least, searching = max(_LEAST, round(_SHARE * truth.height)), _SEARCHING * deadline.remaining
    found = weak_slices(losses, kinds, least=least, deadline=Deadline(searching, within=deadline))
    named = [(_named(one, worded), one.rows(kinds)) for one in found]
    scored = _scored(named, truth, predictions, metrics, case.recipe.search.seed, deadline)
    target = case.recipe.data.target
    return [
        replace(one, surprising=target is None or _surprising(truth[target], predictions, inside))
        for one, (_, inside) in zip(scored, named)
    ]


def _surprising(truth: pl.Series, predictions: pl.DataFrame, inside: np.ndarray) -> bool:
    """Whether the classes of some rows are missed more than the probabilities say."""
    names = [name for name in predictions.columns if name.startswith(PROBABILITY)]
    if not names:
        return True
    codes = {name.removeprefix(PROBABILITY): at for at, name in enumerate(names)}
    y = truth.cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Int64)
    known = inside & y.is_not_null().to_numpy()
    excess, p = surprise(predictions.select(names).to_numpy()[known], y.filter(known).to_numpy())
    return excess >= _EXCESS and p < _CHANCE


def _named(found: WeakSlice, worded: Sequence[Worded]) -> str:
    return " and ".join(worded[at].words[part] for at, part in found.parts)


def _scored(
    named: Sequence[tuple[str, np.ndarray]],
    truth: pl.DataFrame,
    predictions: pl.DataFrame,
    metrics: Sequence[Metric],
    seed: int,
    deadline: Deadline,
) -> list[Slice]:
    """The slices with the scores of the first metric that is worse on all of them."""
    for metric in metrics:
        scorer = metric.bind(truth, predictions)
        values = [(scorer(np.flatnonzero(inside)), scorer(np.flatnonzero(~inside))) for _, inside in named]
        if all(metric.better(rest, value) for value, rest in values):
            break
    else:
        return []
    slices = []
    for where, inside in named:
        budget = deadline.remaining / (2 * len(named))
        score, rest = (
            evaluate.score(predictions.filter(part), truth.filter(part), [metric], budget=budget, seed=seed)
            for part in (inside, ~inside)
        )
        slices.append(Slice(where, int(inside.sum()), score[metric.name], rest[metric.name]))
    return slices


def draw(slices: Sequence[Slice]) -> Figure:
    """The slices' scores beside those of all other rows."""
    here, rest = "rows of the slice", "all other rows"
    metric = slices[0].score.metric
    frame = pl.DataFrame(
        [
            {
                "where": f"{one.where} ({one.rows:,} rows)",
                "of": of,
                "score": s.value,
                "low": s.low,
                "high": s.high,
            }
            for one in slices
            for of, s in ((here, one.score), (rest, one.rest))
        ]
    ).with_columns(pl.col("low", "high").fill_nan(None))
    x = number("score", metric, scale={"zero": False}, axis={"tickCount": 6, "labelOverlap": True})
    axis = {
        "labelLimit": 320,
        "labelExpr": "split(replace(datum.label, / and /g, '|and '), '|')",
        "grid": False,
    }
    tips = [("where", "rows"), ("of", "of"), ("score", metric, ".4~g"), *charts.interval(".4~g")]
    colour = {**charts.colour("of"), "scale": {"domain": [here, rest]}}
    offset = {"yOffset": words("of", None)}
    layers = charts.dots("x", words("where", None, axis=axis), x, tips, color=colour, **offset)
    title = "Where the model is weak"
    text = (
        "What the rows have in common on which the model does worst, by more than chance, with 95% "
        "intervals. All single properties and pairs of them were tried, and the number of trials is allowed "
        "for."
    )
    return Figure("slices", title, frame, charts.chart(*layers, height=26 * frame.height), "errors", text)


def properties(
    table: pl.DataFrame, columns: Sequence[Column], deadline: Deadline | None = None
) -> Iterator[Worded]:
    """What the rows of a table can be told apart by, column by column.

    Numbers and moments by eighths with readable edges, categories and booleans by their values, moments also
    by year, month, weekday and hour, texts by their length; all by whether they are missing.
    """
    for column in columns:
        if deadline is not None and deadline.expired:
            return
        values = table[column.name]
        reader = _categories if column.role in _NAMES else _READERS.get(column.type)
        if reader is not None:
            yield from reader(values)
        if 0 < values.null_count() < len(values):
            codes = values.is_null().to_numpy().astype(np.int8)
            yield Worded(
                Property(codes, np.eye(2, dtype=bool)[1:], np.ones(1, dtype=bool)),
                [f"{column.name} is missing"],
            )


class _Said(NamedTuple):
    """How one value is written, and what lies on either side of it."""

    one: Callable[[float], str]
    below: str
    above: str


_NUMBER = _Said(partial(amount, digits=6), "below", "more")
_DAY = _Said(lambda day: str(np.datetime64(int(day), "D")), "before", "later")


def _numbers(values: pl.Series) -> Iterator[Worded]:
    array = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if 2 <= values.n_unique() <= _FEW + 1:
        levels = np.unique(array[np.isfinite(array)]).tolist()
        yield from _ordered(values.name, array, levels[1:], levels)
    else:
        edges = _readable(array[np.isfinite(array)])
        yield from _ordered(values.name, array, edges)


def _ordered(
    name: str,
    array: np.ndarray,
    edges: Sequence[float],
    levels: Sequence[float] = (),
    said: _Said = _NUMBER,
) -> Iterator[Worded]:
    """Below and from each edge on, and between neighbours, or each value where they are few."""
    if not edges:
        return
    count = len(edges) + 1
    codes = np.where(np.isfinite(array), np.searchsorted(edges, array, side="right"), count)
    codes, bins, inner = codes.astype(np.int8), np.arange(count + 1), range(1, count - 1)
    below = bins < np.arange(1, count)[:, None]
    above = ~below & (bins < count)
    between = np.array([bins == at for at in inner]).reshape(-1, count + 1)
    names = [f"{name} is {said.below} {said.one(edge)}" for edge in edges]
    names += [f"{name} is {said.one(edge)} or {said.above}" for edge in edges]
    if levels:
        single = [f"{name} is {said.one(level)}" for level in levels]
        names[0], names[-1] = single[0], single[-1]
        names += single[1:-1]
    else:
        names += [
            f"{name} is from {said.one(low)} to {said.below} {said.one(high)}"
            for low, high in pairwise(edges)
        ]
    quarters = np.zeros(len(edges), dtype=bool)
    quarters[[len(edges) // 4, len(edges) // 2, -1 - len(edges) // 4]] = True
    paired = np.concatenate([quarters, quarters, np.zeros(len(between), dtype=bool)])
    yield Worded(Property(codes, np.concatenate([below, above, between]), paired), names)


def _readable(values: np.ndarray) -> list[float]:
    """Eighths of the values, each moved to the number of fewest digits that is nearly the same quantile."""
    if len(values) < _BINS:
        return []
    shares = np.arange(1, _BINS) / _BINS
    low, middle, high = np.quantile(values, [shares - 0.02, shares, shares + 0.02])
    edges = {_short(*ends) for ends in zip(low, middle, high)}
    return sorted(edge for edge in edges if values.min() < edge <= values.max())


def _short(low: float, middle: float, high: float) -> float:
    for digits in range(1, 7):
        tried = float(f"{middle:.{digits - 1}e}")
        if low <= tried <= high:
            return tried
    return float(middle)


def _levels(name: str, values: pl.Series, said: Callable[[object], str]) -> Iterator[Worded]:
    """The most frequent values, each a candidate."""
    counts = values.drop_nulls().alias("level").value_counts(name="rows")
    known = counts.sort(-pl.col("rows").cast(pl.Int64), "level")["level"].head(_LEVELS).to_list()
    codes = values.replace_strict(known, range(len(known)), default=len(known), return_dtype=pl.Int64)
    parts = np.eye(len(known), len(known) + 1, dtype=bool)
    paired = np.arange(len(known)) < _PAIRED
    yield Worded(
        Property(codes.fill_null(len(known)).cast(pl.Int8).to_numpy(), parts, paired),
        [f"{name} {said(one)}" for one in known],
    )


def _categories(values: pl.Series) -> Iterator[Worded]:
    yield from _levels(values.name, values, lambda level: f"is {word(level)}")


def _booleans(values: pl.Series) -> Iterator[Worded]:
    yield from _levels(values.name, values.cast(pl.Boolean), lambda value: f"is {str(value).lower()}")


def _moments(values: pl.Series) -> Iterator[Worded]:
    """In order of time, and by the parts of a date that vary."""
    if not values.dtype.is_temporal():
        yield from _numbers(values)
        return
    name, stamps = values.name, values.cast(pl.Datetime("us"))
    days = stamps.dt.date().cast(pl.Int32).cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = days[np.isfinite(days)]
    edges = sorted(set(np.quantile(known, np.arange(1, _BINS) / _BINS).round())) if len(known) else []
    edges = [float(edge) for edge in edges if edge > known.min()]
    yield from _ordered(name, days, edges, said=_DAY)
    parts = {
        "year": (stamps.dt.year(), lambda year: f"falls in {year}"),
        "month": (stamps.dt.month(), lambda month: f"falls in {_MONTHS[month - 1]}"),
        "weekday": (stamps.dt.weekday(), lambda day: f"falls on a {_DAYS[day - 1]}"),
        "hour": (stamps.dt.hour(), lambda hour: f"falls between {hour:02d}:00 and {hour:02d}:59"),
    }
    for part, said in parts.values():
        if part.drop_nulls().n_unique() > 1:
            yield from _levels(name, part, said)


def _texts(values: pl.Series) -> Iterator[Worded]:
    lengths = values.cast(pl.String).str.len_chars().alias(f"the length of {values.name}")
    yield from _numbers(lengths)


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_READERS: dict[Type, Callable[[pl.Series], Iterator[Worded]]] = {
    Type.NUMBER: _numbers,
    Type.CATEGORY: _categories,
    Type.BOOLEAN: _booleans,
    Type.DATETIME: _moments,
    Type.TEXT: _texts,
}
