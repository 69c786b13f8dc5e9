"""How much two samples of the same quantity differ."""

from __future__ import annotations

import numpy as np

__all__ = ["kolmogorov_smirnov", "population_stability"]


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
    n, m = float(here.sum()), float(there.sum())
    if not n or not m:
        return float("nan")
    used = (here > 0) | (there > 0)
    p, q = (np.maximum(counts[used], 0.5) / counts.sum() for counts in (here, there))
    chance = (int(used.sum()) - 1) * (1 / n + 1 / m)
    return max(0.0, float(((p - q) * np.log(p / q)).sum()) - chance)


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
