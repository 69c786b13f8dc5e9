from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Role, Type
from noria.data.infer import infer
from noria.data.validate import prepare
from noria.errors import DataError, TargetError


def table_of(rows: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows).round(3)
    return pl.DataFrame(
        {"x": x, "c": rng.choice(["a", "b", "c"], rows), "y": rng.choice(["bad", "good"], rows)}
    )


def run(table: pl.DataFrame, target: str = "y", task: str = "classification", **kwargs: object):
    return prepare(table, infer(table, target=target, **kwargs), task)


def test_a_clean_table_passes_without_notes() -> None:
    typed, schema, notes = run(table_of())
    assert typed.shape == (200, 3)
    assert notes == ()
    assert schema.rows == 200
    assert typed.dtypes == [pl.Float64, pl.String, pl.String]


def test_classes_that_differ_in_case_only_are_told() -> None:
    table = table_of().with_columns(y=pl.Series(["No", "Yes", "no", "YES", "yes"] * 40))
    _, schema, notes = run(table, overrides={"y": "category"})
    assert notes == (
        "the target 'y' has the classes 'No' and 'no', learned as 2 classes",
        "the target 'y' has the classes 'YES' and 'Yes' and 'yes', learned as 3 classes",
    )
    assert schema["y"].distinct == 5


def test_rows_without_a_target_and_classes_of_one_row_go() -> None:
    table = table_of().with_columns(
        y=pl.when(pl.int_range(200) < 5)
        .then(None)
        .when(pl.int_range(200) == 7)
        .then(pl.lit("odd"))
        .otherwise("y")
    )
    typed, schema, notes = run(table)
    assert typed.height == 194
    assert notes == (
        "5 rows without a value of the target 'y' left out",
        "1 row left out, the only one of its class: 'odd'",
    )
    assert set(schema["y"].levels) == {"bad", "good"}
    assert (schema.rows, schema["y"].nulls, schema["y"].distinct) == (194, 0, 2)


@pytest.mark.parametrize("name", ["count", "value", "target", "len", "most"])
def test_a_target_may_have_any_name(name: str) -> None:
    table = table_of().with_columns(y=pl.when(pl.int_range(200) == 7).then(pl.lit("odd")).otherwise("y"))
    typed, schema, notes = run(table.rename({"y": name}), target=name)
    assert (typed.height, schema[name].distinct) == (199, 2)
    assert notes == ("1 row left out, the only one of its class: 'odd'",)


def test_copies_are_ignored() -> None:
    table = table_of().with_columns(again=pl.col("x"), truth=pl.col("y"), text=pl.col("x").cast(pl.String))
    typed, schema, notes = run(table)
    assert schema["again"].role is schema["text"].role is Role.IGNORE
    assert "ignored: same as 'x'" in schema["again"].notes
    assert "ignored: same as the target 'y'" in schema["truth"].notes
    assert typed.columns == ["x", "c", "y"]
    assert len(notes) == 3


def test_leaks_are_flagged_and_kept() -> None:
    table = table_of()
    table = table.with_columns(
        code=pl.when(pl.col("y") == "good").then(pl.int_range(200) % 5).otherwise(pl.int_range(200) % 5 + 10)
    )
    _, schema, notes = run(table)
    assert schema["code"].role is Role.FEATURE
    assert notes == ("'code' may leak the target: each value goes with one 'y' (100.00% of rows)",)
    assert schema["x"].notes == schema["c"].notes == ()


def test_a_monotone_copy_of_a_number_is_flagged() -> None:
    rng = np.random.default_rng(0)
    price = rng.lognormal(size=300)
    table = pl.DataFrame({"log": np.log(price), "near": price + rng.normal(size=300), "price": price})
    _, schema, notes = run(table, "price", "regression")
    assert len(notes) == 1
    assert "'log' may leak the target" in notes[0]
    assert schema["near"].notes == ()


def test_a_rare_class_does_not_make_every_column_a_leak() -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"c": rng.choice(list("abcdef"), 5000), "y": ["fraud"] * 3 + ["fine"] * 4997})
    assert run(table)[2] == ()


def test_columns_that_say_nothing_are_no_error() -> None:
    table = table_of().with_columns(empty=pl.lit(None), same=pl.lit(1))
    typed, schema, _ = run(table)
    assert typed.columns == ["x", "c", "y"]
    assert schema["empty"].type is Type.CONSTANT
    late = table_of().with_columns(z=pl.when(pl.int_range(200) < 5).then(1.5).otherwise(2.5))
    late = late.with_columns(y=pl.when(pl.int_range(200) < 5).then(None).otherwise("y"))
    _, schema, notes = run(late)
    assert schema["z"].role is Role.IGNORE
    assert "'z' ignored: every value is the same" in notes


def test_the_task_may_change_the_targets_type() -> None:
    table = table_of().with_columns(y=pl.int_range(200) % 4)
    typed, schema, _ = run(table, task="regression")
    assert schema["y"].type is Type.NUMBER
    assert typed["y"].dtype == pl.Float64
    wide = table_of().with_columns(y=pl.int_range(200) % 50)
    typed, schema, _ = run(wide, task="classification")
    assert schema["y"].type is Type.CATEGORY
    assert len(schema["y"].levels) == 50
    with pytest.raises(TargetError, match="regression"):
        run(table_of(), task="regression")


def test_tables_that_cannot_be_learned_from() -> None:
    table = table_of()
    schema = infer(table, target="y")
    with pytest.raises(DataError, match="no rows"):
        prepare(table[:0], schema, "classification")
    with pytest.raises(DataError, match="at least 10") as caught:
        prepare(table[:9], schema, "classification")
    assert caught.value.got == "9 of 9 rows"
    with pytest.raises(TargetError, match="nothing to learn") as wrong:
        prepare(table.filter(pl.col("y") == "good"), schema, "classification")
    assert "only 'good'" in str(wrong.value.got)
    with pytest.raises(TargetError, match="nothing to learn"):
        prepare(table.with_columns(y=pl.lit(None, pl.String)), schema, "classification")
    with pytest.raises(DataError, match="No feature"):
        run(table.select("y", id=pl.int_range(200)))


def test_a_table_without_a_target_is_prepared_too() -> None:
    table = table_of().drop("y")
    typed, _, notes = prepare(table, infer(table), "clustering")
    assert typed.shape == (200, 2)
    assert notes == ()
