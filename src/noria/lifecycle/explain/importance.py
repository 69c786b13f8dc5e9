"""Permutation importance: how much worse a score becomes when a column's values are shuffled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.insight import Importance
from noria.core.protocol import Metric
from noria.core.schema import Column, Type
from noria.lifecycle.explain.view import View

__all__ = ["Permuted", "permute", "related", "sensitivity"]

_ROWS = 2_000
_FEWEST = 100  # rows to shuffle rather than leave a column out
_WISHED, _REPEATS = 4, 10
_BATCH = 8_192  # rows predicted at once
_RESAMPLES = 25  # of the rows, for each repeat
_LIKE = 0.8  # rank correlation from which columns stand in for each other
_COMPARED = 60  # columns, for their correlations
_BINS = 10
_RANKED = (Type.NUMBER, Type.BOOLEAN, Type.DATETIME)


@dataclass(frozen=True)
class Permuted:
    """What shuffling showed.

    Attributes
    ----------
    importance : tuple of Importance
        Most important first.
    together : tuple of Importance
        Of columns that stand in for each other, shuffled together; their names are joined by `` + ``.
    rows : int
        That were predicted.
    left_out : int
        Columns that there was no time for.
    """

    importance: tuple[Importance, ...]
    together: tuple[Importance, ...] = ()
    rows: int = 0
    left_out: int = 0


def permute(view: View, metric: Metric, *, deadline: Deadline, seed: int = 0) -> Permuted:
    """Shuffle the features one by one and see what the model's score loses.

    A shuffled column keeps its distribution and loses its relation to everything else. That takes in what the
    column does together with others. Where columns say the same, each may look unimportant, so those whose
    ranks correlate by more than 0.8 are shuffled together too. The interval is that over repeated shuffles,
    each judged on resamples of the rows. Nothing is found where the metric is not defined on the rows, as a
    ranking of one class.

    Parameters
    ----------
    view : View
        Rows with the target.
    metric : Metric
    deadline : Deadline
        Repeats end with it. The columns whose values tell most of the predictions are shuffled first; those
        that not even one shuffle was left for are left out.

    References
    ----------
    Breiman (2001), "Random forests"; Fisher, Rudin and Dominici (2019), "All models are wrong, but many are
    useful".
    """
    groups: list[tuple[Column, ...]] = [(column,) for column in view.columns]
    if not groups or not view.rows.height:
        return Permuted(())
    view = _affordable(view, len(groups), deadline, seed)
    groups = [groups[at] for at in np.argsort(-sensitivity(view, deadline), kind="stable")]
    chosen = len(groups)
    groups += related(view, [group[0] for group in groups])
    found = _shuffled(view, metric, groups, deadline, seed)
    scored = [_score(group, gains) for group, gains in zip(groups, found) if gains]
    ranked = sorted(scored[:chosen], key=lambda one: -one.value)
    return Permuted(tuple(ranked), tuple(scored[chosen:]), view.rows.height, len(view.columns) - len(ranked))


def sensitivity(view: View, deadline: Deadline) -> np.ndarray:
    """How much of the predictions' variance lies between the bins or levels of each feature, 0 to 1.

    Cheap, for it needs one prediction of the rows; those of columns after the deadline are 0.
    """
    values = view.values(view.rows)
    values = values - values.mean(axis=0)
    total = float((values**2).sum()) or 1.0
    shares = np.zeros(len(view.columns))
    for at, column in enumerate(view.columns):
        if deadline.expired:
            break
        _, codes = np.unique(_codes(column, view.rows[column.name]), return_inverse=True)
        counts = np.bincount(codes)
        sums = np.stack([np.bincount(codes, weights=one) for one in values.T])
        shares[at] = float((sums**2 / counts).sum()) / total if len(counts) < len(codes) / 2 else 0.0
    return shares


def related(view: View, columns: Sequence[Column]) -> list[tuple[Column, ...]]:
    """Groups of columns whose ranks correlate so much that one can stand in for another."""
    ranked = [column for column in columns if column.type in _RANKED][:_COMPARED]
    if len(ranked) < 2 or view.rows.height < _BINS:
        return []
    ranks = np.stack([_ranks(view.rows[column.name]) for column in ranked])
    spread = ranks.std(axis=1, keepdims=True)
    ranks = (ranks - ranks.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, np.inf)
    alike = np.abs(ranks @ ranks.T) / ranks.shape[1] > _LIKE
    group = np.arange(len(ranked))
    for a, b in combinations(range(len(ranked)), 2):
        if alike[a, b]:
            group[group == group[b]] = group[a]
    parts = [[ranked[at] for at in np.flatnonzero(group == one)] for one in np.unique(group)]
    return [tuple(part) for part in parts if len(part) > 1]


def _affordable(view: View, count: int, deadline: Deadline, seed: int) -> View:
    """As many of the rows as leave time for a few shuffles of each column."""
    rows = deadline.remaining / (_WISHED * count * view.costs[1])
    return view.sample(int(np.clip(rows, _FEWEST, _ROWS)), seed)


def _shuffled(
    view: View, metric: Metric, groups: Sequence[tuple[Column, ...]], deadline: Deadline, seed: int
) -> list[list[float]]:
    """For each group its losses: on all rows and on resamples, repeat by repeat; empty if out of time."""
    rng = np.random.default_rng(seed)
    sign = 1.0 if metric.greater_is_better else -1.0
    before = metric.bind(view.rows, view.model.predict(view.rows))
    count = view.rows.height
    found: list[list[float]] = [[] for _ in groups]
    batch = max(1, int(min(_BATCH, 0.25 * deadline.remaining / view.costs[1]) // count))
    for _ in range(_REPEATS):
        samples = [None, *(rng.integers(0, count, count) for _ in range(_RESAMPLES))]
        scores = [before(rows) for rows in samples]
        for first in range(0, len(groups), batch):
            if deadline.expired or math.isnan(scores[0]):
                return found
            part = groups[first : first + batch]
            orders = [rng.permutation(count) for _ in part]
            mixed = pl.concat([_mixed(view.rows, group, order) for group, order in zip(part, orders)])
            predicted = view.model.predict(mixed)
            for at, gains in enumerate(found[first : first + batch]):
                after = metric.bind(view.rows, predicted[at * count : (at + 1) * count])
                gains += [sign * (score - after(rows)) for score, rows in zip(scores, samples)]
    return found


def _mixed(rows: pl.DataFrame, group: tuple[Column, ...], order: np.ndarray) -> pl.DataFrame:
    return rows.with_columns(rows[column.name].gather(order) for column in group)


def _score(group: tuple[Column, ...], gains: Sequence[float]) -> Importance:
    """The mean loss, and the interval of the resampled ones."""
    each = np.array(gains).reshape(-1, 1 + _RESAMPLES)
    value = float(each[:, 0].mean())
    low, high = (float(bound) for bound in np.nanquantile(each[:, 1:], [0.025, 0.975]))
    return Importance(" + ".join(column.name for column in group), value, min(low, value), max(high, value))


def _ranks(values: pl.Series) -> np.ndarray:
    """Ranks as numbers, missing ones in the middle."""
    ranks = values.rank().cast(pl.Float64)
    return ranks.fill_null(ranks.mean() or 0.0).to_numpy()


def _codes(column: Column, values: pl.Series) -> np.ndarray:
    """The bin of each number, the level of anything else; -1 where it is missing."""
    if column.type in _RANKED:
        ranks = values.rank("dense").cast(pl.Float64)
        top = float(ranks.max() or 1.0)  # type: ignore[arg-type]
        return (ranks * _BINS / (top + 1)).floor().fill_null(-1).to_numpy()
    return values.cast(pl.String).cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
