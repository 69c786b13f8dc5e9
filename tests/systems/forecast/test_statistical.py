from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from noria._lazy import installed
from noria.core.deadline import Deadline, OutOfTime
from noria.core.protocol import Context, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.systems.forecast import ForecastSystem
from noria.systems.forecast.learners.statistical import Arima, Ets, Mstl
from noria.systems.forecast.options import ForecastOptions

pytestmark = pytest.mark.skipif(not installed("statsforecast"), reason="statsforecast is not installed")

SCHEMA = Schema(
    (
        Column("month", Type.DATETIME, Role.TIME),
        Column("shop", Type.CATEGORY, Role.SERIES),
        Column("sold", Type.NUMBER, Role.TARGET),
    ),
    rows=200,
)
MONTHS = pl.date_range(date(2010, 1, 1), date(2024, 12, 1), "1mo", eager=True)


def table(**shops: np.ndarray) -> pl.DataFrame:
    return pl.concat(
        pl.DataFrame({"month": MONTHS.head(len(sold)), "shop": shop, "sold": sold})
        for shop, sold in shops.items()
    )


def continued(kind: type[Ets], shops: pl.DataFrame, horizon: int = 12, **options) -> np.ndarray:
    wish = ForecastOptions(horizon=horizon, **options)
    return kind(wish).fit(shops, None, Context(SCHEMA, Task.FORECASTING)).paths


def waves(count: int, season: int = 12, slope: float = 1.0) -> np.ndarray:
    """A rising line with a season and a little noise."""
    at = np.arange(count)
    return (
        100 + slope * at + 20 * np.sin(2 * np.pi * at / season) + np.random.default_rng(0).normal(size=count)
    )


@pytest.mark.parametrize("kind", [Ets, Arima, Mstl])
def test_a_trend_with_a_season_is_continued(kind):
    whole = waves(96)
    found = continued(kind, table(north=whole[:84]))[0]
    naive = np.abs(whole[84:] - whole[72:84]).mean()
    assert np.abs(found - whole[84:]).mean() < 0.35 * naive


@pytest.mark.parametrize("kind", [Ets, Arima, Mstl])
def test_what_the_model_cannot_fit_is_continued_flat(kind):
    shops = table(constant=np.full(40, 7.0), short=np.array([1.0, 4.0, 2.0]), usual=waves(60))
    found = continued(kind, shops, horizon=3)
    assert found[0].tolist() == [7.0, 7.0, 7.0]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", [Ets, Arima, Mstl])
def test_a_season_beyond_the_model_is_taken_out(kind):
    whole = waves(180, season=30, slope=0)
    found = continued(kind, table(north=whole[:150]), horizon=30, season=30)[0]
    assert np.abs(found - whole[150:]).mean() < 3


def test_the_package_itself_gives_the_same_forecast():
    from statsforecast.models import AutoETS

    whole = waves(84)
    direct = AutoETS(season_length=12).forecast(whole, h=12)["mean"]
    assert continued(Ets, table(north=whole))[0] == pytest.approx(direct)


def test_time_is_looked_at_between_series():
    context = Context(SCHEMA, Task.FORECASTING, deadline=Deadline(0))
    with pytest.raises(OutOfTime):
        Arima(ForecastOptions(horizon=3)).fit(table(north=waves(60)), None, context)


def test_they_are_offered_after_the_simple_ones():
    names = [learner.name for learner in ForecastSystem(SCHEMA, Task.FORECASTING).learners()]
    assert names[0] == "naive"
    assert {"ets", "arima", "mstl"} <= set(names)
