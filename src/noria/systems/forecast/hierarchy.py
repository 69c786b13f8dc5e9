"""Series that add up: the sums of a table's series, and forecasts that agree with them.

The columns of role series, from the largest unit to the smallest, are the levels: of ``[region, shop]`` there
are the shops, a sum for every region, and one for all. A sum has no value in the columns it adds up over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from noria.core.schema import Role, Schema
from noria.errors import DataError
from noria.methods.reconcile import reconciled
from noria.systems.forecast.frequency import Frequency
from noria.systems.forecast.panel import Panel, parts

__all__ = ["coherent", "completed", "depths"]

_TINY = 1e-12


def completed(table: pl.DataFrame, schema: Schema, levels: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """All series over all steps, 0 where there was no row, with their sums; and what was added, in words.

    Raises
    ------
    DataError
        If the levels are not the columns of role series, there are features beside them, or a series has no
        name.
    """
    known = [column.name for column in schema.with_role(Role.SERIES)]
    time, target = schema.with_role(Role.TIME)[0].name, schema.with_role(Role.TARGET)[0].name
    if sorted(levels) != sorted(known):
        raise DataError(
            "A hierarchy names the columns that tell series apart, each once, the largest unit first.",
            got=f"hierarchy {list(levels)} of the series columns {known}",
            do="Name the same columns under 'data: series:' and 'options: hierarchy:'.",
        )
    if schema.features:
        raise DataError(
            "A sum of series has no value of its own in further columns, so a hierarchy takes none.",
            got=[column.name for column in schema.features],
            do="Leave them out: data: {drop: [...]}.",
        )
    for name in levels:
        if (table[name].is_null() | (table[name].cast(pl.String) == "")).any():
            raise DataError(
                f"A row has no value in {name!r}, which is how a sum over its values is written.",
                do="Fill it in, or drop the row.",
            )
    frequency, _ = Frequency.infer(table[time].unique(), np.zeros(table[time].n_unique(), dtype=np.int64))
    own = {f"level {at}": name for at, name in enumerate(levels)} | {"value": target}
    units = list(own)[:-1]
    rows = table.select(pl.Series("step", frequency.steps(table[time])), **own)
    rows = rows.group_by(*units, "step").agg(pl.col("value").sum())
    first, last = frequency.steps(table[time].sort().gather([0, -1]))
    steps = pl.Series("step", np.arange(first, last + 1))
    grid = rows.select(units).unique().join(steps.to_frame(), how="cross")
    grid = grid.join(rows, on=[*units, "step"], how="left").with_columns(pl.col("value").fill_null(0.0))
    sums = [grid.group_by(*units[:depth], "step").agg(pl.col("value").sum()) for depth in range(len(units))]
    moments = pl.Series("time", [frequency.moment(step) for step in steps]).cast(table[time].dtype)
    whole = pl.concat([grid, *sums], how="diagonal").join(pl.DataFrame([steps, moments]), on="step")
    whole = whole.select(*units, "time", "value").rename({**own, "time": time})
    notes = [f"{sum(one.height for one in sums) // len(steps):,} sums of series, forecast with them"]
    if grid.height > rows.height:
        notes.append(f"{grid.height - rows.height:,} steps without a row count as 0")
    return whole.sort([*levels, time]), notes


def depths(names: Sequence[str], columns: int) -> np.ndarray:
    """How many of the columns a series has a value in, (series,): 0 of the sum of all."""
    return np.array([sum(map(bool, parts(name, columns))) for name in names], dtype=np.int64)


def coherent(
    paths: np.ndarray, panel: Panel, schema: Schema, levels: Sequence[str], season: int
) -> np.ndarray:
    """The paths (series, horizon) of series and sums, made to add up.

    Series that were never below zero do not fall below it.
    """
    known = [column.name for column in schema.with_role(Role.SERIES)]
    depth = depths(panel.names, len(known))
    below, above = np.flatnonzero(depth == len(known)), np.flatnonzero(depth < len(known))
    names = np.array([parts(name, len(known)) for name in panel.names])[
        :, [known.index(one) for one in levels]
    ]
    belongs = np.array([(names[below, : depth[at]] == names[at, : depth[at]]).all(axis=1) for at in above])
    variances = np.maximum(panel.scales(season, power=2) ** 2, _TINY)
    agreed = reconciled(paths[below], paths[above], belongs, variances[np.r_[above, below]])
    agreed = np.maximum(agreed, panel.floors[below, None])
    whole = np.empty_like(paths)
    whole[below], whole[above] = agreed, belongs @ agreed
    return whole
