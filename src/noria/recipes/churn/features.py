"""What a contract says about a customer."""

from __future__ import annotations

import polars as pl

__all__ = ["customer_features"]

_ADDED = (
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)


def customer_features(table: pl.DataFrame) -> pl.DataFrame:
    """Add the number of services and how the charges have developed.

    Parameters
    ----------
    table : Table
        The columns of ``modeldata/wa_churn``; `tenure` is in months, charges are per month and in total.

    Returns
    -------
    Table
        The same rows and columns, and the new ones.
    """
    services = pl.sum_horizontal((pl.col(name) == "Yes").cast(pl.Float64) for name in _ADDED)
    average = pl.col("total_charges") / pl.when(pl.col("tenure") > 0).then(pl.col("tenure"))
    return table.with_columns(
        services.alias("added_services"),
        (pl.col("monthly_charges") - average).alias("charge_above_own_average"),
        (pl.col("monthly_charges") / (services + 1.0)).alias("charge_per_service"),
    )
