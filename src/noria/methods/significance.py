"""Tests of whether something that was seen can be chance, on plain arrays.

All are cheap enough to be asked of every column of a table. None needs scipy.stats, which is slow to load.
A p-value of NaN means that there is too little to test.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "all_distinct",
    "between_groups",
    "beyond",
    "calibration_gap",
    "counts_differ",
    "crossed",
    "holm",
    "more_often",
    "ranked_above",
    "ranks",
    "separable",
    "surprise",
    "trend",
    "unequal",
    "values_differ",
]

_BINS = 15
_FEWEST = 8
_RIDGE = 1e-3


def ranks(values: np.ndarray) -> np.ndarray:
    """The place of each value (n,) in ascending order, from 1; equal values share their mean place.

    Examples
    --------
    >>> ranks(np.array([5.0, 1.0, 5.0]))
    array([2.5, 1. , 2.5])
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]


def values_differ(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Kolmogorov-Smirnov: whether two samples of numbers (n,) and (m,) come from one distribution.

    Returns
    -------
    distance : float
        Largest difference of the cumulative shares, 0 to 1. Missing values are left out.
    p_value : float
        Asymptotic, which errs on the cautious side where values repeat.

    References
    ----------
    Smirnov, On the estimation of the discrepancy between empirical curves of distribution, 1939.

    Examples
    --------
    >>> distance, p = values_differ(np.arange(100.0), np.arange(100.0) + 50)
    >>> distance, p < 1e-6
    (0.5, True)
    """
    from scipy.special import kolmogorov

    a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
    n, m = len(a), len(b)
    if min(n, m) < _FEWEST:
        return math.nan, math.nan
    both = np.concatenate([a, b])
    gaps = np.searchsorted(a, both, side="right") / n - np.searchsorted(b, both, side="right") / m
    distance = float(np.abs(gaps).max())
    return distance, float(kolmogorov(distance * math.sqrt(n * m / (n + m))))


def counts_differ(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Chi-squared: whether two samples of levels, given by their counts (k,), come from one distribution.

    Levels that fewer than five would be expected of in either sample are joined.

    Returns
    -------
    distance : float
        Half the sum of the differences of shares, 0 to 1.
    p_value : float

    Examples
    --------
    >>> distance, p = counts_differ(np.array([50, 50]), np.array([80, 20]))
    >>> round(distance, 2), p < 1e-4
    (0.3, True)
    """
    table = np.array([a, b], dtype=np.float64)
    if (table.sum(axis=1) < _FEWEST).any():
        return math.nan, math.nan
    rare = (table.sum(axis=0) * table.sum(axis=1).min() / table.sum()) < 5
    if rare.any():
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 1.0
    from scipy.special import chdtrc

    shares = table / table.sum(axis=1, keepdims=True)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(np.abs(shares[0] - shares[1]).sum() / 2), float(chdtrc(table.shape[1] - 1, statistic))


def separable(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """Classifier two-sample test: how well a linear classifier tells rows of `a` from rows of `b`.

    Ridge regression on one half of the rows scores the other half, and the other way round; on rows that it
    has not seen, its ranking of alike rows is a coin's.

    Parameters
    ----------
    a, b : (n, d) and (m, d) arrays without missing values
        Of independent rows.

    Returns
    -------
    auc : float
        Mean of both halves; 0.5 if the samples are alike.
    p_value : float
        Of the better half by the Mann-Whitney test, times two.

    References
    ----------
    Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR 2017.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> auc, p = separable(rng.normal(size=(200, 3)), rng.normal(size=(200, 3)) + [1, 0, 0])
    >>> 0.65 < auc < 0.85, p < 1e-6
    (True, True)
    """
    if min(len(a), len(b)) < 4 * _FEWEST or not a.shape[1]:
        return math.nan, math.nan
    from scipy.special import ndtr

    X = np.concatenate([a, b])
    label = np.repeat([0.0, 1.0], [len(a), len(b)])
    half = np.random.default_rng(seed).permutation(len(X)) % 2 == 0
    scale = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    found = []
    for part in (half, ~half):
        Z, z = X[part], label[part] - label[part].mean()
        weights = np.linalg.solve(Z.T @ Z + _RIDGE * len(Z) * np.eye(X.shape[1]), Z.T @ z)
        found.append(ranked_above(X[~part] @ weights, label[~part] > 0))
    auc = float(np.mean([area for area, _ in found]))
    return auc, float(min(2 * ndtr(-max(z for _, z in found)), 1.0))


def ranked_above(scores: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """How often a positive scores above a negative, and how many standard errors that is above a half.

    References
    ----------
    Mann and Whitney, On a test of whether one of two random variables is stochastically larger than the
    other, Annals of Mathematical Statistics 1947; the correction for ties is the usual one.

    Examples
    --------
    >>> area, z = ranked_above(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    >>> area, round(z, 2)
    (0.75, 0.77)
    """
    _, counts = np.unique(scores, return_counts=True)
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return 0.5, 0.0
    area = (ranks(scores)[positive].sum() - n * (n + 1) / 2) / (n * m)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    both = n + m
    variance = (both + 1 - ties / (both * (both - 1))) / (12 * n * m)
    return float(area), float((area - 0.5) / math.sqrt(variance)) if variance > 0 else 0.0


def beyond(outside: int, others: int, inside: int) -> float:
    """How likely it is that the `outside` largest of all rows lie among `others` if these are like `inside`.

    Parameters
    ----------
    outside : int
        Rows of the second sample that lie above all rows of the first.
    others, inside : int
        Rows of the second and of the first sample.

    Returns
    -------
    float
        A p-value: the chance that the top `outside` of all rows are of the second sample.

    Examples
    --------
    >>> beyond(2, 50, 50) < 0.25
    True
    """
    steps = np.arange(min(outside, others))
    return float(np.prod((others - steps) / (others + inside - steps)))


def all_distinct(distinct: int, span: float) -> float:
    """How likely it is that so many values, drawn from `span` whole numbers, are all different.

    An upper bound for any distribution: the birthday problem of equally likely numbers.

    Examples
    --------
    >>> all_distinct(100, 200) < 1e-6 < all_distinct(100, 1e6)
    True
    """
    return math.exp(-distinct * (distinct - 1) / (2 * max(span, 1.0)))


def between_groups(values: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """One-way analysis of variance of values (n,) in groups that are numbered from 0 (n,).

    Returns
    -------
    share : float
        Of the variance that lies between groups (intraclass correlation), 0 or more.
    p_value : float
        Of the F-test.

    References
    ----------
    Donner, A review of inference procedures for the intraclass correlation coefficient, 1986.

    Examples
    --------
    >>> share, p = between_groups(np.array([1.0, 1.1, 5.0, 5.1]), np.array([0, 0, 1, 1]))
    >>> share > 0.99, p < 0.01
    (True, True)
    """
    from scipy.special import fdtrc

    sizes = np.bincount(groups)
    sizes, k, n = sizes[sizes > 0], int((sizes > 0).sum()), len(values)
    if k < 2 or n <= k:
        return math.nan, math.nan
    means = np.bincount(groups, weights=values) / np.maximum(np.bincount(groups), 1)
    within = float(((values - means[groups]) ** 2).sum()) / (n - k)
    around = float(((means[groups] - values.mean()) ** 2).sum()) / (k - 1)
    if within <= 0:
        return (1.0, 0.0) if around > 0 else (math.nan, math.nan)
    typical = (n - float((sizes.astype(np.float64) ** 2).sum()) / n) / (k - 1)
    share = (around - within) / (around + (typical - 1) * within)
    return max(share, 0.0), float(fdtrc(k - 1, n - k, around / within))


def crossed(differences: np.ndarray, errors: np.ndarray) -> float:
    """Gail-Simon test: whether one of two is truly better in some parts, and the other in others.

    Parameters
    ----------
    differences, errors : (k,) arrays
        What one is better by in each part, and its standard error.

    Returns
    -------
    float
        A p-value; 1 if all differences have one sign.

    References
    ----------
    Gail and Simon, Testing for qualitative interactions between treatment effects, Biometrics 1985.

    Examples
    --------
    >>> crossed(np.array([3.0, -3.0, 4.0]), np.ones(3)) < 0.02
    True
    """
    from scipy.special import chdtrc, comb

    known = errors > 0
    d, e = differences[known], errors[known]
    if len(d) < 2:
        return math.nan
    squares = (d / e) ** 2
    statistic = min(float(squares[d > 0].sum()), float(squares[d < 0].sum()))
    if statistic == 0:
        return 1.0
    steps = np.arange(1, len(d))
    return float((comb(len(d) - 1, steps) * 0.5 ** (len(d) - 1) * chdtrc(steps, statistic)).sum())


def calibration_gap(
    p: np.ndarray, y: np.ndarray, *, draws: int = 200, seed: int = 0
) -> tuple[float, float, float]:
    """Whether the gap between stated and observed frequencies is larger than that of honest probabilities.

    The expected calibration error of the top class over 15 bins, beside the errors of labels that are drawn
    from the probabilities themselves (consistency resampling).

    Parameters
    ----------
    p : (n, K) array
    y : (n,) array of codes

    Returns
    -------
    gap, expected : float
        The error seen, and the mean error if the probabilities were right.
    z : float
        How many standard deviations lie between them.

    References
    ----------
    Bröcker and Smith, Increasing the reliability of reliability diagrams, 2007.

    Examples
    --------
    >>> bold = np.tile([0.95, 0.05], (200, 1))
    >>> gap, expected, z = calibration_gap(bold, np.repeat([0, 1], 100))
    >>> round(gap, 2), expected < 0.05, z > 10
    (0.45, True, True)
    """
    top, n = p.max(axis=1, initial=0.0), len(y)
    if n < 4 * _FEWEST:
        return math.nan, math.nan, math.nan
    bins = np.minimum((top * _BINS).astype(np.intp), _BINS - 1)
    stated = np.bincount(bins, weights=top, minlength=_BINS)

    def error(hits: np.ndarray) -> float:
        return float(np.abs(stated - np.bincount(bins, weights=hits, minlength=_BINS)).sum() / n)

    rng = np.random.default_rng(seed)
    drawn = np.array([error(rng.random(n) < top) for _ in range(draws)])
    gap = error(p.argmax(axis=1) == y)
    spread = max(float(drawn.std()), 1.0 / n)
    return gap, float(drawn.mean()), (gap - float(drawn.mean())) / spread


def surprise(p: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Whether classes are missed more than probabilities say themselves: Spiegelhalter's test, one-sided.

    Parameters
    ----------
    p : (n, K) array
    y : (n,) array of codes

    Returns
    -------
    excess : float
        How much larger the Brier score is than the one that is to be expected, as a share of that.
    p_value : float

    References
    ----------
    Spiegelhalter, Probabilistic prediction in patient management and clinical trials, 1986.

    Examples
    --------
    >>> fair, bold = (np.tile([sure, 1 - sure], (200, 1)) for sure in (0.6, 0.9))
    >>> y = np.repeat([0, 1], [120, 80])
    >>> surprise(fair, y)[1] > 0.4, surprise(bold, y)[1] < 1e-6
    (True, True)
    """
    from scipy.special import ndtr

    squares = (p**2).sum(axis=1)
    excess, stated = 2 * (squares - p[np.arange(len(y)), y]), 1 - squares
    variance = float(4 * ((p**3).sum(axis=1) - squares**2).sum())
    if len(y) < _FEWEST or not (variance > 0 and stated.sum() > 0):
        return math.nan, math.nan
    return float(excess.sum() / stated.sum()), float(ndtr(-excess.sum() / math.sqrt(variance)))


def trend(x: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Whether the mean of errors (n,) depends on x (n,), along a line or a curve.

    A parabola of the ranks of x, judged by a Wald test with heteroscedasticity-consistent errors (HC3).

    Returns
    -------
    share : float
        Of the errors' variance that the curve explains, 0 to 1.
    p_value : float

    References
    ----------
    MacKinnon and White, Some heteroskedasticity-consistent covariance matrix estimators, 1985.

    Examples
    --------
    >>> x = np.linspace(0, 1, 200)
    >>> share, p = trend(x, (x - 0.5) ** 2 + 0.01 * np.sin(50 * x))
    >>> share > 0.8, p < 1e-6
    (True, True)
    """
    from scipy.special import chdtrc

    known = ~(np.isnan(x) | np.isnan(errors))
    x, e = x[known], errors[known]
    n, kinds = len(e), min(len(np.unique(x)), 3)
    if n < 4 * _FEWEST or kinds < 2 or not e.std() > 0:
        return math.nan, math.nan
    place = 2 * ranks(x) / n - 1
    Z = np.column_stack([place**power for power in range(kinds)])
    inverse = np.linalg.pinv(Z.T @ Z)
    weights = inverse @ (Z.T @ e)
    left = e - Z @ weights
    lever = np.einsum("ij,jk,ik->i", Z, inverse, Z)
    scaled = Z * (left / np.maximum(1 - lever, 1e-6))[:, None]
    spread = (inverse @ (scaled.T @ scaled) @ inverse)[1:, 1:]
    slopes = weights[1:]
    statistic = float(slopes @ np.linalg.pinv(spread) @ slopes)
    return 1 - float(left.var() / e.var()), float(chdtrc(kinds - 1, statistic))


def unequal(means: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Cochran's test of whether means (k,) with these standard errors (k,) measure the same.

    Returns
    -------
    spread : float
        Standard deviation of what they measure, by DerSimonian and Laird: what chance does not explain.
    p_value : float

    References
    ----------
    DerSimonian and Laird, Meta-analysis in clinical trials, 1986.

    Examples
    --------
    >>> spread, p = unequal(np.array([1.0, 5.0, 9.0]), np.ones(3))
    >>> round(spread, 1), p < 1e-6
    (3.9, True)
    """
    from scipy.special import chdtrc

    known = errors > 0
    if known.sum() < 2:
        return math.nan, math.nan
    m, weights = means[known], 1 / errors[known] ** 2
    excess = float(weights @ (m - np.average(m, weights=weights)) ** 2)
    free = len(m) - 1
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    return math.sqrt(max(excess - free, 0.0) / float(scale)), float(chdtrc(free, excess))


def holm(p: np.ndarray) -> np.ndarray:
    """P-values (n,) adjusted so that the chance of one false alarm among all is at most the level.

    Holds whatever the tests have to do with each other, which false discovery rates do not (Benjamini and
    Hochberg's needs tests that are independent or positively dependent). NaN stays, and counts for nothing.

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(2)
    array([0.03, 0.06, 0.06])
    """
    adjusted = np.full(len(p), math.nan)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def more_often(hits: int, rows: int, known_hits: int, known_rows: int) -> float:
    """How likely so many hits among `rows` are if they were as frequent as among `known_rows`.

    The p-value of the conditional binomial test: exact where hits are rare, else cautious.

    References
    ----------
    Przyborowski and Wilenski, Homogeneity of results in testing samples from Poisson series, Biometrika 1940.

    Examples
    --------
    >>> more_often(5, 100, 0, 1000) < 1e-4, more_often(0, 100, 0, 1000)
    (True, 1.0)
    """
    from scipy.special import bdtrc

    if not rows or not known_rows or not hits:
        return 1.0
    return float(bdtrc(hits - 1, hits + known_hits, rows / (rows + known_rows)))
