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
_PAIRED = 100  # properties that are joined into pairs
_LEAST_EFFECT = 0.2  # standard deviations of the losses; less is called small, and matters to nobody
_DOUBT = 2.0  # standard errors that are taken off an effect
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

    def rows(self, properties: Sequence[Property]) -> np.ndarray:
        """Which rows it holds, (n,) bool."""
        return np.logical_and.reduce([properties[at].rows(part) for at, part in self.parts])


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

    A slice has at least `least` rows, at most half of all, and an effect of at least 0.2. Its mean loss must
    be higher than that of all other rows by Welch's one-sided test, in which a slice's variance counts as no
    smaller than that of all rows; a pair's also than that of the rest of each of its two parts. Of the
    p-values, those count that Benjamini and Hochberg's procedure lets through, at half of `level` each for
    single candidates and for pairs.

    Single candidates come before pairs, then go by the effect that is sure (less two standard errors). Left
    out is one that is no worse without the rows of its strongest pair, shares half of its rows with one
    before it, or is no worse without the rows of all before it.

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
    joint = sorted(pairs.passed(level / 2), key=lambda one: -one[0])
    alone = sorted(singles.passed(level / 2), key=lambda one: -one[0])
    found: list[tuple[WeakSlice, np.ndarray]] = []
    for _, one in [*_unexplained(z, alone, joint, properties), *joint[:_CONSIDERED]]:
        if deadline is not None and deadline.expired:
            break
        rows = one.rows(properties)
        if _adds(z, rows, [other for _, other in found]):
            found.append((one, rows))
    return sorted((one for one, _ in found), key=lambda one: -one.effect)[:most]


def _unexplained(
    z: np.ndarray,
    alone: Sequence[tuple[float, WeakSlice]],
    joint: Sequence[tuple[float, WeakSlice]],
    properties: Sequence[Property],
) -> Iterator[tuple[float, WeakSlice]]:
    """Single candidates that are worse also without the rows of the strongest pair that they are part of."""
    strongest = {part: pair for _, pair in reversed(joint) for part in pair.parts}
    for sure, one in alone[:_CONSIDERED]:
        pair = strongest.get(one.parts[0])
        if pair is None or _worse(z, one.rows(properties), ~pair.rows(properties)):
            yield sure, one


def _adds(z: np.ndarray, inside: np.ndarray, found: Sequence[np.ndarray]) -> bool:
    """Whether a slice shares less than half with each of those found, and is worse without their rows."""
    if not found:
        return True
    if any(2 * (inside & other).sum() >= min(inside.sum(), other.sum()) for other in found):
        return False
    return _worse(z, inside, ~np.logical_or.reduce(found))


def _worse(z: np.ndarray, inside: np.ndarray, among: np.ndarray) -> bool:
    """Whether a slice is worse than the other rows, among some of all."""
    mine = inside & among
    return bool(mine.any() and _welch(_sums(z[mine]), _sums(z[among & ~inside]))[2] < _SURE)


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
    """Candidates (c,): what each consists of (c, 2 or 4), its effect, how much of it is sure, its p-value."""

    where: np.ndarray
    effect: np.ndarray
    sure: np.ndarray
    p: np.ndarray

    @classmethod
    def together(cls, parts: Iterable[_Tested]) -> _Tested:
        """All of them, of one kind."""
        known = [*parts] or [cls(np.zeros((0, 2), dtype=np.intp), *np.zeros((3, 0)))]
        return cls(*(np.concatenate(columns) for columns in zip(*known)))

    def passed(self, level: float) -> Iterator[tuple[float, WeakSlice]]:
        """Those that are significant and not small, with the effect that is sure."""
        for at in np.flatnonzero(discoveries(self.p, level) & (self.effect >= _LEAST_EFFECT)):
            parts = tuple((int(a), int(i)) for a, i in self.where[at].reshape(-1, 2))
            yield float(self.sure[at]), WeakSlice(parts, float(self.effect[at]), float(self.p[at]))


def _test(sums: np.ndarray, rest: np.ndarray, where: np.ndarray) -> _Tested:
    """Candidates against all other rows."""
    gap, error, p = _welch(sums, rest)
    return _Tested(where, gap, gap - _DOUBT * error, p)


def _single(at: int, sums: np.ndarray, rows: int, least: int) -> _Tested:
    """The candidates of one property."""
    good = np.flatnonzero(_fits(sums, rows, least))
    whole, where = np.array([rows, 0.0, rows]), np.column_stack([np.full(len(good), at), good])
    return _test(sums[good], whole - sums[good], where)


def _strongest_first(singles: _Tested, properties: Sequence[Property]) -> list[int]:
    """The properties that have pairs, by their strongest candidate."""
    strongest = np.full(len(properties), -np.inf)
    np.maximum.at(strongest, singles.where[:, 0], singles.sure)
    order = np.argsort(-strongest, kind="stable")
    return [int(at) for at in order if properties[at].paired.any()][:_PAIRED]


def _pairs(
    z: np.ndarray,
    properties: Sequence[Property],
    sums: Sequence[np.ndarray],
    order: Sequence[int],
    least: int,
    deadline: Deadline | None,
) -> Iterator[_Tested]:
    """The candidates of two properties against all other rows, and against the rest of either part.

    Each property is crossed with all before it at once: their codes stand in one row of cells.
    """
    if len(order) < 2:
        return
    paired = [np.flatnonzero(properties[at].paired) for at in order]
    widths = [properties[at].parts.shape[1] for at in order]
    starts = np.concatenate([[0], np.cumsum(widths)])
    counts = np.concatenate([[0], np.cumsum([len(part) for part in paired])])
    cells = np.zeros((counts[-1], starts[-1]))
    for at, (own, part) in enumerate(zip(order, paired)):
        cells[counts[at] : counts[at + 1], starts[at] : starts[at + 1]] = properties[own].parts[part]
    owner, part_of = np.repeat(order, np.diff(counts)), np.concatenate(paired)
    known = np.concatenate([sums[own][part] for own, part in zip(order, paired)])
    codes = np.stack([properties[own].codes + start for own, start in zip(order, starts)])
    whole = np.array([len(z), 0.0, len(z)])
    for at in range(1, len(order)):
        if deadline is not None and deadline.expired:
            return
        mine, before, width = slice(counts[at], counts[at + 1]), slice(counts[at]), starts[at]
        crossed = (codes[at] - width) * width + codes[:at]
        table = _table(np.broadcast_to(z, crossed.shape).ravel(), crossed.ravel(), widths[at] * width)
        rows = cells[mine, width : starts[at + 1]]
        both = np.stack(
            [rows @ part.reshape(widths[at], width) @ cells[before, :width].T for part in table.T], axis=2
        )
        alone = known[mine][:, None] - both, known[before][None] - both
        good = _fits(both, len(z), least) & (alone[0][..., 0] >= least / 2) & (alone[1][..., 0] >= least / 2)
        x, y = np.nonzero(good)
        made = _test(both[good], whole - both[good], np.column_stack(
            [owner[mine][x], part_of[mine][x], owner[before][y], part_of[before][y]]
        ))  # fmt: skip
        p = np.maximum.reduce([made.p, *(_welch(both[good], other[good])[2] for other in alone)])
        yield made._replace(p=p)


def _table(z: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """Rows, sum and sum of squares by code, (count, 3)."""
    return np.stack([np.bincount(codes, weight, count) for weight in (None, z, z * z)], axis=1)


def _sums(z: np.ndarray) -> np.ndarray:
    return np.array([len(z), z.sum(), (z * z).sum()])


def _fits(sums: np.ndarray, rows: int, least: int) -> np.ndarray:
    """Which are neither too small nor more than half of all."""
    return (sums[..., 0] >= least) & (2 * sums[..., 0] <= rows)


def _welch(sums: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much higher the mean is, its standard error, and Welch's p-value; all losses' variance is 1."""
    from scipy.special import stdtr

    (n, mean, error), (m, other, noise) = (_moments(part) for part in (sums, rest))
    gap, both = mean - other, error + noise
    freedom = both**2 / (error**2 / np.maximum(n - 1, 1) + noise**2 / np.maximum(m - 1, 1))
    return gap, np.sqrt(both), stdtr(freedom, -gap / np.sqrt(both))


def _moments(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, mean, and the mean's squared standard error."""
    n, total, squares = (sums[..., at] for at in range(3))
    variance = (squares - total**2 / n) / np.maximum(n - 1, 1)
    return n, total / n, np.maximum(variance, 1.0) / n
