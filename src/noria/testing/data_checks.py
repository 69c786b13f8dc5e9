"""Checks of models against the rows that callers send."""

from __future__ import annotations

import polars as pl

from noria.core.protocol import Rowwise
from noria.core.schema import Type
from noria.errors import ColumnError
from noria.testing.bench import Bench
from noria.testing.same import always, same, tagged

__all__ = ["CHECKS"]


def _error_of(bench: Bench, rows: pl.DataFrame) -> str:
    try:
        bench.model.predict(rows)
    except ColumnError as error:
        return str(error)
    raise AssertionError("no ColumnError was raised")


def missing_column_is_named(bench: Bench) -> None:
    """A missing column gives an error that names it, for one row and for many."""
    for column in bench.model.signature.columns:
        for rows in (bench.rows, bench.rows.head(1)):
            message = _error_of(bench, rows.drop(column.name))
            assert repr(column.name) in message, f"{column.name!r} is not named in: {message}"


def renamed_column_is_offered(bench: Bench) -> None:
    """A misspelt column gives an error that names the right one and the one that came."""
    name = bench.model.signature.columns[0].name
    message = _error_of(bench, bench.rows.rename({name: f"{name}x"}))
    assert repr(name) in message, f"{name!r} is not named in: {message}"
    assert f"{name}x" in message, f"{name + 'x'!r}, which came, is not offered in: {message}"


def column_order_is_irrelevant(bench: Bench) -> None:
    """Columns in another order, or more of them, change nothing."""
    turned = bench.rows.select(reversed(bench.rows.columns)).with_columns(surplus=pl.lit("x"))
    same(bench.predictions, bench.model.predict(turned), "the order of the columns matters")


def unseen_category_is_predicted(bench: Bench) -> None:
    """A level that training never saw gets a prediction without nulls."""
    levels = [c.name for c in bench.model.signature.inputs.features if c.type is Type.CATEGORY]
    rows = bench.rows.with_columns(pl.lit("a level never seen").alias(name) for name in levels)
    _complete(bench, rows)


def nulls_are_predicted(bench: Bench) -> None:
    """A table in which all features are missing gets predictions without nulls."""
    names = [column.name for column in bench.model.signature.inputs.features]
    kinds = bench.rows.schema
    empty = bench.rows.head(10).with_columns(pl.lit(None, dtype=kinds[name]).alias(name) for name in names)
    _complete(bench, empty)


def _complete(bench: Bench, rows: pl.DataFrame) -> None:
    predicted = bench.model.predict(rows)
    assert predicted.height == rows.height, f"{rows.height} rows gave {predicted.height} predictions"
    for series in predicted:
        holes = series.null_count() + (int(series.is_nan().sum()) if series.dtype.is_float() else 0)
        assert not holes, f"{holes} predictions of {series.name!r} are missing"


def one_row_is_predicted(bench: Bench) -> None:
    """A table of one row gives one prediction with the columns of the signature."""
    predicted = bench.model.predict(bench.rows.head(1))
    names = [output.name for output in bench.model.signature.outputs]
    assert predicted.height == 1, f"one row gave {predicted.height} predictions"
    assert predicted.columns == names, f"the signature says {names}, the prediction has {predicted.columns}"


def empty_table_is_predicted(bench: Bench) -> None:
    """A table of no rows gives a table of no predictions with the same columns and types."""
    predicted = bench.model.predict(bench.rows.head(0))
    assert predicted.height == 0, "predictions came out of nothing"
    assert predicted.schema == bench.predictions.schema, f"types differ: {predicted.schema}"


def one_row_equals_batch(bench: Bench) -> None:
    """A row alone gets the prediction that it gets among others."""
    some = range(0, bench.rows.height, max(bench.rows.height // 20, 1))
    for at in some:
        alone = bench.model.predict(bench.rows[at])
        same(alone, bench.predictions[at], f"row {at} alone differs from row {at} in a batch")
        if isinstance(bench.model, Rowwise):
            one = pl.DataFrame([bench.model.predict_one(bench.rows.row(at, named=True))], schema=alone.schema)
            same(one, alone, f"predict_one of row {at} differs from predict")


def batches_equal_whole(bench: Bench) -> None:
    """Predicting in batches gives what predicting at once gives."""
    parts = [bench.model.predict(batch) for batch in bench.rows.iter_slices(37)]
    same(pl.concat(parts), bench.predictions, "batches differ from the whole")


CHECKS = [
    ("missing_column_is_named", always, missing_column_is_named),
    ("renamed_column_is_offered", always, renamed_column_is_offered),
    ("column_order_is_irrelevant", always, column_order_is_irrelevant),
    ("unseen_category_is_predicted", always, unseen_category_is_predicted),
    ("nulls_are_predicted", always, nulls_are_predicted),
    ("one_row_is_predicted", always, one_row_is_predicted),
    ("empty_table_is_predicted", always, empty_table_is_predicted),
    ("one_row_equals_batch", tagged("rows_independent"), one_row_equals_batch),
    ("batches_equal_whole", tagged("streams"), batches_equal_whole),
]
