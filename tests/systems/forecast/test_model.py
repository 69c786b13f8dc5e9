from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Column, Role, Schema, Type
from noria.errors import ColumnError, DataError
from noria.methods.trees import TreePredictor
from noria.systems.forecast.driven import Driven
from noria.systems.forecast.model import ForecastModel
from noria.systems.forecast.panel import Panel
from noria.systems.forecast.spread import Spread

START, DAY = datetime(2024, 1, 1), timedelta(days=1)
HORIZON = 3
PATHS = np.array([[10.0, 11.0, 12.0], [20.0, 21.0, 22.0], [-5.0, 0.0, 5.0]])
SPREAD = Spread(np.array([1.0, 2.0, 3.0]), below=0.5, above=1.5)
PRICE = Column("price", Type.NUMBER)


def schema(*series: str, time: Type = Type.DATETIME, features: tuple[Column, ...] = ()) -> Schema:
    kinds = [Column(name, Type.CATEGORY, Role.SERIES) for name in series]
    return Schema(
        (Column("day", time, Role.TIME), *kinds, *features, Column("sold", Type.NUMBER, Role.TARGET))
    )


def history() -> pl.DataFrame:
    """Three shops to day 19, 24 and 14; all sell more than nothing, but the last, which has losses."""
    parts = []
    for shop, last, low in (("north", 20, 30.0), ("south", 25, 60.0), ("west", 15, -40.0)):
        sold = low + 5 * np.sin(np.arange(last)) + np.arange(last)
        days = [START + at * DAY for at in range(last)]
        parts.append(pl.DataFrame({"day": days, "shop": shop, "sold": sold, "price": sold / 10}))
    return pl.concat(parts)


def made(
    spread: Spread | None = SPREAD, paths: np.ndarray = PATHS, features: tuple[Column, ...] = (), driven=()
) -> ForecastModel:
    known = schema("shop", features=features)
    model = ForecastModel.of(known, Panel.of(history(), known), paths, 7, driven)
    return ForecastModel(known, model.frequency, model.names, model.arrays, driven, spread)


def asked(*rows: tuple[str, int]) -> pl.DataFrame:
    """Rows of a shop and a day's number."""
    return pl.DataFrame({"shop": [shop for shop, _ in rows], "day": [START + at * DAY for _, at in rows]})


def error(do: Callable[[], object], kind: type[DataError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        do()
    return str(caught.value)


def test_each_row_gets_the_step_of_its_own_series():
    found = made().predict(asked(("north", 20), ("west", 17), ("south", 25), ("north", 22)))
    assert found["prediction"].to_list() == [10.0, 5.0, 20.0, 12.0]
    assert found["ahead"].to_list() == [1, 3, 1, 3]


def test_the_order_of_the_rows_is_irrelevant():
    rows = asked(*((shop, last + step) for shop, last in (("north", 20), ("south", 25)) for step in range(3)))
    order = np.random.default_rng(0).permutation(rows.height)
    model = made()
    assert model.predict(rows[order]).equals(model.predict(rows)[order])
    one_by_one = pl.concat([model.predict(rows[at]) for at in range(rows.height)])
    assert one_by_one.equals(model.predict(rows))


def test_a_row_may_be_asked_twice():
    found = made().predict(asked(("north", 21), ("north", 21)))
    assert found["prediction"].to_list() == [11.0, 11.0]


def test_no_rows_give_no_forecasts_of_the_same_types():
    model = made()
    nothing, something = model.predict(asked(("north", 20)).head(0)), model.predict(asked(("north", 20)))
    assert nothing.height == 0
    assert nothing.schema == something.schema


def test_the_interval_has_the_spread_of_the_step_in_units_of_the_series_scale():
    model = made()
    found = model.predict(asked(("north", 20), ("south", 27)))
    scales = model.arrays["scales"][:2]
    assert found["scale"].to_list() == scales.tolist()
    assert scales[0] != scales[1]
    assert found["low"].to_list() == pytest.approx([10 - 0.5 * scales[0], 22 - 0.5 * 3 * scales[1]])
    assert found["high"].to_list() == pytest.approx([10 + 1.5 * scales[0], 22 + 1.5 * 3 * scales[1]])


def test_the_scale_is_the_error_of_the_seasonal_naive_forecast():
    sold = history().filter(shop="south")["sold"].to_numpy()
    errors, arrays = np.abs(sold[7:] - sold[:-7]), made().arrays
    assert arrays["scales"][1] == pytest.approx(errors.mean())
    assert arrays["scales_rms"][1] == pytest.approx(np.sqrt((errors**2).mean()))


def test_without_a_spread_there_are_no_intervals():
    model = made(spread=None)
    always = ["scale", "scale_rms", "ahead"]
    assert model.predict(asked(("north", 20))).columns == ["prediction", *always]
    assert made().predict(asked(("north", 20))).columns == ["prediction", "low", "high", *always]


@pytest.mark.parametrize("spread", [None, SPREAD])
def test_the_signature_names_what_comes_out_and_its_example_can_be_predicted(spread):
    model = made(spread=spread)
    found = model.predict(pl.DataFrame([model.signature.example]))
    assert [output.name for output in model.signature.outputs] == found.columns
    assert found["prediction"].to_list() == [10.0]
    assert [column.name for column in model.signature.columns] == ["day", "shop"]
    assert json.loads(json.dumps(model.signature.example)) == {"day": "2024-01-21T00:00:00", "shop": "north"}


def test_no_forecast_is_below_zero_where_no_value_ever_was():
    found = made(paths=PATHS - 15).predict(asked(("north", 20), ("south", 25), ("west", 15)))
    assert found["prediction"].to_list() == [0.0, 5.0, -20.0]


def test_moments_may_come_as_dates_or_as_text():
    model, expected = made(), [11.0, 21.0]
    for days in (
        [date(2024, 1, 22), date(2024, 1, 27)],
        ["2024-01-22", "2024-01-27"],
        ["2024-01-22T00:00:00", "2024-01-27T00:00:00"],
    ):
        rows = pl.DataFrame({"shop": ["north", "south"], "day": days})
        assert model.predict(rows)["prediction"].to_list() == expected


def test_columns_that_were_not_asked_for_change_nothing():
    rows = asked(("north", 20), ("south", 26))
    more = rows.with_columns(sold=pl.lit("?"), weather=pl.lit("rain")).select(
        "weather", "sold", "shop", "day"
    )
    assert made().predict(more).equals(made().predict(rows))


# --- series by two columns, by none, over numbers ---------------------------------------------------


def two_columns() -> ForecastModel:
    rows = history().filter(pl.col("shop") != "west").with_columns(item=pl.lit("tea / green"))
    known = schema("shop", "item")
    return ForecastModel.of(known, Panel.of(rows, known), PATHS[:2], 7)


def test_two_columns_name_a_series_together():
    rows = asked(("south", 25), ("north", 20)).with_columns(item=pl.lit("tea / green"))
    model = two_columns()
    assert model.predict(rows)["prediction"].to_list() == [20.0, 10.0]
    assert error(lambda: model.predict(rows.with_columns(item=pl.lit("tea / black")))) == (
        "The series 'south / tea // black' was not there in training, so it cannot be continued.\n"
        "  do:  Did you mean 'south / tea // green'?"
    )


def test_the_example_is_a_series_whatever_marks_its_name_holds():
    for model in (two_columns(), renamed("bread / white")):
        example = pl.DataFrame([model.signature.example])
        assert model.predict(example)["prediction"].to_list() == [10.0]


def renamed(name: str) -> ForecastModel:
    rows = history().filter(shop="north").with_columns(shop=pl.lit(name))
    known = schema("shop")
    return ForecastModel.of(known, Panel.of(rows, known), PATHS[:1], 7)


def test_one_series_needs_no_column():
    known = schema()
    panel = Panel.of(history().filter(shop="north"), known)
    model = ForecastModel.of(known, panel, PATHS[:1], 7)
    assert model.predict(asked(("?", 22)).drop("shop"))["prediction"].to_list() == [12.0]
    assert model.signature.example == {"day": "2024-01-21T00:00:00"}


def test_numbers_may_be_the_time():
    known = schema(time=Type.NUMBER)
    rows = pl.DataFrame({"day": [1950.0 + at / 4 for at in range(40)], "sold": np.arange(40.0)})
    model = ForecastModel.of(known, Panel.of(rows, known), PATHS[:1], 1)
    assert model.signature.example == {"day": 1960.0}
    assert model.predict(pl.DataFrame({"day": [1960.5, 1960.0]}))["prediction"].to_list() == [12.0, 10.0]
    assert error(lambda: model.predict(pl.DataFrame({"day": [1961.0]}))) == (
        "The series 'series' is forecast from 1960.0 to 1960.5.\n"
        "  got: 1961.0\n"
        "  do:  Ask for a moment in between, or train with a longer horizon: options: {horizon: ...}."
    )


# --- what cannot be forecast -----------------------------------------------------------------------


def test_an_unknown_series_is_an_error_that_offers_the_nearest_name():
    model = made()
    assert error(lambda: model.predict(asked(("north", 20), ("soutth", 25), ("moon", 25)))) == (
        "The series 'soutth' was not there in training, so it cannot be continued.\n"
        "  do:  Did you mean 'south'?"
    )
    assert error(lambda: model.predict(asked(("Berlin", 20)))) == (
        "The series 'Berlin' was not there in training, so it cannot be continued.\n"
        "  do:  Train again with its history."
    )


@pytest.mark.parametrize(
    ("shop", "at", "reach", "got"),
    [
        ("north", 19, "2024-01-21 00:00:00 to 2024-01-23 00:00:00", "2024-01-20 00:00:00"),
        ("north", 23, "2024-01-21 00:00:00 to 2024-01-23 00:00:00", "2024-01-24 00:00:00"),
        ("south", 20, "2024-01-26 00:00:00 to 2024-01-28 00:00:00", "2024-01-21 00:00:00"),
        ("west", 400, "2024-01-16 00:00:00 to 2024-01-18 00:00:00", "2025-02-04 00:00:00"),
    ],
)
def test_a_moment_in_the_past_or_beyond_the_horizon_is_an_error_that_names_the_reach(shop, at, reach, got):
    assert error(lambda: made().predict(asked(("west", 15), (shop, at)))) == (
        f"The series {shop!r} is forecast from {reach}.\n"
        f"  got: {got}\n"
        "  do:  Ask for a moment in between, or train with a longer horizon: options: {horizon: ...}."
    )


def test_hours_asked_of_a_model_of_days_are_an_error():
    hours = [START + 20 * DAY + timedelta(hours=at) for at in range(10)]
    text = error(lambda: made().predict(pl.DataFrame({"shop": "north", "day": hours})))
    assert text.startswith("The moments lie closer together than the steps of the series, which are daily.")
    assert "got: 10 moments in 1 steps" in text


def test_a_row_without_a_moment_is_an_error():
    rows = asked(("north", 20), ("south", 25), ("west", 15)).with_columns(
        day=pl.Series([START + 20 * DAY, None, None], dtype=pl.Datetime("us"))
    )
    assert error(lambda: made().predict(rows)) == (
        "A row has no moment in 'day'.\n  got: 2 such rows\n  do:  Fill it in."
    )


def test_a_missing_column_is_an_error_that_names_it():
    rows = asked(("north", 20))
    assert error(lambda: made().predict(rows.rename({"shop": "shops"})), ColumnError) == (
        "The table has no column 'shop'.\n  do:  Rename 'shops' to 'shop', or add the column."
    )


# --- covariates ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trees() -> TreePredictor:
    """Trees that give nearly half the price, their second feature, and ignore the first."""
    import lightgbm

    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(1, 4, 3000), rng.uniform(0, 10, 3000)])
    settings = {"num_leaves": 15, "learning_rate": 0.2, "verbosity": -1, "num_threads": 1, "seed": 0}
    booster = lightgbm.train(settings, lightgbm.Dataset(X, X[:, 1] / 2), 60)
    return TreePredictor.from_lightgbm(booster, link="identity", outputs=1)


def driven(trees: TreePredictor, weight: float = 1.0) -> Driven:
    known = np.tile(np.arange(1, HORIZON + 1, dtype=np.float32)[None, :, None], (3, 1, 1))
    return Driven(trees, known, np.array([[100.0, 2.0], [200.0, 10.0], [0.0, 1.0]]), weight)


def test_what_depends_on_the_price_is_added_to_the_path_of_its_series(trees):
    model = made(features=(PRICE,), driven=[driven(trees, 0.5)])
    found = model.predict(asked(("north", 20), ("south", 26)).with_columns(price=pl.Series([4.0, 8.0])))
    expected = [10 + 0.5 * (100 + 2 * 4 / 2), 21 + 0.5 * (200 + 10 * 8 / 2)]
    assert found["prediction"].to_list() == pytest.approx(expected, abs=0.3)


def test_an_unknown_price_gives_a_forecast_all_the_same(trees):
    model = made(features=(PRICE,), driven=[driven(trees)])
    rows = asked(("north", 20)).with_columns(price=pl.lit(None, dtype=pl.Float64))
    assert np.isfinite(model.predict(rows)["prediction"][0])
    assert error(lambda: model.predict(rows.drop("price")), ColumnError).startswith(
        "The table has no column 'price'."
    )


def test_joined_models_forecast_the_weighted_mean(trees):
    flat = made(features=(PRICE,))
    moved = made(features=(PRICE,), paths=PATHS + 8, driven=[driven(trees)])
    joint = ForecastModel.joined([flat, moved], [0.25, 0.75], SPREAD)
    rows = asked(("north", 21), ("west", 16)).with_columns(price=pl.Series([4.0, 8.0]))
    parts = [model.predict(rows)["prediction"].to_numpy() for model in (flat, moved)]
    assert joint.predict(rows)["prediction"].to_list() == pytest.approx(
        (0.25 * parts[0] + 0.75 * parts[1]).tolist()
    )


# --- on disk ---------------------------------------------------------------------------------------


def reloaded(model: ForecastModel, folder: Path) -> ForecastModel:
    model.save(folder)
    return ForecastModel.load(folder)


@pytest.mark.parametrize("spread", [None, SPREAD])
def test_a_saved_model_gives_the_same(spread, tmp_path):
    model = made(spread=spread)
    back = reloaded(model, tmp_path)
    rows = asked(("north", 20), ("west", 17), ("south", 26))
    assert back.predict(rows).equals(model.predict(rows))
    assert back.signature == model.signature
    assert (back.horizon, back.size) == (model.horizon, model.size)
    late = asked(("north", 40))
    assert error(lambda: back.predict(late)) == error(lambda: model.predict(late))


def test_a_saved_model_with_trees_gives_the_same(trees, tmp_path):
    model = made(features=(PRICE,), driven=[driven(trees, 0.3), driven(trees, 0.2)])
    back = reloaded(model, tmp_path)
    rows = asked(*(("south", 25 + at) for at in range(HORIZON))).with_columns(
        price=pl.Series([1.0, None, 9.0])
    )
    assert back.predict(rows).equals(model.predict(rows))
    assert back.size == model.size


def test_nothing_on_disk_is_pickled(trees, tmp_path):
    made(features=(PRICE,), driven=[driven(trees)]).save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "driven-0.safetensors",
        "driven-0.txt.gz",
        "model.json",
        "series.safetensors",
    ]
