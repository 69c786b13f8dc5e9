"""How good a model is, on rows that no choice has seen."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from noria.core.deadline import Deadline
from noria.core.protocol import Metric
from noria.core.result import Score
from noria.methods import intervals

__all__ = ["score"]

_RESAMPLES = 200


def score(
    predictions: pl.DataFrame, truth: pl.DataFrame, metrics: Sequence[Metric], *, budget: float, seed: int
) -> dict[str, Score]:
    """Every metric of some predictions with its 95% bootstrap interval.

    Parameters
    ----------
    predictions, truth : Table
        What a model said, and what it should have said; n rows each.
    budget : float
        Seconds that the intervals may take in all.
    """
    found = {}
    for metric in metrics:
        scorer = metric.bind(truth, predictions)
        low, high = intervals.bootstrap(
            scorer, truth.height, resamples=_RESAMPLES, seed=seed, deadline=Deadline(budget / len(metrics))
        )
        found[metric.name] = Score(metric.name, float(scorer(None)), low, high)
    return found
