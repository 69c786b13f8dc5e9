"""What is known of one column of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from noria.core.schema import Type

__all__ = ["QUANTILES", "ColumnProfile", "Histogram", "Numbers", "Outliers", "Texts", "Times"]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The shares of which a profile tells the quantiles."""


@dataclass(frozen=True)
class Histogram:
    """How many values lie between neighbouring edges; the last bin holds its upper edge.

    Attributes
    ----------
    edges : tuple of float
        One more than there are bins; seconds since 1970 of moments.
    counts : tuple of float
    below, above : float
        How many values lie outside of all bins: a long tail is cut off so that the rest can be seen.
    whole : bool
        Whether bins hold whole numbers, so that edges lie half-way between two of them.
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    below: float = 0.0
    above: float = 0.0
    whole: bool = False

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        return cls(**{**given, "edges": tuple(given["edges"]), "counts": tuple(given["counts"])})


@dataclass(frozen=True)
class Outliers:
    """Values far from the others.

    Attributes
    ----------
    count : int
    low, high : float
        Values below and above these are counted.
    rule : str
        How the two were found, in words.
    """

    count: int
    low: float
    high: float
    rule: str


@dataclass(frozen=True)
class Numbers:
    """Finite numbers.

    Attributes
    ----------
    low, high : int or float
        Of whole numbers with all their digits.
    mean : float
    std, skew : float, optional
        None of values that do not vary.
    quantiles : tuple of float
        At `QUANTILES`.
    zeros, negatives, infinite : int
        How many there are; infinite ones are in no other figure.
    histogram : Histogram
    outliers : Outliers, optional
        None where half of all values are the same, so that no rule can be had.
    """

    low: float
    high: float
    mean: float
    std: float | None
    skew: float | None
    quantiles: tuple[float, ...]
    zeros: int
    negatives: int
    infinite: int
    histogram: Histogram
    outliers: Outliers | None = None

    @property
    def median(self) -> float:
        """The value in the middle."""
        return self.quantiles[QUANTILES.index(0.5)]

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        outliers = given["outliers"]
        made = {
            "quantiles": tuple(given["quantiles"]),
            "histogram": Histogram.from_dict(given["histogram"]),
            "outliers": None if outliers is None else Outliers(**outliers),
        }
        return cls(**{**given, **made})


@dataclass(frozen=True)
class Texts:
    """Lengths of texts in characters, and some of them, shortened.

    Attributes
    ----------
    shortest, longest : int
    mean : float
    histogram : Histogram
        Of the lengths.
    examples : tuple of str
    """

    shortest: int
    longest: int
    mean: float
    histogram: Histogram
    examples: tuple[str, ...]

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        made = {"histogram": Histogram.from_dict(given["histogram"]), "examples": tuple(given["examples"])}
        return cls(**{**given, **made})


@dataclass(frozen=True)
class Times:
    """Moments.

    Attributes
    ----------
    first, last : str
        ISO 8601, UTC where zones are known.
    spacing : float, optional
        Seconds between neighbouring distinct moments, the median.
    regular : float, optional
        The share of such gaps that are as long as the median one.
    ordered : bool
        Whether the rows come in their order.
    histogram : Histogram
        Rows over time.
    """

    first: str
    last: str
    spacing: float | None
    regular: float | None
    ordered: bool
    histogram: Histogram

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        return cls(**{**given, "histogram": Histogram.from_dict(given["histogram"])})


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes
    ----------
    name : str
    type : Type
        What its values mean.
    storage : str
        What they are stored as.
    rows, nulls : int
        Nulls, blanks and placeholders such as ``?`` are missing.
    distinct : int
    exact : bool
        Whether `distinct` and the counts of `top` are exact; else they are within a percent or so.
    top : tuple of (str, int)
        The most frequent values, most frequent first.
    numbers, texts, times : optional
        What else is known, as far as its type has it.
    odd : tuple of (str, int)
        Values that cannot be read as the others are.
    variants : tuple of tuple of str
        Categories that differ only in case, blanks or punctuation.
    notes : tuple of str
        How it was read.
    """

    name: str
    type: Type
    storage: str
    rows: int
    nulls: int
    distinct: int
    exact: bool = True
    top: tuple[tuple[str, int], ...] = ()
    numbers: Numbers | None = None
    texts: Texts | None = None
    times: Times | None = None
    odd: tuple[tuple[str, int], ...] = ()
    variants: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> float:
        """The share of rows without a value."""
        return self.nulls / self.rows if self.rows else 0.0

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``."""
        known = dict(given)
        known["type"] = Type(known["type"])
        for name in ("top", "odd", "variants"):
            known[name] = tuple(tuple(one) for one in known[name])
        known["notes"] = tuple(known["notes"])
        for name, kind in _PARTS.items():
            known[name] = None if known[name] is None else kind.from_dict(known[name])
        return cls(**known)


_PARTS: dict[str, Any] = {"numbers": Numbers, "texts": Texts, "times": Times}
