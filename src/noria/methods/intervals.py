"""Bootstrap intervals of metrics, and the comparison of two models on the same rows.

Resampling rows with replacement is the same as weighting them by multinomial counts. The metrics of `metrics`
are prepared once and evaluated for many count vectors at a time, and all metrics share the same counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from noria.errors import ParamError
from noria.methods._weighted import Evaluator, labels_of, once

if TYPE_CHECKING:
    from noria.core.deadline import Deadline
    from noria.methods.metrics import ArrayMetric

__all__ = [
    "bootstrap",
    "bootstrap_together",
    "metric_intervals",
    "paired_difference",
    "share_interval",
    "wilson",
]

_FEWEST = 20  # an interval from fewer resamples is not given
_LARGEST = 50_000  # rows per resample; above it the m-out-of-n bootstrap is used
_CELLS = 500_000  # counts held in memory at a time

Interval = tuple[float, float]
_UNKNOWN = (math.nan, math.nan)


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    n: int,
    *,
    resamples: int = 500,
    seed: int = 0,
    level: float = 0.95,
    deadline: Deadline | None = None,
    strata: np.ndarray | None = None,
) -> Interval:
    """Percentile interval of any statistic of rows.

    Resamples in which the statistic is not finite (a class is missing) are skipped. Above 50,000 rows each
    resample takes 50,000 rows, and the spread is shrunk by the square root of the share (m out of n).

    Parameters
    ----------
    statistic : callable
        Takes row numbers (m,) and returns a number.
    n : int
        How many rows there are.
    level : float
        Wanted coverage, between 0 and 1.
    deadline : Deadline, optional
        Stops the resampling early.
    strata : (n,) array, optional
        Rows are drawn within each stratum, so that each keeps its share.

    Returns
    -------
    (low, high) : float
        NaN if there are fewer than two rows, or fewer than 20 resamples could be had.

    References
    ----------
    Efron and Tibshirani, An introduction to the bootstrap, 1993. Bickel, Goetze and van Zwet, Resampling
    fewer than n observations, Statistica Sinica 1997.

    Examples
    --------
    >>> values = np.arange(100.0)
    >>> low, high = bootstrap(lambda rows: values[rows].mean(), 100)
    >>> 40 < low < 49.5 < high < 60
    True
    """
    _check_level(level)
    if n < 2:
        return _UNKNOWN
    rng = np.random.default_rng(seed)
    groups = _strata(n, strata)
    values: list[float] = []
    for _ in range(resamples):
        if deadline is not None and deadline.expired and len(values) >= _FEWEST:
            break
        values.append(float(statistic(_draw(rng, groups, n))))
    centre = float(statistic(np.arange(n))) if n > _LARGEST else math.nan
    return _interval(np.asarray(values), level, centre, n)


def bootstrap_together(
    statistics: Sequence[Callable[[np.ndarray], float]],
    n: int,
    *,
    resamples: int = 200,
    seed: int = 0,
    largest: int = _LARGEST,
    deadline: Deadline | None = None,
) -> list[tuple[Interval, Interval]]:
    """95% percentile intervals of several statistics of the same rows, and of what each has over the first.

    All see the same resamples, so that a difference is judged row by row: two statistics may differ for sure
    while their own intervals overlap.

    Parameters
    ----------
    statistics : sequence of callable
        Each takes row numbers (m,) and returns a number.
    n : int
    largest : int
        Rows per resample; of more rows so many are drawn, and the spread is shrunk (m out of n).
    deadline : Deadline, optional
        Stops the resampling; fewer than 20 resamples by then give NaN.

    Returns
    -------
    list of ((low, high), (low, high))

    Examples
    --------
    >>> values = np.sin(np.arange(100.0))
    >>> both = bootstrap_together([lambda i: values[i].mean(), lambda i: values[i].mean() + 1], 100)
    >>> np.round(both[1][1], 9)
    array([1., 1.])
    """
    if n < 2:
        return [(_UNKNOWN, _UNKNOWN)] * len(statistics)
    rng, groups, made = np.random.default_rng(seed), _strata(n, None), []
    for _ in range(resamples):
        if deadline is not None and deadline.expired:
            break
        rows = _draw(rng, groups, n, largest)
        made.append([float(statistic(rows)) for statistic in statistics])
    if len(made) < min(_FEWEST, resamples):
        return [(_UNKNOWN, _UNKNOWN)] * len(statistics)
    every, values = np.arange(n), np.array(made).T
    centres = [float(statistic(every)) if n > largest else math.nan for statistic in statistics]
    return [
        (
            _interval(own, 0.95, centre, n, largest),
            _interval(own - values[0], 0.95, centre - centres[0], n, largest),
        )
        for own, centre in zip(values, centres)
    ]


def metric_intervals(
    metrics: Sequence[ArrayMetric],
    y: np.ndarray,
    predicted: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    labels: np.ndarray | None = None,
    resamples: int = 500,
    seed: int = 0,
    deadline: Deadline | None = None,
) -> dict[str, Interval]:
    """95% intervals of several metrics from the same resamples.

    Accuracy gets Wilson's interval, which stays honest when all rows are right; the others the percentile
    bootstrap. Above 50,000 rows, the spread is that of a random 50,000 of them, shrunk to all.

    Parameters
    ----------
    metrics : sequence of ArrayMetric
        Of `CLASSIFICATION` or of `REGRESSION`.
    y : (n,) array
    predicted : (n, K) probabilities or (n,) values
    weight : (n,) array, optional
    labels : (n,) array, optional
        Decisions, where they are not the most probable class.

    Returns
    -------
    dict of str to (low, high)
        By metric; NaN where there is none.

    Examples
    --------
    >>> from noria.methods.metrics import REGRESSION
    >>> y = np.arange(50.0)
    >>> low, high = metric_intervals([REGRESSION["mae"]], y, y + np.sin(y))["mae"]
    >>> bool(low < np.abs(np.sin(y)).mean() < high)
    True
    """
    n = len(y)
    found = {metric.name: _UNKNOWN for metric in metrics}
    if n < 2:
        return found
    whole = (np.asarray(y), np.asarray(predicted), weight, labels)
    if "accuracy" in found:
        found["accuracy"] = wilson(labels_of(whole[1], labels) == whole[0], weight)
    drawn = [metric for metric in metrics if metric.name != "accuracy"]
    rng = np.random.default_rng(seed)
    rows = rng.choice(n, _LARGEST, replace=False, shuffle=False) if n > _LARGEST else np.arange(n)
    part_y, part_predicted, part_weight, part_labels = (
        None if part is None else np.asarray(part)[rows] for part in whole
    )
    evaluators = [_prepare(metric, part_y, part_predicted, part_labels) for metric in drawn]
    chunks: list[list[np.ndarray]] = []
    for counts in _counts(rng, len(rows), resamples, deadline):
        weighted = counts if part_weight is None else counts * part_weight
        chunks.append([evaluate(weighted) for evaluate in evaluators])
    for slot, metric in enumerate(drawn):
        centre = once(_prepare(metric, whole[0], whole[1], labels), n, weight) if n > _LARGEST else math.nan
        low, high = _interval(np.concatenate([chunk[slot] for chunk in chunks]), 0.95, centre, n)
        if math.isfinite(low):
            found[metric.name] = (max(low, metric.range[0]), min(high, metric.range[1]))
    return found


def wilson(hits: np.ndarray, weight: np.ndarray | None = None, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share; with weights, for the effective number of rows (Kish).

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.

    Examples
    --------
    >>> low, high = wilson(np.ones(30, bool))
    >>> round(low, 3), round(high, 3)
    (0.886, 1.0)
    """
    hits = np.asarray(hits, dtype=np.float64)
    weights = np.ones(len(hits)) if weight is None else np.asarray(weight, dtype=np.float64)
    total = weights.sum()
    if total <= 0:
        return _UNKNOWN
    n, share = total**2 / (weights**2).sum(), float(weights @ hits) / total
    low, high = share_interval(np.array([share * n]), np.array([n]), level=level)
    return float(low[0]), float(high[0])


def share_interval(
    hits: np.ndarray, tries: np.ndarray, *, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score intervals of many shares ``hits / tries``, (n,) each.

    Returns
    -------
    low, high : (n,) arrays
        0 and 1 where nothing was tried.

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.

    Examples
    --------
    >>> low, high = share_interval(np.array([0, 5]), np.array([0, 10]))
    >>> low.round(2), high.round(2)
    (array([0.  , 0.24]), array([1.  , 0.76]))
    """
    _check_level(level)
    hits, tries = np.asarray(hits, dtype=np.float64), np.asarray(tries, dtype=np.float64)
    n = np.where(tries > 0, tries, 1.0)
    share, square = hits / n, NormalDist().inv_cdf(0.5 + level / 2) ** 2 / n
    half = np.sqrt(np.maximum(share * (1 - share), 0.0) * square + square**2 / 4)
    low = np.where(tries > 0, (share + square / 2 - half) / (1 + square), 0.0)
    high = np.where(tries > 0, (share + square / 2 + half) / (1 + square), 1.0)
    return np.clip(low, 0.0, share), np.clip(high, share, 1.0)  # rounding errors must not leave the share out


def paired_difference(
    loss_a: np.ndarray, loss_b: np.ndarray, weight: np.ndarray | None = None, *, level: float = 0.95
) -> tuple[float, float, float, float]:
    """Mean of ``loss_a - loss_b`` over the same rows, by the paired t-test.

    Parameters
    ----------
    loss_a, loss_b : (n,) arrays
        Losses per row of two models; smaller is better.

    Returns
    -------
    difference, low, high : float
        In the unit of the losses; negative means that `a` is better. All NaN for fewer than two rows.
    p_value : float
        Two-sided probability of so large a difference between equally good models.

    Examples
    --------
    >>> a = np.array([0.1, 0.3, 0.2, 0.4])
    >>> difference, low, high, p = paired_difference(a, a + [0.1, 0.2, 0.1, 0.2])
    >>> print(round(difference, 3), high < 0, p < 0.05)
    -0.15 True True
    """
    from scipy.special import stdtr, stdtrit

    _check_level(level)
    gaps = np.asarray(loss_a, dtype=np.float64) - np.asarray(loss_b, dtype=np.float64)
    weights = np.ones(len(gaps)) if weight is None else np.asarray(weight, dtype=np.float64)
    total = weights.sum()
    if total <= 0:
        return math.nan, math.nan, math.nan, math.nan
    n, mean = total**2 / (weights**2).sum(), float(weights @ gaps) / total
    if n < 1.5:
        return mean, math.nan, math.nan, math.nan
    spread = float(weights @ (gaps - mean) ** 2) / total * n / (n - 1)
    error = math.sqrt(spread / float(n))
    if error <= 1e-12 * abs(mean):
        return mean, mean, mean, (0.0 if mean else 1.0)
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * error
    return mean, mean - half, mean + half, 2.0 * float(stdtr(n - 1, -abs(mean) / error))


def _prepare(
    metric: ArrayMetric, y: np.ndarray | None, predicted: np.ndarray | None, labels: np.ndarray | None
) -> Evaluator:
    """The metric as a function of row weights."""
    return metric.prepare(y, predicted, labels) if metric.needs == "labels" else metric.prepare(y, predicted)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ParamError("A confidence level lies between 0 and 1.", got=level, do="Use 0.95 for 95%.")


def _strata(n: int, strata: np.ndarray | None) -> list[np.ndarray]:
    """Row numbers of each stratum."""
    if strata is None:
        return [np.arange(n)]
    _, codes, counts = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])


def _draw(rng: np.random.Generator, groups: list[np.ndarray], n: int, largest: int = _LARGEST) -> np.ndarray:
    """One resample of row numbers, within each group."""
    share = min(1.0, largest / n)
    sizes = [max(1, round(len(rows) * share)) for rows in groups]
    return np.concatenate([rows[rng.integers(0, len(rows), size)] for rows, size in zip(groups, sizes)])


def _counts(
    rng: np.random.Generator, n: int, resamples: int, deadline: Deadline | None
) -> Iterator[np.ndarray]:
    """How often each row is drawn, as (b, n) chunks; stops at the deadline once there are enough."""
    size = max(1, min(resamples, _CELLS // n))
    for done in range(0, resamples, size):
        if deadline is not None and deadline.expired and done >= _FEWEST:
            return
        block = min(size, resamples - done)
        counts = np.empty((block, n))
        for row in counts:
            row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
        yield counts


def _interval(values: np.ndarray, level: float, centre: float, n: int, largest: int = _LARGEST) -> Interval:
    """Percentiles of the finite values; around `centre` and shrunk where resamples were smaller than n."""
    finite = values[np.isfinite(values)]
    if len(finite) < min(_FEWEST, max(len(values), 1)) or not len(finite):
        return _UNKNOWN
    low, high = np.quantile(finite, [0.5 - level / 2, 0.5 + level / 2])
    if n <= largest:
        return float(low), float(high)
    shrink, middle = math.sqrt(largest / n), float(np.median(finite))
    return centre + (float(low) - middle) * shrink, centre + (float(high) - middle) * shrink
