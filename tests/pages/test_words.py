from __future__ import annotations

import math

import pytest

from noria.core.result import Evaluation, Goal, Score
from noria.pages.words import against, plainly, verdict


def judged(value: float, low: float, high: float, *goals: str, base: Score | None = None) -> Evaluation:
    return Evaluation(
        100, "at random", "accuracy", {"accuracy": Score("accuracy", value, low, high)},
        {} if base is None else {"accuracy": base}, tuple(Goal.parse("accuracy", goal) for goal in goals),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "goal", "kind", "title", "text"),
    [
        (0.79, 0.85, ">= 0.78", "met", "Goal met", "Even the worse end of the interval reaches it."),
        (0.75, 0.85, ">= 0.78", "met", "Goal met, narrowly", "accuracy could miss 0.78."),
        (0.75, 0.85, ">= 0.82", "missed", "Goal missed, narrowly", "accuracy could reach 0.82."),
        (0.75, 0.85, ">= 0.9", "missed", "Goal missed", "the interval does not reach it."),
        (math.nan, math.nan, ">= 0.7", "met", "Goal met", "there is no interval."),
        (math.nan, math.nan, ">= 0.9", "missed", "Goal missed", "does not reach it."),
        (0.75, 0.85, "<= 0.9", "met", "Goal met", "Even the worse end of the interval reaches it."),
    ],
)  # fmt: skip
def test_a_goal_is_judged_with_its_interval(low, high, goal, kind, title, text):
    found = verdict(judged(0.8, low, high, goal))
    assert (found.kind, found.title) == (kind, title)
    assert found.text.endswith(text)


def test_of_several_goals_the_missed_ones_are_told():
    found = verdict(judged(0.8, 0.79, 0.81, ">= 0.7", ">= 0.9"))
    assert (found.kind, found.title) == ("missed", "Goals missed")


@pytest.mark.parametrize(
    ("base", "greater", "how"),
    [
        (Score("accuracy", 0.6, 0.55, 0.65), True, "beats"),
        (Score("accuracy", 0.9, 0.88, 0.95), True, "is worse than"),
        (Score("accuracy", 0.9, 0.88, 0.95), False, "beats"),
        (Score("accuracy", 0.9, 0.88, 0.95), None, "differs from"),
        (Score("accuracy", 0.77, 0.7, 0.8), True, "could be"),
        (Score("accuracy", 0.6), True, "Compare the result with"),
        (None, True, "Compare the result with"),
    ],
)  # fmt: skip
def test_without_a_goal_the_baseline_is_the_measure(base, greater, how):
    found = verdict(judged(0.8, 0.75, 0.85, base=base), greater)
    assert (found.kind, found.title) == ("open", "No goal was set")
    assert f"{how} the baseline's" in found.text


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        ("r2", 0.91, "it explains 91.0% of the differences between rows"),
        ("rmse", 21806.4, "a prediction is typically off by 21,806"),
        ("mase", 0.6028, "the error is 60.3% of that of repeating the last season"),
        ("made_up", 1.0, ""),
        ("r2", math.nan, ""),
    ],
)
def test_scores_in_plain_words(metric, value, said):
    assert plainly(Score(metric, value)) == said


def test_two_scores_without_intervals_or_a_direction():
    assert against(Score("x", 2.0), Score("x", 1.0)) == "more by 1.0000"
    assert against(Score("x", 1.0), Score("x", 1.0), True) == "the same"
    assert (
        against(Score("x", 1.0, 0.9, 1.1), Score("x", 2.0, 1.9, 2.1), False)
        == "better by 1.0000, more than chance"
    )
