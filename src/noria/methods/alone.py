"""How well one feature alone tells the target, on plain arrays."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from noria.methods.association import spearman

__all__ = ["Alone", "alone", "binned"]

_PRIOR = 1.0


class Alone(NamedTuple):
    """What a feature says of the target on rows that it was not learned from.

    Attributes
    ----------
    losses : (n,) array
        Log-loss of the true class, or squared error, by row.
    explained : float
        Share of the loss of a guess without any feature that is gone; below 0 if it is worse.
    missed : float
        For classes, errors as a share of those of always naming the most frequent class; else 1 less the
        square of the rank correlation.
    """

    losses: np.ndarray
    explained: float
    missed: float


def binned(values: np.ndarray, bins: int) -> np.ndarray:
    """Numbers as codes of bins that hold equally many, missing values in one of their own.

    Parameters
    ----------
    values : (n,) array
        NaN where missing.
    bins : int
        At most so many.

    Examples
    --------
    >>> binned(np.array([1.0, 5.0, np.nan, 9.0]), 3)
    array([0, 1, 3, 2])
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), dtype=np.intp)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.where(np.isnan(values), bins, np.searchsorted(edges, values, side="left"))


def alone(codes: np.ndarray, y: np.ndarray, classes: int, *, values: np.ndarray | None = None) -> Alone:
    """Learn the target by the feature's codes from each half of the rows, and judge it on the other half.

    Parameters
    ----------
    codes : (n,) array of int
        Of the feature, from 0. Rows must be in random order.
    y : (n,) array
        Class codes, or numbers.
    classes : int
        How many there are; 0 for numbers.
    values : (n,) array, optional
        The feature's numbers, which a target of numbers is also compared to by rank.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 2, 400)
    >>> found = alone(y, y, 2)
    >>> found.explained > 0.9, found.missed
    (True, 0.0)
    """
    n = len(y)
    losses, guess, hits = np.empty(n), np.empty(n), np.zeros(n, dtype=bool)
    half = np.arange(n) % 2 == 0
    levels = int(codes.max(initial=0)) + 1
    for part in (half, ~half):
        if classes:
            shares = np.bincount(y[part], minlength=classes) + 1.0
            shares /= shares.sum()
            cells = np.bincount(codes[part] * classes + y[part], minlength=levels * classes)
            table = cells.reshape(levels, classes) + _PRIOR * shares
            table /= table.sum(axis=1, keepdims=True)
            told = table[codes[~part]]
            losses[~part] = -np.log(told[np.arange(len(told)), y[~part]])
            guess[~part] = -np.log(shares[y[~part]])
            hits[~part] = told.argmax(axis=1) == y[~part]
        else:
            mean = float(y[part].mean())
            counts = np.bincount(codes[part], minlength=levels)
            sums = np.bincount(codes[part], weights=y[part], minlength=levels)
            told = ((sums + _PRIOR * mean) / (counts + _PRIOR))[codes[~part]]
            losses[~part] = (y[~part] - told) ** 2
            guess[~part] = (y[~part] - mean) ** 2
    total = float(guess.mean())
    explained = 1 - float(losses.mean()) / total if total > 0 else 0.0
    if classes:
        rare = 1 - float(np.bincount(y).max()) / n
        return Alone(losses, explained, float(1 - hits.mean()) / rare if rare > 0 else math.nan)
    return Alone(losses, explained, 1.0 if values is None else 1 - _rank_correlation(values, y) ** 2)


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's, over rows that have both; 0 where most rows have not."""
    known = ~(np.isnan(a) | np.isnan(b))
    if known.sum() < max(10, 0.9 * len(a)):
        return 0.0
    return float(np.nan_to_num(spearman(a[known, None], b[known, None]))[0, 0])
