"""What diagnostics are told of a case is right."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Column, Role, Schema, Type
from noria.lifecycle.diagnose.facts import Facts
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
