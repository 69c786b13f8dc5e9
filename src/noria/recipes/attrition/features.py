"""Pay and history of an employee, set in relation."""

from __future__ import annotations

import polars as pl

__all__ = ["employee_features"]


def employee_features(table: pl.DataFrame) -> pl.DataFrame:
    """Add pay for the level, and shares of a career.

    Parameters
    ----------
    table : Table
        The columns of ``modeldata/attrition``; times are in years, the income is per month.

    Returns
    -------
    Table
        The same rows and columns, and the new ones.
    """
    years = pl.col("TotalWorkingYears")
    return table.with_columns(
        (pl.col("MonthlyIncome") / pl.col("JobLevel")).alias("income_for_level"),
        (pl.col("MonthlyIncome") / pl.col("Age")).alias("income_for_age"),
        (years / (pl.col("NumCompaniesWorked") + 1.0)).alias("years_per_company"),
        (pl.col("YearsAtCompany") / pl.when(years > 0).then(years)).alias("share_of_career_here"),
        (pl.col("YearsInCurrentRole") - pl.col("YearsWithCurrManager")).alias("role_older_than_manager"),
    )
