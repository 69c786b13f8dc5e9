"""Metrics as functions of row weights, prepared once and evaluated for many weightings at a time.

A bootstrap resample is nothing but a vector of counts, so a metric that is prepared once (losses taken,
scores sorted) can be evaluated for hundreds of resamples as one matrix operation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from noria.errors import ParamError

__all__ = [
    "Evaluator",
    "check_classification",
    "check_regression",
    "confusions",
    "gaps",
    "labels_of",
    "means",
    "medians",
    "once",
    "ranked",
    "truth_probability",
]

_GROUPS = 1000

Evaluator = Callable[[np.ndarray], np.ndarray]
"""Row weights (b, n) to metric values (b,)."""


def check_classification(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and probabilities as arrays that fit each other."""
    y, p = np.asarray(y), np.asarray(p, dtype=np.float64)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise ParamError(
            "The classes and their probabilities do not fit each other.",
            got=f"y of shape {y.shape}, p of shape {p.shape}",
            do="Give y as (n,) codes and p as (n, K) probabilities, one column per class.",
        )
    return y.astype(np.intp, copy=False), p


def check_regression(y: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted values as arrays that fit each other."""
    y, predicted = np.asarray(y, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if y.ndim != 1 or y.shape != predicted.shape:
        raise ParamError(
            "The true and the predicted values do not fit each other.",
            got=f"y of shape {y.shape}, predicted of shape {predicted.shape}",
            do="Give both as (n,) numbers.",
        )
    return y, predicted


def labels_of(p: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """The decisions (n,): those given, else the most probable class."""
    return p.argmax(axis=1) if labels is None else np.asarray(labels, dtype=np.intp)


def truth_probability(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The probability (n,) that each row's true class was given; 0 for a class that p does not know."""
    known = (y >= 0) & (y < p.shape[1])
    return np.where(known, p[np.arange(len(y)), np.where(known, y, 0)], 0.0)


def once(evaluate: Evaluator, n: int, weight: np.ndarray | None) -> float:
    """The metric for one weighting; NaN where it is not defined."""
    one = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    if one.shape != (n,):
        raise ParamError("There is not one weight per row.", got=f"{one.shape} for {n} rows")
    return float(evaluate(one[None, :])[0])


def means(terms: np.ndarray, finish: Callable[[np.ndarray], np.ndarray] | None = None) -> Evaluator:
    """A metric that is a function of the means of per-row terms (n,) or (n, d)."""
    columns = np.vstack([np.transpose(terms), np.ones(len(terms))])

    def evaluate(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            sums = _products(weights, columns)
            mean = sums[:, :-1] / sums[:, -1:]
            return mean[:, 0] if finish is None else finish(mean)

    return evaluate


def gaps(terms: np.ndarray, bins: np.ndarray, count: int) -> Evaluator:
    """The sum over bins (n,) of the absolute sum of the terms (n,) within, per unit of weight."""

    def evaluate(weights: np.ndarray) -> np.ndarray:
        sums = [np.abs(np.bincount(bins, weights=row * terms, minlength=count)).sum() for row in weights]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums) / weights.sum(axis=1)

    return evaluate


def confusions(
    y: np.ndarray, decided: np.ndarray, classes: int, finish: Callable[[np.ndarray, bool], np.ndarray]
) -> Evaluator:
    """A metric that is a function of the confusion matrix (b, k, k), rows truth, columns decision.

    Codes that lie outside the known classes become one more class, which no decision can hit.
    """
    outside = (y < 0) | (y >= classes)
    size = classes + bool(outside.any())
    cells = np.where(outside, classes, y) * size + decided

    def evaluate(weights: np.ndarray) -> np.ndarray:
        counts = [np.bincount(cells, weights=row, minlength=size * size) for row in weights]
        with np.errstate(invalid="ignore", divide="ignore"):
            return finish(np.asarray(counts).reshape(-1, size, size), classes == 2)

    return evaluate


def ranked(y: np.ndarray, p: np.ndarray, area: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Evaluator:
    """A metric of the ranking: `area` maps cumulated true and false positives (b, t) to values (b,).

    Both run over the distinct scores from the highest down. More than two classes are taken one against the
    rest, and averaged over those that occur. One weighting is exact; for many, neighbouring scores are pooled
    into at most 1,000 groups, and the small difference that this makes to equal weights is added back.
    """
    n = len(y)
    columns = [1] if p.shape[1] == 2 else list(range(p.shape[1]))
    ranks = [_descending_ranks(p[:, column]) for column in columns]
    truths = [y == column for column in columns]
    counts = [int(rank.max(initial=0)) + 1 for rank in ranks]
    pooled = [rank * _GROUPS // count if count > _GROUPS else rank for rank, count in zip(ranks, counts)]

    def areas(groups: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
        values = np.empty((len(columns), len(weights)))
        for slot, (group, truth) in enumerate(zip(groups, truths)):
            cells, size = 2 * group + truth, 2 * (int(group.max()) + 1)
            table = np.asarray([np.bincount(cells, weights=row, minlength=size) for row in weights])
            with np.errstate(invalid="ignore", divide="ignore"):
                values[slot] = area(np.cumsum(table[:, 1::2], axis=1), np.cumsum(table[:, ::2], axis=1))
        defined = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            return np.where(defined, values, 0.0).sum(axis=0) / defined.sum(axis=0)

    def evaluate(weights: np.ndarray) -> np.ndarray:
        if not n:
            return np.full(len(weights), np.nan)
        if len(weights) == 1:
            return areas(ranks, weights)
        ones = np.ones((1, n))
        return areas(pooled, weights) + (areas(ranks, ones) - areas(pooled, ones))

    return evaluate


def _products(weights: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sums (b, d) of few columns (d, n) under weights (b, n); for so few, BLAS threads only cost."""
    return np.einsum("bn,dn->bd", weights, columns)


def _descending_ranks(score: np.ndarray) -> np.ndarray:
    """The dense rank (n,) of each score, 0 for the highest; ties share one."""
    return np.unique(-score, return_inverse=True)[1]


def medians(terms: np.ndarray) -> Evaluator:
    """The weighted median of per-row terms (n,); the mean of the two middle ones where it falls between."""
    order = np.argsort(terms, kind="stable")
    ascending = terms[order]
    n = len(order)
    reach = int(10 * np.sqrt(n))

    def within(weights: np.ndarray, start: int, stop: int) -> np.ndarray | None:
        """The medians, looked for between two ranks only; None if one lies outside."""
        before = np.zeros(n)
        before[order[:start]] = 1.0
        half = weights.sum(axis=1, keepdims=True) / 2
        cumulated = np.cumsum(weights[:, order[start:stop]], axis=1) + _products(weights, before[None])
        slack = 1e-12 * half
        at_least, above = cumulated >= half - slack, cumulated > half + slack
        if (start > 0 and at_least[:, 0].any()) or (stop < n and not above[:, -1].all()):
            return None
        value = (ascending[start + at_least.argmax(axis=1)] + ascending[start + above.argmax(axis=1)]) / 2
        return np.where(half[:, 0] > 0, value, np.nan)

    def evaluate(weights: np.ndarray) -> np.ndarray:
        if not n:
            return np.full(len(weights), np.nan)
        near = within(weights, max(0, n // 2 - reach), min(n, n // 2 + reach)) if len(weights) > 1 else None
        everywhere = within(weights, 0, n) if near is None else near
        return everywhere if everywhere is not None else np.full(len(weights), np.nan)

    return evaluate
