"""Many rows through many small trees by bit masks, in NumPy.

A tree is an integer with one bit for each leaf. Which leaves a value of one column leaves within reach is
looked up, for many trees at once, in a table with a row for each interval between the column's thresholds;
joined by AND over the columns, one bit remains of each tree. No node is walked.

Reference: Lucchese et al. (2015), "QuickScorer: a fast algorithm to rank documents with additive ensembles of
regression trees", SIGIR.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from noria.methods.trees._text import CATEGORICAL, DEFAULT_LEFT, NAN_MISSING, Trees

__all__ = ["MaskedTrees", "bit_sets"]

_ROWS, _WORDS = 2048, 64  # worked on at once, so that they stay in the cache
_BINS = 256  # small tables are joined into one of at most so many rows


_EXPONENT, _BIAS = 52, 1023  # of a float64: which bit of a word is the highest


class _Width(NamedTuple):
    """A word of so many leaves, and what it costs against others."""

    leaves: int
    word: type[np.unsignedinteger]
    cost: float


_WIDTHS = (_Width(15, np.uint16, 4), _Width(31, np.uint32, 5), _Width(63, np.uint64, 8))


class _Part(NamedTuple):
    """Some of the words.

    Attributes
    ----------
    groups : list of (list of (column, array), array)
        A table (rows, words), and by column what each of its bins adds to the number of the row. Bit 0 of a
        word is always set and stands for no leaf.
    start : array of int, (words,)
        The place of bit 0 among all values, less the bias of the exponent.
    columns : slice
        The outputs that the words' trees are of.
    output : array, (words, columns)
        One where a word is part of a tree of the output.
    """

    groups: list[tuple[list[tuple[int, np.ndarray]], np.ndarray]]
    start: np.ndarray
    columns: slice
    output: np.ndarray


class MaskedTrees:
    """A sum of trees with one value per leaf.

    Parameters
    ----------
    trees : Trees
    outputs : int
        The trees take turns among them.
    """

    def __init__(self, trees: Trees, outputs: int) -> None:
        self._trees, self._outputs = trees, outputs
        self._width = min(_WIDTHS, key=lambda width: width.cost * (-(-trees.leaves // width.leaves)).sum())
        self._sets, self._first_set = bit_sets(trees)
        self._words = -(-trees.leaves // self._width.leaves)  # of each tree; a word holds some of its leaves
        turn = np.argsort(np.arange(len(trees.leaves)) % outputs, kind="stable")  # output by output
        self._tree = np.repeat(turn, self._words[turn])  # of each word
        self._first_word = np.empty_like(self._words)
        self._first_word[turn] = np.cumsum(self._words[turn]) - self._words[turn]
        self._edges = [
            self._edges_of(np.flatnonzero(trees.feature == column))
            for column in range(trees.feature.max(initial=-1) + 1)
        ]
        self._values = self._values_of_bits()
        node, word, left, right = self._reach()
        self._parts = []
        for first in range(0, self._words.sum(), _WORDS):
            own = np.flatnonzero((word >= first) & (word < first + _WORDS))
            self._parts.append(self._part(first, node[own], word[own] - first, left[own], right[own]))

    def raw(self, X: np.ndarray) -> np.ndarray:
        """Raw scores, float64, (rows, outputs), of float32 rows."""
        total = np.zeros((len(X), self._outputs))
        kinds = (self._width.word, self._width.word, np.float64, np.float64)
        room = [np.empty(min(_ROWS, len(X)) * _WORDS, kind) for kind in kinds]
        for at in range(0, len(X), _ROWS):
            self._add(X[at : at + _ROWS], total[at : at + _ROWS], room)
        return total

    def _add(self, X: np.ndarray, total: np.ndarray, room: list[np.ndarray]) -> None:
        """Add the scores of some rows, in arrays made once: new memory costs more than the work."""
        columns = X.T.astype(np.float64, order="C")
        bins = [np.searchsorted(edges, x) + np.isnan(x) for edges, x in zip(self._edges, columns)]
        row, step = np.zeros((2, len(X)), np.int64)
        for part in self._parts:
            shape = len(X), len(part.start)
            reached, found, power, value = (r[: math.prod(shape)].reshape(shape) for r in room)
            for number, (steps, table) in enumerate(part.groups):
                for at, (column, sizes) in enumerate(steps):
                    np.take(sizes, bins[column], out=step if at else row, mode="clip")
                    if at:
                        row += step
                np.take(table, row, axis=0, out=found if number else reached, mode="clip")
                if number:
                    reached &= found
            power[:] = reached
            place = power.view(np.int64)
            place >>= _EXPONENT
            place += part.start
            np.take(self._values, place, out=value, mode="clip")
            total[:, part.columns] += value @ part.output

    def _part(
        self, first: int, node: np.ndarray, word: np.ndarray, left: np.ndarray, right: np.ndarray
    ) -> _Part:
        """The words from `first` on, of the nodes with leaves in them: which leaves lie left and right."""
        width, tree = self._width, self._tree[first : first + _WORDS]
        number = first + np.arange(len(tree))
        before = (number - self._first_word[tree]) * width.leaves
        held = np.minimum(self._trees.leaves[tree] - before, width.leaves)
        full = width.word(np.iinfo(width.word).max) >> (width.leaves - held).astype(width.word)
        tables = []
        for column in np.unique(self._trees.feature[node]).tolist():
            some = np.flatnonzero(self._trees.feature[node] == column)
            some = some[np.argsort(word[some], kind="stable")]
            edges = self._edges_of(node[some])
            lost = np.where(self._goes_left(node[some], edges), right[some], left[some])
            words, starts = np.unique(word[some], return_index=True)
            table = np.repeat(full[None], len(lost), axis=0)
            table[:, words] &= ~np.bitwise_or.reduceat(lost, starts, axis=1)
            bins = np.searchsorted(edges, [*self._edges[column], np.inf])
            tables.append(([(column, np.append(bins, len(edges) + 1))], table))
        start, output = number * (width.leaves + 1) - _BIAS, tree % self._outputs
        columns = slice(output[0], output[-1] + 1)
        whole = [([], full[None])] if not tables else _joined(tables)
        return _Part(whole, start, columns, np.eye(self._outputs)[output][:, columns])

    def _reach(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Each node once for each word of its tree: node, word, and that word's leaves left and right."""
        trees, words = self._trees, self._words
        tree = np.repeat(np.arange(len(words)), trees.leaves - 1)
        node = np.repeat(np.arange(len(tree)), words[tree])
        first = np.cumsum(words[tree]) - words[tree]
        place = np.arange(len(node)) - first[node]
        root = np.cumsum(trees.leaves - 1) - trees.leaves + 1
        sides = []
        for child in (trees.left, trees.right):
            leaf = ~np.minimum(child, -1)
            bit = self._width.word(1) << (leaf % self._width.leaves + 1).astype(self._width.word)
            here = (child < 0)[node] & ((leaf // self._width.leaves)[node] == place)
            inner = np.maximum(child, 0) + root[tree]
            below = np.where((child < 0)[node], len(node), first[inner][node] + place)
            sides.append((here * bit[node], below))
        reached = np.zeros(len(node) + 1, self._width.word)  # the last one stands below a leaf
        while True:
            left, right = (bits | reached[below] for bits, below in sides)
            if (reached[:-1] == left | right).all():
                return node, self._first_word[tree[node]] + place, left, right
            reached[:-1] = left | right

    def _values_of_bits(self) -> np.ndarray:
        """The value of each bit of each word: of bit 0 nothing, then of the leaves."""
        leaves, capacity = self._trees.leaves, self._width.leaves
        tree = np.repeat(np.arange(len(leaves)), leaves)
        leaf = np.arange(len(tree)) - (np.cumsum(leaves) - leaves)[tree]
        word = self._first_word[tree] + leaf // capacity
        values = np.zeros((self._words.sum(), capacity + 1))
        values[word, leaf % capacity + 1] = self._trees.value
        return values.ravel()

    def _edges_of(self, nodes: np.ndarray) -> np.ndarray:
        """Where the answers of nodes on one column may change: thresholds, or all codes up to the last."""
        codes = self._codes(nodes)
        if codes is None:
            return np.unique(self._trees.threshold[nodes])
        return np.arange(np.flatnonzero(codes.any(axis=0)).max(initial=-1) + 1.0)

    def _goes_left(self, nodes: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Whether values up to each edge, beyond the last and missing go left, (edges + 2, nodes)."""
        codes = self._codes(nodes)
        if codes is not None:
            return np.pad(codes[:, : len(edges)].T, ((0, 2), (0, 0)))
        threshold, decision = self._trees.threshold[nodes], self._trees.decision[nodes]
        known = np.append(edges, np.inf)[:, None] <= threshold
        missing = np.where(decision & NAN_MISSING, decision & DEFAULT_LEFT, threshold >= 0)
        return np.vstack([known, missing.astype(bool)])

    def _codes(self, nodes: np.ndarray) -> np.ndarray | None:
        """Which codes go left (nodes, codes), if the nodes' column holds codes."""
        if not (self._trees.decision[nodes] & CATEGORICAL).any():
            return None
        return self._sets[self._first_set[nodes] + self._trees.threshold[nodes].astype(np.int64)]


def bit_sets(trees: Trees) -> tuple[np.ndarray, np.ndarray]:
    """The codes that each categorical node sends left (sets, codes); by node, the first set of its tree."""
    words = np.zeros((len(trees.words), trees.words.max(initial=0)), "<u4")
    words[np.arange(words.shape[1]) < trees.words[:, None]] = trees.bits
    first = np.repeat(np.cumsum(trees.cats) - trees.cats, trees.leaves - 1)
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(bool), first


def _joined(
    tables: list[tuple[list[tuple[int, np.ndarray]], np.ndarray]],
) -> list[tuple[list[tuple[int, np.ndarray]], np.ndarray]]:
    """The same with fewer tables: small ones made into one with a row for each pair of their rows."""
    joined: list[tuple[list[tuple[int, np.ndarray]], np.ndarray]] = []
    for steps, table in sorted(tables, key=lambda pair: len(pair[1])):
        if joined and len(joined[-1][1]) * len(table) <= _BINS:
            before, other = joined.pop()
            steps = [(column, bins * len(table)) for column, bins in before] + steps
            table = (other[:, None] & table).reshape(-1, table.shape[1])
        joined.append((steps, table))
    return joined
