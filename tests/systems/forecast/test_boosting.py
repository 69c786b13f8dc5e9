from __future__ import annotations

import numpy as np
import pytest

from noria.core.protocol import Context, Task
from noria.core.schema import Schema
from noria.methods.technical import indicators
from noria.systems.forecast.frequency import Frequency
from noria.systems.forecast.knowledge import Knowledge
from noria.systems.forecast.learners.base import Outlook
from noria.systems.forecast.learners.boosting import Boosting
from noria.systems.forecast.options import ForecastOptions
from noria.systems.forecast.panel import Panel


def walk(n: int = 150) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.02, n)))


def known(prices: np.ndarray, origins: np.ndarray, ahead: np.ndarray, *, technical: bool) -> np.ndarray:
    """What the boosting sees of one series."""
    start, none = np.array([0]), np.empty((len(prices), 0))
    panel = Panel(Frequency("number", 1), ["one"], start, [prices])
    knowledge = Knowledge((), start, start, none, none[:1], None)
    outlook = Outlook(panel, knowledge, (5,), 7, Context(Schema(()), Task.FORECASTING))
    return Boosting(ForecastOptions(indicators=technical))._known(outlook, 0, origins, ahead)


def test_indicators_stand_beside_the_other_features_of_the_same_origin():
    prices, origins, ahead = walk(), np.array([60, 100]), np.array([1, 3])
    without, beside = (known(prices, origins, ahead, technical=technical) for technical in (False, True))
    np.testing.assert_array_equal(beside[:, : without.shape[1]], without)
    np.testing.assert_allclose(beside[:, without.shape[1] :], indicators(prices)[origins], rtol=1e-6)


@pytest.mark.parametrize("technical", [False, True])
def test_no_feature_depends_on_what_comes_after_the_origin(technical):
    prices, origins, ahead = walk(), np.full(3, 100), np.array([1, 2, 7])
    changed = np.append(prices[:101], prices[101:] + 1)
    before, after = (known(one, origins, ahead, technical=technical) for one in (prices, changed))
    np.testing.assert_array_equal(before, after)
