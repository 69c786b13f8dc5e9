"""Areas, ratios and ages of a house."""

from __future__ import annotations

import polars as pl

__all__ = ["house_features"]

_FLOORS = ("Total.Bsmt.SF", "X1st.Flr.SF", "X2nd.Flr.SF")
_PORCHES = ("Wood.Deck.SF", "Open.Porch.SF", "Enclosed.Porch", "X3Ssn.Porch", "Screen.Porch")
_GRADES = {"Ex": 5.0, "Gd": 4.0, "TA": 3.0, "Fa": 2.0, "Po": 1.0}
_GRADED = (
    "Exter.Qual",
    "Exter.Cond",
    "Bsmt.Qual",
    "Heating.QC",
    "Kitchen.Qual",
    "Fireplace.Qu",
    "Garage.Qual",
)


def house_features(table: pl.DataFrame) -> pl.DataFrame:
    """Add what buyers look at: space in all, how it is divided, age at the sale, grades as numbers.

    Parameters
    ----------
    table : Table
        The columns of ``openintro/ames``; the price is not among them.

    Returns
    -------
    Table
        The same rows and columns, and the new ones.
    """
    total = pl.sum_horizontal(pl.col(name).fill_null(0.0) for name in _FLOORS)
    baths = (
        pl.col("Full.Bath")
        + pl.col("Bsmt.Full.Bath").fill_null(0.0)
        + 0.5 * (pl.col("Half.Bath") + pl.col("Bsmt.Half.Bath").fill_null(0.0))
    )
    return table.with_columns(
        total.alias("total_area"),
        pl.sum_horizontal(_PORCHES).alias("porch_area"),
        baths.alias("baths"),
        (pl.col("area") / pl.col("TotRms.AbvGrd")).alias("area_per_room"),
        (pl.col("area") / pl.col("Lot.Area")).alias("built_share_of_lot"),
        (pl.col("Garage.Area").fill_null(0.0) / pl.col("area")).alias("garage_ratio"),
        (pl.col("Yr.Sold") - pl.col("Year.Built")).alias("age"),
        (pl.col("Yr.Sold") - pl.col("Year.Remod.Add")).alias("years_since_remodelled"),
        (pl.col("Overall.Qual") * total).alias("quality_area"),
        *(
            pl.col(name).replace_strict(_GRADES, default=0.0, return_dtype=pl.Float64).alias(f"{name}.grade")
            for name in _GRADED
        ),
    )
