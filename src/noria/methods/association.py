"""How strongly two columns go together, whatever they hold: numbers, categories, or one of each.

=====================  ==================================  =================
columns                measure                             values
=====================  ==================================  =================
number and number      `pearson`, or of ranks `spearman`   -1 to 1
number and category    `correlation_ratio`                 0 to 1
category and category  `cramers_v`                         0 to 1
=====================  ==================================  =================

The last two are corrected for what chance alone would give, so that columns of many categories do not seem
related to everything. Pairs of which one is missing are left out: NaN among numbers, a negative code among
categories.
"""

from __future__ import annotations

import math

import numpy as np

from noria.methods import significance

__all__ = ["association", "correlation_ratio", "cramers_v", "pearson", "ranks", "spearman"]

_FEWEST = 3


def pearson(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """Correlation of every column of `x` with every column of `y`, over the rows that have both.

    Parameters
    ----------
    x : (n, p) array
        NaN where missing.
    y : (n, q) array, optional
        `x` itself if absent.

    Returns
    -------
    (p, q) array
        NaN where a column does not vary or fewer than 3 rows have both.

    Examples
    --------
    >>> x = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, -1.0]])
    >>> pearson(x).round(6)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    x, has_x = _filled(x)
    y, has_y = (x, has_x) if y is None else _filled(y)
    n = has_x.T @ has_y
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x, mean_y = x.T @ has_y / n, has_x.T @ y / n
        cross = x.T @ y / n - mean_x * mean_y
        spread_x = (x * x).T @ has_y / n - mean_x**2
        spread_y = has_x.T @ (y * y) / n - mean_y**2
        found = cross / np.sqrt(spread_x * spread_y)
    alive = (n >= _FEWEST) & (spread_x > 1e-12) & (spread_y > 1e-12)
    return np.where(alive, np.clip(found, -1, 1), math.nan)


def _filled(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardised columns with 0 where missing, and 1 where not."""
    known = np.isfinite(x)
    n = np.maximum(known.sum(axis=0), 1)
    zero = np.where(known, x, 0.0)
    largest = np.maximum(np.abs(zero).max(axis=0, initial=0.0), 1e-300)
    zero = zero / largest  # squares of the largest numbers must not overflow
    off = np.where(known, zero - zero.sum(axis=0) / n, 0.0)
    spread = np.sqrt((off * off).sum(axis=0) / n)
    return off / np.where(spread > 1e-14, spread, np.inf), known.astype(float)


def ranks(x: np.ndarray) -> np.ndarray:
    """Ranks within each column, from 1; equal values share their mean rank, and NaN stays.

    Parameters
    ----------
    x : (n, p) array

    Examples
    --------
    >>> ranks(np.array([[5.0], [7.0], [7.0], [np.nan]])).ravel()
    array([1. , 2.5, 2.5, nan])
    """
    made = np.full(x.shape, math.nan)
    for at in range(x.shape[1]):
        known = np.isfinite(x[:, at])
        made[known, at] = significance.ranks(x[known, at])
    return made


def spearman(x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """Rank correlation of every column of `x` with every column of `y`.

    The ranks are those within a column, over all rows that have a value there.

    Parameters
    ----------
    x : (n, p) array
        NaN where missing.
    y : (n, q) array, optional
        `x` itself if absent.

    Returns
    -------
    (p, q) array

    Examples
    --------
    >>> spearman(np.array([[1.0, 1.0], [2.0, 10.0], [3.0, 1000.0]]))[0, 1].round(6)
    np.float64(1.0)
    """
    return pearson(ranks(x), None if y is None else ranks(y))


def correlation_ratio(codes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How much of the spread of numbers lies between categories: the root of epsilon squared.

    Parameters
    ----------
    codes : (n,) array of int
        Categories, negative where missing.
    x : (n, p) array
        NaN where missing. Give `ranks` to be safe from single large values.

    Returns
    -------
    (p,) array
        0 (none) to 1 (all); NaN where numbers do not vary or there are fewer than two categories.

    References
    ----------
    Kelley (1935), "An unbiased correlation ratio measure".

    Examples
    --------
    >>> correlation_ratio(np.array([0, 0, 1, 1]), np.array([[1.0], [1.0], [3.0], [3.0]]))
    array([1.])
    """
    x, codes = x[codes >= 0], codes[codes >= 0]
    groups = int(codes.max(initial=-1)) + 1
    x, known = _filled(x)
    n = known.sum(axis=0)
    per_group, sums = (
        np.stack([np.bincount(codes, weights, groups) for weights in part.T], axis=1)
        if part.size
        else np.zeros((groups, x.shape[1]))
        for part in (known, x)
    )
    filled = (per_group > 0).sum(axis=0)
    total = (x * x).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(per_group > 0, sums**2 / per_group, 0.0).sum(axis=0)
        share = 1 - (1 - between / total) * (n - 1) / (n - filled)
    alive = (total > 1e-12) & (filled > 1) & (n > filled)
    return np.where(alive, np.sqrt(np.clip(share, 0, 1)), math.nan)


def cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """Association of two columns of categories, corrected for bias.

    Parameters
    ----------
    a, b : (n,) array of int
        Categories, negative where missing.

    Returns
    -------
    float
        0 (independent) to 1 (each determines the other); NaN where one of them does not vary.

    References
    ----------
    Bergsma (2013), "A bias-correction for Cramér's V and Tschuprow's T".

    Examples
    --------
    >>> round(cramers_v(np.array([0, 0, 1, 1] * 9), np.array([1, 1, 0, 0] * 9)), 6)
    1.0
    """
    both = (a >= 0) & (b >= 0)
    a, b, n = a[both], b[both], int(both.sum())
    if n < _FEWEST:
        return math.nan
    wide = int(b.max()) + 1
    table = np.bincount(a * wide + b, minlength=(int(a.max()) + 1) * wide).reshape(-1, wide)
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    r, k = int((rows > 0).sum()), int((columns > 0).sum())
    if min(r, k) < 2:
        return math.nan
    expected = rows * columns / n
    off = np.where(expected > 0, (table - expected) ** 2 / np.where(expected > 0, expected, 1), 0)
    phi = max(0.0, float(off.sum()) / n - (r - 1) * (k - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return min(1.0, math.sqrt(phi / least)) if least > 1e-9 else math.nan


def association(numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The association of every pair of columns, numbers first: signed among numbers, 0 to 1 elsewhere.

    Rank correlation, correlation ratio of ranks, and Cramér's V.

    Parameters
    ----------
    numbers : (n, p) array
        NaN where missing.
    codes : (n, q) array of int
        Categories, negative where missing.

    Returns
    -------
    (p + q, p + q) array
        Symmetric; NaN where there is none.

    Examples
    --------
    >>> numbers, codes = np.array([[1.0], [2.0], [9.0], [8.0]] * 5), np.array([[0], [0], [1], [1]] * 5)
    >>> association(numbers, codes).round(2)
    array([[1.  , 0.89],
           [0.89, 1.  ]])
    """
    p, q = numbers.shape[1], codes.shape[1]
    found = np.full((p + q, p + q), math.nan)
    ranked = ranks(numbers)
    found[:p, :p] = pearson(ranked)
    for at in range(q):
        found[p + at, :p] = found[:p, p + at] = correlation_ratio(codes[:, at], ranked)
        found[p + at, p + at] = 1.0
        for other in range(at):
            found[p + at, p + other] = found[p + other, p + at] = cramers_v(codes[:, at], codes[:, other])
    return found
