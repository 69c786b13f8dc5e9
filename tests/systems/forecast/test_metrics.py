from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.systems.forecast.metrics import metrics


def score(name: str, truth: list[float], forecast: list[float], rows: np.ndarray | None = None) -> float:
    metric = next(metric for metric in metrics("price") if metric.name == name)
    predictions = pl.DataFrame({"prediction": forecast, "scale": 1.0})
    return metric.bind(pl.DataFrame({"price": truth}), predictions)(rows)


def test_normalised_rmse_is_a_percentage_of_the_mean_absolute_truth():
    assert score("nrmse", [90.0, 110.0], [93.0, 106.0]) == pytest.approx(np.sqrt(12.5))
    assert score("nrmse", [-90.0, 110.0], [-93.0, 106.0]) == pytest.approx(np.sqrt(12.5))
    assert score("nrmse", [9.0, 11.0], [9.3, 10.6]) == pytest.approx(np.sqrt(12.5))


def test_normalised_rmse_of_some_rows_is_relative_to_these():
    rows = np.array([0, 0])
    assert score("nrmse", [50.0, 1000.0], [51.0, 1000.0], rows) == pytest.approx(2.0)


def test_normalised_rmse_of_nothing_but_zeros_is_not_a_number():
    assert np.isnan(score("nrmse", [0.0, 0.0], [1.0, 1.0]))
