"""Rankings: how good they are against graded judgements, and how several become one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["convex", "ndcg", "recall", "reciprocal_rank", "reciprocal_rank_fusion"]


def ndcg(ranking: Sequence[str], judged: Mapping[str, float], at: int = 10) -> float:
    """Normalised discounted cumulative gain of the first `at` places; the gain is the grade itself.

    Parameters
    ----------
    ranking : sequence of str
        Names, best first.
    judged : mapping of str to float
        The grade of each relevant name; all others have grade 0.

    Returns
    -------
    float
        0 to 1; NaN where nothing is relevant.

    References
    ----------
    Järvelin and Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques".

    Examples
    --------
    >>> ndcg(["b", "a"], {"a": 1}).__round__(4)
    0.6309
    """
    ideal = sorted(judged.values(), reverse=True)[:at]
    best = sum(grade / math.log2(place + 2) for place, grade in enumerate(ideal))
    found = sum(judged.get(name, 0.0) / math.log2(place + 2) for place, name in enumerate(ranking[:at]))
    return found / best if best else math.nan


def recall(ranking: Sequence[str], judged: Mapping[str, float], at: int = 10) -> float:
    """The share of the relevant names among the first `at` places; NaN where nothing is relevant.

    Examples
    --------
    >>> recall(["a", "b"], {"a": 1, "c": 1})
    0.5
    """
    relevant = {name for name, grade in judged.items() if grade > 0}
    return len(relevant.intersection(ranking[:at])) / len(relevant) if relevant else math.nan


def reciprocal_rank(ranking: Sequence[str], judged: Mapping[str, float], at: int = 10) -> float:
    """One over the place of the first relevant name, 0 beyond `at`; NaN where nothing is relevant.

    Examples
    --------
    >>> reciprocal_rank(["b", "a"], {"a": 1})
    0.5
    """
    if not any(grade > 0 for grade in judged.values()):
        return math.nan
    return next((1 / place for place, name in enumerate(ranking[:at], 1) if judged.get(name, 0.0) > 0), 0.0)


def reciprocal_rank_fusion(scores: Sequence[NDArray[np.floating]], k: float = 60.0) -> NDArray[np.float64]:
    """One score from several of the same items, (items,): the sum of 1 / (k + rank).

    An item that a score says nothing of (0 or less) gets nothing from it.

    References
    ----------
    Cormack, Clarke and Büttcher (2009), "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods".

    Examples
    --------
    >>> fused = reciprocal_rank_fusion([np.array([3.0, 2.0, 0.0]), np.array([0.1, 0.9, 0.2])])
    >>> fused.argmax()
    np.int64(1)
    """
    total = np.zeros(len(scores[0]))
    for one in scores:
        ranks = np.empty(len(one))
        ranks[np.argsort(-one, kind="stable")] = np.arange(1, len(one) + 1)
        total += np.where(one > 0, 1 / (k + ranks), 0.0)
    return total


def convex(scores: Sequence[NDArray[np.floating]], weights: Sequence[float]) -> NDArray[np.float64]:
    """The weighted sum of several scores of the same items, (items,), each divided by its highest value.

    References
    ----------
    Bruch, Gai and Ingber (2023), "An analysis of fusion functions for hybrid retrieval".

    Examples
    --------
    >>> convex([np.array([4.0, 2.0]), np.array([0.2, 0.8])], [0.5, 0.5]).tolist()
    [0.625, 0.75]
    """
    total = np.zeros(len(scores[0]))
    for one, weight in zip(scores, weights):
        highest = float(one.max()) if len(one) else 0.0
        if weight and highest > 0:
            total += weight * one / highest
    return total
