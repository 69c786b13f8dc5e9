from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from noria.core.protocol import Task
from noria.core.schema import Column, Role, Type
from noria.errors import ParamError, TargetError
from noria.methods.conformal import ConformalClassifier
from noria.methods.threshold import best_f1
from noria.systems.tabular.finish import Finish
from noria.systems.tabular.target import ClassTarget, NumberTarget, from_dict, target_for


def column(levels, kind=Type.CATEGORY, distinct=None):
    return Column("y", kind, Role.TARGET, levels=tuple(levels), distinct=distinct or len(levels))


def test_labels_are_ordered_by_value_then_by_the_alphabet():
    target = target_for(column(["10", "b", "9", "a", "-1.5"]), Task.CLASSIFICATION)
    assert target.labels == ("-1.5", "9", "10", "a", "b")
    assert target_for(column([], Type.BOOLEAN, 0), Task.CLASSIFICATION).labels == ("false", "true")


def test_the_positive_class_is_the_second():
    assert target_for(column(["no", "yes"]), Task.CLASSIFICATION).labels == ("no", "yes")
    assert target_for(column(["no", "yes"]), Task.CLASSIFICATION, "no").labels == ("yes", "no")
    with pytest.raises(ParamError) as caught:
        target_for(column(["no", "yes"]), Task.CLASSIFICATION, "yess")
    assert (
        str(caught.value)
        == "Option 'positive' is not a class of 'y'.\n  got: 'yess'\n  do:  Did you mean 'yes'?"
    )


def test_more_classes_than_are_kept_apart():
    with pytest.raises(TargetError) as caught:
        target_for(column([f"c{n}" for n in range(1000)], distinct=1200), Task.CLASSIFICATION)
    assert str(caught.value) == (
        "The target 'y' has too many classes.\n  got: 1,200 distinct values, such as 'c0'\n"
        "  do:  Join the rare classes, or name another target."
    )


@pytest.mark.parametrize("values", [["b", "a", "b"], [True, False, True]])
def test_codes(values):
    labels = ("a", "b") if isinstance(values[0], str) else ("false", "true")
    assert ClassTarget("y", labels).encode(pl.Series(values)).tolist() == [1, 0, 1]


def test_outputs_survive_the_table():
    p = np.array([[0.2, 0.8], [0.5, 0.5]])
    assert np.array_equal(ClassTarget("y", ("a", "b")).matrix(ClassTarget("y", ("a", "b")).table(p)), p)
    values = np.array([[1.5], [2.5]])
    assert np.array_equal(NumberTarget("y").matrix(NumberTarget("y").table(values)), values)


@pytest.mark.parametrize("classes", [2, 8, 9, 40])
def test_each_row_has_its_own_set(classes):
    target = ClassTarget("y", tuple(f"c{code}" for code in range(classes)))
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(classes) / 4, 200)
    finish = Finish(classifier=ConformalClassifier.fit(p, rng.integers(classes, size=200), coverage=0.5))
    table = target.answers(p, finish)
    sets = finish.classifier.sets(p)
    want = [[target.labels[code] for code in np.flatnonzero(inside)] for inside in sets]
    assert table["prediction_set"].to_list() == want
    assert len({tuple(names) for names in want}) >= classes


def test_an_answer_names_the_most_probable_class_unless_a_rule_decides():
    target, p = ClassTarget("y", ("no", "yes")), np.array([[0.6, 0.4], [0.95, 0.05]])
    plain = target.answers(p, Finish())
    assert plain["prediction"].to_list() == ["no", "no"]
    assert plain["probability_yes"].to_list() == [0.4, 0.05]
    decision = best_f1(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]))
    decided = target.answers(p, Finish(decision=decision))
    assert decided["prediction"].to_list() == ["yes", "no"]
    assert [target.answer(row, Finish(decision=decision)) for row in p] == decided.to_dicts()


def test_metrics_work_on_whole_tables_and_on_rows_of_them():
    target = ClassTarget("y", ("a", "b", "c"))
    truth = pl.DataFrame({"y": ["a", "b", "c", "c"]})
    predictions = target.table(np.eye(3)[[0, 1, 2, 0]] * 0.9 + 0.1 / 3)
    accuracy = next(metric for metric in target.metrics() if metric.name == "accuracy").bind(
        truth, predictions
    )
    assert accuracy(None) == 0.75
    assert accuracy(np.array([3, 3])) == 0.0


def test_coverage_holds_the_truth_in_the_set():
    target = ClassTarget("y", ("a", "b"))
    truth = pl.Series("y", ["a", "b", "b"])
    held = target.covered(truth, pl.DataFrame({"prediction_set": [["a"], ["a"], ["a", "b"]]}))
    assert held.tolist() == [True, False, True]
    assert np.isnan(target.covered(truth, pl.DataFrame({"x": [1, 2, 3]}))).all()


@pytest.mark.parametrize("target", [ClassTarget("y", ("a", "b")), NumberTarget("y")])
def test_a_target_survives_json(target):
    assert from_dict(json.loads(json.dumps(target.to_dict()))) == target


@pytest.mark.parametrize(
    ("target", "names"),
    [
        (ClassTarget("y", ("a", "b")), ["prediction", "probability_a", "probability_b", "prediction_set"]),
        (NumberTarget("y"), ["prediction", "low", "high"]),
    ],
)
def test_the_fields_of_a_prediction(target, names):
    assert [field.name for field in target.fields] == names


@pytest.mark.parametrize("classes", [2, 3])
def test_the_losses_of_classes_are_the_rows_of_a_measure(classes):
    rng = np.random.default_rng(0)
    target = ClassTarget("y", tuple("abc"[:classes]))
    truth = pl.DataFrame({"y": rng.choice(list("abc"[:classes]), 50)})
    predictions = target.answers(rng.dirichlet(np.ones(classes), 50), Finish())
    means = {one.name: one.losses(truth, predictions).mean() for one in target.metrics()[:-1]}
    scores = {one.name: one.bind(truth, predictions)(None) for one in target.metrics()[:-1]}
    assert means["log_loss"] == pytest.approx(scores["log_loss"], abs=1e-12) == means["roc_auc"]
    assert means["accuracy"] == pytest.approx(1 - scores["accuracy"], abs=1e-12) == means["f1"]


def test_the_losses_of_decisions_follow_the_rule():
    target = ClassTarget("y", ("no", "yes"))
    truth = pl.DataFrame({"y": ["no", "yes"]})
    p = target.table(np.array([[0.9, 0.1], [0.8, 0.2]]))
    accuracy = next(one for one in target.metrics() if one.name == "accuracy")
    assert accuracy.losses(truth, p).tolist() == [0.0, 1.0]
    assert accuracy.losses(truth, p.with_columns(prediction=truth["y"])).tolist() == [0.0, 0.0]


def test_the_losses_of_numbers_are_the_rows_of_a_measure():
    target, truth = NumberTarget("y"), pl.DataFrame({"y": [1.0, 2.0, 4.0]})
    predictions = pl.DataFrame(
        {"prediction": [1.0, 4.0, 1.0], "low": [0.0, 3.0, 0.0], "high": [2.0, 5.0, 5.0]}
    )
    found = {one.name: one.losses(truth, predictions).tolist() for one in target.metrics()}
    assert found["rmse"] == found["r2"] == [0.0, 4.0, 9.0]
    assert found["mae"] == found["median_absolute_error"] == [0.0, 2.0, 3.0]
    assert found["mape"] == [0.0, 1.0, 0.75]
    assert found["coverage"] == [0.0, 1.0, 0.0]
