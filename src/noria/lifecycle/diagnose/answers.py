"""What predictions say beside the truth: badly calibrated, biased, or contradicted by labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.core.recipe import validated
from noria.core.result import Evaluation
from noria.core.words import number, percent, times
from noria.errors import RecipeError
from noria.lifecycle import evaluate
from noria.lifecycle.diagnose.facts import Estimate, Facts
from noria.lifecycle.diagnose.registry import HIGH, LOW, MEDIUM, Seen, diagnostic
from noria.methods.metrics import mcc
from noria.methods.significance import calibration_gap, trend

__all__ = [
    "accuracy_misleads",
    "heavy_tail",
    "labels_contradict",
    "misled",
    "residuals_bend",
    "uncalibrated",
    "uncovered",
    "unreached",
    "weak_slices",
]

_JUDGED = 5_000
_CHANCE = 1e-3
_CALIBRATED = 100
_GAP, _LARGE_GAP, _GAP_Z = 0.04, 0.15, 4.0
_SHORT, _SURE = 0.05, 3.3
_BENT, _BENT_ROWS = 0.05, 100
_SKILL, _WRONG, _UNIFORM, _EACH = 0.7, 5, 0.5, 2
_FREQUENT = 0.8
_NOTHING = 1e-300
_TOP, _SHARE, _TAIL_ROWS = 0.01, 0.4, 200
_SQUARED = frozenset({"rmse", "r2", "rmsse", "nrmse"})
_HITS = frozenset({"accuracy"})


@diagnostic("NOR028")
def uncalibrated(facts: Facts) -> Seen | None:
    """Stated probabilities are not observed."""
    if not facts.known or not facts.classes:
        return None
    truth, predictions = facts.evidence.truth.head(_JUDGED), facts.evidence.predictions.head(_JUDGED)
    p, y = facts.probabilities(predictions), facts.truth(truth)
    if len(y) < _CALIBRATED or not np.allclose(p.sum(axis=1), 1.0, atol=1e-3):
        return None
    gap, expected, z = calibration_gap(p, y, seed=facts.seed)
    if not (z > _GAP_Z and gap - expected > _GAP):
        return None
    stated, hit = float(p.max(axis=1).mean()), float((p.argmax(axis=1) == y).mean())
    return Seen(
        HIGH if gap - expected > _LARGE_GAP else MEDIUM,
        f"The expected calibration error is {gap:.3f}, where {expected:.3f} would be chance: the most "
        f"probable class gets {percent(stated)} on average and is right in {percent(hit)} of "
        f"{times(len(y), 'row')}.",
    )


@diagnostic("NOR029")
def uncovered(facts: Facts) -> Seen | None:
    """Intervals hold another share than promised."""
    score, wanted = facts.evaluation.scores.get("coverage"), _option(facts, "coverage")
    metric = next((one for one in facts.case.system.metrics() if one.name == "coverage"), None)
    if score is None or wanted is None or metric is None or not math.isfinite(score.value):
        return None
    truth = facts.evidence.truth
    held = facts.scores.estimate(metric.bind(truth, facts.evidence.predictions), truth)
    learned = wanted * (1 - wanted) / max(facts.evidence.fold_truth.height, 1)
    chance = math.sqrt(wanted * (1 - wanted) / max(truth.height, 1))
    apart = Estimate(held.value - wanted, math.sqrt(max(held.error, chance) ** 2 + learned))
    if not (abs(apart.value) > _SHORT and abs(apart.z) > _SURE) or (facts.classes and apart.value > 0):
        return None
    return Seen(
        MEDIUM if apart.value < 0 else LOW,
        f"{percent(held.value)} of {times(truth.height, 'held-out truth')} lie inside their intervals, "
        f"{percent(wanted)} were promised.",
    )


def _option(facts: Facts, name: str) -> Any:
    """What the recipe asked of the system by this option, or its default; None if there is none."""
    try:
        options = validated(facts.case.system.options, facts.case.recipe.options, "options")
    except RecipeError:
        return None
    return getattr(options, name, None)


@diagnostic("NOR030")
def residuals_bend(facts: Facts) -> Seen | None:
    """Errors depend on the prediction or on a feature."""
    if not facts.known or not facts.numeric or facts.ordered:
        return None
    rows, predictions = facts.evidence.truth.head(_JUDGED), facts.evidence.predictions.head(_JUDGED)
    if rows.height < _BENT_ROWS:
        return None
    predicted = predictions["prediction"].cast(float).to_numpy()
    errors = facts.truth(rows) - predicted
    limit, found = _CHANCE / (1 + len(facts.columns.numbers)), []
    for name, x in [
        ("the prediction", predicted),
        *((one.name, None) for one in facts.columns.in_time(facts.columns.numbers)),
    ]:
        values = facts.columns.values(facts.schema[name], rows) if x is None else x
        share, p = trend(values, errors)
        if p < limit and share >= _BENT:
            found.append((share, name if x is not None else f"'{name}'", name if x is None else ""))
    if not found:
        return None
    share, said, _ = max(found)
    more = f", and {len(found) - 1} more do so" if len(found) > 1 else ""
    return Seen(
        MEDIUM,
        f"A curve over {said} explains {percent(share)} of the variance of the errors of "
        f"{times(rows.height, 'row')}{more}.",
        tuple(column for _, _, column in sorted(found, reverse=True) if column),
    )


@diagnostic("NOR031")
def labels_contradict(facts: Facts) -> Seen | None:
    """Labels contradict a model where it is sure."""
    if not facts.known or not facts.classes:
        return None
    predictions = facts.evidence.fold_predictions[facts.places]
    p, y = facts.probabilities(predictions), facts.y
    guess, sure = p.argmax(axis=1), p.max(axis=1)
    wrong = guess != y
    surest = np.argsort(-sure, kind="stable")[: len(y) // 2]
    among, rate = wrong[surest], float(wrong.mean())
    if among.sum() < _WRONG or not mcc(y, p) >= _SKILL or among.mean() < _UNIFORM * rate:
        return None
    labels = np.bincount(y[surest][among], minlength=len(facts.classes))
    if (labels >= _EACH).sum() < 2:
        return None
    return Seen(
        MEDIUM,
        f"Of the {len(surest):,} rows that the model is surest of ({percent(float(sure[surest].min()))} and "
        f"more), {times(int(among.sum()), 'label')} contradict it ({percent(float(among.mean()))}); of all "
        f"rows {percent(rate)} do.",
    )


@diagnostic("NOR032")
def accuracy_misleads(facts: Facts) -> Seen | None:
    """Accuracy on unequal classes."""
    if not facts.known or not facts.classes:
        return None
    counts = np.bincount(facts.truth(facts.train), minlength=len(facts.classes))
    return misled(facts.evaluation, dict(zip(facts.classes, counts.tolist())))


def misled(evaluation: Evaluation, counts: Mapping[str, int]) -> Seen | None:
    """Accuracy, where the search or a goal goes by it, of classes with so many rows each."""
    used = {evaluation.metric, *(goal.metric for goal in evaluation.goals)} & _HITS
    if not counts or not used:
        return None
    label = max(counts, key=lambda one: counts[one])
    share = counts[label] / sum(counts.values())
    if share < _FREQUENT:
        return None
    return Seen(
        MEDIUM,
        f"'{label}' is {percent(share)} of the rows: always naming it has an accuracy of {number(share)}, "
        f"the model {number(evaluation.scores['accuracy'].value)}.",
    )


@diagnostic("NOR033")
def heavy_tail(facts: Facts) -> Seen | None:
    """The target's tail is heavy and the error squared."""
    if not facts.known or not facts.numeric or facts.metric.name not in _SQUARED:
        return None
    y = facts.truth(facts.train)
    if len(y) < _TAIL_ROWS:
        return None
    middle = float(np.median(y))
    furthest = float(y[np.abs(y - middle).argmax()])
    squares = np.sort((y - middle) ** 2)[::-1]
    share = float(squares[: int(_TOP * len(y))].sum() / max(squares.sum(), _NOTHING))
    if share < _SHARE:
        return None
    return Seen(
        MEDIUM,
        f"1% of {times(len(y), 'row')} have {percent(share)} of the squared distances of '{facts.target}' "
        f"from its median ({number(middle)}; the furthest is {number(furthest)}), and the search went by "
        f"{facts.metric.name}.",
    )


@diagnostic("NOR034")
def weak_slices(facts: Facts) -> Seen | None:
    """Slices that were found."""
    slices = [one for one in facts.slices if one.surprising]
    if not slices:
        return None
    worst = slices[0]
    more = f"; {times(len(slices) - 1, 'slice')} more" if len(slices) > 1 else ""
    return Seen(
        MEDIUM,
        f"Where {worst.where} ({times(worst.rows, 'row')}), {worst.score.metric} is "
        f"{number(worst.score.value)} instead of {number(worst.rest.value)}{more}.",
    )


@diagnostic("NOR036")
def unreached(facts: Facts) -> Seen | None:
    """The chosen threshold has not the precision or the recall that was asked for."""
    rule = _option(facts, "decision")
    metric = next((one for one in facts.case.system.metrics() if one.name == getattr(rule, "by", "")), None)
    if rule is None or metric is None or rule.at_least is None:
        return None
    whole, wanted = facts.case.evidence, float(rule.at_least)
    decided = evaluate.refined(facts.tuned.model, whole.fold_predictions)
    folds = metric.bind(whole.fold_truth, decided)(None)
    truth = facts.evidence.truth
    held = facts.scores.estimate(metric.bind(truth, facts.evidence.predictions), truth)
    if not (folds < wanted or Estimate(held.value - wanted, held.error).z < -_SURE):
        return None
    return Seen(
        MEDIUM,
        f"The {metric.name} is {number(folds)} out of fold, where the threshold was chosen, and "
        f"{number(held.value)} on held-out rows; {number(wanted)} was asked for.",
    )
