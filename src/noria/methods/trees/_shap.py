"""SHAP values of trees, exact, for many rows and nodes at a time in NumPy.

A leaf of value v is worth ``v * prod(o)`` to a coalition that knows which conditions the row meets (o, 0 or
1), and ``v * prod(z)`` to one that knows nothing (z, the share of the training rows that met them). The
Shapley value of feature i is an integral of a polynomial,

    v * (o_i - z_i) * integral over t in [0, 1] of prod over j != i of ((1 - t) z_j + t o_j),

which Gauss and Legendre's rule gives exactly with half as many points as the path has features. At one point
all leaves of all trees take two sweeps over the levels: products on the way down, sums on the way up.
No term is negative but the first factor, so nothing cancels.

Reference: Lundberg et al. (2020), "From local explanations to global understanding with explainable AI for
trees", Nature Machine Intelligence 2 (the values); Yu et al. (2022), "Linear TreeShap", NeurIPS (products
that the leaves below a node share).
"""

from __future__ import annotations

import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from noria.core.deadline import Deadline
from noria.methods.trees._masks import bit_sets
from noria.methods.trees._text import CATEGORICAL, DEFAULT_LEFT, NAN_MISSING, ZERO_MISSING, Trees

__all__ = ["TreeShap"]

_EDGES = 2048  # of trees that are swept together
_CELLS = 1 << 17  # of an array that the cache holds
_FEW = 1 << 15  # that are not worth a second thread
_SAME = 1e-6
_ZERO = 1e-35  # LightGBM takes anything smaller for zero


@dataclass(frozen=True)
class _Part:
    """Some trees, as edges from a node to each of its two children, level by level, siblings together.

    Attributes
    ----------
    node : array of int, (edges / 2,)
        The inner node that each pair of siblings hangs from.
    level : list of int, (levels + 1,)
        Where the edges of each level begin.
    inner : list of arrays of int
        For each level but the first, the edges that its pairs of siblings hang from.
    before : array of int, (edges,)
        The next edge above whose node asks for the same feature; -1 if there is none.
    again : list of arrays of int
        For each level, its edges that have one.
    value : array, (edges, 1, 1)
        Of the leaf at the lower end; 0 if there is none.
    step, slope : arrays, (3 * edges, points)
        For each edge three cases: the row met neither this condition nor an earlier one on the feature, an
        earlier one only, or both. `step` is what the product changes by, `slope` the change of
        ``(o - z) / ((1 - t) z + t o)``.
    weight : array, (points,)
        Of the points of the rule.
    total : sparse array, (columns, edges)
        Adds edges up by output and feature.
    """

    node: np.ndarray
    level: list[int]
    inner: list[np.ndarray]
    before: np.ndarray
    again: list[np.ndarray]
    value: np.ndarray
    step: np.ndarray
    slope: np.ndarray
    weight: np.ndarray
    total: csr_array


class TreeShap:
    """Path-dependent SHAP values of a sum of trees.

    Parameters
    ----------
    trees : Trees
    values : array, (leaves, K)
        Of the leaves; K > 1 where a leaf has a value for each output.
    features : int
    outputs : int
        The trees take turns among them; 1 if K > 1.
    """

    def __init__(self, trees: Trees, values: np.ndarray, *, features: int, outputs: int) -> None:
        self._trees, self._features, self._turns = trees, features, outputs
        self.outputs = outputs * values.shape[1]
        self._sets, self._first_set = bit_sets(trees)
        nodes, leaves = trees.leaves - 1, trees.leaves
        tree = np.repeat(np.arange(len(nodes)), nodes)
        self._root, first_leaf = np.cumsum(nodes) - nodes, np.cumsum(leaves) - leaves
        self._inner = len(trees.left)
        child = np.stack([trees.left, trees.right], axis=1)
        leaf = ~np.minimum(child, -1) + first_leaf[tree, None] + self._inner
        self._children = np.where(child < 0, leaf, child + self._root[tree, None])
        self._cover = np.concatenate([np.zeros(self._inner), np.maximum(trees.leaf_count, 1)])
        self._low = np.concatenate([np.zeros((self._inner, values.shape[1])), values])
        self._high = self._low.copy()
        self._sum_up(self._root[nodes > 0])
        sums = np.add.reduceat(self._cover[self._inner :, None] * values, first_leaf)
        means = sums / np.add.reduceat(self._cover[self._inner :], first_leaf)[:, None]
        self.base = means.reshape(-1, outputs, values.shape[1]).sum(axis=0).ravel()
        splits = self._low < self._high
        self._shares = values.shape[1] > 1 and bool(np.ptp(values.sum(axis=1)) < _SAME)
        self._parts = []
        for k in range(values.shape[1] - self._shares):  # shares sum to one: the last is what the others lack
            sizes = np.bincount(tree[splits[: self._inner, k]], minlength=len(nodes))
            some = np.flatnonzero(sizes)
            ends = np.flatnonzero(np.diff(np.cumsum(2 * sizes[some]) // _EDGES)) + 1
            self._parts += [
                self._part(group, splits[:, k], k) for group in np.split(some, ends) if len(group)
            ]
        self._edges = max((len(part.before) for part in self._parts), default=1)
        self._room = max((len(part.before) * len(part.weight) for part in self._parts), default=1)

    def __call__(self, X: np.ndarray, deadline: Deadline | None = None) -> np.ndarray:
        """What each feature, and last the base, adds to each raw score of float32 rows.

        Returns
        -------
        array, (rows, features + 1, outputs)

        Raises
        ------
        OutOfTime
            If the deadline passes.
        """
        result = np.empty((len(X), self._features + 1, self.outputs))
        result[:, -1] = self.base
        least = _FEW // sum(len(part.before) for part in self._parts) if self._parts else len(X)
        size = max(1, min(_CELLS // self._edges, max(-(-len(X) // _cores()), least)))
        chunks = [slice(at, at + size) for at in range(0, len(X), size)]

        def work(turn: int) -> None:
            room = [np.empty(self._room * size) for _ in range(3)]
            for chunk in chunks[turn :: _cores()]:
                if deadline is not None:
                    deadline.check()
                result[chunk, :-1] = self._rows(X[chunk], room)

        if len(chunks) > 1:
            with ThreadPoolExecutor(_cores()) as pool:
                list(pool.map(work, range(_cores())))
        else:
            work(0)
        if self._shares:
            result[:, :-1, -1] = -result[:, :-1, :-1].sum(axis=2)
        return result

    def _rows(self, X: np.ndarray, room: list[np.ndarray]) -> np.ndarray:
        """The values of a few rows, (rows, features, outputs)."""
        columns = np.ascontiguousarray(X.T, dtype=np.float64)
        total = np.zeros((self.outputs * self._features, len(X)))
        for part in self._parts:
            left = self._goes_left(part.node, columns)
            met = np.stack([left, ~left], axis=1).reshape(-1, len(X))
            self._sweep(part, met, total, room)
        return total.reshape(self.outputs, self._features, len(X)).T

    def _sweep(self, part: _Part, met: np.ndarray, total: np.ndarray, room: list[np.ndarray]) -> None:
        """Add the values of some trees, given which conditions each row meets, (edges, rows).

        It works in arrays made once: new memory costs more than the work.
        """
        case, shape = self._cases(part, met), (*met.shape, len(part.weight))
        product, slope, below = (array[: math.prod(shape)].reshape(shape) for array in room)
        part.step.take(case, axis=0, out=product, mode="clip")
        part.slope.take(case, axis=0, out=slope, mode="clip")
        levels = list(zip(part.level[1:], part.level[2:], part.inner))
        for first, last, above in levels:
            product[first:last].reshape(-1, 2, *shape[1:])[:] *= product[above][:, None]
        np.multiply(product, part.value, out=below)
        for first, last, above in reversed(levels):
            below[above] = below[first:last:2] + below[first + 1 : last : 2]
        below *= slope
        total += part.total @ (below @ part.weight)

    @staticmethod
    def _cases(part: _Part, met: np.ndarray) -> np.ndarray:
        """Which line of `step` and `slope` is that of each edge and row."""
        earlier = np.ones_like(met)
        for some in part.again:
            earlier[some] = met[part.before[some]]
            met[some] &= earlier[some]
        return 3 * np.arange(len(met))[:, None] + (earlier.view(np.int8) + met.view(np.int8))

    def _goes_left(self, node: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Which rows, given by columns, meet the conditions of some nodes, (nodes, rows)."""
        trees = self._trees
        x, decision = columns[trees.feature[node]], trees.decision[node][:, None]
        absent = np.isnan(x)
        if (decision & ZERO_MISSING).any():
            absent |= (np.abs(x) <= _ZERO) & (decision & ZERO_MISSING > 0)
        threshold = trees.threshold[node][:, None]
        default = np.where(
            decision & (NAN_MISSING | ZERO_MISSING), decision & DEFAULT_LEFT > 0, threshold >= 0
        )
        left = np.where(absent, default, x <= threshold)
        some = np.flatnonzero(decision & CATEGORICAL)
        if len(some):
            sets = self._sets[self._first_set[node[some]] + threshold[some, 0].astype(np.int64)]
            known = (x[some] >= 0) & (x[some] < sets.shape[1])
            codes = np.where(known, x[some], 0).astype(np.int64)
            left[some] = known & np.take_along_axis(sets, codes, axis=1)
        return left

    def _sum_up(self, level: np.ndarray) -> None:
        """What is below the inner nodes from a level on: training rows, smallest and largest values."""
        if len(level):
            children = self._children[level]
            self._sum_up(children[children < self._inner])
            self._cover[level] = self._cover[children].sum(axis=1)
            self._low[level] = self._low[children].min(axis=1)
            self._high[level] = self._high[children].max(axis=1)

    def _part(self, some: np.ndarray, splits: np.ndarray, k: int) -> _Part:
        """Some trees as they are for the value k: cut off where it is the same in all leaves below."""
        node, turn, above, levels = self._root[some], k + some % self._turns, np.full(len(some), -1), [0]
        nodes, turns, ups, inner = [], [], [], []
        while len(node):
            nodes.append(node)
            turns.append(turn)
            ups.append(np.repeat(above, 2))
            children = self._children[node].ravel()
            deeper = np.flatnonzero(splits[children])
            node, turn, above = children[deeper], np.repeat(turn, 2)[deeper], levels[-1] + deeper
            inner.append(above)
            levels.append(levels[-1] + len(children))
        node, up = np.concatenate(nodes), np.concatenate(ups)
        child = self._children[node].ravel()
        feature = np.repeat(self._trees.feature[node], 2)
        before, depth = _before(feature, up, levels)
        share = self._cover[child] / np.repeat(self._cover[node], 2)
        step, slope, weight = _tables(share, before, levels, -(-int(depth.max()) // 2))
        place = np.repeat(np.concatenate(turns), 2) * self._features + feature
        shape = self.outputs * self._features, len(child)
        total = csr_array((np.ones(len(child)), (place, np.arange(len(child)))), shape)
        again = [first + np.flatnonzero(before[first:last] >= 0) for first, last in pairwise(levels)]
        value = np.where(splits[child], 0.0, self._low[child, k])[:, None, None]
        return _Part(node, levels, inner, before, again, value, step, slope, weight, total)


def _before(feature: np.ndarray, up: np.ndarray, levels: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The next edge above on the same feature, or -1, and how many features the path down to here has."""
    before = up.copy()
    while True:
        other = np.flatnonzero((before >= 0) & (feature[before] != feature))
        if not len(other):
            break
        before[other] = up[before[other]]
    depth = (before < 0).astype(np.int64)
    for first, last in pairwise(levels[1:]):
        depth[first:last] += depth[up[first:last]]
    return before, depth


def _tables(
    share: np.ndarray, before: np.ndarray, levels: list[int], points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`step`, `slope` and `weight` of a part at each point of the rule."""
    z, again = share.copy(), before >= 0
    for first, last in pairwise(levels[1:]):
        z[first:last] *= np.where(again[first:last], z[before[first:last]], 1.0)
    earlier = np.where(again, z[before], 1.0)
    at, weight = _rule(points)
    t = (at + 1) / 2
    z, earlier = z[:, None], earlier[:, None]
    old, now = (1 - t) * earlier + t, (1 - t) * z + t
    was = (1 - earlier) / old
    # Met neither: the product shrinks by the share, and the slope is the same as before.
    step = np.stack([np.broadcast_to(share[:, None], now.shape), (1 - t) * z / old, now / old], axis=1)
    slope = np.stack([np.zeros_like(now), -1 / (1 - t) - was, (1 - z) / now - was], axis=1)
    return step.reshape(-1, points), slope.reshape(-1, points), weight / 2


@functools.cache
def _rule(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss and Legendre's points and weights on [-1, 1]."""
    return np.polynomial.legendre.leggauss(points)


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))
