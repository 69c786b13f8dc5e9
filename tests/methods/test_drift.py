"""Differences between samples: none where there is none, and scipy's where scipy has them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from noria.methods.drift import kolmogorov_smirnov, population_stability
from noria.methods.sketches import sort_counts


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def test_samples_of_one_distribution_have_no_index(rng):
    share = np.full(10, 0.1)
    found = [
        population_stability(rng.multinomial(1_000, share), rng.multinomial(1_000, share)) for _ in range(99)
    ]
    assert np.mean(found) < 0.02
    assert max(found) < 0.1


def test_the_index_of_large_samples_is_its_definition():
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    right = float(((p - q) * np.log(p / q)).sum())
    assert population_stability(p * 1e9, q * 1e9) == pytest.approx(right, rel=1e-6)


def test_a_bin_that_only_one_sample_has_is_finite():
    assert 1 < population_stability(np.array([100.0, 0.0]), np.array([0.0, 100.0])) < 20
    assert np.isnan(population_stability(np.zeros(3), np.ones(3)))


def test_kolmogorov_smirnov_is_scipys(rng):
    a, b = rng.normal(size=300).round(1), rng.normal(0.4, 1.5, size=200).round(1)
    right = stats.ks_2samp(a, b).statistic
    assert kolmogorov_smirnov(sort_counts(a), sort_counts(b)) == pytest.approx(right)
    assert np.isnan(kolmogorov_smirnov(sort_counts(a), sort_counts(b[:0])))
