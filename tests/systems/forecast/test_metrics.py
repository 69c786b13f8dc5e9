from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.systems.forecast.metrics import metrics

TRUTH = pl.DataFrame({"sold": [10.0, 20.0, 0.0, 40.0]})
FORECAST = pl.DataFrame(
    {
        "prediction": [12.0, 20.0, 0.0, 30.0],
        "low": [9.0, 21.0, 0.0, 20.0],
        "high": [15.0, 25.0, 1.0, 35.0],
        "scale": [2.0, 2.0, 1.0, 5.0],
        "scale_rms": [4.0, 2.0, 1.0, 5.0],
    }
)


def score(
    name: str,
    rows: np.ndarray | None = None,
    forecast: pl.DataFrame = FORECAST,
    truth: pl.DataFrame = TRUTH,
) -> float:
    metric = {metric.name: metric for metric in metrics("sold", 0.8)}[name]
    return metric.bind(truth, forecast)(rows)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mase", (1 + 0 + 0 + 2) / 4),
        ("smape", 200 * (2 / 22 + 10 / 70) / 4),
        ("mae", 3.0),
        ("rmse", np.sqrt((4 + 100) / 4)),
        ("rmsse", np.sqrt((0.25 + 4) / 4)),
        ("nrmse", 100 * np.sqrt((4 + 100) / 4) / 17.5),
        ("coverage", 0.5),
    ],
)
def test_scores_worked_out_by_hand(name, value):
    assert score(name) == pytest.approx(value)


def test_the_pinball_loss_weighs_the_sides_by_the_quantiles():
    first = (0.1 * 1 + 0.5 * 2 + 0.1 * 5) / 2  # above the low end, below the forecast and the high end
    last = (0.1 * 20 + 0.5 * 10 + 0.9 * 5) / 5  # above all three
    assert score("pinball", np.array([0])) == pytest.approx(first / 3)
    assert score("pinball", np.array([0, 3])) == pytest.approx((first + last) / 6)


def test_without_intervals_their_scores_are_missing():
    bare = FORECAST.drop("low", "high")
    assert np.isnan(score("coverage", forecast=bare))
    assert np.isnan(score("pinball", forecast=bare))
    assert score("mae", forecast=bare) == 3.0


def test_only_coverage_is_better_when_greater():
    assert [metric.name for metric in metrics("sold", 0.8) if metric.greater_is_better] == ["coverage"]


def test_normalised_rmse_is_relative_to_the_rows_it_is_of():
    assert score("nrmse", np.array([0, 0])) == pytest.approx(20.0)
    assert score("nrmse", truth=TRUTH * -1, forecast=FORECAST * -1) == pytest.approx(score("nrmse"))


def test_normalised_rmse_of_nothing_but_zeros_is_not_a_number():
    assert np.isnan(score("nrmse", truth=TRUTH * 0))


@pytest.mark.parametrize(
    ("name", "losses"),
    [("mase", [1, 0, 0, 2]), ("rmse", [4, 0, 0, 100]), ("nrmse", [4, 0, 0, 100]), ("coverage", [0, 1, 0, 1])],
)
def test_the_losses_of_rows(name, losses):
    metric = next(metric for metric in metrics("sold", 0.8) if metric.name == name)
    assert metric.losses(TRUTH, FORECAST).tolist() == losses
