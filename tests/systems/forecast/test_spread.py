from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from noria.systems.forecast.spread import Spread

HORIZON = 8


def errors(n: int, seed: int, shape: str = "normal") -> tuple[np.ndarray, np.ndarray]:
    """Errors that grow with the square root of the steps ahead, and the steps."""
    rng = np.random.default_rng(seed)
    ahead = rng.integers(1, HORIZON + 1, n)
    noise = {
        "normal": rng.normal(size=n),
        "skewed": rng.exponential(size=n) - 0.7,
        "heavy": rng.standard_t(3, n),
    }
    return noise[shape] * np.sqrt(ahead), ahead


def covered(spread: Spread, wrong: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Which true values lie between the ends, where the forecast is 10 and the scale is 3."""
    low, high = spread.interval(np.full(len(wrong), 10.0), ahead, np.full(len(wrong), 3.0))
    return (low <= 10 + 3 * wrong) & (10 + 3 * wrong <= high)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("shape", ["normal", "skewed", "heavy"])
def test_the_wanted_share_of_new_values_is_covered_at_every_step_ahead(shape, coverage):
    spread = Spread.fit(*errors(40_000, 0, shape), HORIZON, coverage=coverage)
    wrong, ahead = errors(40_000, 1, shape)
    inside = covered(spread, wrong, ahead)
    assert inside.mean() == pytest.approx(coverage, abs=0.015)
    for step in range(1, HORIZON + 1):
        assert inside[ahead == step].mean() == pytest.approx(coverage, abs=0.04)


def test_each_tail_is_missed_alike_where_errors_are_skewed():
    spread = Spread.fit(*errors(8000, 0, "skewed"), HORIZON, coverage=0.9)
    wrong, ahead = errors(40_000, 1, "skewed")
    low, high = spread.interval(np.zeros(len(wrong)), ahead, np.ones(len(wrong)))
    assert (wrong < low).mean() == pytest.approx(0.05, abs=0.01)
    assert (wrong > high).mean() == pytest.approx(0.05, abs=0.01)
    assert spread.above > 1.5 * spread.below


def test_growth_follows_the_errors():
    spread = Spread.fit(*errors(40_000, 0), HORIZON, coverage=0.9)
    expected = np.sqrt(np.arange(1, HORIZON + 1))
    assert spread.growth / spread.growth[0] == pytest.approx(expected, rel=0.06)


def test_growth_is_the_mean_error_of_each_step_where_that_rises():
    spread = Spread.fit(np.array([1.0, -3.0, 4.0, -4.0, 9.0]), np.array([1, 1, 2, 2, 3]), 3, coverage=0.9)
    assert spread.growth.tolist() == [2.0, 4.0, 9.0]


def test_growth_never_falls_and_neighbours_that_would_are_pooled():
    spread = Spread.fit(np.array([5.0, 1.0, 1.0, 1.0, 8.0]), np.array([1, 2, 2, 2, 3]), 3, coverage=0.9)
    assert spread.growth.tolist() == [2.0, 2.0, 8.0]
    for seed in range(50):
        rng = np.random.default_rng(seed)
        found = Spread.fit(rng.normal(size=30), rng.integers(1, 13, 30), 12, coverage=0.9).growth
        assert found.shape == (12,)
        assert (np.diff(found) >= 0).all()
        assert (found > 0).all()


def test_growth_is_the_rising_line_nearest_to_the_errors():
    rng = np.random.default_rng(3)
    sizes, ahead = rng.exponential(size=12), np.repeat([1, 2, 3, 4], 3)
    growth = Spread.fit(sizes, ahead, 4, coverage=0.9).growth
    best = ((sizes - growth[ahead - 1]) ** 2).sum()
    corners = sorted({float(sizes[np.isin(ahead, steps)].mean()) for count in range(1, 5)
                      for steps in itertools.combinations((1, 2, 3, 4), count)})  # fmt: skip
    tried = [np.array(one) for one in itertools.combinations_with_replacement(corners, 4)]
    assert min(((sizes - one[ahead - 1]) ** 2).sum() for one in tried) == pytest.approx(best)


def test_steps_that_were_never_tried_take_the_growth_of_those_before():
    spread = Spread.fit(np.array([1.0, -1.0, 3.0, -3.0]), np.array([2, 2, 4, 4]), 6, coverage=0.9)
    assert spread.growth.tolist() == [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]


def test_intervals_are_as_wide_as_their_series_scale():
    spread = Spread(np.array([1.0, 2.0]), below=0.5, above=1.5)
    low, high = spread.interval(np.array([10.0, 10.0, 0.0]), np.array([1, 2, 2]), np.array([1.0, 1.0, 10.0]))
    assert low.tolist() == [9.5, 9.0, -10.0]
    assert high.tolist() == [11.5, 13.0, 30.0]


@pytest.mark.parametrize("n", [1, 2, 5, 19])
def test_a_few_rows_give_a_symmetric_interval_that_holds_them_all(n):
    rng = np.random.default_rng(n)
    wrong, ahead = rng.normal(size=n), rng.integers(1, 4, n)
    spread = Spread.fit(wrong, ahead, 3, coverage=0.95)
    assert spread.below == spread.above
    low, high = spread.interval(np.zeros(n), ahead, np.ones(n))
    assert (low - 1e-12 <= wrong).all()
    assert (wrong <= high + 1e-12).all()


def test_the_width_is_the_error_of_the_conformal_rank():
    wrong = np.arange(1.0, 20.0)
    spread = Spread.fit(wrong * np.resize([1.0, -1.0], 19), np.ones(19, dtype=int), 1, coverage=0.9)
    assert spread.growth[0] == 10.0
    assert spread.above * spread.growth[0] == pytest.approx(18.0)


def test_few_rows_cover_on_average_what_was_wanted():
    inside = []
    for seed in range(400):
        spread = Spread.fit(*errors(39, seed), HORIZON, coverage=0.8)
        inside.append(covered(spread, *errors(50, 10_000 + seed)).mean())
    assert 0.72 < np.mean(inside) < 0.84


@pytest.mark.parametrize("n", [3, 3000])
def test_forecasts_without_error_have_intervals_without_width(n):
    ahead = np.resize([1, 2, 3], n)
    spread = Spread.fit(np.zeros(n), ahead, 3, coverage=0.9)
    low, high = spread.interval(np.full(n, 5.0), ahead, np.ones(n))
    assert np.allclose(low, 5.0)
    assert np.allclose(high, 5.0)
    assert np.isfinite(spread.growth).all()


def test_a_bias_moves_the_interval_and_not_only_its_far_end():
    rng = np.random.default_rng(0)
    spread = Spread.fit(5 + rng.normal(size=4000), np.ones(4000, dtype=int), 1, coverage=0.9)
    low, high = spread.interval(np.zeros(1), np.array([1]), np.ones(1))
    assert low[0] == pytest.approx(5 - 1.645, abs=0.1)
    assert high[0] == pytest.approx(5 + 1.645, abs=0.1)


def test_a_spread_survives_json():
    spread = Spread.fit(*errors(500, 0), HORIZON, coverage=0.9)
    back = Spread.from_dict(json.loads(json.dumps(spread.to_dict())))
    assert back.growth.tolist() == spread.growth.tolist()
    assert (back.below, back.above) == (spread.below, spread.above)


def of_many(windows: int, seed: int, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of series with unlike noise in so many windows of all steps, the steps, and the series."""
    rng = np.random.default_rng(seed)
    steps = np.arange(1, HORIZON + 1)
    series = np.tile(np.repeat(np.arange(len(noise)), HORIZON), windows)
    ahead = np.tile(steps, windows * len(noise))
    return rng.normal(size=len(series)) * noise[series] * np.sqrt(ahead), ahead, series


def test_each_series_gets_intervals_as_wide_as_its_own_errors():
    noise = np.repeat([1.0, 5.0], 50)
    spread, wider = Spread.of_series(*of_many(3, 0, noise), (100, HORIZON), 0.9)
    assert wider[50:].mean() / wider[:50].mean() == pytest.approx(3.2, abs=0.5)  # 5, drawn to the mean
    wrong, ahead, series = of_many(400, 1, noise)
    low, high = spread.interval(np.zeros(len(wrong)), ahead, wider[series])
    inside = (low <= wrong) & (wrong <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    quiet, loud = inside[series < 50].mean(), inside[series >= 50].mean()
    pooled = Spread.fit(*of_many(3, 0, noise)[:2], HORIZON, coverage=0.9)
    low, high = pooled.interval(np.zeros(len(wrong)), ahead, np.ones(len(wrong)))
    blunt = (low <= wrong) & (wrong <= high)
    assert quiet - loud < 0.8 * (blunt[series < 50].mean() - blunt[series >= 50].mean())


def test_one_window_tells_nothing_about_single_series():
    wrong, ahead, series = of_many(1, 0, np.array([1.0, 5.0]))
    spread, wider = Spread.of_series(wrong, ahead, series, (3, HORIZON), 0.9)
    assert wider.tolist() == [1.0, 1.0, 1.0]
    assert spread.to_dict() == Spread.fit(wrong, ahead, HORIZON, coverage=0.9).to_dict()


@pytest.mark.parametrize(("count", "least", "most"), [(200, 1.3, 1.5), (2, 1.8, 2.1)])
def test_errors_that_shrink_as_the_history_grows_are_taken_to_go_on_half_way(count, least, most):
    wrong, ahead, series = of_many(3, 0, np.ones(count))
    first = np.arange(len(wrong)) < 2 * count * HORIZON
    spread, wider = Spread.of_series(np.where(first, 2 * wrong, wrong), ahead, series, (count, HORIZON), 0.9)
    steady, usual = Spread.of_series(wrong, ahead, series, (count, HORIZON), 0.9)
    ratio = (spread.growth.mean() * spread.above * wider.mean()) / (
        steady.growth.mean() * steady.above * usual.mean()
    )
    assert least < ratio < most
