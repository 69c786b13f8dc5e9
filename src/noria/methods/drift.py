"""How much two samples of the same quantity differ, and how much of that chance can do.

Samples are given as counts in the same cells, so one side may be a sketch made long ago. All four distances
are 0 where samples are alike, and do not grow with the number of rows; their p-values account for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from noria.errors import ParamError, suggestion

__all__ = [
    "TESTS",
    "Distance",
    "chi_square",
    "drift_test",
    "jensen_shannon",
    "kolmogorov_smirnov",
    "ks_counts",
    "merged",
    "population_stability",
    "psi_counts",
]

_FEWEST = 5  # rows that a cell is expected to hold in the smaller sample
_SEEN = 20  # rows in it of a cell that chance does not fill: once in ten million times where 5 are expected


class Distance(NamedTuple):
    """How far two samples lie apart.

    Attributes
    ----------
    value : float
        0 where they are alike; NaN where one is empty.
    p_value : float
        How likely chance alone takes two samples of these sizes at least as far apart.
    critical : callable
        ``critical(level)`` is the value that chance exceeds with this probability.
    """

    value: float
    p_value: float
    critical: Callable[[float], float]


_UNKNOWN = Distance(math.nan, math.nan, lambda _: math.nan)


def population_stability(here: np.ndarray, there: np.ndarray) -> float:
    """Population stability index of two samples that were counted in the same bins, less what chance gives.

    By custom, below 0.1 nothing has changed, and above 0.25 the distribution is another one. Two samples of
    the same distribution have about ``(bins - 1) * (1 / n + 1 / m)``, which is subtracted; empty bins count
    as half a value.

    Parameters
    ----------
    here, there : (bins,) array
        How many values each bin holds.

    Returns
    -------
    float
        0 or more; NaN if one of the samples is empty.

    References
    ----------
    Yurdakul and Naranjo (2020), "Statistical properties of the population stability index".

    Examples
    --------
    >>> round(population_stability(np.array([500, 500]), np.array([250, 750])), 2)
    0.27
    """
    if not here.sum() or not there.sum():
        return float("nan")
    raw, chance, _ = _psi(here, there)
    return max(0.0, raw - chance)


def _psi(here: np.ndarray, there: np.ndarray) -> tuple[float, float, int]:
    """The index as it is defined, what chance gives, and the degrees of freedom."""
    n, m = float(here.sum()), float(there.sum())
    used = (here > 0) | (there > 0)
    p, q = (np.maximum(counts[used], 0.5) / counts.sum() for counts in (here, there))
    free = int(used.sum()) - 1
    return float(((p - q) * np.log(p / q)).sum()), free * (1 / n + 1 / m), free


def kolmogorov_smirnov(here: tuple[np.ndarray, np.ndarray], there: tuple[np.ndarray, np.ndarray]) -> float:
    """The largest difference between two distribution functions.

    Parameters
    ----------
    here, there : tuple of (n,) arrays
        Values, ascending, and how many each stands for.

    Returns
    -------
    float
        0 (the same) to 1 (no overlap); NaN if one of the samples is empty.

    Examples
    --------
    >>> one = np.ones(2)
    >>> kolmogorov_smirnov((np.array([1.0, 2.0]), one), (np.array([2.0, 3.0]), one))
    0.5
    """
    if not here[0].size or not there[0].size:
        return float("nan")
    places = np.union1d(here[0], there[0])
    below = []
    for values, weights in (here, there):
        upto = np.concatenate(([0.0], np.cumsum(weights)))
        below.append(upto[np.searchsorted(values, places, side="right")] / upto[-1])
    return float(np.abs(below[0] - below[1]).max())


def ks_counts(here: np.ndarray, there: np.ndarray) -> Distance:
    """Kolmogorov-Smirnov of samples that were counted in the same ordered cells.

    Looking between cells only finds at most the largest difference, so the asymptotic p-value errs on the
    cautious side, wherever the cells were cut and by whichever sample.

    Parameters
    ----------
    here, there : (k,) array
        How many values each cell holds, in the order of the cells.

    Examples
    --------
    >>> found = ks_counts(np.array([50, 50]), np.array([80, 20]))
    >>> round(found.value, 2), found.p_value < 1e-3, round(found.critical(0.05), 2)
    (0.3, True, 0.19)
    """
    from scipy.special import kolmogi, kolmogorov

    n, m = float(here.sum()), float(there.sum())
    if not n or not m:
        return _UNKNOWN
    root = math.sqrt(n * m / (n + m))
    gap = float(np.abs(np.cumsum(here) / n - np.cumsum(there) / m).max())
    return Distance(gap, float(kolmogorov(root * gap)), lambda level: float(kolmogi(level)) / root)


def chi_square(here: np.ndarray, there: np.ndarray) -> Distance:
    """The chi-square test of homogeneity.

    The distance is the statistic less its mean under chance, times ``1 / n + 1 / m``: near PSI where samples
    are near. Cells of which fewer than five are expected in the smaller sample are joined, and with the next
    smallest where they are too few even together; those that hold 20 rows of it stay, since chance does not.

    Parameters
    ----------
    here, there : (k,) array
        How many values each cell holds.

    Examples
    --------
    >>> found = chi_square(np.array([500, 500]), np.array([600, 400]))
    >>> round(found.value, 3), found.p_value < 1e-4
    (0.038, True)
    """
    n, m, table = _table(here, there)
    if not n or not m:
        return _UNKNOWN
    expected = np.outer([n, m], table.sum(axis=0) / (n + m))
    statistic = float(((table - expected) ** 2 / expected).sum())
    return _chi_distance(statistic, table.shape[1] - 1, lambda chi, free: (chi - free) * (1 / n + 1 / m))


def psi_counts(here: np.ndarray, there: np.ndarray) -> Distance:
    """`population_stability` with a p-value; cells as in `chi_square`.

    Examples
    --------
    >>> found = psi_counts(np.array([500, 500]), np.array([600, 400]))
    >>> round(found.value, 3), found.p_value < 1e-4
    (0.039, True)
    """
    n, m, table = _table(here, there)
    if not n or not m:
        return _UNKNOWN
    raw, _, free = _psi(*table)
    unit = 1 / n + 1 / m
    return _chi_distance(raw / unit, free, lambda chi, free: (chi - free) * unit)


def jensen_shannon(here: np.ndarray, there: np.ndarray) -> Distance:
    """Jensen-Shannon distance in bits, 0 to 1; cells as in `chi_square`.

    References
    ----------
    Lin (1991), "Divergence measures based on the Shannon entropy"; for what chance gives, Grosse et al.
    (2002), "Analysis of symbolic sequences using the Jensen-Shannon divergence".

    Examples
    --------
    >>> found = jensen_shannon(np.array([500, 500]), np.array([600, 400]))
    >>> round(found.value, 3), found.p_value < 1e-4
    (0.083, True)
    """
    n, m, table = _table(here, there)
    if not n or not m:
        return _UNKNOWN
    p, q = table[0] / n, table[1] / m
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(share > 0, share * np.log2(share / middle), 0.0) for share in (p, q)]
    bits = max(0.0, float(sum(term.sum() for term in terms)) / 2)
    unit = (1 / n + 1 / m) / (8 * math.log(2))
    return _chi_distance(
        bits / unit, table.shape[1] - 1, lambda chi, free: math.sqrt(max(0.0, chi - free) * unit)
    )


def _table(here: np.ndarray, there: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Sizes of both samples, and their counts (2, k) with rare cells joined."""
    table = np.array([here, there], dtype=np.float64)
    n, m = table.sum(axis=1)
    table = table[:, table.sum(axis=0) > 0]
    rare = _rare(table, n, m)
    if rare.any():
        table, joined = table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)
        if table.size and _rare(joined, n, m).all():
            table[:, table.sum(axis=0).argmin()] += joined[:, 0]
        else:
            table = np.column_stack([table, joined])
    return float(n), float(m), table


def _rare(table: np.ndarray, n: float, m: float) -> np.ndarray:
    """Which cells (k,) of the counts (2, k) hold too few rows to follow the chi-square distribution."""
    few = table.sum(axis=0) * min(n, m) < _FEWEST * (n + m)
    return few & (table[int(m < n)] < _SEEN)


def _chi_distance(statistic: float, free: int, distance: Callable[[float, int], float]) -> Distance:
    """A distance whose statistic is distributed as chi-square if there is no difference."""
    from scipy.special import chdtrc, chdtri

    if free < 1:
        return Distance(0.0, 1.0, lambda _: 0.0)
    return Distance(
        max(0.0, distance(statistic, free)),
        float(chdtrc(free, max(statistic, 0.0))),
        lambda level: distance(float(chdtri(free, level)), free),
    )


def merged(counts: np.ndarray, by: np.ndarray, cells: int) -> np.ndarray:
    """Counts of neighbouring cells joined into at most so many that hold about equally much of `by`.

    Parameters
    ----------
    counts, by : (k,) array
        In the order of the cells; `by` is the reference's.
    cells : int

    Examples
    --------
    >>> merged(np.array([1, 2, 3, 4]), np.array([5, 5, 5, 5]), 2)
    array([3., 7.])
    """
    before = np.cumsum(by) - by / 2
    group = np.minimum((before * cells / max(float(by.sum()), 1.0)).astype(np.intp), cells - 1)
    _, group = np.unique(group, return_inverse=True)
    return np.bincount(group, weights=counts)


TESTS: Mapping[str, Callable[[np.ndarray, np.ndarray], Distance]] = MappingProxyType(
    {"chi_square": chi_square, "js": jensen_shannon, "ks": ks_counts, "psi": psi_counts}
)
"""The distances by name."""


def drift_test(name: str) -> Callable[[np.ndarray, np.ndarray], Distance]:
    """The distance called `name`.

    Raises
    ------
    ParamError
        If there is none; it offers the nearest name.

    Examples
    --------
    >>> drift_test("psi") is psi_counts
    True
    """
    if name not in TESTS:
        raise ParamError("There is no such test of drift.", got=repr(name), do=suggestion(name, TESTS))
    return TESTS[name]
