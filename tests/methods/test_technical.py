from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from noria.errors import ParamError
from noria.methods.technical import bollinger, exponential_average, indicators, macd, moving_average, rsi

ALL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "moving_average": lambda prices: moving_average(prices, 10),
    "exponential_average": lambda prices: exponential_average(prices, 10),
    "rsi": rsi,
    "macd": lambda prices: macd(prices)[0],
    "signal": lambda prices: macd(prices)[1],
    "bollinger": bollinger,
    "indicators": indicators,
}
FREE_OF_UNIT = ["rsi", "bollinger", "indicators"]

pytestmark = pytest.mark.filterwarnings("error")


def prices(n: int = 120, seed: int = 0) -> np.ndarray:
    return 50 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, n)))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("now", [5, 60, 118])
def test_no_value_depends_on_later_prices(name, now):
    seen = prices()
    changed = seen.copy()
    changed[now + 1 :] *= np.random.default_rng(1).uniform(0.1, 10, len(seen) - now - 1)
    before, after = ALL[name](seen), ALL[name](changed)
    np.testing.assert_array_equal(before[: now + 1], after[: now + 1])
    assert not np.array_equal(before[-1], after[-1], equal_nan=True)


@pytest.mark.parametrize("name", ALL)
def test_the_prices_so_far_give_the_same_last_value(name):
    seen = prices()
    np.testing.assert_array_equal(ALL[name](seen[:70])[-1], ALL[name](seen)[69])


@pytest.mark.parametrize("name", FREE_OF_UNIT)
def test_the_unit_of_the_prices_does_not_matter(name):
    np.testing.assert_allclose(ALL[name](prices()), ALL[name](prices() * 1000), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n", [0, 1, 2, 9, 14, 15])
def test_short_series_give_a_value_per_price(name, n):
    assert len(ALL[name](prices(n))) == n


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_equal_prices_are_in_the_middle(value):
    flat = np.full(60, value)
    assert rsi(flat)[-1] == 50
    assert bollinger(flat)[-1] == 0.5
    assert macd(flat)[0][-1] == macd(flat)[1][-1] == 0
    assert not np.isinf(indicators(flat)).any()


def test_a_moving_average_is_the_mean_of_the_window():
    seen = prices()
    expected = [seen[at - 9 : at + 1].mean() for at in range(9, len(seen))]
    np.testing.assert_allclose(moving_average(seen, 10)[9:], expected)
    assert np.isnan(moving_average(seen, 10)[:9]).all()


def test_averages_of_one_step_are_the_prices():
    np.testing.assert_array_equal(moving_average(prices(), 1), prices())
    np.testing.assert_array_equal(exponential_average(prices(), 1), prices())


def test_exponential_average_by_its_definition():
    seen, expected = prices(), [prices()[0]]
    for price in seen[1:]:
        expected.append(2 / 11 * price + 9 / 11 * expected[-1])
    np.testing.assert_allclose(exponential_average(seen, 10), expected)


def test_rsi_of_a_published_example():
    """The worked example that chart schools give for Wilder's 14 steps."""
    first = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826]
    later = [45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439]
    seen = np.array([*first, *later])
    assert np.isnan(rsi(seen)[:14]).all()
    np.testing.assert_allclose(rsi(seen)[14:], [70.53, 66.32, 66.55, 69.41, 66.36, 57.97], atol=0.01)


def test_rsi_is_100_where_prices_only_rise_and_0_where_they_only_fall():
    assert rsi(np.arange(30.0))[-1] == 100
    assert rsi(-np.arange(30.0))[-1] == 0


def test_macd_is_above_its_signal_line_when_a_rise_begins():
    line, signal = macd(np.append(np.full(60, 10.0), np.linspace(10, 12, 10)))
    assert line[-1] > signal[-1] > 0


def test_bollinger_is_0_and_1_on_the_bands():
    seen = prices()
    mean, spread = seen[-20:].mean(), seen[-20:].std()
    assert bollinger(seen)[-1] == pytest.approx((seen[-1] - (mean - 2 * spread)) / (4 * spread))


def test_indicators_are_defined_once_there_are_fifty_prices():
    found = indicators(prices())
    assert found.shape == (120, 8)
    assert np.isfinite(found[49:]).all()


@pytest.mark.parametrize("function", [moving_average, exponential_average, rsi, bollinger])
def test_a_window_without_a_step_is_an_error(function):
    with pytest.raises(ParamError) as caught:
        function(prices(), 0)
    assert str(caught.value) == "A window has at least one step.\n  got: 0\n  do:  Give 1 or more."
