"""Slices of rows on which a model does significantly worse, found among all that properties tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from noria.core.deadline import Deadline

__all__ = ["Property", "WeakSlice", "discoveries", "weak_slices"]

_CONSIDERED = 300  # of those that are significant, by significance
_SURE = 0.01  # how unlikely chance must be once the rows of the slices before are taken away


@dataclass(frozen=True)
class Property:
    """What rows are told apart by.

    Attributes
    ----------
    codes : (n,) array of int
        From 0 to k - 1.
    parts : (m, k) array of bool
        The codes that each of m candidates consists of.
    paired : (m,) array of bool
        Which candidates are also joined with those of other properties.

    Examples
    --------
    >>> levels = Property(np.array([0, 1, 0]), np.eye(2, dtype=bool), np.ones(2, dtype=bool))
    >>> levels.rows(0)
    array([ True, False,  True])
    """

    codes: np.ndarray
    parts: np.ndarray
    paired: np.ndarray

    def rows(self, part: int) -> np.ndarray:
        """Which rows a candidate holds, (n,) bool."""
        return self.parts[part][self.codes]


@dataclass(frozen=True)
class WeakSlice:
    """Rows with one property or two, on which losses are significantly higher.

    Attributes
    ----------
    parts : tuple of (int, int)
        One or two properties by number, each with its candidate's.
    effect : float
        How much higher the mean loss is than on the other rows, in standard deviations of the losses.
    p_value : float
        Before it was compared with the number of candidates.
    """

    parts: tuple[tuple[int, int], ...]
    effect: float
    p_value: float


def weak_slices(
    losses: np.ndarray,
    properties: Sequence[Property],
    *,
    least: int = 30,
    level: float = 0.05,
    most: int = 5,
    deadline: Deadline | None = None,
) -> list[WeakSlice]:
    """The slices of highest loss, among single candidates and pairs of them.

    A slice has at least `least` rows and at most half of all. Its mean loss must be higher than that of all
    other rows by Welch's one-sided test, in which a slice's variance counts as no smaller than that of all
    rows; a pair's also than that of the rest of each of its two parts. Of the p-values, those count that
    Benjamini and Hochberg's procedure lets through, at half of `level` each for single candidates and for
    pairs. The most significant is taken first; a later one only if it is still worse without the rows of
    those before, so that no two tell of the same rows, and a simpler one goes before a part of itself.

    Parameters
    ----------
    losses : (n,) array
    properties : sequence of Property
    least : int
    level : float
        How many of the slices may be owed to chance, on average; on losses that are pure noise also how often
        any is found.
    most : int
        So many are given at most.
    deadline : Deadline, optional
        Ends the search among pairs; the most promising are looked at first.

    Returns
    -------
    list of WeakSlice
        By effect, the worst first.

    References
    ----------
    Chung, Kraska, Polyzotis, Tae and Whang, Slice Finder: automated data slicing for model validation, ICDE
    2019. Benjamini and Hochberg, Controlling the false discovery rate, JRSS B 1995.

    Examples
    --------
    >>> town = np.arange(400) % 4
    >>> losses = np.abs(np.sin(np.arange(400.0))) + (town == 2)
    >>> found = weak_slices(losses, [Property(town, np.eye(4, dtype=bool), np.ones(4, dtype=bool))])
    >>> [slice.parts for slice in found]
    [((0, 2),)]
    """
    spread = float(losses.std()) if len(losses) else 0.0
    if len(losses) < 2 * least or not np.isfinite(spread) or spread <= 1e-12 * abs(float(losses.mean())):
        return []
    z = (losses - losses.mean()) / spread
    sums = [one.parts @ _table(z, one.codes, one.parts.shape[1]) for one in properties]
    singles = _Tested.together(_single(at, of, len(z), least) for at, of in enumerate(sums))
    order = _strongest_first(singles, properties)
    pairs = _Tested.together(_pairs(z, properties, sums, order, least, deadline))
    candidates = sorted([*singles.passed(level / 2), *pairs.passed(level / 2)], key=lambda one: -one[0])
    found: list[WeakSlice] = []
    free = np.ones(len(z), dtype=bool)
    for _, one in candidates[:_CONSIDERED]:
        if len(found) == most or (deadline is not None and deadline.expired):
            break
        inside = np.logical_and.reduce([properties[at].rows(part) for at, part in one.parts])
        left = inside & free
        if left.sum() >= least and _welch(_sums(z[left]), _sums(z[free & ~inside]))[1] < _SURE:
            found.append(one)
            free &= ~inside
    return sorted(found, key=lambda one: -one.effect)


def discoveries(p: np.ndarray, level: float) -> np.ndarray:
    """Which p-values (n,) Benjamini and Hochberg's procedure lets through, (n,) bool.

    Examples
    --------
    >>> discoveries(np.array([0.03, 0.001, 0.5]), 0.05)
    array([ True,  True, False])
    """
    ascending = np.sort(p)
    good = np.flatnonzero(ascending <= level * np.arange(1, len(p) + 1) / max(len(p), 1))
    return p <= ascending[good[-1]] if len(good) else np.zeros(len(p), dtype=bool)


class _Tested(NamedTuple):
    """Candidates: what they consist of (c, 2 or 4), test statistic, p-value and effect of each (c,)."""

    where: np.ndarray
    t: np.ndarray
    p: np.ndarray
    effect: np.ndarray

    @classmethod
    def together(cls, parts: Iterable[_Tested]) -> _Tested:
        """All of them, of one kind."""
        known = [*parts] or [cls(np.zeros((0, 2), dtype=np.intp), *np.zeros((3, 0)))]
        return cls(*(np.concatenate(columns) for columns in zip(*known)))

    def passed(self, level: float) -> Iterator[tuple[float, WeakSlice]]:
        """Those that are significant, with their test statistics."""
        for at in np.flatnonzero(discoveries(self.p, level)):
            parts = tuple((int(a), int(i)) for a, i in self.where[at].reshape(-1, 2))
            yield float(self.t[at]), WeakSlice(parts, float(self.effect[at]), float(self.p[at]))


def _single(at: int, sums: np.ndarray, rows: int, least: int) -> _Tested:
    """The candidates of one property against all other rows."""
    good = np.flatnonzero(_fits(sums, rows, least))
    sums = sums[good]
    rest = np.array([rows, 0.0, rows]) - sums
    return _Tested(np.column_stack([np.full(len(good), at), good]), *_welch(sums, rest), _gap(sums, rest))


def _strongest_first(singles: _Tested, properties: Sequence[Property]) -> list[int]:
    """The properties that have pairs, by their strongest candidate."""
    strongest = np.full(len(properties), -np.inf)
    np.maximum.at(strongest, singles.where[:, 0], singles.t)
    return [int(at) for at in np.argsort(-strongest, kind="stable") if properties[at].paired.any()]


def _pairs(
    z: np.ndarray,
    properties: Sequence[Property],
    sums: Sequence[np.ndarray],
    order: Sequence[int],
    least: int,
    deadline: Deadline | None,
) -> Iterator[_Tested]:
    """The candidates of two properties against all other rows, and against the rest of either part."""
    for a, b in ((order[at], order[before]) for at in range(len(order)) for before in range(at)):
        if deadline is not None and deadline.expired:
            return
        i, j = (np.flatnonzero(properties[at].paired) for at in (a, b))
        shape = properties[a].parts.shape[1], properties[b].parts.shape[1]
        table = _table(z, properties[a].codes * shape[1] + properties[b].codes, shape[0] * shape[1])
        both = np.einsum(
            "ia,abs,jb->ijs",
            properties[a].parts[i],
            table.reshape(*shape, 3),
            properties[b].parts[j],
            optimize=True,
        )
        alone = sums[a][i][:, None] - both, sums[b][j][None] - both
        good = _fits(both, len(z), least) & (alone[0][..., 0] >= least / 2) & (alone[1][..., 0] >= least / 2)
        x, y = np.nonzero(good)
        both, rest = both[good], np.array([len(z), 0.0, len(z)]) - both[good]
        t, p = _welch(both, rest)
        for other in alone:
            p = np.maximum(p, _welch(both, other[good])[1])
        where = np.column_stack([np.full(len(x), a), i[x], np.full(len(x), b), j[y]])
        yield _Tested(where, t, p, _gap(both, rest))


def _table(z: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """Rows, sum and sum of squares by code, (count, 3)."""
    return np.stack([np.bincount(codes, weight, count) for weight in (None, z, z * z)], axis=1)


def _sums(z: np.ndarray) -> np.ndarray:
    return np.array([len(z), z.sum(), (z * z).sum()])


def _fits(sums: np.ndarray, rows: int, least: int) -> np.ndarray:
    """Which are neither too small nor more than half of all."""
    return (sums[..., 0] >= least) & (2 * sums[..., 0] <= rows)


def _gap(sums: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """How much higher the mean is than that of the rest."""
    return sums[..., 1] / sums[..., 0] - rest[..., 1] / rest[..., 0]


def _welch(sums: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Welch's t of a higher mean, and the chance of it; the losses' variance over all rows is 1."""
    from scipy.special import stdtr

    (n, error), (m, noise) = (_squared_error(part) for part in (sums, rest))
    t = _gap(sums, rest) / np.sqrt(error + noise)
    freedom = (error + noise) ** 2 / (error**2 / np.maximum(n - 1, 1) + noise**2 / np.maximum(m - 1, 1))
    return t, stdtr(freedom, -t)


def _squared_error(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and the squared standard error of their mean."""
    n, total, squares = (sums[..., at] for at in range(3))
    return n, np.maximum((squares - total**2 / n) / np.maximum(n - 1, 1), 1.0) / n
