"""Whether rows of two tables differ as a whole, told by a classifier that tries to tell them apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from noria.methods.drift import Distance
from noria.methods.significance import ranked_above
from noria.methods.trees import FittedTrees

__all__ = ["TwoSample", "classifier_two_sample", "embedding_two_sample"]

_LARGEST = 10_000  # rows of each table that are learned from, and ranked, in each half
_FEWEST = 50  # rows of each table
_LARGEST_RATIO = 20.0
_SETTINGS: dict[str, object] = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
}
_ROUNDS = 50
_RIDGE = 10.0  # times the mean squared length of the vectors: nearly the direction from mean to mean


class TwoSample(NamedTuple):
    """What a classifier found.

    Attributes
    ----------
    auc : float
        How often a row of the second table looks more like the second table than one of the first does; 0.5
        if the tables are alike, NaN if there is too little to learn from.
    p_value : float
        How likely chance alone gives such a ranking.
    critical : callable
        ``critical(level)`` is the AUC that chance exceeds with this probability.
    ratio : (n,) or (k,) array
        How many times as frequent rows like each of the first table's, or of those that were to be scored,
        are in the second, 1 on average.
    importance : (d,) array
        The share of each column in what the classifier goes by.
    """

    auc: float
    p_value: float
    critical: Callable[[float], float]
    ratio: np.ndarray
    importance: np.ndarray


def classifier_two_sample(
    a: np.ndarray,
    b: np.ndarray,
    *,
    categorical: Sequence[int] = (),
    seed: int = 0,
    scored: np.ndarray | None = None,
) -> TwoSample:
    """Classifier two-sample test: how well boosted trees tell rows of `a` from rows of `b`.

    Trees learned on one half of the rows rank the other half, and the other way round; on rows that they have
    not seen, their ranking of alike rows is a coin's, so each half is judged by the Mann-Whitney test. The
    better half counts, its p-value times two. Where most rows are different, equal ones come into the same
    half: copies, such as a request that was sent twice, must not be recognised.

    Parameters
    ----------
    a, b : (n, d) and (m, d) arrays
        NaN where missing.
    categorical : sequence of int
        Columns that hold codes.
    seed : int
        Of the halves.
    scored : (k, d) array, optional
        Rows whose `ratio` is wanted in place of those of `a`: the mean of both halves' trees.

    References
    ----------
    Lopez-Paz and Oquab (2017), "Revisiting classifier two-sample tests".

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(500, 2)), rng.normal(size=(500, 2))
    >>> b[:, 1] = b[:, 0] + 0.3 * b[:, 1]  # each column alone as before
    >>> found = classifier_two_sample(a, b / b.std(axis=0))
    >>> found.auc > 0.7, found.p_value < 1e-6
    (True, True)
    """
    n, m, columns = len(a), len(b), a.shape[1]
    X, label = np.concatenate([a, b]), np.repeat([0.0, 1.0], [n, m])
    rng = np.random.default_rng(seed)
    half = _half(X, rng)
    if not columns or not _enough(label, half):
        count = n if scored is None else len(scored)
        return TwoSample(math.nan, math.nan, lambda _: math.nan, np.ones(count), np.zeros(columns))
    odds, gain, areas, tops, error = np.zeros(n + m), np.zeros(columns), [], [], 0.0
    others = np.zeros(0 if scored is None else len(scored))
    for held in (half, ~half):
        learned, tested = _drawn(rng, label, ~held), _drawn(rng, label, held)
        trees = FittedTrees(X[learned], label[learned], _SETTINGS, rounds=_ROUNDS, categorical=categorical)
        share = float(label[learned].mean())
        gain += trees.gain
        odds[held] = trees.predict(X[held], raw=True) - math.log(share / (1 - share))
        if scored is not None:
            others += (trees.predict(scored, raw=True) - math.log(share / (1 - share))) / 2
        area, above = ranked_above(odds[tested], label[tested] > 0)
        areas.append(area)
        tops.append(above)
        error = max(error, _error(label[tested]))
    wanted = odds[:n] if scored is None else others
    ratio = np.clip(np.exp(np.clip(wanted, -20, 20)), 1 / _LARGEST_RATIO, _LARGEST_RATIO)
    return TwoSample(
        float(np.mean(areas)),
        *_chance(tops, error),
        ratio / ratio.mean(),
        gain / max(float(gain.sum()), 1e-300),
    )


def embedding_two_sample(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> Distance:
    """Classifier two-sample test of vectors: how well a plane tells those of `a` from those of `b`.

    As `classifier_two_sample`, with ridge regression in place of trees: a few hundred vectors have more
    columns than rows, and no column of an embedding means anything by itself.

    Parameters
    ----------
    a, b : (n, d) and (m, d) arrays
        Unit vectors.
    seed : int
        Of the halves.

    Returns
    -------
    Distance
        Its value is the AUC, 0.5 where the vectors are alike.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(200, 384)), rng.normal(size=(200, 384))
    >>> found = embedding_two_sample(a, b + 0.15)
    >>> found.value > 0.6, found.p_value < 0.01
    (True, True)
    """
    X, label = np.concatenate([a, b]).astype(np.float64), np.repeat([0.0, 1.0], [len(a), len(b)])
    half, areas, tops, error = _half(X, np.random.default_rng(seed)), [], [], 0.0
    if not _enough(label, half):
        return Distance(math.nan, math.nan, lambda _: math.nan)
    for held in (half, ~half):
        centre = X[~held].mean(axis=0)
        learned = X[~held] - centre
        products = learned @ learned.T
        ridge = _RIDGE * float(np.trace(products)) / len(products) * np.eye(len(products))
        weights = learned.T @ np.linalg.solve(products + ridge, label[~held] - label[~held].mean())
        area, above = ranked_above(X[held] @ weights, label[held] > 0)
        areas.append(area)
        tops.append(above)
        error = max(error, _error(label[held]))
    return Distance(float(np.mean(areas)), *_chance(tops, error))


def _error(label: np.ndarray) -> float:
    """The standard error of an AUC of labels (n,) that nothing is known of."""
    positive = float(label.sum())
    return math.sqrt((len(label) + 1) / (12 * positive * (len(label) - positive)))


def _chance(tops: Sequence[float], error: float) -> tuple[float, Callable[[float], float]]:
    """The p-value of the better of two halves, and the AUC that chance exceeds with a probability."""
    from scipy.special import ndtr, ndtri

    return float(min(2 * ndtr(-max(tops)), 1.0)), lambda level: 0.5 - float(ndtri(level / 2)) * error


def _half(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask of about half of the rows, equal ones together unless most rows have an equal one."""
    numbers = np.where(np.isnan(X), np.pi, X) @ rng.normal(size=X.shape[1])
    distinct, place = np.unique(numbers, return_inverse=True)
    if 2 * len(distinct) < len(X):
        return rng.random(len(X)) < 0.5
    return (rng.random(len(distinct)) < 0.5)[place]


def _enough(label: np.ndarray, half: np.ndarray) -> bool:
    """Whether there are rows enough of each table, and some of each in both halves: copies may fill one."""
    rows = [np.bincount(label[part].astype(np.intp), minlength=2) for part in (half, ~half)]
    return bool(np.sum(rows, axis=0).min() >= _FEWEST and np.min(rows) > 0)


def _drawn(rng: np.random.Generator, label: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Numbers of the rows inside, at most so many of each table."""
    return np.concatenate(
        [rng.permutation(np.flatnonzero(inside & (label == side)))[:_LARGEST] for side in (0, 1)]
    )
