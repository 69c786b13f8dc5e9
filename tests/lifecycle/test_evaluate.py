from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from noria.lifecycle.evaluate import score
from noria.systems.tabular.target import ClassTarget, NumberTarget


@pytest.fixture
def number():
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    return NumberTarget("y"), pl.DataFrame({"y": y}), pl.DataFrame({"prediction": y + rng.normal(size=400)})


def test_every_metric_has_a_value_inside_its_interval(number):
    target, truth, predictions = number
    metrics = [metric for metric in target.metrics() if metric.name != "coverage"]
    scores = score(predictions, truth, metrics, budget=30.0, seed=0)
    assert list(scores) == [metric.name for metric in metrics]
    for one in scores.values():
        assert one.low < one.value < one.high
    assert scores["rmse"].value == pytest.approx(1.0, abs=0.1)


def test_the_same_seed_gives_the_same_intervals(number):
    target, truth, predictions = number
    metrics = target.metrics()[:2]
    one, two, other = (score(predictions, truth, metrics, budget=30.0, seed=seed) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_without_time_there_is_a_value_and_no_false_interval(number):
    target, truth, predictions = number
    found = score(predictions, truth, target.metrics()[:1], budget=0.0, seed=0)["rmse"]
    assert math.isfinite(found.value)
    assert math.isnan(found.low) or found.low <= found.value <= found.high


def test_coverage_is_the_share_of_truths_that_are_held():
    target = NumberTarget("y")
    truth = pl.DataFrame({"y": [1.0, 2.0, 3.0, 9.0]})
    predictions = pl.DataFrame({"prediction": [1.0] * 4, "low": [0.0] * 4, "high": [3.0] * 4})
    coverage = next(metric for metric in target.metrics() if metric.name == "coverage")
    assert score(predictions, truth, [coverage], budget=5.0, seed=0)["coverage"].value == 0.75


def test_labels_are_judged_by_the_decision_not_by_the_most_probable():
    target = ClassTarget("y", ("no", "yes"))
    truth = pl.DataFrame({"y": ["no", "yes"] * 20})
    p = pl.DataFrame({"probability_no": [0.9, 0.8] * 20, "probability_yes": [0.1, 0.2] * 20})
    accuracy = next(metric for metric in target.metrics() if metric.name == "accuracy")
    assert score(p, truth, [accuracy], budget=5.0, seed=0)["accuracy"].value == 0.5
    decided = p.with_columns(prediction=truth["y"])
    assert score(decided, truth, [accuracy], budget=5.0, seed=0)["accuracy"].value == 1.0


def test_where_all_rows_are_right_a_share_is_not_called_certain():
    target = ClassTarget("y", ("no", "yes"))
    truth = pl.DataFrame({"y": ["no", "yes"] * 15})
    p = pl.DataFrame({"probability_no": [0.9, 0.2] * 15, "probability_yes": [0.1, 0.8] * 15})
    accuracy = next(metric for metric in target.metrics() if metric.name == "accuracy")
    found = score(p, truth, [accuracy], budget=0.0, seed=0)["accuracy"]
    assert (found.value, round(found.low, 3), found.high) == (1.0, 0.886, 1.0)


def test_the_value_of_a_constant_lies_in_its_interval():
    y = np.random.default_rng(0).normal(size=300)
    target, truth = NumberTarget("y"), pl.DataFrame({"y": y})
    constant = pl.DataFrame({"prediction": np.full(300, y.mean())})
    r2 = next(metric for metric in target.metrics() if metric.name == "r2")
    found = score(constant, truth, [r2], budget=30.0, seed=0)["r2"]
    assert found.low < found.value <= found.high
