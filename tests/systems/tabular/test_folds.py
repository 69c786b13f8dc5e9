from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.protocol import Task
from noria.core.schema import Column, Role, Schema, Type
from noria.systems.tabular.system import TabularSystem


def system(task: Task, rows: int) -> TabularSystem:
    kind = Type.CATEGORY if task is Task.CLASSIFICATION else Type.NUMBER
    return TabularSystem(Schema((Column("x", Type.NUMBER), Column("y", kind, Role.TARGET)), rows=rows), task)


@pytest.mark.parametrize(
    ("rows", "judged"), [(50, 16), (101, 8), (4_000, 8), (8_000, 4), (20_000, 2), (200_000, 2), (200_001, 1)]
)
def test_of_many_rows_some_folds_are_judged(rows: int, judged: int) -> None:
    table = pl.DataFrame({"x": np.arange(rows), "y": np.random.default_rng(0).normal(size=rows)})
    splits = system(Task.REGRESSION, rows).folds(table, 0, 0)
    assert len(splits) == judged
    if judged > 1:
        assert all(abs(8 * len(split.valid) - rows) <= 8 for split in splits)
    assert len(system(Task.REGRESSION, rows).folds(table, 3, 0)) == 3


@pytest.mark.parametrize(("rare", "judged"), [(10_000, 2), (800, 2), (400, 4), (50, 8)])
def test_a_rare_class_is_judged_by_enough_rows(rare: int, judged: int) -> None:
    rows = 30_000
    table = pl.DataFrame({"x": np.arange(rows), "y": ["yes"] * rare + ["no"] * (rows - rare)})
    splits = system(Task.CLASSIFICATION, rows).folds(table, 0, 0)
    assert len(splits) == judged
    assert sum((table["y"].to_numpy()[split.valid] == "yes").sum() for split in splits) >= min(rare, 200)


def test_few_groups_are_no_error() -> None:
    table = pl.DataFrame({"x": range(30), "y": np.arange(30.0), "g": [1, 2, 3] * 10})
    schema = Schema(
        (Column("x", Type.NUMBER), Column("y", Type.NUMBER, Role.TARGET), Column("g", Type.ID, Role.GROUP)),
        rows=30,
    )
    assert len(TabularSystem(schema, Task.REGRESSION).folds(table, 0, 0)) == 6
