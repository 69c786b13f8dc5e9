"""Burden and means of a borrower."""

from __future__ import annotations

import polars as pl

__all__ = ["credit_features"]


def credit_features(table: pl.DataFrame) -> pl.DataFrame:
    """Add the ratios that a loan officer would ask for.

    Parameters
    ----------
    table : Table
        The columns of ``modeldata/credit_data``; amounts of money share one unit, `Time` is in months.

    Returns
    -------
    Table
        The same rows and columns, and the new ones.
    """
    left = pl.col("Income") - pl.col("Expenses")
    instalment = pl.col("Amount") / pl.col("Time")
    return table.with_columns(
        (pl.col("Amount") / pl.col("Price")).alias("financed_share"),
        instalment.alias("instalment"),
        (instalment / _positive(pl.col("Income"))).alias("instalment_of_income"),
        left.alias("left_after_expenses"),
        (pl.col("Debt") / _positive(pl.col("Assets"))).alias("debt_to_assets"),
        (pl.col("Seniority") / pl.col("Age")).alias("seniority_by_age"),
    )


def _positive(amount: pl.Expr) -> pl.Expr:
    """The amount where it can be divided by, else null."""
    return pl.when(amount > 0).then(amount)
