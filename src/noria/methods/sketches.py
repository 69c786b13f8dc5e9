"""Sketches: what is remembered of a stream of values in bounded memory.

Each takes values in with `update`, batch after batch, and takes in another sketch of its own kind with
`merge`, as if it had seen both streams. Values may come with counts, so that a batch is sorted once and every
sketch sees only its distinct values. Values that are missing are left out by the caller.

==================  ======================================  ==================================
sketch              answers                                 error
==================  ======================================  ==================================
`Moments`           mean, spread, skew, extremes            none but rounding
`Frequencies`       how often which value occurs            none up to `limit` distinct values
`Distinct`          how many distinct values there are      about 0.8%
`Quantiles`         quantiles, ranks, histograms            about 0.2% of rank
`Reservoir`         a uniform sample of rows                that of a sample
==================  ======================================  ==================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

import numpy as np

__all__ = [
    "Distinct",
    "Frequencies",
    "Moments",
    "Quantiles",
    "Reservoir",
    "hashed",
    "sort_counts",
    "sum_counts",
    "weighted_quantiles",
]

_NO_KEYS = np.zeros(0, dtype=np.uint64)
_NO_COUNTS = np.zeros(0, dtype=np.int64)
_PRECISION = 14


def sort_counts(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, ascending, and how often each occurs.

    The same as ``numpy.unique(values, return_counts=True)`` for values without NaN, in a third of the time.

    Parameters
    ----------
    values : (n,) array

    Returns
    -------
    distinct : (d,) array
    counts : (d,) array of int

    Examples
    --------
    >>> sort_counts(np.array([3, 1, 3]))
    (array([1, 3]), array([1, 2]))
    """
    ordered = np.sort(values)
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))[: ordered.size])
    return ordered[first], np.diff(first, append=ordered.size)


def sum_counts(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, ascending, and the sum of the counts of each.

    Parameters
    ----------
    values : (n,) array
        Without NaN.
    counts : (n,) array of int

    Examples
    --------
    >>> sum_counts(np.array([3, 1, 3]), np.array([5, 1, 1]))
    (array([1, 3]), array([1, 6]))
    """
    order = np.argsort(values, kind="stable")
    values, counts = values[order], counts[order]
    first = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1]))[: values.size])
    return values[first], np.add.reduceat(counts, first) if first.size else counts


def hashed(keys: np.ndarray) -> np.ndarray:
    """Spread 64-bit keys evenly over all 64-bit numbers, one to one (SplitMix64).

    Parameters
    ----------
    keys : (n,) array of uint64

    References
    ----------
    Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators".

    Examples
    --------
    >>> hashed(np.array([1], dtype=np.uint64))
    array([10451216379200822465], dtype=uint64)
    """
    mixed = keys + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@dataclass
class Moments:
    """Mean, spread, skew and extremes of finite numbers.

    Attributes
    ----------
    n : float
        How many values were seen.
    mean : float
    low, high : float
        Extremes; infinities in the wrong order before any value was seen.

    References
    ----------
    Pébay (2008), "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
    statistical moments".

    Examples
    --------
    >>> moments = Moments()
    >>> moments.update(np.array([1.0, 2.0, 6.0]))
    >>> moments.mean, round(moments.std, 3), moments.high
    (3.0, 2.646, 6.0)
    """

    n: float = 0.0
    mean: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    _m2: float = 0.0
    _m3: float = 0.0

    def update(self, values: np.ndarray, counts: np.ndarray | None = None) -> None:
        """Take in values (n,), each as often as `counts` (n,) says, or once."""
        if not values.size:
            return
        weights = np.ones(values.size) if counts is None else counts.astype(float)
        n = float(weights.sum())
        mean = float((values * (weights / n)).sum())  # a product of BLAS would start threads
        with np.errstate(over="ignore", invalid="ignore"):
            off = values - mean
            squares = off * off
            sums = [float((power * weights).sum()) for power in (squares, squares * off)]
        self.merge(Moments(n, mean, float(values.min()), float(values.max()), *sums))

    def merge(self, other: Moments) -> None:
        """Take in what another has seen; what is too large for a float becomes infinite or NaN."""
        if not other.n:
            return
        a, b = self.n, other.n
        n = a + b
        if a:
            d = other.mean - self.mean
            self._m3 += d * d * d * a * b * (a - b) / n**2 + 3 * d * (a * other._m2 - b * self._m2) / n
            self._m2 += d * d * a * b / n
        self._m3 += other._m3
        self._m2 += other._m2
        self.mean = self.mean * (a / n) + other.mean * (b / n)
        self.n = n
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    @property
    def std(self) -> float:
        """Standard deviation with n - 1; NaN of fewer than two values."""
        return math.sqrt(self._m2 / (self.n - 1)) if self.n > 1 else math.nan

    @property
    def skew(self) -> float:
        """Third standardised moment, without correction for bias; NaN where values do not vary."""
        return self._m3 / self._m2 * math.sqrt(self.n / self._m2) if self._m2 > 0 else math.nan


@dataclass
class Frequencies:
    """How often which key occurs: exact up to `limit` distinct keys, then the most frequent ones.

    Beyond the limit `keep` keys are counted (Misra-Gries). A count is then too low by at most `error`, which
    is at most the number of values seen divided by ``keep + 1``; every key above that is among them.

    Parameters
    ----------
    limit, keep : int

    Attributes
    ----------
    keys : (d,) array of uint64
        In ascending order.
    counts : (d,) array of int
    error : int
        0 as long as all counts are exact.

    References
    ----------
    Agarwal, Cormode, Huang, Phillips, Wei and Yi (2012), "Mergeable summaries".

    Examples
    --------
    >>> frequencies = Frequencies()
    >>> frequencies.update(np.array([7, 7, 9], dtype=np.uint64))
    >>> frequencies.top(1), frequencies.exact
    ((array([7], dtype=uint64), array([2])), True)
    """

    limit: int = 10_000
    keep: int = 500
    keys: np.ndarray = field(default_factory=lambda: _NO_KEYS)
    counts: np.ndarray = field(default_factory=lambda: _NO_COUNTS)
    error: int = 0

    @property
    def exact(self) -> bool:
        """Whether every key that occurred is counted, and rightly."""
        return self.error == 0

    def update(self, keys: np.ndarray, counts: np.ndarray | None = None) -> None:
        """Take in keys (n,) of uint64; or distinct ones, each as often as `counts` (n,) says."""
        if counts is None:
            keys, counts = sort_counts(keys)
        place = np.minimum(np.searchsorted(self.keys, keys), max(0, self.keys.size - 1))
        known = self.keys[place] == keys if self.keys.size else np.zeros(keys.size, dtype=bool)
        before, before_counts = self.keys, self.counts.copy()
        before_counts[place[known]] += counts[known]
        keys, counts = keys[~known], counts[~known]
        if before.size + keys.size > (self.limit if self.exact else self.keep):
            both = np.concatenate((before_counts, counts))
            cut = int(np.partition(both, -self.keep - 1)[-self.keep - 1])
            before, before_counts = before[before_counts > cut], before_counts[before_counts > cut] - cut
            keys, counts = keys[counts > cut], counts[counts > cut] - cut
            self.error += cut
        self.keys, self.counts = np.concatenate((before, keys)), np.concatenate((before_counts, counts))
        if keys.size:
            order = np.argsort(self.keys)
            self.keys, self.counts = self.keys[order], self.counts[order]

    def merge(self, other: Frequencies) -> None:
        """Take in what another has seen."""
        self.error += other.error
        self.update(other.keys, other.counts)

    def top(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The `k` most frequent keys and their counts, most frequent first, equal ones by key."""
        order = np.lexsort((self.keys, -self.counts))[:k]
        return self.keys[order], self.counts[order]


@dataclass
class Distinct:
    """How many distinct keys there are, in 16 kB (HyperLogLog); the relative error is about 0.8%.

    References
    ----------
    Flajolet, Fusy, Gandouet and Meunier (2007), "HyperLogLog"; the estimate is Ertl's (2017), "New
    cardinality estimation algorithms for HyperLogLog sketches", which needs no correction for small or large
    counts.

    Examples
    --------
    >>> distinct = Distinct()
    >>> distinct.update(np.arange(1000, dtype=np.uint64))
    >>> abs(distinct.count() - 1000) < 20
    True
    """

    registers: np.ndarray = field(default_factory=lambda: np.zeros(1 << _PRECISION, dtype=np.uint8))

    def update(self, keys: np.ndarray) -> None:
        """Take in keys (n,) of uint64."""
        spread = hashed(keys)
        place = (spread >> np.uint64(64 - _PRECISION)).astype(np.intp)
        rest = (spread & np.uint64((1 << (64 - _PRECISION)) - 1)).astype(float)
        rank = (65 - _PRECISION - np.frexp(rest)[1]).astype(np.uint8)  # of the highest bit that is set
        np.maximum.at(self.registers, place, rank)

    def merge(self, other: Distinct) -> None:
        """Take in what another has seen."""
        np.maximum(self.registers, other.registers, out=self.registers)

    def count(self) -> float:
        """The estimate."""
        m, q = self.registers.size, 64 - _PRECISION
        ranks = np.bincount(self.registers, minlength=q + 2)
        z = m * _tau(1 - ranks[q + 1] / m)
        for rank in range(q, 0, -1):
            z = 0.5 * (z + float(ranks[rank]))
        z += m * _sigma(float(ranks[0]) / m)
        return m * m / (2 * math.log(2)) / z


def _sigma(x: float) -> float:
    """Ertl's correction for registers that are still empty."""
    if x == 1.0:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z, y = z + x * y, y + y
    return z


def _tau(x: float) -> float:
    """Ertl's correction for registers that are full."""
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x, before, y = math.sqrt(x), z, 0.5 * y
        z -= (1 - x) ** 2 * y
    return z / 3


@dataclass
class Quantiles:
    """Ranks of numbers (KLL): exact up to `size` values, then within about 2/`size` of the true rank.

    Values are kept on levels; one on level l stands for 2 to the power of l. A level that is full is sorted
    and every second of its values goes one up.

    Parameters
    ----------
    size : int
        How many values the highest level holds; lower ones hold less, two thirds from level to level.
    seed : int
        Of the choice whether the even or the odd values go up.

    References
    ----------
    Karnin, Lang and Liberty (2016), "Optimal quantile approximation in streams".

    Examples
    --------
    >>> quantiles = Quantiles()
    >>> quantiles.update(np.arange(101.0))
    >>> quantiles.at(np.array([0.25, 0.5]))
    array([25., 50.])
    """

    size: int = 1024
    seed: int = 0
    _levels: list[np.ndarray] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def update(self, values: np.ndarray, counts: np.ndarray | None = None) -> None:
        """Take in values (n,), each as often as `counts` (n,) says, or once."""
        if counts is None:
            self._put(0, values)
        else:
            for level in range(int(counts.max(initial=0)).bit_length()):
                self._put(level, values[(counts >> level) & 1 == 1])
        self._compress()

    def merge(self, other: Quantiles) -> None:
        """Take in what another has seen."""
        for level, values in enumerate(other._levels):
            self._put(level, values)
        self._compress()

    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """The values that are kept, ascending, and how many each stands for."""
        levels = self._levels or [np.zeros(0)]
        values = np.concatenate(levels)
        weights = np.repeat(2.0 ** np.arange(len(levels)), [level.size for level in levels])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]

    def at(self, shares: np.ndarray) -> np.ndarray:
        """The values below which these shares of all values lie; NaN before any was seen.

        Parameters
        ----------
        shares : (q,) array
            Between 0 and 1.
        """
        return weighted_quantiles(*self.weighted(), shares)

    def below(self, edges: np.ndarray) -> np.ndarray:
        """How many values lie below each of these, or equal it.

        Parameters
        ----------
        edges : (e,) array
        """
        values, weights = self.weighted()
        return np.concatenate(([0.0], np.cumsum(weights)))[np.searchsorted(values, edges, side="right")]

    def _put(self, level: int, values: np.ndarray) -> None:
        while len(self._levels) <= level:
            self._levels.append(np.zeros(0))
        self._levels[level] = np.concatenate((self._levels[level], values))

    def _compress(self) -> None:
        """Halve full levels from the lowest upward until each holds what it may."""
        level = 0
        while level < len(self._levels):
            depth = len(self._levels) - 1 - level
            values = self._levels[level]
            if values.size > max(8, int(self.size * (2 / 3) ** depth)):
                values = np.sort(values)
                even = values.size - values.size % 2
                start = int(self._random.integers(2))
                self._levels[level] = values[even:]
                self._put(level + 1, values[start:even:2])
            level += 1


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Quantiles of values that each stand for several.

    Parameters
    ----------
    values : (n,) array
        Ascending.
    weights : (n,) array
    shares : (q,) array
        Between 0 and 1.

    Examples
    --------
    >>> weighted_quantiles(np.array([1.0, 5.0]), np.array([3, 1]), np.array([0.5, 1.0]))
    array([1., 5.])
    """
    if not values.size:
        return np.full(shares.shape, math.nan)
    upto = np.cumsum(weights)
    place = np.searchsorted(upto, shares * (upto[-1] - 1), side="right")
    return values[np.minimum(place, values.size - 1)]


class Reservoir:
    """A uniform sample of rows: every row draws a number, and those with the smallest numbers stay.

    The rows themselves are the caller's. `offer` says which rows of a batch may stay; `kept` says which of
    all that were ever offered do.

    Parameters
    ----------
    size : int
    seed : int

    Examples
    --------
    >>> reservoir, rows = Reservoir(3), np.arange(10)
    >>> held = rows[reservoir.offer(10)]
    >>> held = held[reservoir.kept()]
    >>> len(held)
    3
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self._random = np.random.default_rng(seed)
        self._drawn = np.zeros(0)
        self._bound = 1.0

    def offer(self, rows: int) -> np.ndarray:
        """The places, ascending, of those of the next `rows` rows that the caller is to hold."""
        drawn = self._random.random(rows)
        chosen = np.flatnonzero(drawn < self._bound)
        if self._drawn.size + chosen.size <= self.size:
            self._drawn = np.concatenate((self._drawn, drawn[chosen]))
            return chosen
        both = np.concatenate((self._drawn, drawn[chosen]))
        self._bound = float(np.partition(both, self.size)[self.size])
        chosen = chosen[drawn[chosen] < self._bound]
        self._drawn = np.concatenate((self._drawn, drawn[chosen]))
        return chosen

    def kept(self) -> np.ndarray:
        """A mask over all rows that the caller holds: those that stay. The caller drops the others."""
        mask = self._drawn < self._bound if self._drawn.size > self.size else np.ones(self._drawn.size, bool)
        self._drawn = self._drawn[mask]
        return mask

    def merge(self, other: Self) -> None:
        """Take in the numbers of another: the caller puts its rows after the own ones, then asks `kept`."""
        self._drawn = np.concatenate((self._drawn, other._drawn))
        if self._drawn.size > self.size:
            self._bound = float(np.partition(self._drawn, self.size)[self.size])
