"""What diagnostics are told of a case is right."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Column, Role, Schema, Type
from noria.lifecycle.diagnose.facts import Facts
from noria.methods.curves import area
from noria.testing.faults import sound


@pytest.fixture(scope="module")
def case(diagnosed):
    return diagnosed(sound(100), learners=["ridge"])[1]


@pytest.mark.parametrize("rows", [400, 5_000, 20_000])
@pytest.mark.parametrize("each", [1, 2], ids=["rows", "groups"])
def test_the_error_is_that_of_all_rows_however_few_were_drawn(rows, each, case):
    groups = np.arange(rows) // each
    values = np.random.default_rng(1).normal(size=rows // each)[groups]
    schema = Schema((Column("group", Type.CATEGORY, Role.GROUP),) if each > 1 else ())
    facts = Facts(replace(case, data=replace(case.data, schema=schema)))
    found = facts.scores.estimate(
        lambda at: float((values if at is None else values[at]).mean()), pl.DataFrame({"group": groups})
    )
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std() / math.sqrt(rows // each), rel=0.25)


def test_the_error_is_that_of_the_few_rows_of_a_rare_class(diagnosed):
    case = diagnosed(sound(200, classes=True), learners=["naive_bayes"])[1]
    facts, rng = Facts(case), np.random.default_rng(0)
    rare = np.arange(20_000) % 1_000 == 0
    rows = pl.DataFrame({"y": np.where(rare, *facts.classes[:2])})
    score = rng.random(20_000)
    found = facts.scores.estimate(
        lambda at: area(rare, score)[0] if at is None else area(rare[at], score[at])[0], rows
    )
    assert found.error == pytest.approx(math.sqrt(1 / (12 * 20)), rel=0.4)
