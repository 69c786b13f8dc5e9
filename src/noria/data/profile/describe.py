"""From what was remembered of a column to what is said about it."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from noria.core.column_profile import (
    QUANTILES,
    ColumnProfile,
    Histogram,
    Numbers,
    Outliers,
    Texts,
    Times,
)
from noria.core.schema import Type
from noria.core.words import moment, quoted
from noria.data._guess import kind_of_whole, kind_of_words
from noria.data._numbers import BLANK, LOST, PLACEHOLDERS
from noria.data.conform import FALSE_WORDS, TRUE_WORDS
from noria.data.profile.columns import NumberSketch, OpaqueSketch, TimeSketch, WordSketch, says_missing
from noria.methods.sketches import weighted_quantiles

__all__ = ["describe", "histogram"]

_TOP = 10
_WORDS = 12
_BINS = 24
_FEW = 32
_FENCE = 3.0
_RULE = "more than 3 interquartile ranges below the first quartile or above the third"
_LONG_TAIL = 6.0
_VARIANTS, _COMPARED = 8, 5_000
_WORD = re.compile(r"[^\w]+", re.UNICODE)


def describe(sketch: OpaqueSketch) -> ColumnProfile:
    """What is said about a column."""
    return _DESCRIBE[type(sketch)](sketch)


# --- by kind of sketch -----------------------------------------------------------------------------


def _opaque(sketch: OpaqueSketch) -> ColumnProfile:
    seen = sketch.column
    kind = Type.CONSTANT if sketch.nulls == sketch.rows else seen.type
    return ColumnProfile(
        seen.name, kind, str(sketch.dtype), sketch.rows, sketch.nulls, 0, exact=False, notes=seen.notes
    )


def _number(sketch: NumberSketch) -> ColumnProfile:
    seen = sketch.column
    known = sketch.rows - sketch.nulls
    distinct = sketch.distinct_among(known - sketch.infinite)
    kind = _kind_of_number(sketch, distinct)
    top = [(_written(value, sketch), int(count)) for value, count in zip(*sketch.top(_TOP))]
    numbers = _numbers(sketch) if kind in {Type.NUMBER, Type.BOOLEAN} and sketch.moments.n else None
    odd = sorted(sketch.odd.items(), key=lambda pair: -pair[1])
    return ColumnProfile(
        seen.name,
        kind,
        str(sketch.dtype),
        sketch.rows,
        sketch.nulls,
        distinct,
        sketch.exact,
        tuple(top),
        numbers=numbers,
        odd=tuple(pair for pair in odd if pair[0].strip().lower() not in {"", *PLACEHOLDERS}),
        notes=seen.notes,
    )


def _time(sketch: TimeSketch) -> ColumnProfile:
    base = replace(_number(sketch), type=_settled(Type.DATETIME, sketch), numbers=None)
    top = tuple((moment(int(value) * 1e-6), int(count)) for value, count in zip(*sketch.top(_TOP)))
    if not sketch.moments.n:
        return replace(base, top=top)
    values, weights = sketch.values()
    gaps = np.diff(np.unique(values)) * 1e-6
    spacing = float(np.median(gaps)) if gaps.size and sketch.exact else None
    first, last = (moment(edge * 1e-6) for edge in (sketch.moments.low, sketch.moments.high))
    regular = float(np.mean(np.isclose(gaps, spacing))) if spacing is not None else None
    bins = histogram(values * 1e-6, weights, whole=False)
    return replace(base, top=top, times=Times(first, last, spacing, regular, sketch.ordered, bins))


def _word(sketch: WordSketch) -> ColumnProfile:
    counts = sketch.counts()
    boolean = _is_boolean(counts["text"])
    lost = says_missing(pl.col("text"))
    missing = counts.filter(lost | (pl.col("text").str.to_lowercase() == "na") if boolean else lost)
    counts = counts.join(missing, on="text", how="anti", maintain_order="left")
    nulls = sketch.nulls + int(missing["count"].sum())
    known = sketch.rows - nulls
    distinct = sketch.distinct_among(known) - (missing.height if sketch.exact else 0)
    kind = Type.BOOLEAN if boolean else _kind_of_words(sketch, counts["text"], known, distinct)
    texts = _texts(sketch) if kind in {Type.TEXT, Type.ID} and sketch.lengths.moments.n else None
    compared = sketch.exact and kind is Type.CATEGORY and distinct <= _COMPARED
    return ColumnProfile(
        sketch.column.name,
        kind,
        str(sketch.dtype),
        sketch.rows,
        nulls,
        distinct,
        sketch.exact,
        tuple(counts.head(_TOP).iter_rows()),
        texts=texts,
        variants=_variants(counts["text"]) if compared else (),
        notes=(f"read as missing: {', '.join(map(quoted, missing['text']))}",) if missing.height else (),
    )


_DESCRIBE: Mapping[type, Callable[[Any], ColumnProfile]] = {
    OpaqueSketch: _opaque,
    NumberSketch: _number,
    TimeSketch: _time,
    WordSketch: _word,
}


# --- types -----------------------------------------------------------------------------------------


def _settled(kind: Type, sketch: NumberSketch) -> Type:
    """The type, or that of a column that says nothing."""
    one = sketch.distinct == 1 and not sketch.nulls and not sketch.infinite
    return Type.CONSTANT if sketch.distinct == 0 or one else kind


def _kind_of_number(sketch: NumberSketch, distinct: int) -> Type:
    """What numbers mean, once all of them are known."""
    low, high = sketch.moments.low, sketch.moments.high
    if (distinct, low, high) == (2, 0, 1):
        return Type.BOOLEAN
    coded = None
    if sketch.whole and distinct > 1:
        rows = sketch.rows - sketch.nulls
        coded = kind_of_whole(sketch.column.name, (rows, distinct), (low, high), orderly=sketch.orderly)
    return _settled(coded[0] if coded else Type.NUMBER, sketch)


def _is_boolean(texts: pl.Series) -> bool:
    """Whether there are exactly a usual word for yes and one for no, beside those that mean missing."""
    if texts.len() > _WORDS:
        return False
    words = {text.strip(BLANK).lower() for text in texts} - LOST - {"", "na"}
    return len(words) == 2 and len(words & TRUE_WORDS) == 1 and len(words & FALSE_WORDS) == 1


def _kind_of_words(sketch: WordSketch, texts: pl.Series, rows: int, distinct: int) -> Type:
    """What words mean, once all of them are known."""
    if distinct <= 0 or (distinct == 1 and rows == sketch.rows):
        return Type.CONSTANT
    some = texts if texts.len() else pl.Series(sketch.examples)
    return kind_of_words(sketch.column.name, some, rows, distinct)


# --- figures ---------------------------------------------------------------------------------------


def _numbers(sketch: NumberSketch) -> Numbers:
    moments, (values, weights) = sketch.moments, sketch.values()
    low, high = moments.low, moments.high
    found = np.clip(weighted_quantiles(values, weights, np.array(QUANTILES)), low, high)
    return Numbers(
        sketch.low,
        sketch.high,
        moments.mean,
        _finite(moments.std),
        _finite(moments.skew),
        tuple(found.tolist()),
        sketch.zeros,
        sketch.negatives,
        sketch.infinite,
        histogram(values, weights, whole=sketch.whole, bounds=(low, high)),
        _outliers(values, weights, found),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _outliers(values: np.ndarray, weights: np.ndarray, quantiles: np.ndarray) -> Outliers | None:
    first, third = (float(quantiles[QUANTILES.index(share)]) for share in (0.25, 0.75))
    if third <= first or values.size < 2:
        return None
    low, high = first - _FENCE * (third - first), third + _FENCE * (third - first)
    if not math.isfinite(high - low):
        return None
    count = float(weights[(values < low) | (values > high)].sum())
    return Outliers(round(count), low, high, _RULE)


def histogram(
    values: np.ndarray, weights: np.ndarray, *, whole: bool, bounds: tuple[float, float] | None = None
) -> Histogram:
    """Bins of equal width over the bulk of the values; a long tail on either side is only counted.

    Parameters
    ----------
    values, weights : (n,) array
        Values, ascending, and how many rows each stands for.
    whole : bool
        Whether all are whole numbers: bins do not cut between them then.
    bounds : tuple of float, optional
        The smallest and largest value, where they may be missing among `values`.
    """
    low, high = bounds or (float(values[0]), float(values[-1]))
    inner = weighted_quantiles(values, weights, np.array([0.01, 0.99]))
    with np.errstate(over="ignore"):
        reach = float(inner[1] - inner[0])
    if reach > 0:
        low = low if inner[0] - low <= _LONG_TAIL / 4 * reach else float(inner[0]) - reach / 4
        high = high if high - inner[1] <= _LONG_TAIL / 4 * reach else float(inner[1]) + reach / 4
    whole = whole and high - low < 2**52
    edges = _edges(low, high, whole=whole)
    inside = (values >= edges[0]) & (values <= edges[-1])
    place = np.clip(np.searchsorted(edges, values[inside], side="right") - 1, 0, edges.size - 2)
    counts = np.bincount(place, weights[inside], minlength=edges.size - 1)
    below, above = (float(weights[mask].sum()) for mask in (values < edges[0], values > edges[-1]))
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()), below, above, whole)


def _edges(low: float, high: float, *, whole: bool) -> np.ndarray:
    """Edges that hold both bounds."""
    if whole:
        low, high = math.floor(low), math.ceil(high)
        step = max(1, math.ceil((high - low + 1) / (_FEW if high - low < _FEW else _BINS)))
        return np.arange(low, high + step + 1, step)[: math.ceil((high - low + 1) / step) + 1] - 0.5
    if not high > low:
        pad = abs(low) * 0.5 or 0.5
        return np.array([low - pad, low + pad])
    with np.errstate(over="ignore", invalid="ignore"):
        edges = low + (np.arange(_BINS + 1) / _BINS) * (high - low)
    if not np.isfinite(edges).all():
        edges = np.linspace(low / 2, high / 2, _BINS + 1) * 2
    edges[-1] = high
    return edges


def _texts(sketch: WordSketch) -> Texts:
    lengths = sketch.lengths
    bins = histogram(*lengths.values(), whole=True, bounds=(lengths.moments.low, lengths.moments.high))
    low, high = int(lengths.moments.low), int(lengths.moments.high)
    return Texts(low, high, lengths.moments.mean, bins, tuple(sketch.examples[:3]))


def _variants(texts: pl.Series) -> tuple[tuple[str, ...], ...]:
    """Categories that are the same but for case, blanks and punctuation."""
    groups = defaultdict(list)
    for text in texts:
        folded = _WORD.sub("", text.casefold())
        groups[folded or text].append(text)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)[:_VARIANTS]


def _written(value: Any, sketch: NumberSketch) -> str:
    """A frequent value as text."""
    return f"{int(value)}" if sketch.whole else f"{value:.12g}"
