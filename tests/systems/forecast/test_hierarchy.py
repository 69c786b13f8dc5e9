from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import noria
from noria.core.schema import Column, Role, Schema, Type
from noria.errors import DataError
from noria.settings import Settings
from noria.systems.forecast.hierarchy import completed

DAYS = pl.date_range(date(2024, 1, 1), date(2024, 4, 9), "1d", eager=True)


def sales(seed: int = 0) -> pl.DataFrame:
    """Three shops in two regions with a week's rhythm that the noise of one shop nearly hides."""
    rng, at = np.random.default_rng(seed), np.arange(len(DAYS))
    level = {("south", "a"): 40, ("south", "b"): 20, ("west", "c"): 30}
    parts = [
        pl.DataFrame(
            {
                "day": DAYS,
                "region": region,
                "shop": shop,
                "sold": base + 8 * np.sin(2 * np.pi * at / 7) + 6 * rng.normal(size=len(at)),
            }
        )
        for (region, shop), base in level.items()
    ]
    return pl.concat(parts)


def schema(*levels: str, **more: Column) -> Schema:
    kinds = [Column(name, Type.CATEGORY, Role.SERIES) for name in levels]
    fixed = Column("day", Type.DATETIME, Role.TIME), Column("sold", Type.NUMBER, Role.TARGET)
    return Schema((*fixed, *kinds, *more.values()))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    return noria.train(
        sales().select("shop", "day", "sold", "region"),
        "sold",
        task="forecasting",
        time="day",
        series=["region", "shop"],
        options={"horizon": 7, "hierarchy": ["region", "shop"]},
        session=session,
        budget="60s",
        trials=12,
        name="sales",
    )


def asked(region: str | None, shop: str | None) -> pl.DataFrame:
    days = pl.date_range(date(2024, 4, 10), date(2024, 4, 16), "1d", eager=True)
    return pl.DataFrame({"day": days}).with_columns(
        region=pl.lit(region, pl.String), shop=pl.lit(shop, pl.String)
    )


def test_forecasts_of_sums_are_the_sums_of_forecasts(run):
    units = [("south", "a"), ("south", "b"), ("west", "c"), ("south", None), ("west", None), (None, None)]
    found = {names: run.model.predict(asked(*names))["prediction"].to_numpy() for names in units}
    assert found["south", None] == pytest.approx(found["south", "a"] + found["south", "b"])
    assert found["west", None] == pytest.approx(found["west", "c"])
    assert found[None, None] == pytest.approx(found["south", None] + found["west", None])
    assert found[None, None].mean() == pytest.approx(90, abs=8)


def test_sums_are_judged_too_and_have_intervals_of_their_own(run):
    assert run.evaluation.rows == 6 * 7
    whole, shop = (run.model.predict(asked(*names)) for names in [(None, None), ("west", "c")])
    width = [(part["high"] - part["low"]).mean() / part["prediction"].mean() for part in (whole, shop)]
    assert width[0] < width[1]


def test_the_figures_tell_the_levels_apart(run):
    levels = next(figure.frame for figure in run.figures if figure.name == "by_level")
    assert levels["level"].to_list() == ["all", "region", "shop"]
    assert levels["rows"].to_list() == [7, 14, 21]
    titles = {figure.title.partition(": ")[2] for figure in run.figures if "backtest" in figure.name}
    assert {"all", "south", "c / west"} <= titles


def test_the_run_says_how_many_sums_there_are(run):
    assert any("3 sums of series" in note for note in run.notes)


def test_a_step_without_a_row_counts_as_nothing_and_rows_of_one_step_add_up():
    rows = pl.DataFrame(
        {
            "day": [date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 3), date(2024, 1, 2)],
            "shop": ["a", "a", "a", "b"],
            "sold": [1.0, 2.0, 5.0, 7.0],
        }
    )
    whole, notes = completed(rows, schema("shop"), ["shop"])
    by_shop = {shop: part.sort("day")["sold"].to_list() for (shop,), part in whole.group_by("shop")}
    assert by_shop == {"a": [3.0, 0.0, 5.0], "b": [0.0, 7.0, 0.0], None: [3.0, 7.0, 5.0]}
    assert notes == ["1 sums of series, forecast with them", "3 steps without a row count as 0"]


@pytest.mark.parametrize(
    "names", [("step", "shop", "sold"), ("day", "step", "value"), ("value", "time", "step")]
)
def test_columns_may_have_any_name(names):
    called = dict(zip(("day", "shop", "sold"), names))
    plain, _ = completed(sales().drop("region"), schema("shop"), ["shop"])
    columns = tuple(replace(column, name=called[column.name]) for column in schema("shop"))
    found, _ = completed(sales().drop("region").rename(called), Schema(columns), [called["shop"]])
    assert_frame_equal(found, plain.rename(called))


@pytest.mark.parametrize("levels", [["shop"], ["shop", "region", "shop"], ["shop", "country"]])
def test_the_levels_are_the_columns_of_the_series(levels):
    with pytest.raises(DataError, match="each once, the largest unit first"):
        completed(sales(), schema("region", "shop"), levels)


def test_a_hierarchy_takes_no_features():
    price = Column("price", Type.NUMBER)
    with pytest.raises(DataError, match="takes none"):
        completed(sales().with_columns(price=1.0), schema("shop", price=price), ["shop"])


def test_a_series_without_a_name_is_refused():
    rows = sales().with_columns(shop=pl.when(pl.col("shop") != "a").then("shop"))
    with pytest.raises(DataError, match="no value in 'shop'"):
        completed(rows, schema("shop", "region"), ["region", "shop"])
