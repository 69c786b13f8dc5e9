"""Whatever the rows are like, looking at them ends, in time and without an error."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.core.insight import Severity
from noria.lifecycle.diagnose import DIAGNOSTICS, diagnose
from noria.lifecycle.diagnose.facts import Facts
from noria.testing.faults import sound


def odd() -> pl.DataFrame:
    first = pl.int_range(pl.len()) % 7 == 0
    return sound(300).with_columns(
        infinite=pl.when(first).then(math.inf).otherwise("a"),
        empty=pl.lit(None, pl.Float64),
        huge=pl.col("a") * 1e30,
        minute=pl.col("b") * 1e-310,
    )


@pytest.mark.parametrize(
    ("table", "test", "keys"),
    [
        (odd(), None, {"learners": ["ridge"]}),
        (sound(300).rename({"a": "<b>x</b>", "b": "", "c": "x" * 300, "kind": "probability_é😀"}), None, {}),
        (sound(300), sound(1, 5), {}),
        (sound(300), sound(2, 5), {}),
        (sound(12), None, {}),
        (sound(14, classes=True), None, {}),
        (sound(300), None, {"holdout": 0}),
        (sound(300).with_columns(y=pl.col("y") > 0), None, {}),
        (sound(300).with_columns(y=pl.when(pl.int_range(pl.len()) < 290).then(0.0).otherwise("y")), None, {}),
        (pl.DataFrame({"x": np.arange(900) % 11, "y": [f"k{at % 90}" for at in range(900)]}), None, {}),
        (sound(300).with_columns(weight=pl.lit(2.0)), None, {"weight": "weight"}),
    ],
    ids=["odd numbers", "odd names", "one row", "two rows", "twelve rows", "few of a class", "not held out",
         "true and false", "nearly all zero", "ninety classes", "weights"],
)  # fmt: skip
def test_odd_rows_are_no_error(table, test, keys, diagnosed, caplog):
    numeric = table["y"].dtype.is_float()
    run, case = diagnosed(table, test=test, **{"learners": ["ridge" if numeric else "naive_bayes"], **keys})
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = diagnose(case)
    assert tuple(found) == run.findings
    assert caplog.records == []
    order = list(Severity)
    assert [order.index(one.severity) for one in found] == sorted(order.index(one.severity) for one in found)


@pytest.fixture(scope="module")
def case(diagnosed):
    return diagnosed(sound(300).with_columns(nothing=pl.lit(1)), learners=["ridge"])[1]


def test_without_time_nothing_is_looked_for(case):
    assert diagnose(replace(case, deadline=Deadline(0))) == []
    assert [one.code for one in diagnose(case)] == ["NOR024"]


def test_one_that_fails_is_left_out_and_logged(case, monkeypatch, caplog):
    def fails(facts: Facts):
        raise ValueError("it cannot be")

    broken = [replace(one, look=fails) if one.code.code == "NOR001" else one for one in DIAGNOSTICS]
    monkeypatch.setattr("noria.lifecycle.diagnose.DIAGNOSTICS", broken)
    assert [one.code for one in diagnose(case)] == ["NOR024"]
    assert caplog.messages == ["NOR001 could not be looked for: ValueError: it cannot be"]


def test_every_diagnostic_alone_bears_that_time_runs_out_inside(case):
    facts = Facts(replace(case, deadline=Deadline(0)))
    for one in DIAGNOSTICS:
        one(facts)


def test_the_same_case_gives_the_same_findings(case):
    assert diagnose(case) == diagnose(case)


def test_of_large_tables_a_part_is_looked_at(case):
    whole = case.evidence
    many = np.random.default_rng(0).integers(0, whole.truth.height, 60_000)
    larger = replace(
        whole, truth=whole.truth[many], predictions=whole.predictions[many], baseline=whole.baseline[many]
    )
    facts = Facts(replace(case, evidence=larger))
    assert facts.evidence.truth.height == facts.evidence.predictions.height == 20_000
    assert facts.judged.height == 3_000
    pairs = facts.evidence.truth.hstack(facts.evidence.predictions).unique()
    assert pairs.height == whole.truth.hstack(whole.predictions).unique().height


def test_a_row_of_features_and_its_truth_stay_together(case):
    facts = Facts(case)
    fold = case.evidence.fold_truth
    assert facts.seen["a"].to_list() == fold["a"][facts.places].to_list()
    assert facts.y.tolist() == fold["y"][facts.places].to_list()
