"""How good a model is, on rows that no choice has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.protocol import Metric, Model, Refines
from noria.core.result import Score
from noria.methods import intervals

__all__ = ["refined", "score"]

_RESAMPLES = 200
_SAME = 1e-12


def refined(model: Model, predictions: pl.DataFrame) -> pl.DataFrame:
    """What the parts of a model predicted out of fold, as the model itself would have answered."""
    return model.refined(predictions) if isinstance(model, Refines) else predictions


def score(
    predictions: pl.DataFrame, truth: pl.DataFrame, metrics: Sequence[Metric], *, budget: float, seed: int
) -> dict[str, Score]:
    """Every metric of some predictions with its 95% interval: by the bootstrap, of a share Wilson's.

    The bootstrap would call a share certain where all rows are right. Of a metric that resamples bend to one
    side, as R2 of a constant, the interval is widened to its value.

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
        value, hits = float(scorer(None)), _hits(metric, truth, predictions)
        if hits is not None and abs(hits.mean() - value) < _SAME:
            low, high = intervals.wilson(hits)
        else:
            low, high = intervals.bootstrap(
                scorer,
                truth.height,
                resamples=_RESAMPLES,
                seed=seed,
                deadline=Deadline(budget / len(metrics)),
            )
            low, high = min(low, value), max(high, value)
        found[metric.name] = Score(metric.name, value, low, high)
    return found


def _hits(metric: Metric, truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray | None:
    """Which of the known rows are right, (n,) of 0 and 1, where a row can only be right or wrong."""
    if metric.losses is None or not truth.height:
        return None
    losses = metric.losses(truth, predictions)
    losses = losses[~np.isnan(losses)]
    return 1.0 - losses if len(losses) and np.isin(losses, (0.0, 1.0)).all() else None
