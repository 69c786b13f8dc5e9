"""Whether rows of two tables differ as a whole, told by a classifier that tries to tell them apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from noria.methods.significance import ranked_above
from noria.methods.trees import FittedTrees

__all__ = ["TwoSample", "classifier_two_sample"]

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
    ratio : (n,) array
        How many times as frequent rows like each of the first table's are in the second, 1 on average.
    importance : (d,) array
        The share of each column in what the classifier goes by.
    """

    auc: float
    p_value: float
    critical: Callable[[float], float]
    ratio: np.ndarray
    importance: np.ndarray


def classifier_two_sample(
    a: np.ndarray, b: np.ndarray, *, categorical: Sequence[int] = (), seed: int = 0
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
    from scipy.special import ndtr, ndtri

    n, m, columns = len(a), len(b), a.shape[1]
    if min(n, m) < _FEWEST or not columns:
        return TwoSample(math.nan, math.nan, lambda _: math.nan, np.ones(n), np.zeros(columns))
    X, label = np.concatenate([a, b]), np.repeat([0.0, 1.0], [n, m])
    rng = np.random.default_rng(seed)
    half = _half(X, rng)
    odds, gain, areas, tops, error = np.zeros(n + m), np.zeros(columns), [], [], 0.0
    for held in (half, ~half):
        learned, tested = _drawn(rng, label, ~held), _drawn(rng, label, held)
        trees = FittedTrees(X[learned], label[learned], _SETTINGS, rounds=_ROUNDS, categorical=categorical)
        share = float(label[learned].mean())
        gain += trees.gain
        odds[held] = trees.predict(X[held], raw=True) - math.log(share / (1 - share))
        area, above = ranked_above(odds[tested], label[tested] > 0)
        areas.append(area)
        tops.append(above)
        positive = float(label[tested].sum())
        error = max(error, math.sqrt((len(tested) + 1) / (12 * positive * (len(tested) - positive))))
    ratio = np.clip(np.exp(np.clip(odds[:n], -20, 20)), 1 / _LARGEST_RATIO, _LARGEST_RATIO)
    return TwoSample(
        float(np.mean(areas)),
        float(min(2 * ndtr(-max(tops)), 1.0)),
        lambda level: 0.5 - float(ndtri(level / 2)) * error,
        ratio / ratio.mean(),
        gain / max(float(gain.sum()), 1e-300),
    )


def _half(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask of about half of the rows, equal ones together unless most rows have an equal one."""
    numbers = np.where(np.isnan(X), np.pi, X) @ rng.normal(size=X.shape[1])
    distinct, place = np.unique(numbers, return_inverse=True)
    if 2 * len(distinct) < len(X):
        return rng.random(len(X)) < 0.5
    return (rng.random(len(distinct)) < 0.5)[place]


def _drawn(rng: np.random.Generator, label: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Numbers of the rows inside, at most so many of each table."""
    return np.concatenate(
        [rng.permutation(np.flatnonzero(inside & (label == side)))[:_LARGEST] for side in (0, 1)]
    )
