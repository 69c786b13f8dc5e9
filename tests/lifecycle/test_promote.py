from __future__ import annotations

from typing import Any

import pytest

from noria.core.protocol import Metric
from noria.core.recipe import Promotion
from noria.core.result import Evaluation, Goal, Score
from noria.lifecycle.promote import unlike, verdict

ACCURACY = Metric("accuracy", True, bind=lambda truth, predictions: lambda rows: 0.0)
ERROR = Metric("mae", False, bind=lambda truth, predictions: lambda rows: 0.0)


def of(value: float, metric: str = "accuracy", goals: tuple[Goal, ...] = ()) -> Evaluation:
    return Evaluation(10, "random", metric, {metric: Score(metric, value)}, goals=goals)


def champion(value: float, metric: str = "accuracy") -> dict[str, Score]:
    return {metric: Score(metric, value)}


def test_the_first_version_is_promoted_even_if_it_misses_its_goal():
    missed = of(0.5, goals=(Goal("accuracy", ">=", 0.9),))
    assert verdict(Promotion(), ACCURACY, missed, None).promoted


@pytest.mark.parametrize(
    ("metric", "new", "margin", "promoted"),
    [
        (ACCURACY, 0.81, 0.0, True), (ACCURACY, 0.80, 0.0, True), (ACCURACY, 0.79, 0.0, False),
        (ACCURACY, 0.81, 0.05, False), (ERROR, 0.79, 0.0, True), (ERROR, 0.81, 0.0, False),
    ],
)  # fmt: skip
def test_a_later_version_must_be_as_good_and_by_the_margin_better(metric, new, margin, promoted):
    rule = Promotion(margin=margin)
    found = verdict(rule, metric, of(new, metric.name), champion(0.8, metric.name))
    assert found.promoted is promoted
    assert found.why == f"{metric.name} {new:.4g}, the champion had 0.8"


def test_a_missed_goal_keeps_the_champion():
    found = verdict(Promotion(), ACCURACY, of(0.85, goals=(Goal("accuracy", ">=", 0.9),)), champion(0.8))
    assert (found.promoted, found.why) == (False, "the goal accuracy >= 0.9 is missed: 0.85")


def test_a_champion_of_another_measure_is_kept():
    found = verdict(Promotion(), ACCURACY, of(0.85), champion(0.8, "mae"))
    assert (found.promoted, found.why) == (False, "the champion was not measured by accuracy")


@pytest.mark.parametrize(("rule", "promoted"), [("always", True), ("never", False)])
def test_a_rule_may_leave_the_scores_out(rule, promoted):
    assert verdict(Promotion(rule=rule), ACCURACY, of(0.1), champion(0.8)).promoted is promoted


def of_run(target: str, task: str = "regression", rule: str = "better") -> dict[str, Any]:
    return {"task": task, "recipe": {"data": {"target": target}, "promote": {"rule": rule}}}


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (of_run("rooms"), "'rooms' (regression)"),
        (of_run("price", "classification"), "'price' (classification)"),
        (of_run("price"), None), (of_run("rooms", rule="always"), None), ({}, None),
    ],
)  # fmt: skip
def test_a_champion_that_predicts_something_else_is_kept(new, told):
    found = unlike("houses@2", new, of_run("price"))
    assert (found and found.why) == (
        told
        and f"the champion predicts 'price' (regression), this version {told}; give it a name of its "
        "own, or run: noria promote houses@2"
    )


def test_a_champion_of_which_nothing_is_known_is_judged_by_its_scores():
    assert unlike("houses@2", of_run("rooms"), {}) is None
