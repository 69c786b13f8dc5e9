"""Volume and grades of a stone."""

from __future__ import annotations

import polars as pl

__all__ = ["stone_features"]

_ORDERS = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": ("J", "I", "H", "G", "F", "E", "D"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}


def stone_features(table: pl.DataFrame) -> pl.DataFrame:
    """Add the volume and the grades as numbers, worst first; a length of zero is a missing one.

    Parameters
    ----------
    table : Table
        The columns of ``ggplot2/diamonds``; lengths are in millimetres, the weight in carats.

    Returns
    -------
    Table
        The same rows and columns, and the new ones.
    """
    lengths = [pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name) for name in ("x", "y", "z")]
    grades = [
        pl.col(name)
        .replace_strict(dict(zip(order, range(len(order)))), default=None, return_dtype=pl.Float64)
        .alias(f"{name}_grade")
        for name, order in _ORDERS.items()
    ]
    measured = table.with_columns(lengths)
    volume = pl.col("x") * pl.col("y") * pl.col("z")
    return measured.with_columns(
        volume.alias("volume"),
        (pl.col("carat") / volume).alias("density"),
        (pl.col("x") / pl.col("y")).alias("roundness"),
        pl.col("carat").log().alias("log_carat"),
        *grades,
    )
