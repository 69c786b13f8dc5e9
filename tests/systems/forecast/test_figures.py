from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import noria
from noria.settings import Settings

START = date(2024, 1, 1)


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Of a run on two shops with names that a page must not take for its own language."""
    rng, days = np.random.default_rng(0), 100
    rows = [
        {"day": START + timedelta(days=day), "shop": shop, "sold": level + 10 * (day % 7 == 5) + rng.normal()}
        for shop, level in (("<b>north</b>", 50.0), ("a.b[c]", 30.0))
        for day in range(days)
    ]
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    run = noria.train(
        pl.DataFrame(rows), "sold", time="day", series=["shop"], task="forecasting", session=session,
        options={"horizon": 7}, learners=["naive", "seasonal_naive", "theta"], trials=3, budget="60s",
    )  # fmt: skip
    return {figure.name: figure for figure in run.figures}


def test_all_are_well_drawn(figures, well_drawn):
    assert {"backtest", "backtest_2", "by_step", "leaderboard"} <= set(figures)
    for figure in figures.values():
        well_drawn(figure)


def test_each_series_is_shown_with_history_windows_and_forecast(figures):
    assert figures["backtest"].title == "What came, and what was forecast: <b>north</b>"
    frame = figures["backtest_2"].frame
    counts = dict(frame.group_by("kind").len().iter_rows())
    assert counts["forecast"] == 7
    assert counts["rolling origins"] == 5 * 7
    assert counts["actual"] == 5 * 7 + 7
    forecast = frame.filter(kind="forecast")
    assert (forecast["low"] < forecast["value"]).all()
    assert (forecast["value"] < forecast["high"]).all()
    assert frame.filter(kind="actual")["low"].null_count() == counts["actual"]


def test_errors_by_step_have_intervals(figures):
    frame = figures["by_step"].frame
    assert frame.filter(of="held out")["ahead"].to_list() == [1, 2, 3, 4, 5, 6, 7]
    assert frame.filter(of="held out")["rows"].to_list() == [2] * 7
    rolled = frame.filter(of="rolling origins")
    assert rolled["rows"].to_list() == [10] * 7
    assert ((rolled["low"] < rolled["error"]) & (rolled["error"] < rolled["high"])).all()
