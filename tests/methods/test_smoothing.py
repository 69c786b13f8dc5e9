from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from noria.errors import ParamError
from noria.methods.smoothing import (
    aligned,
    croston,
    damped_trend,
    deseasonalise,
    period,
    seasonal,
    simple,
    theta,
    tsb,
    unusual,
)

ALPHAS = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
BETAS = (0.005, 0.03, 0.1, 0.3)
DAMPINGS = (0.85, 0.93, 0.98)
METHODS: list[Callable[[np.ndarray, int], np.ndarray]] = [simple, damped_trend, theta]

pytestmark = pytest.mark.filterwarnings("error")


def walk(n: int, seed: int, drift: float = 0.0, noise: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 20 + np.cumsum(rng.normal(drift, 1, n)) + rng.normal(0, noise, n)


def smoothed(values: np.ndarray, alpha: float) -> tuple[float, float]:
    """The squared error on the way, and the last level."""
    level, error = values[0], 0.0
    for value in values[1:]:
        error += (value - level) ** 2
        level = alpha * value + (1 - alpha) * level
    return error, level


def faded(values: np.ndarray, alpha: float, beta: float, damping: float) -> tuple[float, float, float]:
    """Holt's two equations as textbooks give them, begun with the first value and the mean early change."""
    level, slope, error = values[0], float(np.mean(np.diff(values[:11]))), 0.0
    for value in values[1:]:
        expected = level + damping * slope
        error += (value - expected) ** 2
        before = level
        level = alpha * value + (1 - alpha) * expected
        slope = beta * (level - before) + (1 - beta) * damping * slope
    return error, level, slope


@pytest.mark.parametrize("noise", [0.0, 1.0, 6.0])
def test_simple_smoothing_is_the_loop_with_the_best_weight_of_the_grid(noise):
    for seed in range(4):
        values = walk(60, seed, noise=noise)
        _, level = min(smoothed(values, alpha) for alpha in ALPHAS)
        assert simple(values[None], 3)[0] == pytest.approx([level] * 3, rel=1e-12)


def test_the_grid_is_used_from_end_to_end():
    rng = np.random.default_rng(0)
    noise, steps = rng.normal(5, 1, 400), np.cumsum(rng.normal(0, 1, 400))
    assert simple(noise[None], 1)[0, 0] == pytest.approx(smoothed(noise, 0.01)[1])
    assert simple(steps[None], 1)[0, 0] == pytest.approx(smoothed(steps, 0.98)[1])


@pytest.mark.parametrize("n", [2, 3, 7, 12, 80])
def test_the_damped_trend_is_holts_two_equations_with_the_best_setting_of_the_grid(n):
    for seed in range(4):
        values = walk(n, seed, drift=0.8)
        settings = itertools.product(ALPHAS, BETAS, DAMPINGS)
        (_, level, slope), damping = min(
            ((faded(values, *one), one[2]) for one in settings), key=lambda found: found[0][0]
        )
        path = [level + slope * sum(damping**i for i in range(1, step + 1)) for step in range(1, 7)]
        assert damped_trend(values[None], 6)[0] == pytest.approx(path, rel=1e-9)


def test_the_damped_trend_rises_ever_less():
    rises = np.diff(damped_trend(walk(80, 1, drift=2.0, noise=0.1)[None], 12)[0])
    assert (rises > 0).all()
    assert (np.diff(rises) < 0).all()


@pytest.mark.parametrize("slope", [0.5, -2.0])
def test_theta_continues_a_line_at_half_its_slope(slope):
    n, line = 50, 7 + slope * np.arange(50)
    path = theta(line[None], 4)[0]
    assert np.diff(path) == pytest.approx([slope / 2] * 3)
    lagged = smoothed(line, 0.98)[1]
    assert path == pytest.approx([(7 + slope * (n - 1 + step) + lagged) / 2 for step in range(1, 5)])


def test_theta_is_the_mean_of_the_trend_line_and_the_smoothed_series_with_its_trend_doubled():
    for seed in range(4):
        values = walk(40, seed, drift=0.5)
        slope, start = np.polyfit(np.arange(40), values, 1)
        doubled = 2 * values - (start + slope * np.arange(40))
        _, level = min(smoothed(doubled, alpha) for alpha in ALPHAS)
        expected = [(start + slope * (39 + step) + level) / 2 for step in (1, 2, 3)]
        assert theta(values[None], 3)[0] == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
def test_series_of_unequal_length_are_forecast_as_each_alone(method):
    series = [walk(n, n, drift=0.3) for n in (1, 2, 3, 11, 12, 13, 40, 75)]
    together = method(aligned(series), 5)
    assert together.shape == (8, 5)
    for one, path in zip(series, together):
        assert path == pytest.approx(method(one[None], 5)[0], rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_series_is_irrelevant(method):
    series = [walk(n, n) for n in (30, 5, 17)]
    assert np.allclose(method(aligned(series[::-1]), 2), method(aligned(series), 2)[::-1], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_series_without_change_is_continued_as_it_is(method):
    series = aligned([np.zeros(20), np.full(30, 0.1), np.full(2, -4.0), np.array([7.0])])
    assert np.allclose(method(series, 3), np.array([[0.0], [0.1], [-4.0], [7.0]]).repeat(3, axis=1))


@pytest.mark.parametrize("method", METHODS)
def test_forecasts_follow_a_shift_and_a_stretch_of_the_series(method):
    values = walk(60, 3, drift=0.4)[None]
    assert np.allclose(method(5 * values - 100, 4), 5 * method(values, 4) - 100)


def test_the_matrix_ends_with_the_last_values():
    matrix = aligned([np.array([1.0]), np.array([2.0, 3.0, 4.0])])
    assert np.array_equal(matrix, [[np.nan, np.nan, 1.0], [2.0, 3.0, 4.0]], equal_nan=True)
    assert aligned([]).shape == (0, 0)


# --- seasons ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("season", [4, 7, 12])
def test_noise_rarely_has_a_season(season):
    rng = np.random.default_rng(season)
    found = sum(seasonal(rng.normal(50, 10, 120), season) for _ in range(400))
    assert 0 < found < 0.12 * 400


@pytest.mark.parametrize("season", [2, 4, 7, 12, 24])
def test_a_season_is_always_found(season):
    for seed in range(50):
        rng = np.random.default_rng(seed)
        pattern = rng.normal(0, 1, season)
        pattern = (pattern - pattern.mean()) / pattern.std()
        for n in (8 * season, 8 * season + 1, 9 * season - 1):
            assert seasonal(np.resize(pattern, n) + rng.normal(0, 0.3, n), season)


def test_a_season_is_found_only_where_it_was_seen_three_times():
    peaks = np.tile([0.0] * 11 + [1.0], 3)
    assert seasonal(peaks, 12)
    assert not seasonal(peaks[1:], 12)


def test_no_season_has_fewer_than_two_steps():
    line = np.arange(50.0)
    assert seasonal(line, 2)
    assert not seasonal(line, 1)
    assert not seasonal(line, 0)


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, 1 / 3, -123.456, 1e6 + 0.1, 1e-9])
@pytest.mark.parametrize("n", [50, 100, 333])
def test_a_constant_has_no_season(value, n):
    assert not seasonal(np.full(n, value), 12)
    adjusted, pattern, multiplies = deseasonalise(np.full(n, value), 12)
    assert adjusted.tolist() == [value] * n
    assert pattern.tolist() == [0.0] * 12
    assert not multiplies


@pytest.mark.parametrize("left", [0, 1, 2, 5, 6])
def test_an_added_season_is_taken_out_and_begins_at_the_step_after_the_end(left):
    waves = np.array([4.0, -1.0, 0.0, 2.0, -6.0, -2.0, 3.0])
    n = 56 + left
    trend = 30 + 0.5 * np.arange(n)
    adjusted, pattern, multiplies = deseasonalise(trend + np.resize(waves, n), 7)
    assert not multiplies
    assert adjusted == pytest.approx(trend)
    assert pattern == pytest.approx(np.roll(waves, -left))


@pytest.mark.parametrize("left", [0, 1, 3])
def test_a_season_of_an_even_number_of_steps_is_centred(left):
    waves = np.array([3.0, -1.0, 2.0, -4.0])
    n = 40 + left
    trend = 10 - 0.2 * np.arange(n)
    adjusted, pattern, multiplies = deseasonalise(trend + np.resize(waves, n), 4)
    assert not multiplies
    assert adjusted == pytest.approx(trend)
    assert pattern == pytest.approx(np.roll(waves, -left))


@pytest.mark.parametrize("left", [0, 1, 7, 11])
def test_a_season_that_grows_with_the_level_multiplies(left):
    waves = 1 + 0.4 * np.sin(2 * np.pi * np.arange(12) / 12)
    n = 120 + left
    trend = 100 * 1.01 ** np.arange(n)
    values = trend * np.resize(waves, n)
    adjusted, pattern, multiplies = deseasonalise(values, 12)
    assert multiplies
    assert pattern.mean() == pytest.approx(1)
    assert pattern == pytest.approx(np.roll(waves, -left), rel=0.02)
    assert adjusted == pytest.approx(trend, rel=0.02)
    assert adjusted * np.resize(np.roll(pattern, left), n) == pytest.approx(values)


def test_a_season_never_multiplies_where_a_value_is_not_positive():
    values = 100 * 1.02 ** np.arange(96) * np.resize([0.6, 1.0, 1.4, 1.0], 96)
    assert deseasonalise(values, 4)[2]
    assert not deseasonalise(np.r_[values[:-1], 0.0], 4)[2]


def test_a_series_without_a_season_is_left_alone():
    values = np.random.default_rng(5).normal(0, 1, 40)
    for season, neutral in ((12, 12), (1, 1), (0, 1), (30, 30)):
        adjusted, pattern, multiplies = deseasonalise(values, season)
        assert adjusted.tolist() == values.tolist()
        assert pattern.tolist() == [0.0] * neutral
        assert not multiplies


def test_one_strange_value_does_not_bend_the_season():
    waves = np.array([5.0, -5.0, 1.0, -1.0])
    values = 50 + np.tile(waves, 15)
    values[29] += 15
    _, pattern, multiplies = deseasonalise(values, 4)
    assert not multiplies
    assert pattern == pytest.approx(waves, abs=0.01)


# --- demand that comes and goes --------------------------------------------------------------------


def test_croston_by_hand():
    values = np.array([0.0, 4.0, 0.0, 0.0, 9.0, 1.0])
    size = 4 + 0.1 * (9 - 4)
    size += 0.1 * (1 - size)
    gap = 2 + 0.1 * (3 - 2)
    gap += 0.1 * (1 - gap)
    assert (size, gap) == pytest.approx((4.15, 1.99))
    assert croston(values, corrected=False) == pytest.approx(4.15 / 1.99)
    assert croston(values) == pytest.approx(0.95 * 4.15 / 1.99)


def test_croston_looks_only_at_moments_of_demand_and_tsb_at_all():
    values = np.array([3.0, 0.0, 3.0, 0.0, 3.0])
    later = np.r_[values, np.zeros(30)]
    assert croston(later) == croston(values)
    assert tsb(later) == pytest.approx(tsb(values) * 0.9**30)


def test_tsb_by_hand():
    values = np.array([0.0, 4.0, 0.0, 9.0])
    chance = 0.9 * (0.9 * 0.5) + 0.1
    size = 0.9 * 4 + 0.1 * 9
    assert (chance, size) == pytest.approx((0.505, 4.5))
    assert tsb(values) == pytest.approx(0.505 * 4.5)


@pytest.mark.parametrize("method", [croston, tsb])
def test_no_demand_at_all_is_zero(method):
    assert method(np.zeros(25)) == 0.0
    assert method(np.zeros(1)) == 0.0


def test_one_value_and_steady_demand_are_their_own_mean():
    for values in (np.array([6.0]), np.full(40, 6.0)):
        assert croston(values, corrected=False) == pytest.approx(6.0)
        assert croston(values) == pytest.approx(5.7)
        assert tsb(values) == pytest.approx(6.0)


def test_the_correction_removes_the_bias_of_croston():
    rng = np.random.default_rng(0)
    demand = rng.poisson(5.0, (300, 400)) * (rng.random((300, 400)) < 0.25)
    plain = np.mean([croston(one, corrected=False) for one in demand.astype(float)])
    better = np.mean([croston(one) for one in demand.astype(float)])
    assert abs(better - 1.25) < abs(plain - 1.25)
    assert better == pytest.approx(1.25, rel=0.03)


def test_tsb_of_no_values_is_an_error():
    with pytest.raises(ParamError) as caught:
        tsb(np.array([]))
    assert str(caught.value) == "A series has no values.\n  got: 0 values\n  do:  Give at least one."


@pytest.mark.parametrize("level", [50.0, -50.0])
def test_planted_outliers_stand_out_and_nothing_else_does(level):
    at = np.arange(120)
    values = level + 0.1 * at + 8 * np.sin(2 * np.pi * at / 12) + np.random.default_rng(0).normal(size=120)
    clean = values.copy()
    values[[5, 64, 118]] += [30.0, -30.0, 30.0]
    found, expected = unusual(values, 12)
    assert np.flatnonzero(found).tolist() == [5, 64, 118]
    assert expected[found] == pytest.approx(clean[found], abs=8)
    assert not unusual(clean, 12)[0].any()


@pytest.mark.parametrize("values", [[4.0], [4.0, 4.0, 4.0], [0.0] * 30, [1.0, 2.0]])
def test_nothing_stands_out_of_few_or_equal_values(values):
    assert not unusual(np.array(values), 4)[0].any()


def test_the_period_of_noisy_series_is_found_and_noise_has_none():
    rng, at = np.random.default_rng(0), np.arange(200)
    for steps in (4, 7, 12, 24):
        wave = 10 * np.sin(2 * np.pi * at / steps) + 0.2 * at
        assert period([wave + rng.normal(size=200), wave[60:] + rng.normal(size=140)]) == steps
    assert period([rng.normal(size=200) for _ in range(5)]) == 1
    assert period([np.cumsum(rng.normal(size=200))]) == 1


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 4.0, 5.0], [2.0] * 50])
def test_too_little_to_repeat_has_no_period(values):
    assert period([np.array(values)]) == 1
