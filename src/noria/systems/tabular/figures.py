"""The pictures of a tabular evaluation, as data and Vega-Lite specifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from noria.core.result import Evaluation, Figure
from noria.systems.tabular.finish import Finish
from noria.systems.tabular.target import Target

__all__ = ["draw"]

_SCATTERED = 2_000


def draw(
    target: Target, truth: pl.DataFrame, predictions: pl.DataFrame, evaluation: Evaluation
) -> list[Figure]:
    """The leaderboard, and the confusion matrix or the predicted against the actual values.

    Out-of-fold predictions of classes are probabilities only; the most probable class is drawn.
    """
    if "prediction" not in predictions.columns:
        predictions = target.answers(target.matrix(predictions), Finish())
    pairs = pl.DataFrame({"actual": truth[target.name], "predicted": predictions["prediction"]})
    main = _confusion(pairs) if target.classes else _scatter(pairs)
    return [main, _leaderboard(evaluation)]


def _confusion(pairs: pl.DataFrame) -> Figure:
    pairs = pairs.with_columns(pl.all().cast(pl.String))
    counts = pairs.group_by("actual", "predicted").len("rows").sort("actual", "predicted")
    spec = _spec("rect", {
        "x": {"field": "predicted", "type": "nominal"},
        "y": {"field": "actual", "type": "nominal"},
        "color": {"field": "rows", "type": "quantitative", "scale": {"scheme": "blues"}},
    })  # fmt: skip
    return Figure("confusion", "Actual against predicted class", counts, spec)


def _scatter(pairs: pl.DataFrame) -> Figure:
    step = max(pairs.height // _SCATTERED, 1)
    spec = _spec("point", {
        "x": {"field": "actual", "type": "quantitative", "scale": {"zero": False}},
        "y": {"field": "predicted", "type": "quantitative", "scale": {"zero": False}},
    })  # fmt: skip
    return Figure("predicted", "Predicted against actual values", pairs.gather_every(step), spec)


def _leaderboard(evaluation: Evaluation) -> Figure:
    leaders = evaluation.leaderboard
    frame = pl.DataFrame(
        {"learner": [leader.learner for leader in leaders], "score": [leader.score for leader in leaders]},
        schema={"learner": pl.String, "score": pl.Float64},
    )
    spec = _spec("bar", {
        "x": {"field": "score", "type": "quantitative", "title": f"{evaluation.metric}, out of fold"},
        "y": {"field": "learner", "type": "nominal", "sort": None},
    })  # fmt: skip
    return Figure("leaderboard", "Learners compared", frame, spec)


def _spec(mark: str, encoding: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": mark, "encoding": dict(encoding)
    }  # fmt: skip
