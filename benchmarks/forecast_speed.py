"""What forecasts cost: ``python -m benchmarks.forecast_speed`` (needs the extra ``forecast`` and rdata).

Monthly series of the M3 competition. Each statistical learner is held to a bare loop over the same series
that calls statsforecast's model, both in this process, in turn; boosting is fitted to 1,000 series.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from benchmarks._common import machine, versions
from benchmarks.forecast import long, monthly
from benchmarks.tabular.report import table
from noria.core.protocol import Context, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.systems.forecast.learners.base import ForecastLearner
from noria.systems.forecast.learners.boosting import Boosting
from noria.systems.forecast.learners.statistical import Arima, Ets, Mstl
from noria.systems.forecast.options import ForecastOptions

__all__ = ["main"]

_HORIZON, _SEASON, _MANY = 18, 12, 1_000
_SCHEMA = Schema(
    (
        Column("series", Type.CATEGORY, Role.SERIES),
        Column("step", Type.NUMBER, Role.TIME),
        Column("value", Type.NUMBER, Role.TARGET),
    )
)


def _fit(kind: type[ForecastLearner[Any]], rows: pl.DataFrame, threads: int = 1) -> None:
    learner = kind(ForecastOptions(horizon=_HORIZON, season=_SEASON))
    learner.fit(rows, None, Context(_SCHEMA, Task.FORECASTING, threads=threads))


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _statistical(series: dict[str, np.ndarray], repeats: int) -> list[list[str]]:
    from statsforecast import models

    rows, lines = long(series, dict.fromkeys(series, 0)), []
    direct = {
        Ets: models.AutoETS(season_length=_SEASON),
        Mstl: models.MSTL([_SEASON], models.AutoETS(model="ZZN")),
        Arima: models.AutoARIMA(season_length=_SEASON, approximation=True),
    }
    for kind, model in direct.items():
        times = []
        for _ in range(repeats):
            bare = _seconds(lambda model=model: [model.forecast(one, h=_HORIZON) for one in series.values()])  # type: ignore[misc]
            times.append((_seconds(lambda kind=kind: _fit(kind, rows)), bare))  # type: ignore[misc]
        ours, bare = (1000 * min(each) / len(series) for each in zip(*times))
        lines.append([kind.name, f"{ours:.1f}", f"{bare:.1f}", f"{ours / bare:.2f}"])
    return lines


def main() -> None:
    """Time, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=20, help="series for the statistical learners")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    whole = monthly()
    some = {name: whole[name] for name in list(whole)[:: len(whole) // given.series][: given.series]}
    lines = _statistical(some, given.repeats)
    head = ["learner", "noria, ms per series", "statsforecast, ms per series", "times"]
    many = {name: whole[name] for name in list(whole)[:_MANY]}
    rows = long(many, dict.fromkeys(many, 0))
    seconds = _seconds(lambda: _fit(Boosting, rows, threads=2))
    boosting = f"boosting on {len(many):,} series, {rows.height:,} values: {seconds:.1f} s"
    about = f"{machine()} {versions(('noria', 'statsforecast', 'lightgbm', 'polars', 'numpy'))}"
    sys.stdout.write(f"{table(head, lines)}\n\n{boosting}\n\n{about}\n")


if __name__ == "__main__":
    main()
