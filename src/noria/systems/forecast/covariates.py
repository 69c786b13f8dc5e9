"""What is known of a moment besides its series and time: a column of numbers per feature."""

from __future__ import annotations

import numpy as np
import polars as pl

from noria.core.schema import Column, Schema, Type

__all__ = ["covariates"]

_DAY = 86_400e6


def covariates(typed: pl.DataFrame, schema: Schema) -> np.ndarray:
    """The features of conformed rows, (rows, features) float32: categories as codes, NaN where missing.

    Examples
    --------
    >>> schema = Schema((Column("promotion", Type.BOOLEAN), Column("kind", Type.CATEGORY, levels=("a", "b"))))
    >>> covariates(pl.DataFrame({"promotion": [True, None], "kind": ["b", "c"]}), schema).tolist()
    [[1.0, 1.0], [nan, nan]]
    """
    columns = [_numbers(typed[column.name], column) for column in schema.features]
    return np.stack(columns, axis=1) if columns else np.empty((typed.height, 0), dtype=np.float32)


def _numbers(values: pl.Series, column: Column) -> np.ndarray:
    if column.type is Type.DATETIME:
        numbers = values.dt.epoch("us").cast(pl.Float64) / _DAY
    elif column.type in (Type.NUMBER, Type.BOOLEAN):
        numbers = values.cast(pl.Float64)
    else:
        numbers = values.cast(pl.Enum(column.levels), strict=False).to_physical().cast(pl.Float64)
    return numbers.fill_null(float("nan")).to_numpy().astype(np.float32)
