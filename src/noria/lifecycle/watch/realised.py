"""How good a version was on rows whose truth was told."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from noria.core import artifact, registry
from noria.core.protocol import Metric, System, Task
from noria.core.recipe import Recipe, validated
from noria.core.result import Score
from noria.core.schema import Schema
from noria.core.watch import Realised
from noria.core.words import quoted, times
from noria.data.conform import conform
from noria.errors import ColumnError
from noria.lifecycle.evaluate import score
from noria.lifecycle.watch.window import Labelled, Logged, table
from noria.methods.intervals import share_interval

__all__ = ["FEWEST", "beside", "realised", "shares", "system_of", "truth_of", "worse"]

FEWEST = 30
"""Rows with a label that are enough to judge by."""
_SECONDS = 5.0


def system_of(folder: Path, recipe: Recipe, task: str, schema: Schema) -> System:
    """The system that made the model of a run."""
    kind = registry.system(artifact.read_manifest(folder / "model")["system"])
    return kind(schema, Task(task), validated(kind.options, recipe.options, "options"))


def realised(
    system: System, schema: Schema, classes: Sequence[str], known: Labelled, then: Mapping[str, Score]
) -> tuple[tuple[Realised, ...], list[str]]:
    """Every metric of the labelled rows beside what it was when the model was judged, and notes.

    Parameters
    ----------
    system : System
    schema : Schema
        With the target.
    classes : sequence of str
        That the model knows; none if it predicts numbers.
    known : Labelled
    then : mapping of str to Score
    """
    try:
        truth, at, notes = truth_of(schema, classes, known.labels)
    except ColumnError as error:
        return (), [f"The labels cannot be read: {error.what}"]
    if len(at) < FEWEST:
        few = f"{times(len(at), 'row')} of this window have a label; {FEWEST} are enough to judge by."
        return (), [*notes, few]
    truth, predictions = beside(truth, table(known.inputs)[at]), table(known.outputs)[at]
    scores = score(predictions, truth, system.metrics(), budget=_SECONDS, seed=0)
    found = (
        Realised(
            scores[metric.name], then[metric.name], worse(metric, scores[metric.name], then[metric.name])
        )
        for metric in system.metrics()
        if metric.name in then and not math.isnan(scores[metric.name].value)
    )
    return tuple(found), notes


def shares(logged: Logged) -> tuple[tuple[Score, ...], Logged]:
    """Which questions were not answered, which thumbs point up, and the log without the thumbs."""
    import numpy as np

    thumbs = [isinstance(label, bool) for label in logged.known.labels]
    ups = sum(label is True for label in logged.known.labels)
    counts = {"unanswered": (logged.unanswered, logged.answers), "helpful": (ups, sum(thumbs))}
    found = []
    for name, (hits, tries) in counts.items():
        if tries:
            (low,), (high,) = share_interval(np.array([hits]), np.array([tries]))
            found.append(Score(name, hits / tries, float(low), float(high)))
    kept = [[one for one, thumb in zip(part, thumbs) if not thumb] for part in logged.known]
    return tuple(found), replace(logged, known=Labelled(*kept))


def truth_of(
    schema: Schema, classes: Sequence[str], labels: Sequence[Any]
) -> tuple[pl.DataFrame, pl.Series, list[str]]:
    """The labels as the target column, the place of each, and notes; those that are none are left out.

    Raises
    ------
    ColumnError
        If none can be read as what the target is.
    """
    target = schema.target
    if target is None:
        raise ColumnError("The model has no target.")
    texts = [label if isinstance(label, str) or label is None else json.dumps(label) for label in labels]
    raw = pl.DataFrame({target.name: pl.Series(texts, dtype=pl.String)})
    typed = conform(raw, Schema((target,)))
    known = typed[target.name].is_not_null()
    notes: list[str] = []
    if classes:
        strange = known & ~typed[target.name].cast(pl.String).is_in(list(classes))
        if strange.any():
            named = quoted(str(typed[target.name].filter(strange)[0]))
            told = times(int(strange.sum()), "label")
            notes.append(f"{told} name a class that the model does not know, such as {named}.")
        known &= ~strange
    return typed.filter(known), known.arg_true(), notes


def beside(truth: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The truth of rows with what was asked there: some metrics read both.

    Examples
    --------
    >>> beside(pl.DataFrame({"y": [2.0]}), pl.DataFrame({"x": [4]})).rows(named=True)
    [{'y': 2.0, 'x': 4}]
    """
    return truth.hstack(rows.drop(truth.columns, strict=False))


def worse(metric: Metric, now: Score, then: Score) -> bool:
    """Whether a metric is worse by more than the chance of both samples."""
    gap = then.value - now.value if metric.greater_is_better else now.value - then.value
    halves = [(one.high - one.low) / 2 for one in (now, then)]
    return bool(gap > math.hypot(*(0.0 if math.isnan(half) else half for half in halves)))
