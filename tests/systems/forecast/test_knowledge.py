"""What is known of the past only, of a series and of the calendar: used, not asked for, not seen early."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from holidays import country_holidays

import noria
from noria.core.protocol import Context, Fold, Task
from noria.core.schema import Role, Schema
from noria.data.conform import conform
from noria.data.infer import infer
from noria.data.validate import prepare
from noria.systems.forecast import ForecastSystem
from noria.systems.forecast.knowledge import Knowledge, asked
from noria.systems.forecast.learners import Additive, Boosting
from noria.systems.forecast.model import ForecastModel
from noria.systems.forecast.options import ForecastOptions
from noria.systems.forecast.panel import Panel
from noria.systems.forecast.spread import Spread
from noria.testing import check_system
from noria.testing.toy import problems

START = datetime(2022, 1, 3)
LEAD, HORIZON = 4, 4
ROLES = {"day": "time", "shop": "series"}


def stamps(count: int, first: int = 0) -> list[datetime]:
    return [START + timedelta(days=first + at) for at in range(count)]


def shops(count: int = 300, number: int = 4, seed: int = 0) -> pl.DataFrame:
    """Shops that sell what their visits were worth some days ago; promotions move the large ones only."""
    rng, parts = np.random.default_rng(seed), []
    for shop in range(number):
        level, large = float(rng.uniform(50, 150)), shop % 2 == 1
        drive, promotion = rng.normal(size=count + LEAD), rng.random(count) < 0.3
        drive = np.convolve(drive, 0.8 ** np.arange(20))[: count + LEAD]
        sold = level * (1 + 0.1 * drive[:count] + 0.8 * large * promotion)
        parts.append(
            pl.DataFrame(
                {
                    "day": stamps(count),
                    "shop": f"s{shop}",
                    "visits": 1000 * (shop + 1) + 100 * drive[LEAD:],
                    "size": "large" if large else "small",
                    "promotion": promotion,
                    "sold": sold,
                }
            )
        )
    return pl.concat(parts)


def read(table: pl.DataFrame) -> tuple[pl.DataFrame, Schema]:
    schema = infer(table, target="sold", overrides=ROLES)
    typed, schema, _ = prepare(table, schema, Task.FORECASTING)
    return conform(typed, schema), schema


def options(**wish) -> ForecastOptions:
    return ForecastOptions(**{"horizon": HORIZON, **wish})


def fitted(table: pl.DataFrame, learner=Boosting, **wish) -> ForecastModel:
    typed, schema = read(table)
    return learner(options(**wish)).fit(typed, None, Context(schema, Task.FORECASTING))


def error(table: pl.DataFrame, learner=Boosting, **wish) -> str:
    with pytest.raises(noria.NoriaError) as caught:
        fitted(table, learner, **wish)
    return str(caught.value)


def miss(table: pl.DataFrame, learner=Boosting, **wish) -> float:
    """The mean absolute error over the last steps, by a model of all before them."""
    late = pl.col("day") > table["day"].max() - timedelta(days=HORIZON)
    model, rows = fitted(table.filter(~late), learner, **wish), table.filter(late)
    return float((model.predict(rows)["prediction"] - rows["sold"]).abs().mean())


PAST, STATIC = {"past": ("visits",)}, {"static": ("size",)}


# --- what it is good for ----------------------------------------------------------------------------


def test_a_column_of_the_past_that_leads_the_series_helps():
    table = shops().drop("size")
    assert miss(table, **PAST) < 0.85 * miss(table.drop("visits"))


def test_an_attribute_tells_which_series_react():
    table = shops(120, 30).drop("visits")
    assert miss(table, **STATIC) < 0.9 * miss(table.drop("size"))


@pytest.mark.parametrize("learner", [Additive, Boosting])
def test_holidays_help_where_they_move_the_series(learner):
    days = pl.Series("day", stamps(1460))
    off = days.dt.date().is_in(list(country_holidays("US", years=range(2022, 2027))))
    noise = np.random.default_rng(0).normal(size=1460)
    table = pl.DataFrame({"day": days, "shop": "s", "sold": 100 + 50 * off.cast(float) + noise})
    table = table.filter(pl.col("day") <= datetime(2025, 12, 26))
    assert table["sold"][-2] > 140
    assert miss(table, learner, holidays="US") < 0.6 * miss(table, learner)


# --- what a prediction needs --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> ForecastModel:
    return fitted(shops(), **PAST, **STATIC, holidays="US")


def rows(*, promotion: bool = True) -> pl.DataFrame:
    return pl.DataFrame({"day": stamps(HORIZON, 300), "shop": "s1"}).with_columns(promotion=pl.lit(promotion))


def test_only_what_is_known_of_the_future_is_asked_for(model):
    assert [column.name for column in model.signature.columns] == ["day", "shop", "promotion"]
    assert set(model.signature.example) == {"day", "shop", "promotion"}
    assert model.predict(rows())["prediction"].is_finite().all()


def test_what_is_not_asked_for_is_not_looked_at(model):
    more = rows().with_columns(visits=pl.lit(-1e9), size=pl.lit("tiny"))
    assert model.predict(more).equals(model.predict(rows()))


def test_the_values_at_the_end_of_the_history_count():
    table = shops().drop("size", "promotion")
    last = pl.col("day") == table["day"].max()
    asked_for = pl.DataFrame({"day": stamps(1, 300 + LEAD - 1), "shop": "s1"})
    low, high = (
        fitted(table.with_columns(visits=pl.when(last).then(2000 + move).otherwise("visits")), **PAST)
        .predict(asked_for)["prediction"]
        .item()
        for move in (-200, 200)
    )
    assert high > low + 4


def test_an_explanation_names_all_of_it_and_adds_up(model):
    found = model.explain(rows())
    assert set(found.frame()["feature"]) == {
        "level of the series", "step ahead", "visits", "size", "public holidays", "promotion",
    }  # fmt: skip
    whole = found.base + found.attributions.sum_horizontal()
    np.testing.assert_allclose(whole, model.predict(rows())["prediction"], rtol=1e-6)
    added = found.attributions["promotion"].mean()
    assert added > model.explain(rows(promotion=False)).attributions["promotion"].mean() + 10


def test_a_saved_model_explains_and_predicts_the_same(model, tmp_path):
    model.save(tmp_path)
    back = ForecastModel.load(tmp_path)
    assert back.predict(rows()).equals(model.predict(rows()))
    assert back.explain(rows()).attributions.equals(model.explain(rows()).attributions)
    assert back.signature == model.signature


# --- nothing of the future ----------------------------------------------------------------------------


def test_a_fold_does_not_see_what_comes_after_its_origin():
    typed, schema = read(shops(120))
    system = ForecastSystem(schema, Task.FORECASTING, options(**PAST))
    split = system.folds(typed, 2, 0)[0]
    late = pl.Series(np.isin(np.arange(typed.height), split.train, invert=True))
    changed = typed.with_columns(visits=pl.when(late).then(-1e6).otherwise("visits"))
    found = []
    for table in (typed, changed):
        ctx = Context(schema, Task.FORECASTING).within(Fold(table, split))
        model = Boosting(system.chosen).fit(table[split.train], None, ctx)
        found.append(model.predict(table[split.valid]))
    assert found[0].equals(found[1])


def test_an_origin_knows_nothing_of_what_follows_it():
    typed, schema = read(shops(40, 2))
    changed = typed.with_columns(
        visits=pl.when(pl.col("day") >= START + timedelta(days=25)).then(0.0).otherwise("visits")
    )
    before, after = (knowledge(table, schema, **PAST) for table in (typed, changed))
    places = np.arange(40)
    for series in range(2):
        rows = [one.rows(series, places, places + 1) for one in (before, after)]
        assert (rows[0] == rows[1]).all(axis=1).tolist() == [True] * 25 + [False] * 15


def knowledge(table: pl.DataFrame, schema: Schema, season: int = 7, **wish) -> Knowledge:
    panel = Panel.of(table, asked(schema, options(**wish)))
    return Knowledge.of(table, panel, schema, options(**wish), season=season, horizon=HORIZON)


def visits(values: list[float | None], season: int = 4) -> np.ndarray:
    """What a column of the past says at each step of two series that have it."""
    parts = [
        pl.DataFrame({"day": stamps(len(values)), "shop": shop, "visits": values}) for shop in ("a", "b")
    ]
    table = pl.concat(parts).with_columns(sold=pl.int_range(pl.len()).cast(float))
    typed, schema = read(table)
    known = knowledge(typed, schema, season, **PAST)
    places = np.arange(len(values))
    first, second = (known.rows(series, places, places + 1) for series in range(2))
    np.testing.assert_array_equal(first, second)
    return first


def test_a_column_of_the_past_says_its_last_value_and_its_changes():
    found = visits([1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0])
    assert found[:, 0].tolist() == [1, 3, 5, 7, 9, 11, 13, 15]
    # the mean of the last four is 12 and was 4; a step changes by 2, but for the first, which has none before
    np.testing.assert_allclose(found[7, 1:], np.array([15 - 12, 13 - 12, 11 - 12, 12 - 4]) / (2 * 7 / 8))


def test_a_gap_keeps_the_last_value_and_what_was_never_known_stays_unknown():
    found = visits([None, None, 4.0, None, 6.0, 5.0])
    np.testing.assert_array_equal(found[:, 0], [np.nan, np.nan, 4, 4, 6, 5])
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[4:, :4]).all()


def test_steps_without_a_row_keep_the_last_value():
    table = shops(40, 2).filter(~pl.col("day").is_between(stamps(1, 10)[0], stamps(1, 14)[0]))
    typed, schema = read(table)
    known = knowledge(typed, schema, **PAST)
    found = known.rows(1, np.arange(9, 16), np.ones(7, dtype=int))[:, 0]
    assert (found[:6] == found[0]).all()
    assert found[6] != found[0]


# --- what is wrong ----------------------------------------------------------------------------------


def test_an_attribute_that_changes_is_an_error_that_names_column_and_series():
    changing = (pl.col("shop") == "s2") & (pl.col("day") >= START + timedelta(days=20))
    table = shops(40).with_columns(size=pl.when(changing).then(pl.lit("huge")).otherwise("size"))
    text = (
        "The column 'size' is named under options: static, and changes within the series 's2'.\n"
        "  got: ['small', 'huge']\n"
        "  do:  Leave it out there: it is then asked for each moment. Or name it under past."
    )
    assert error(table, **STATIC) == text
    typed, schema = read(table)
    with pytest.raises(noria.NoriaError) as caught:
        ForecastSystem(schema, Task.FORECASTING, options(**STATIC)).findings(typed)
    assert str(caught.value) == text


@pytest.mark.parametrize("name", ["size", "", "series"])
def test_an_attribute_may_be_missing_here_and_there(name):
    some = (pl.col("shop") == "s1") & (pl.col("day") < START + timedelta(days=20))
    table = shops(40).with_columns(size=pl.when(some).then(None).otherwise("size"))
    typed, schema = read(table.rename({"size": name}))
    sizes = knowledge(typed, schema, static=(name,)).static[:, 0]
    assert sizes[0] == sizes[2] != sizes[1] == sizes[3]


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({"past": ("visit",)}, "There is no feature 'visit', which is named under options: past.\n"
         "  do:  Did you mean 'visits'?"),
        ({"static": ("sold",)}, "There is no feature 'sold', which is named under options: static.\n"
         "  do:  Use one of: promotion, size, visits."),
        ({"past": ("size", "visits"), "static": ("size",)},
         "The column 'size' is named under options: past and under options: static.\n"
         "  do:  Leave it under static if it never changes within a series, else under past."),
    ],
)  # fmt: skip
def test_an_option_that_names_the_wrong_column_is_a_clear_error(wish, text):
    assert error(shops(40), **wish) == text


def test_a_column_that_was_left_out_as_it_never_varies_is_no_error():
    table = shops(60).with_columns(size=pl.lit("small"))
    assert read(table)[1]["size"].role is Role.IGNORE
    assert fitted(table.drop("visits"), **STATIC).names


def test_holidays_over_numbers_are_an_error():
    table = shops(40).with_columns(day=pl.col("day").rank("dense").cast(float))
    assert error(table, Additive, holidays="US").startswith("Holidays need a calendar")


# --- the whole life ---------------------------------------------------------------------------------


def test_a_system_with_all_of_it_passes_every_check():
    toy = next(problem for problem in problems() if problem.task is Task.FORECASTING)
    promotion, size = pl.col("day").dt.day() % 5 == 0, pl.when(pl.col("shop") == "north").then(9).otherwise(4)
    table = toy.table.with_columns(visits=10 * pl.col("sold").round(), size=size, promotion=promotion)
    ahead = toy.asked.with_columns(promotion=promotion)
    wish = {**toy.options, **PAST, **STATIC, "holidays": "US"}
    assert check_system(ForecastSystem, [replace(toy, table=table, options=wish, asked=ahead)])


def test_models_that_know_different_things_are_explained_together():
    table = shops(60, 2)
    models = [fitted(table, one, **PAST, **STATIC, holidays="US") for one in (Additive, Boosting)]
    joint = ForecastModel.joined(models, [0.3, 0.7], Spread(np.ones(HORIZON), 1.0, 1.0))
    later = rows().with_columns(day=pl.Series(stamps(HORIZON, 60)))
    explained = joint.explain(later)
    whole = explained.base + explained.attributions.sum_horizontal()
    np.testing.assert_allclose(whole, joint.predict(later)["prediction"], rtol=1e-6)
    alone = models[1].explain(later).attributions
    for name in ("visits", "size", "public holidays", "promotion"):
        np.testing.assert_allclose(explained.attributions[name], 0.7 * alone[name], rtol=1e-6, atol=1e-9)
