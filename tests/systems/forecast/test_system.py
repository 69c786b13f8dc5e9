from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.deadline import FitFailed
from noria.core.protocol import Context, Task, Trial
from noria.data.conform import conform
from noria.data.infer import infer
from noria.settings import Settings
from noria.systems.forecast import ForecastSystem
from noria.systems.forecast.options import ForecastOptions

START = datetime(2024, 1, 1)


def days(count: int, start: datetime = START) -> list[datetime]:
    return [start + timedelta(days=at) for at in range(count)]


def shops(count: int = 120, *, seed: int = 0, noise: float = 0.05) -> pl.DataFrame:
    """Two shops with a week's rhythm, the second on a rising trend and lifted by promotions."""
    rng, at = np.random.default_rng(seed), np.arange(count)
    week = np.sin(2 * np.pi * at / 7)
    promotion = rng.random(count) < 0.2
    north = 100 * (1 + 0.3 * week + noise * rng.normal(size=count))
    south = 40 * (1 + 0.2 * week + 0.005 * at + 0.5 * promotion + noise * rng.normal(size=count))
    parts = [
        pl.DataFrame({"day": days(count), "shop": "north", "promotion": False, "sold": north}),
        pl.DataFrame({"day": days(count), "shop": "south", "promotion": promotion, "sold": south}),
    ]
    return pl.concat(parts)


def train(table: pl.DataFrame, home, **wish):
    keys = {
        "task": "forecasting",
        "time": "day",
        "series": ["shop"],
        "budget": "60s",
        "trials": 14,
        "name": "shops",
    }
    session = noria.Session(Settings(home=home, workers=2))
    return noria.train(table, "sold", session=session, **{**keys, **wish})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(shops(), tmp_path_factory.mktemp("home"), options={"horizon": 7})


def system(table: pl.DataFrame, **options) -> tuple[ForecastSystem, pl.DataFrame]:
    schema = infer(table, target="sold", overrides={"day": "time", "shop": "series"})
    return ForecastSystem(schema, Task.FORECASTING, ForecastOptions(**options)), conform(table, schema)


def test_the_last_steps_of_every_series_are_held_out():
    built, table = system(shops(60), horizon=7)
    split = built.holdout(table, 0.2, 0)
    late = table[split.valid]
    assert late.group_by("shop").len()["len"].to_list() == [7, 7]
    assert late["day"].min() == START + timedelta(days=53)
    assert len(split.train) == 2 * 53


def test_rolling_origins_learn_from_the_past_only_and_judge_every_row_once():
    built, table = system(shops(60), horizon=7)
    folds = built.folds(table, 3, 0)
    judged = np.concatenate([fold.valid for fold in folds])
    assert len(np.unique(judged)) == len(judged) == 3 * 2 * 7
    for fold in folds:
        assert table[fold.train]["day"].max() < table[fold.valid]["day"].min()


def test_series_that_end_at_different_times_are_each_held_out_at_their_own_end():
    table = shops(60)
    table = table.filter((pl.col("shop") == "north") | (pl.col("day") < START + timedelta(days=40)))
    built, typed = system(table, horizon=5)
    late = typed[built.holdout(typed, 0.2, 0).valid]
    ends = dict(late.group_by("shop").agg(pl.col("day").max()).iter_rows())
    assert ends == {"north": START + timedelta(days=59), "south": START + timedelta(days=39)}


def test_a_row_behind_a_gap_is_not_judged_beyond_the_horizon():
    table = shops(60).filter(
        ~pl.col("day").is_between(START + timedelta(days=30), START + timedelta(days=47))
    )
    built, typed = system(table, horizon=7)
    for fold in [built.holdout(typed, 0.2, 0), *built.folds(typed, 3, 0)]:
        last = typed[fold.train]["day"].max()
        assert (typed[fold.valid]["day"].max() - last).days <= 7


def test_the_forecast_beats_the_naive_one_and_its_intervals_hold(run):
    scores, baseline = run.evaluation.scores, run.evaluation.baseline
    assert scores["mase"].value < 0.6 * baseline["mase"].value
    assert 0.7 <= scores["coverage"].value <= 1.0


def test_the_saved_model_continues_the_whole_series_and_not_the_training_part(run):
    ahead = pl.DataFrame({"day": days(7, START + timedelta(days=120)), "shop": "north", "promotion": False})
    found = run.model.predict(ahead)
    assert found["ahead"].to_list() == list(range(1, 8))
    week = 100 * (1 + 0.3 * np.sin(2 * np.pi * np.arange(120, 127) / 7))
    assert np.abs(found["prediction"].to_numpy() - week).mean() < 8
    assert (found["low"] < found["prediction"]).all()
    assert (found["prediction"] < found["high"]).all()


def test_a_covariate_that_is_known_moves_the_forecast(tmp_path):
    run = train(shops(200), tmp_path, options={"horizon": 7}, learners=["boosting"], trials=3)
    asked = pl.DataFrame({"day": days(7, START + timedelta(days=200)), "shop": "south"})
    with_, without = (
        run.model.predict(asked.with_columns(promotion=pl.lit(on)))["prediction"].mean()
        for on in (True, False)
    )
    assert with_ > without + 8
    loaded = noria.load("shops", session=noria.Session(Settings(home=tmp_path)))
    rows = asked.with_columns(promotion=pl.lit(True))
    assert loaded.predict(rows).equals(run.model.predict(rows))


def test_an_explanation_adds_up_and_finds_what_drives_the_forecast(tmp_path):
    run = train(shops(200), tmp_path, options={"horizon": 7}, learners=["boosting"], trials=3)
    asked = pl.DataFrame({"day": days(7, START + timedelta(days=200)), "shop": "south"})
    rows = asked.with_columns(promotion=pl.Series([True, False] * 3 + [True]))
    explained = run.model.explain(rows)
    whole = explained.base + explained.attributions.sum_horizontal()
    np.testing.assert_allclose(whole, run.model.predict(rows)["prediction"], rtol=1e-6)
    promoted = explained.attributions.filter(rows["promotion"])["promotion"].mean()
    assert promoted > explained.attributions.filter(~rows["promotion"])["promotion"].mean() + 5
    assert set(explained.frame()["feature"]) == {"level of the series", "step ahead", "promotion"}


def test_what_was_repaired_is_told(tmp_path):
    table = pl.concat([shops(60), shops(60).head(3)]).filter(pl.col("day") != START + timedelta(days=20))
    run = train(table.sample(fraction=1, shuffle=True, seed=0), tmp_path, trials=4)
    assert "2 series, daily" in run.notes
    assert "3 stamps that repeat were averaged" in run.notes
    assert "2 missing steps filled on a straight line, the longest gap 1 steps" in run.notes


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shop": pl.lit("west")}, "The series 'west' was not there in training"),
        ({"day": pl.lit(START)}, "The series 'north' is forecast from 2024-04-30"),
        ({"day": pl.lit(START + timedelta(days=500))}, "The series 'north' is forecast from 2024-04-30"),
    ],
)
def test_what_cannot_be_forecast_is_a_clear_error(run, change, text):
    rows = pl.DataFrame({"day": days(2, START + timedelta(days=120)), "shop": "north", "promotion": False})
    with pytest.raises(noria.NoriaError) as caught:
        run.model.predict(rows.with_columns(**change))
    assert str(caught.value).startswith(text)


def test_a_missing_covariate_is_named_and_an_empty_one_is_borne(run):
    rows = pl.DataFrame({"day": days(2, START + timedelta(days=120)), "shop": "north"})
    with pytest.raises(noria.NoriaError, match="no column 'promotion'"):
        run.model.predict(rows)
    empty = run.model.predict(rows.with_columns(promotion=pl.lit(None, dtype=pl.Boolean)))
    assert empty["prediction"].is_not_nan().all()


ONE_MOMENT_EACH = pl.concat(
    [shops(2).filter(pl.col("shop") == shop)[at] for at, shop in enumerate(["north", "south"])] * 10
)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (shops(60).head(3), "Too few rows can be learned from"),
        (shops(60).with_columns(sold=5.0), "The target 'sold' has nothing to learn."),
        (shops(60).with_columns(sold=0.0), "The target 'sold' has nothing to learn."),
        (shops(60).with_columns(day=pl.lit("soon")), "No system solves forecasting on these columns."),
        (ONE_MOMENT_EACH, "No series has two different stamps"),
    ],
    ids=["three points", "constant", "zero", "no moments", "one moment"],
)
def test_what_cannot_be_learned_from_is_a_clear_error(table, text, tmp_path):
    with pytest.raises(noria.NoriaError) as caught:
        train(table, tmp_path)
    assert str(caught.value).startswith(text)
    assert not list((tmp_path / "runs").glob("*"))


def test_a_horizon_longer_than_the_history_is_said_to_be_untried(tmp_path):
    run = train(shops(40), tmp_path, options={"horizon": 100}, trials=4)
    assert any(note.startswith("100 steps are forecast, and the history") for note in run.notes)
    far = pl.DataFrame({"day": [START + timedelta(days=139)], "shop": "north", "promotion": False})
    assert run.model.predict(far)["ahead"].to_list() == [100]


def test_the_pictures_show_history_windows_forecast_and_what_stood_out(tmp_path):
    table = shops()
    odd = (table["shop"] == "north") & (table["day"] == START + timedelta(days=90))
    table = table.with_columns(sold=pl.when(odd).then(400.0).otherwise("sold"))
    run = train(table, tmp_path, options={"horizon": 7}, learners=["naive", "theta"])
    assert any("stand out" in note and "'north' at 2024-03-31: 400" in note for note in run.notes)
    figures = {figure.name: figure for figure in run.figures if figure.section != "explanation"}
    assert list(figures) == ["backtest", "by_step"]
    frame = figures["backtest"].frame
    counts = dict(frame.group_by("kind").len().iter_rows())
    assert counts["forecast"] == 2 * 7
    assert counts["rolling origins"] == 2 * 5 * 7
    assert 400.0 in frame.filter(kind="unusual", series="north")["value"]
    assert (frame.filter(kind="forecast")["low"] < frame.filter(kind="forecast")["high"]).all()
    assert figures["by_step"].frame["ahead"].unique().to_list() == [1, 2, 3, 4, 5, 6, 7]


def test_a_notebook_shows_a_figure_as_vega_lite(run):
    bundle = run.figures[0]._repr_mimebundle_()
    spec = bundle["application/vnd.vegalite.v6+json"]
    assert spec["title"] == "What came, and what was forecast"
    assert len(spec["data"]["values"]) == run.figures[0].frame.height


def test_near_equals_share_half_of_the_weight_and_the_hopeless_get_none():
    forecaster, table = system(shops(40))
    truth, rng = table.head(40), np.random.default_rng(0)
    y, noise = truth["sold"].to_numpy(), rng.normal(size=40)

    def trial(number: int, name: str, error: np.ndarray) -> Trial:
        learner = next(one for one in forecaster.learners() if one.name == name)
        known = pl.DataFrame({"prediction": y + error, "scale": 10.0})
        return Trial(number, learner, float(np.abs(error).mean() / 10), known)

    trials = [
        trial(0, "naive", 9 * rng.normal(size=40)),
        trial(1, "theta", noise),
        trial(2, "theta", noise + 0.01),
        trial(3, "additive", 1.05 * noise),
        trial(4, "mean", -1.6 * noise),  # a blend with it would be perfect on these rows
    ]
    context = Context(forecaster.schema, Task.FORECASTING)
    weights, joint = forecaster.weigh(trials, truth, forecaster.metrics()[0], context)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[[0, 4]].tolist() == [0.0, 0.0]
    assert weights[3] >= 0.25
    assert weights[1] + weights[2] >= 0.25
    blend = sum(weight * one.predictions["prediction"] for weight, one in zip(weights, trials))
    assert joint["prediction"].to_list() == pytest.approx(blend.to_list())


def test_the_additive_forecast_goes_on_from_the_last_level_unless_told_otherwise():
    table = shops(120, noise=0.01).filter(shop="north")
    table = table.with_columns(sold=pl.col("sold") + 50 * (pl.int_range(pl.len()) >= 112))
    forecaster, table = system(table, horizon=7, season=7)
    additive = next(one for one in forecaster.learners() if one.name == "additive")
    context = Context(forecaster.schema, Task.FORECASTING)
    means = [
        additive.with_params(additive.params.replace(carried=carried)).fit(table, None, context).paths.mean()
        for carried in (True, False)
    ]
    assert means[0] == pytest.approx(150, abs=10)
    assert means[1] < 135


HARD = {
    "never above zero": pl.lit(-50.0) - pl.col("sold"),
    "in another order": pl.col("sold").shuffle(seed=0),
    "with infinite values": pl.when(pl.int_range(pl.len()) % 17 == 3).then(float("inf")).otherwise("sold"),
}


@pytest.mark.parametrize("sold", HARD.values(), ids=HARD)
def test_hard_values_give_a_finite_forecast(sold, tmp_path):
    run = train(shops(60).with_columns(sold=sold), tmp_path, options={"horizon": 5}, trials=None, budget="4s")
    rows = pl.DataFrame({"day": days(5, START + timedelta(days=60)), "shop": "south", "promotion": False})
    found = run.model.predict(rows)
    assert found.select(pl.all().is_finite().all()).row(0) == (True,) * found.width
    if sold is HARD["never above zero"]:
        assert (found["prediction"] < 0).all()


def test_moments_of_several_time_zones_are_one_clock(tmp_path):
    hours = [START + timedelta(hours=at) for at in range(200)]
    zones = [
        f"{hour + timedelta(hours=at % 3):%Y-%m-%dT%H:%M:%S}+0{at % 3}:00" for at, hour in enumerate(hours)
    ]
    sold = 10 + np.sin(2 * np.pi * np.arange(200) / 24)
    table = pl.DataFrame({"day": zones, "sold": sold})
    run = train(table, tmp_path, series=[], options={"horizon": 6}, learners=["seasonal_naive"])
    assert any("hourly" in note for note in run.notes)
    asked = pl.DataFrame({"day": [START + timedelta(hours=200 + at) for at in range(6)]})
    assert run.model.predict(asked)["prediction"].to_list() == pytest.approx(sold[176:182].tolist())


def test_a_gap_longer_than_the_history_is_filled_and_told(tmp_path):
    moments = [*days(40), *days(40, START + timedelta(days=200))]
    table = pl.DataFrame({"day": moments, "sold": 10 + np.arange(80) % 7})
    run = train(table, tmp_path, series=[], options={"horizon": 5}, learners=["naive", "theta"])
    assert any(
        "160 missing steps filled on a straight line, the longest gap 160 steps" in note for note in run.notes
    )


def test_of_one_season_the_longest_is_not_tried_again():
    forecaster, table = system(shops(40), horizon=7, season=7)
    theta = next(one for one in forecaster.learners() if one.name == "theta")
    context = Context(forecaster.schema, Task.FORECASTING)
    with pytest.raises(FitFailed, match="only one season"):
        theta.with_params(theta.params.replace(longest=True)).fit(table, None, context)
