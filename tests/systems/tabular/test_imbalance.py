from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.core.protocol import Context, Evidence, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.systems.tabular import TabularSystem


def experiments(table: pl.DataFrame, seconds: float = 60.0, task: Task = Task.CLASSIFICATION):
    levels = tuple(sorted(table["y"].unique())) if task is Task.CLASSIFICATION else ()
    kind = Type.CATEGORY if levels else Type.NUMBER
    target = Column("y", kind, Role.TARGET, levels=levels, distinct=table["y"].n_unique())
    features = [
        Column("a", Type.NUMBER), Column("b", Type.NUMBER), Column("town", Type.CATEGORY, levels=("u", "v")),
        Column("kind", Type.CATEGORY, levels=("p", "q", "r")),
    ]  # fmt: skip
    schema = Schema((*features, target), rows=table.height)
    system = TabularSystem(schema, task)
    ctx = Context(schema, task, 0, Deadline(seconds))
    none = pl.DataFrame()
    return system.experiments(Evidence(table, none, none, none, none, none), ctx)


def rare(share: float, rows: int = 1_500, classes: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, rows))
    score = a + b + rng.normal(0, 1.0, rows)
    y = np.where(score > np.quantile(score, 1 - share), "yes", "no")
    if classes == 3:
        y = np.where((y == "no") & (a > 0), "perhaps", y)
    return pl.DataFrame(
        {
            "a": a,
            "b": b,
            "town": rng.choice(["u", "v"], rows),
            "kind": rng.choice(["p", "q", "r"], rows),
            "y": y,
        }
    )


def test_the_strategies_are_compared_out_of_fold(well_drawn):
    pytest.importorskip("imblearn", reason="the extra 'imbalance' is not installed")
    (figure,) = experiments(rare(0.06))
    well_drawn(figure)
    assert figure.section == "learning"
    frame = figure.frame
    assert frame["strategy"].unique(maintain_order=True).to_list() == [
        "as it is", "class weights", "focal loss", "SMOTE", "chosen threshold",
    ]  # fmt: skip
    assert ((frame["low"] <= frame["value"]) & (frame["value"] <= frame["high"])).all()
    recall = dict(frame.filter(measure="recall").select("strategy", "value").iter_rows())
    assert recall["class weights"] > recall["as it is"] + 0.1
    assert recall["chosen threshold"] > recall["as it is"]
    assert figure.text.startswith("'yes' is 6.0% of the rows.")
    assert "F1 is best with" in figure.text


def test_of_several_classes_the_rarest_is_looked_at(well_drawn):
    (figure,) = experiments(rare(0.08, classes=3))
    well_drawn(figure)
    assert "'yes'" in figure.title
    assert "focal loss" not in set(figure.frame["strategy"])


@pytest.mark.parametrize(
    ("table", "seconds"),
    [(rare(0.3), 60.0), (rare(0.01), 60.0), (rare(0.06), 0.0), (rare(0.06), 0.05)],
    ids=["not rare", "too few of it", "no time", "hardly any time"],
)
def test_where_there_is_nothing_to_compare(table, seconds):
    assert experiments(table, seconds) == []


def test_a_number_has_no_rare_class():
    table = rare(0.1).with_columns(y=pl.col("a") * 2)
    assert experiments(table, task=Task.REGRESSION) == []
