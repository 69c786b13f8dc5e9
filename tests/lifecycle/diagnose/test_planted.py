"""Every code finds the fault that was planted for it, in a real run."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from noria.core.insight import Severity, Slice
from noria.core.result import Score
from noria.lifecycle.diagnose import codes, diagnose
from noria.testing.faults import FAULTS, sound

SEVERITY = {
    **dict.fromkeys(("NOR002", "NOR003", "NOR012", "NOR014", "NOR015", "NOR016", "NOR021", "NOR028"), "high"),
    **dict.fromkeys(("NOR006", "NOR008", "NOR011", "NOR018", "NOR024", "NOR025", "NOR027", "NOR035"), "low"),
}
SEEN = {
    "NOR001": "on training rows and",
    "NOR002": "give or take",
    "NOR003": "worse by 1.616, give or take",
    "NOR005": "on held-out rows and",
    "NOR006": "rmse is better than the baseline's by",
    "NOR007": "meets >= 0.69, and lies between",
    "NOR008": "cannot be told apart on 30 rows",
    "NOR009": "'ridge' is better in 2 folds and 'decision_tree' in 2, each beyond chance",
    "NOR010": "never tried: catboost",
    "NOR011": "alpha of 'ridge' is 0.00",
    "NOR012": "25 of 125 held-out rows (20%) have exactly the features of a training row; 100% of them",
    "NOR013": "have exactly the features of a training row, and 100% of them another 'y'",
    "NOR014": "100% of 80 held-out rows are earlier by 'day' than the latest training row (2025-02-03",
    "NOR015": "In the order of 'day', the 'y' of a row and of the next have a correlation of 0.9",
    "NOR016": "held-out groups by 'patient' have training rows too: 100% of the held-out rows",
    "NOR017": "1 is distributed otherwise, most of all 'b'; a linear classifier tells them apart (AUC 0.7",
    "NOR018": "'a' is above 3.066 in 6.7% of the held-out rows",
    "NOR019": "'perhaps' of 'y' has 6 of 320 training rows",
    "NOR020": "20 rows judge the model; each counts 5.0% of the score",
    "NOR021": "'later' alone tells the value of 'y': it explains over 99.9% of the variance, the next best",
    "NOR022": "'a' alone explains 45% of 'y', the model with all 4 features 48%",
    "NOR023": "'number' has 320 different whole numbers from 3 to 1,198",
    "NOR024": "'country' left out: the same in every row",
    "NOR025": "'fahrenheit' follows from 'a'",
    "NOR026": "Whether 'form' is missing (28% of the rows) has a correlation of 0.66 with 'y'",
    "NOR027": "'street' has 190 levels of 1.7 training rows each; 25% of the held-out rows have one that",
    "NOR028": "the most probable class gets 94.6% on average and is right in 70% of 400 rows",
    "NOR029": "41% of 300 held-out truths lie inside their intervals, 90% were promised",
    "NOR030": "A curve over 'z' explains 7",
    "NOR031": "labels contradict it",
    "NOR032": "'no' is 87% of the rows: always naming it has an accuracy of 0.87",
    "NOR033": "1% of 800 rows have 87% of the squared distances of 'y' from its median",
    "NOR035": "over 5 folds, more than chance makes it",
    "NOR036": "on held-out rows; 0.99 was asked for.",
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_planted_fault_is_found_with_its_numbers(code, diagnosed):
    fault = FAULTS[code](0)
    run, _ = diagnosed(fault.table, test=fault.test, **fault.keys)
    found = {one.code: one for one in run.findings}
    assert code in found, list(map(str, run.findings))
    assert SEEN[code] in found[code].seen
    assert found[code].severity == SEVERITY.get(code, "medium") or code == "NOR010"
    assert (found[code].title, found[code].do) == (codes()[code].title, codes()[code].do)


def test_a_target_may_have_any_name(diagnosed):
    fault = FAULTS["NOR019"](0)
    run, _ = diagnosed(fault.table.rename({"y": "rows"}), "rows", **fault.keys)
    (finding,) = [one for one in run.findings if one.code == "NOR019"]
    assert finding.seen == "'perhaps' of 'rows' has 6 of 320 training rows."


@pytest.fixture(scope="module")
def joint(diagnosed):
    """A model of several learners on rows enough that times were measured."""
    return diagnosed(sound(1_500), learners=["ridge", "lightgbm", "lasso"])[1]


def test_a_quick_learner_that_is_as_good_is_named(joint):
    board = joint.evaluation.leaderboard
    seconds = {"ridge": 0.001}
    slow = tuple(
        replace(one, weight=float(one.learner != "baseline"), predict_seconds=seconds.get(one.learner, 0.05))
        for one in board
    )
    found = diagnose(replace(joint, evaluation=replace(joint.evaluation, leaderboard=slow)))
    assert [one.seen for one in found if one.code == "NOR004"] == [
        "'ridge' alone is as good out of fold and takes 1 ms for 1,000 rows, the model's learners 51 ms."
    ]
    quick = tuple(replace(one, predict_seconds=0.001) for one in board)
    assert diagnose(replace(joint, evaluation=replace(joint.evaluation, leaderboard=quick))) == []


def test_slices_that_were_found_are_told(joint):
    slices = [
        Slice("kind is oak", 70, Score("rmse", 2.5), Score("rmse", 1.0)),
        Slice("a is 2 or more", 12, Score("rmse", 2.0), Score("rmse", 1.1)),
    ]
    (finding,) = diagnose(joint, slices)
    assert (finding.code, finding.severity) == ("NOR034", Severity.MEDIUM)
    assert finding.seen == "Where kind is oak (70 rows), rmse is 2.5 instead of 1; 1 slice more."


def test_a_slice_that_the_model_knows_to_be_hard_is_no_fault(joint):
    known = Slice("a is 2 or more", 70, Score("rmse", 2.0), Score("rmse", 1.1), surprising=False)
    assert diagnose(joint, [known]) == []


def test_every_code_is_planted():
    assert {*FAULTS, "NOR004", "NOR034"} == set(codes())
    assert set(SEEN) == set(FAULTS)


def test_a_category_that_looks_like_a_group_is_told(diagnosed):
    fault = FAULTS["NOR016"](0)
    run, _ = diagnosed(fault.table, learners=["ridge"])
    (finding,) = [one for one in run.findings if one.code == "NOR016"]
    assert finding.severity == "medium"
    assert finding.columns == ("patient",)
    assert "'patient' has 60 levels of 5.3 rows each" in finding.seen


def test_several_features_that_decide_are_less_suspicious_than_one(diagnosed):
    table = sound(300, classes=True)
    sure = (table["y"] == "yes").cast(pl.Float64)
    noise = [sound(300, seed)["a"] * 0.01 for seed in (5, 6, 7)]
    easy = table.with_columns((sure + noise[at]).alias(f"size{at}") for at in range(3))
    run, _ = diagnosed(easy, learners=["logistic"])
    (finding,) = [one for one in run.findings if one.code == "NOR021"]
    assert (finding.severity, finding.columns) == ("medium", ("size0", "size1", "size2"))
    assert "and so do 2 others" in finding.seen


def test_a_model_that_lost_all_training_rows_of_a_value_is_told(diagnosed):
    test = sound(100, 4).with_columns(a=pl.lit(None, pl.Float64))
    run, _ = diagnosed(sound(300), test=test, learners=["ridge"])
    (finding,) = [one for one in run.findings if one.code == "NOR017"]
    assert finding.columns == ("a",)
