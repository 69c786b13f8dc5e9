"""Measures in words: what they are called, what they say, and whether a score is good enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noria.core.result import Evaluation, Goal, Score
from noria.pages.units import interval, number

__all__ = ["Verdict", "against", "direction", "goal_text", "listed", "measure", "plainly", "verdict"]

_NAMES = {
    "average_precision": "average precision",
    "brier": "Brier score",
    "f1": "F1",
    "mae": "mean absolute error",
    "mape": "mean percentage error",
    "mase": "relative error (MASE)",
    "mcc": "Matthews correlation",
    "nrmse": "typical error in percent (NRMSE)",
    "pinball": "quantile loss",
    "r2": "R²",
    "rmse": "typical error (RMSE)",
    "rmsle": "logarithmic error (RMSLE)",
    "rmsse": "relative squared error (RMSSE)",
    "roc_auc": "ROC AUC",
    "smape": "symmetric percentage error (sMAPE)",
}
_PLAIN: dict[str, Callable[[str, str], str]] = {
    "accuracy": lambda _, share: f"{share} of the rows get the right class",
    "average_precision": lambda _, share: f"warnings are right {share} of the time, over all thresholds",
    "balanced_accuracy": lambda _, share: f"{share} of each class are found, on average",
    "coverage": lambda _, share: f"{share} of the true values lie where the model says they lie",
    "mae": lambda value, _: f"a prediction is off by {value} on average",
    "mape": lambda _, share: f"a prediction is off by {share} of the true value on average",
    "mase": lambda _, share: f"the error is {share} of that of repeating the last season",
    "median_absolute_error": lambda value, _: f"half of the predictions are off by less than {value}",
    "nrmse": lambda value, _: f"a prediction is typically off by {value}% of the usual value",
    "precision": lambda _, share: f"{share} of the cases it names are real",
    "r2": lambda _, share: f"it explains {share} of the differences between rows",
    "recall": lambda _, share: f"{share} of the real cases are found",
    "rmse": lambda value, _: f"a prediction is typically off by {value}",
    "roc_auc": lambda _, share: f"of a case and a non-case, it ranks the case higher {share} of the time",
    "smape": lambda value, _: f"a prediction is off by about {value}%",
}
_WITHOUT = ("coverage",)  # more than was promised is no better
_COMPARE = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def measure(name: str) -> str:
    """What people call a metric.

    Examples
    --------
    >>> measure("roc_auc"), measure("balanced_accuracy")
    ('ROC AUC', 'balanced accuracy')
    """
    return _NAMES.get(name, name.replace("_", " "))


def plainly(score: Score) -> str:
    """A score in a sentence for people who do not know the metric; empty where there is none.

    Examples
    --------
    >>> plainly(Score("accuracy", 0.8441))
    '84.4% of the rows get the right class'
    >>> plainly(Score("mcc", 0.5))
    ''
    """
    say = _PLAIN.get(score.metric)
    if say is None or math.isnan(score.value):
        return ""
    return say(number(score.value), f"{score.value:.1%}")


def goal_text(goal: Goal) -> str:
    """A goal in words.

    Examples
    --------
    >>> goal_text(Goal.parse("roc_auc", ">= 0.8"))
    'ROC AUC of at least 0.8'
    """
    return f"{measure(goal.metric)} of {_COMPARE[goal.compare]} {goal.value:g}"


def listed(words: Sequence[str], most: int = 6) -> str:
    """Words joined as in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], most=2)
    ('a, b and c', 'a, b and 2 more')
    """
    shown = [*words[:most], f"{len(words) - most:,} more"] if len(words) > most + 1 else list(words)
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


@dataclass(frozen=True)
class Verdict:
    """Whether a model is good enough.

    Attributes
    ----------
    kind : str
        ``met``, ``missed`` or ``open``.
    title, text : str
    """

    kind: str
    title: str
    text: str


def verdict(evaluation: Evaluation, greater: bool | None = None) -> Verdict:
    """Whether the goals are met, and how sure that is; without goals, whether the baseline is beaten.

    Parameters
    ----------
    evaluation : Evaluation
    greater : bool, optional
        Whether more of the search metric is better, if that is known.

    Examples
    --------
    >>> scores = {"accuracy": Score("accuracy", 0.8, 0.75, 0.85)}
    >>> goal = Goal.parse("accuracy", ">= 0.78")
    >>> found = verdict(Evaluation(100, "at random", "accuracy", scores, goals=(goal,)))
    >>> found.title, found.text
    ('Goal met, narrowly', 'From 0.7500 to 0.8500: with other rows, accuracy could miss 0.78.')
    """
    if not evaluation.goals:
        return _against_baseline(evaluation, greater)
    goals = [(goal, evaluation.scores[goal.metric]) for goal in evaluation.goals]
    missed = [pair for pair in goals if not pair[0].met(pair[1].value)]
    unsure = [pair for pair in missed or goals if _crosses(*pair)]
    many = "Goals" if len(goals) > 1 else "Goal"
    title = f"{many} {'missed' if missed else 'met'}{', narrowly' if unsure else ''}"
    if unsure:
        text = " ".join(_unsure(goal, score, bool(missed)) for goal, score in unsure)
    elif missed:
        text = "Even the better end of the interval does not reach it."
    elif any(math.isnan(score.low) for _, score in goals):
        text = "How far chance may have helped is not known: there is no interval."
    else:
        text = "Even the worse end of the interval reaches it."
    return Verdict("missed" if missed else "met", title, text)


def direction(metric: str, measures: Mapping[str, Any]) -> bool | None:
    """Whether more of a metric is better, by what a run says of its measures; None if neither is, or unknown.

    Examples
    --------
    >>> known = {"accuracy": {"greater_is_better": True}, "coverage": {"greater_is_better": True}}
    >>> direction("accuracy", known), direction("coverage", known), direction("cost", known)
    (True, None, None)
    """
    return None if metric in _WITHOUT else measures.get(metric, {}).get("greater_is_better")


def against(score: Score, other: Score, greater: bool | None = None) -> str:
    """How a score stands to another one that was measured on the same rows or on rows of the same kind.

    Examples
    --------
    >>> against(Score("accuracy", 0.9, 0.85, 0.95), Score("accuracy", 0.8, 0.75, 0.84), greater=True)
    'better by 0.1000, more than chance'
    >>> against(Score("accuracy", 0.81, 0.75, 0.87), Score("accuracy", 0.8, 0.75, 0.84), greater=True)
    'better by 0.0100, may be chance'
    """
    gap = score.value - other.value
    if not gap:
        return "the same"
    words = ("more", "less") if greater is None else ("better", "worse") if greater else ("worse", "better")
    how = f"{words[gap < 0]} by {number(abs(gap))}"
    if math.isnan(score.low) or math.isnan(other.low):
        return how
    apart = score.low > other.high or score.high < other.low
    return f"{how}, {'more than chance' if apart else 'may be chance'}"


def _crosses(goal: Goal, score: Score) -> bool:
    """Whether a goal lies inside a score's interval."""
    return not math.isnan(score.low) and goal.met(score.low) != goal.met(score.high)


def _unsure(goal: Goal, score: Score, missed: bool) -> str:
    named = f"{measure(goal.metric)} could {'reach' if missed else 'miss'} {goal.value:g}"
    return f"From {interval(score)}: with other rows, {named}."


def _against_baseline(evaluation: Evaluation, greater: bool | None) -> Verdict:
    score, base = (scores.get(evaluation.metric) for scores in (evaluation.scores, evaluation.baseline))
    title, name = "No goal was set", measure(evaluation.metric)
    if score is None or base is None or math.isnan(score.low) or math.isnan(base.low):
        return Verdict("open", title, "Compare the result with the baseline's to judge it.")
    if score.low <= base.high and base.low <= score.high:
        return Verdict("open", title, f"Its {name} could be the baseline's: the intervals overlap.")
    how = (
        "differs from"
        if greater is None
        else "beats"
        if (score.low > base.high) == greater
        else "is worse than"
    )
    return Verdict("open", title, f"Its {name} {how} the baseline's by more than chance explains.")
