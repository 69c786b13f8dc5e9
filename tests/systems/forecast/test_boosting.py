from __future__ import annotations

import numpy as np
import pytest

from noria.methods.technical import indicators
from noria.systems.forecast.learners.boosting import _features

SEASONS = (5,)


def walk(n: int = 150) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.02, n)))


def test_indicators_stand_beside_the_other_features_of_the_same_origin():
    prices, origins, ahead = walk(), np.array([60, 100]), np.array([1, 3])
    without = _features(prices, origins, ahead, SEASONS, 0)
    with_ = _features(prices, origins, ahead, SEASONS, 0, True)
    np.testing.assert_array_equal(with_[:, : without.shape[1]], without)
    np.testing.assert_allclose(with_[:, without.shape[1] :], indicators(prices)[origins], rtol=1e-6)


@pytest.mark.parametrize("with_indicators", [False, True])
def test_no_feature_depends_on_what_comes_after_the_origin(with_indicators):
    prices, origins, ahead = walk(), np.full(3, 100), np.array([1, 2, 7])
    changed = np.append(prices[:101], prices[101:] + 1)
    before, after = (_features(one, origins, ahead, SEASONS, 0, with_indicators) for one in (prices, changed))
    np.testing.assert_array_equal(before, after)
