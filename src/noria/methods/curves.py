"""What a picture of predictions shows: curves, bins and their intervals, on plain arrays.

Curves take ``truth`` (n,) bool, whether a row is of the class in question, and ``score`` (n,), the higher the
likelier; n > 0. Every share comes with Wilson's 95% interval, every mean with that of Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from noria.methods._weighted import check_regression
from noria.methods.calibration import reliability
from noria.methods.intervals import share_interval
from noria.methods.threshold import Sweep

__all__ = [
    "Calibration",
    "Coverage",
    "Decisions",
    "Expense",
    "Gain",
    "PrecisionRecall",
    "Ranges",
    "Residuals",
    "Roc",
    "area",
    "calibration",
    "coverage_by_range",
    "decisions",
    "error_by_range",
    "expense",
    "gain",
    "mean_interval",
    "precision_recall",
    "quantile",
    "residuals",
    "roc",
    "thinned",
]


class Roc(NamedTuple):
    """Share of the positives found, `true` with its interval, against the share of false alarms, `false`."""

    threshold: np.ndarray
    false: np.ndarray
    true: np.ndarray
    low: np.ndarray
    high: np.ndarray


class PrecisionRecall(NamedTuple):
    """Share of the decisions that are right, with its interval, against the share of positives found."""

    threshold: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Gain(NamedTuple):
    """Share of the positives among the highest scores, with its interval; `lift` is how often chance's."""

    rows: np.ndarray
    found: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lift: np.ndarray


class Decisions(NamedTuple):
    """Precision, recall and F1 by threshold, each as (value, low, high)."""

    threshold: np.ndarray
    precision: tuple[np.ndarray, np.ndarray, np.ndarray]
    recall: tuple[np.ndarray, np.ndarray, np.ndarray]
    f1: tuple[np.ndarray, np.ndarray, np.ndarray]


class Expense(NamedTuple):
    """Mean cost per row by threshold, with its interval."""

    threshold: np.ndarray
    cost: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Calibration(NamedTuple):
    """Stated probability against observed frequency with its interval, by bins of equally many rows."""

    stated: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray


class Ranges(NamedTuple):
    """Mean absolute error with its interval, and mean error (predicted less true), by range of the truth."""

    start: np.ndarray
    stop: np.ndarray
    rows: np.ndarray
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bias: np.ndarray


class Residuals(NamedTuple):
    """Quantiles of the true less the predicted value, by range of the prediction."""

    predicted: np.ndarray
    rows: np.ndarray
    lower: np.ndarray
    middle: np.ndarray
    upper: np.ndarray


class Coverage(NamedTuple):
    """Share of truths inside their intervals, with its own interval, by range of the prediction."""

    start: np.ndarray
    stop: np.ndarray
    rows: np.ndarray
    inside: np.ndarray
    low: np.ndarray
    high: np.ndarray


def roc(truth: np.ndarray, score: np.ndarray) -> Roc:
    """The receiver operating characteristic, from the highest threshold to the lowest.

    Examples
    --------
    >>> curve = roc(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> curve.false, curve.true
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    sweep = Sweep.ranked(truth, score)
    return Roc(
        sweep.threshold,
        _share(sweep.false, sweep.negatives),
        _share(sweep.true, sweep.positives),
        *share_interval(sweep.true, np.full(len(sweep.true), sweep.positives)),
    )


def area(truth: np.ndarray, score: np.ndarray) -> tuple[float, float, float]:
    """Area under the ROC curve with DeLong's 95% interval on the logit scale; NaN where a class is missing.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated receiver operating
    characteristic curves, Biometrics 1988. Sun and Xu, Fast implementation of DeLong's algorithm, 2014.

    Examples
    --------
    >>> truth = np.arange(100) % 4 == 0
    >>> value, low, high = area(truth, truth + np.sin(np.arange(100)))
    >>> bool(0.7 < low < value < high < 1)
    True
    """
    from scipy.stats import rankdata

    true, false = score[truth], score[~truth]
    m, n = len(true), len(false)
    if not m or not n:
        return math.nan, math.nan, math.nan
    together = rankdata(np.concatenate([true, false]))
    of_true = (together[:m] - rankdata(true)) / n
    of_false = 1 - (together[m:] - rankdata(false)) / m
    value = float(of_true.mean())
    if m < 2 or n < 2:
        return value, math.nan, math.nan
    error = math.sqrt(of_true.var(ddof=1) / m + of_false.var(ddof=1) / n)
    if not error or not 0 < value < 1:
        low, high = share_interval(np.array([value * min(m, n)]), np.array([min(m, n)]))
        return value, float(low[0]), float(high[0])
    middle, half = math.log(value / (1 - value)), 1.96 * error / (value * (1 - value))
    return value, 1 / (1 + math.exp(half - middle)), 1 / (1 + math.exp(-half - middle))


def precision_recall(truth: np.ndarray, score: np.ndarray) -> PrecisionRecall:
    """Precision against recall, from the highest threshold (where precision is NaN) to the lowest.

    Examples
    --------
    >>> curve = precision_recall(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> curve.precision.round(2), curve.recall
    (array([ nan, 1.  , 0.5 , 0.67, 0.5 ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    sweep = Sweep.ranked(truth, score)
    decided = sweep.true + sweep.false
    recall = _share(sweep.true, sweep.positives)
    return PrecisionRecall(
        sweep.threshold, recall, _share(sweep.true, decided), *share_interval(sweep.true, decided)
    )


def gain(truth: np.ndarray, score: np.ndarray) -> Gain:
    """The positives found among the rows of the highest scores: cumulative gain and lift.

    Examples
    --------
    >>> curve = gain(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> curve.rows, curve.found, curve.lift[1].item()
    (array([0.  , 0.25, 0.5 , 0.75, 1.  ]), array([0. , 0.5, 0.5, 1. , 1. ]), 2.0)
    """
    sweep = Sweep.ranked(truth, score)
    rows, found = (sweep.true + sweep.false) / len(truth), _share(sweep.true, sweep.positives)
    interval = share_interval(sweep.true, np.full(len(rows), sweep.positives))
    return Gain(rows, found, *interval, _share(found, rows))


def decisions(truth: np.ndarray, score: np.ndarray) -> Decisions:
    """Precision, recall and F1 of deciding for the class from each threshold on, with intervals.

    With s, the share of hits among all rows that are true or decided, F1 is 2 s / (1 + s), which carries the
    interval of s over.

    Examples
    --------
    >>> made = decisions(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> made.threshold[1:-1].round(3), made.f1[0][1:].round(2)
    (array([0.6  , 0.375, 0.225]), array([0.67, 0.5 , 0.8 , 0.67]))
    """
    sweep = Sweep.ranked(truth, score)
    true, decided, positives = sweep.true, sweep.true + sweep.false, np.full(len(sweep.true), sweep.positives)
    either = decided + positives - true
    low, high = share_interval(true, either)
    return Decisions(
        sweep.threshold,
        (_share(true, decided), *share_interval(true, decided)),
        (_share(true, positives), *share_interval(true, positives)),
        (_share(2 * true, either + true), 2 * low / (1 + low), 2 * high / (1 + high)),
    )


def expense(truth: np.ndarray, score: np.ndarray, costs: Sequence[Sequence[float]]) -> Expense:
    """Mean cost per row of deciding for the class from each threshold on, in the unit of the costs.

    Parameters
    ----------
    costs : 2 x 2
        Rows truth, columns decision, as in `threshold.by_cost`.

    Examples
    --------
    >>> truth, score = np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> expense(truth, score, [[0, 1], [4, 0]]).cost
    array([2.  , 1.  , 1.25, 0.25, 0.5 ])
    """
    sweep, table, n = Sweep.ranked(truth, score), np.asarray(costs, dtype=np.float64), len(truth)
    counts = [[sweep.negatives - sweep.false, sweep.false], [sweep.positives - sweep.true, sweep.true]]
    shares = np.asarray(counts) / n
    mean = np.einsum("ij,ijt->t", table, shares)
    spread = np.einsum("ij,ijt->t", table**2, shares) - mean**2
    half = 1.96 * np.sqrt(np.maximum(spread, 0.0) / max(n - 1, 1))
    return Expense(sweep.threshold, mean, mean - half, mean + half)


def calibration(p: np.ndarray, y: np.ndarray, bins: int = 10) -> Calibration:
    """The reliability curve of probabilities (n, K) and codes (n,), as in `calibration.reliability`.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    >>> curve = calibration(p, np.array([0, 0, 1, 1]), bins=2)
    >>> curve.stated.round(2), curve.observed, curve.low.round(2)
    (array([0.15, 0.8 ]), array([0., 1.]), array([0.  , 0.34]))
    """
    stated, observed, rows = reliability(p, y, bins)
    return Calibration(stated, observed, *share_interval(observed * rows, rows), rows)


def error_by_range(y: np.ndarray, predicted: np.ndarray, bins: int = 8) -> Ranges:
    """The error where the truth (n,) is small, middling or large, by bins of nearly equally many rows.

    Examples
    --------
    >>> y = np.array([1.0, 2.0, 30.0, 40.0])
    >>> found = error_by_range(y, y * 1.1, bins=2)
    >>> found.start, found.stop, found.error.round(2)
    (array([ 1., 30.]), array([ 2., 40.]), array([0.15, 3.5 ]))
    """
    y, predicted = check_regression(y, predicted)
    place, count = _places(y, bins)
    rows = np.bincount(place, minlength=count)
    error, half = mean_interval(np.abs(predicted - y), place, count)
    bias = np.bincount(place, weights=predicted - y, minlength=count) / rows
    return Ranges(*_ends(y, place, count), rows, error, np.maximum(error - half, 0.0), error + half, bias)


def residuals(y: np.ndarray, predicted: np.ndarray, bins: int = 20) -> Residuals:
    """How the errors scatter along the predictions (n,): the 5%, 50% and 95% quantiles.

    Examples
    --------
    >>> y = np.arange(100.0)
    >>> residuals(y, y - 1, bins=4).middle
    array([1., 1., 1., 1.])
    """
    y, predicted = check_regression(y, predicted)
    place, count = _places(predicted, bins)
    parts = [y[place == at] - predicted[place == at] for at in range(count)]
    centre = [float(predicted[place == at].mean()) for at in range(count)]
    lower, middle, upper = np.array([np.quantile(part, [0.05, 0.5, 0.95]) for part in parts]).T
    return Residuals(np.array(centre), np.bincount(place, minlength=count), lower, middle, upper)


def coverage_by_range(held: np.ndarray, by: np.ndarray, bins: int = 8) -> Coverage:
    """How many intervals `held` the truth, (n,) bool, by bins of `by`, such as the prediction.

    Examples
    --------
    >>> coverage_by_range(np.array([True, True, True, False]), np.arange(4), bins=2).inside
    array([1. , 0.5])
    """
    place, count = _places(by, bins)
    rows = np.bincount(place, minlength=count)
    hits = np.bincount(place, weights=held, minlength=count)
    return Coverage(*_ends(by, place, count), rows, hits / rows, *share_interval(hits, rows))


def quantile(values: np.ndarray, share: float) -> tuple[float, float, float]:
    """A quantile of (n,) values with the 95% interval of order statistics, which holds for any distribution.

    References
    ----------
    Conover, Practical nonparametric statistics, 1999, section 3.2.

    Examples
    --------
    >>> quantile(np.arange(101.0), 0.5)
    (50.0, 40.0, 60.0)
    """
    n, half = len(values), 1.96 * math.sqrt(len(values) * share * (1 - share))
    places = np.clip([math.floor(n * share - half), math.ceil(n * share + half) - 1], 0, n - 1)
    low, high = np.partition(values, places)[places]
    return float(np.quantile(values, share)), float(low), float(high)


def mean_interval(values: np.ndarray, place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the values (n,) at each of `count` places, and half of its 95% interval (NaN for one row).

    Examples
    --------
    >>> mean_interval(np.array([1.0, 2.0, 3.0, 7.0]), np.array([0, 0, 0, 1]), 2)[0]
    array([2., 7.])
    """
    from scipy.special import stdtrit

    rows = np.bincount(place, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, weights=values, minlength=count) / rows
        spread = np.bincount(place, weights=(values - mean[place]) ** 2, minlength=count) / (rows - 1)
        return mean, np.where(
            rows > 1, stdtrit(np.maximum(rows - 1, 1), 0.975) * np.sqrt(spread / rows), np.nan
        )


def thinned(x: np.ndarray, y: np.ndarray, most: int) -> np.ndarray:
    """Places of at most so many points that draw nearly the same curve: both ends, and evenly along it.

    Examples
    --------
    >>> thinned(np.arange(1001.0), np.zeros(1001), 5)
    array([   0,  250,  500,  750, 1000])
    """
    if len(x) <= most:
        return np.arange(len(x))
    steps = [np.abs(np.diff(np.nan_to_num(axis), prepend=np.nan_to_num(axis)[:1])) for axis in (x, y)]
    way = np.cumsum(sum(step / (step.sum() or 1.0) for step in steps))
    return np.unique(np.searchsorted(way, np.linspace(0, way[-1], most)).clip(max=len(x) - 1))


def _share(part: np.ndarray, whole: np.ndarray | float) -> np.ndarray:
    """``part / whole``, NaN where nothing is there."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return part / np.where(np.asarray(whole) > 0, whole, np.nan)


def _places(values: np.ndarray, bins: int) -> tuple[np.ndarray, int]:
    """The bin (n,) of each value, by quantiles, none empty; and how many there are."""
    edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])
    found, place = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)
    return place, len(found)


def _ends(values: np.ndarray, place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest value at each place."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, place, values)
    np.maximum.at(high, place, values)
    return low, high
