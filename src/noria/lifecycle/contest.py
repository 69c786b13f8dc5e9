"""Champion and challenger on the same rows, which neither has learned from."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from noria.core.protocol import Metric, Model
from noria.core.recipe import Recipe
from noria.core.result import without_nan
from noria.core.schema import Schema
from noria.core.words import number, times
from noria.data.conform import conform
from noria.lifecycle.promote import Verdict
from noria.lifecycle.slices import properties
from noria.methods.intervals import bootstrap_together, paired_difference
from noria.methods.significance import holm

__all__ = ["Contest", "Gain", "contest", "slower"]

_RESAMPLES = 400
_SLICE, _CHANCE = 50, 0.05  # rows of a slice; of calling one worse that is not
_WORSE = 0.1  # of the champion's loss on all rows: less does not matter
_TIMED, _ROUNDS = 200, 3
_SURE = 3  # times that it must be found slower: a busy machine has pauses
_QUICK = 1e-3  # seconds per row that are quick enough whatever the champion takes


@dataclass(frozen=True)
class Gain:
    """What a metric of the challenger has over the champion's, with its 95% interval; more is better.

    Attributes
    ----------
    metric : str
    champion, challenger : float
    value, low, high : float
    """

    metric: str
    champion: float
    challenger: float
    value: float
    low: float
    high: float

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read fields that JSON has no NaN in."""
        known: dict[str, Any] = {name: math.nan if value is None else value for name, value in fields.items()}
        return cls(**known)


@dataclass(frozen=True)
class Contest:
    """How a comparison ended.

    Attributes
    ----------
    rows : int
        That both were judged by.
    verdict : Verdict
    gains : tuple of Gain
        The metric that decides first.
    """

    rows: int
    verdict: Verdict
    gains: tuple[Gain, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, NaN as null."""
        return asdict(self, dict_factory=without_nan)


def contest(
    recipe: Recipe,
    metrics: Sequence[Metric],
    models: tuple[Model, Model],
    rows: pl.DataFrame,
    truth: pl.DataFrame,
) -> Contest:
    """Judge a challenger by the recipe's rule.

    It must be better by more than chance, by the paired bootstrap; meet the goals that the champion meets;
    be worse on no slice of the rows; and not take too long.

    Parameters
    ----------
    recipe : Recipe
    metrics : sequence of Metric
        The one that decides first.
    models : (champion, challenger)
    rows, truth : Table
        As callers send them; with the target, typed.
    """
    said = [model.predict(rows) for model in models]
    gains = tuple(_gains(metrics, said, truth))
    rule = recipe.promote.rule
    if rule != "better":
        return Contest(rows.height, Verdict(rule == "always", f"the recipe's rule is {rule!r}"), gains)
    inputs = models[0].signature.inputs
    objections = (
        _no_better(gains[0], recipe),
        _misses(recipe, gains),
        _worse_slice(metrics[0], said, rows, truth, inputs),
        slower(models, rows, recipe.monitor.retrain.slower),
    )
    told = _told(gains[0], rows.height)
    why = next((one for one in objections if one), None)
    return Contest(rows.height, Verdict(why is None, f"{told}; {why}" if why else told), gains)


def _gains(metrics: Sequence[Metric], said: Sequence[pl.DataFrame], truth: pl.DataFrame) -> Iterator[Gain]:
    """All from the same resamples of the same rows."""
    n = truth.height
    scorers = [metric.bind(truth, one) for metric in metrics for one in said]
    values = [float(scorer(None)) for scorer in scorers]
    for at, metric in enumerate(metrics):
        pair = scorers[2 * at : 2 * at + 2]
        (low, high) = bootstrap_together(pair, n, resamples=_RESAMPLES)[1][1]
        old, new = values[2 * at : 2 * at + 2]
        if metric.greater_is_better:
            yield Gain(metric.name, old, new, new - old, low, high)
        else:
            yield Gain(metric.name, old, new, old - new, -high, -low)


def _told(gain: Gain, rows: int) -> str:
    return (
        f"{gain.metric} {gain.challenger:.4g} against {gain.champion:.4g} on the same {times(rows, 'row')}, "
        f"a gain of {gain.value:.3g} [{gain.low:.3g}, {gain.high:.3g}]"
    )


def _no_better(gain: Gain, recipe: Recipe) -> str | None:
    if not gain.low > 0:
        return "that may be chance" if gain.value > 0 else "that is no better"
    margin = recipe.promote.margin
    return f"{number(margin)} is wanted" if gain.value < margin else None


def _misses(recipe: Recipe, gains: Sequence[Gain]) -> str | None:
    by_metric = {gain.metric: gain for gain in gains}
    for goal in recipe.goals:
        gain = by_metric.get(goal.metric)
        if gain and goal.met(gain.champion) and not goal.met(gain.challenger):
            return f"it misses the goal {goal}, which the champion meets"
    return None


def _worse_slice(
    metric: Metric, said: Sequence[pl.DataFrame], rows: pl.DataFrame, truth: pl.DataFrame, inputs: Schema
) -> str | None:
    """The slice on which the challenger is worst, if it is worse there by more than chance."""
    if metric.losses is None:
        return None
    old, new = (metric.losses(truth, one) for one in said)
    least = _WORSE * float(old.mean())
    found, chances = [], []
    known = Schema(tuple(column for column in inputs if column.name in rows.columns))
    typed = conform(rows, known)
    for worded in properties(typed, list(known)):
        for words, part in zip(worded.words, worded.property.parts):
            inside = part[worded.property.codes]
            if inside.sum() >= _SLICE:
                mean, _, _, p = paired_difference(new[inside], old[inside])
                found.append((words, int(inside.sum()), mean, float(old[inside].mean())))
                chances.append(p if mean > least else 1.0)
    if not found:
        return None
    adjusted = holm(np.array(chances))
    worst = min(range(len(found)), key=lambda at: adjusted[at])
    if not adjusted[worst] < _CHANCE:
        return None
    words, count, mean, before = found[worst]
    loss = f"a loss of {before + mean:.3g} instead of {before:.3g}"
    return f"it is worse where {words} ({times(count, 'row')}): {loss}"


def slower(models: Sequence[Model], rows: pl.DataFrame, most: float) -> str | None:
    """Whether the challenger, the second model, takes more than `most` times as long per row, in words."""
    some = rows.head(_TIMED)
    for _ in range(_SURE):
        old, new = (_seconds(model, some) for model in models)
        if new / some.height <= _QUICK or new <= most * old:
            return None
    return f"it takes {new / old:.1f} times as long per row, {number(most)} times are allowed"


def _seconds(model: Model, rows: pl.DataFrame) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        model.predict(rows)
        best = min(best, time.perf_counter() - begun)
    return best
