"""Differences between samples: none where there is none, and scipy's where scipy has them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from noria.errors import ParamError
from noria.methods.drift import (
    TESTS,
    chi_square,
    drift_test,
    jensen_shannon,
    kolmogorov_smirnov,
    ks_counts,
    merged,
    population_stability,
)
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


@pytest.mark.parametrize("rows", [200, 1_000, 100_000])
@pytest.mark.parametrize("name", sorted(TESTS))
def test_chance_is_told_from_drift_at_every_size(rng, name, rows):
    share = np.full(10, 0.1)
    draws = [(rng.multinomial(5_000, share), rng.multinomial(rows, share)) for _ in range(1_000)]
    p = np.array([TESTS[name](*pair).p_value for pair in draws])
    assert (p < 0.05).mean() < 0.075
    assert (p < 0.05).mean() > (0.005 if name == "ks" else 0.03)  # cautious, and not blind


@pytest.mark.parametrize("name", sorted(TESTS))
def test_a_shift_of_half_a_sigma_is_found_in_a_thousand_rows(rng, name):
    edges = stats.norm.ppf(np.linspace(0.1, 0.9, 9))
    cells = [
        np.bincount(np.searchsorted(edges, rng.normal(mean, size=1_000)), minlength=10) for mean in (0, 0.5)
    ]
    found = TESTS[name](*cells)
    assert found.p_value < 1e-8
    assert found.value > 0.1


@pytest.mark.parametrize("name", sorted(TESTS))
def test_the_critical_value_is_where_the_p_value_is_the_level(name):
    here, there = np.array([400, 300, 300]), np.array([450, 290, 260])
    found = TESTS[name](here, there)
    assert found.critical(found.p_value) == pytest.approx(found.value)
    assert found.critical(0.001) > found.critical(0.05)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_nothing_is_said_of_an_empty_sample(name):
    found = TESTS[name](np.zeros(3), np.ones(3))
    assert np.isnan([found.value, found.p_value, found.critical(0.05)]).all()


def test_ks_of_counts_is_scipys(rng):
    a, b = rng.integers(0, 6, 400), rng.integers(0, 7, 300)
    found = ks_counts(np.bincount(a, minlength=7), np.bincount(b, minlength=7))
    right = stats.ks_2samp(a, b, method="asymp")
    assert found.value == pytest.approx(right.statistic)
    assert found.p_value == pytest.approx(right.pvalue, rel=0.2)


def test_chi_square_is_scipys():
    here, there = np.array([40, 30, 30, 1, 1]), np.array([55, 20, 30, 0, 2])
    right = stats.chi2_contingency([[40, 32, 30], [55, 22, 30]], correction=False)
    assert chi_square(here, there).p_value == pytest.approx(right.pvalue)  # rare cells join the next smallest
    here, there = np.array([40, 30, 30, 3, 4]), np.array([55, 20, 30, 4, 3])
    right = stats.chi2_contingency([[40, 30, 30, 7], [55, 20, 30, 7]], correction=False)
    assert chi_square(here, there).p_value == pytest.approx(right.pvalue)  # or are enough together


@pytest.mark.parametrize("name", ["chi_square", "js", "psi"])
@pytest.mark.parametrize(
    ("here", "there"), [([9_984, 16], [49, 1]), ([500_000, 500_000, 0], [500, 499, 1]), ([0, 90], [1, 9_999])]
)
def test_one_row_in_a_rare_cell_is_no_drift(name, here, there):
    assert TESTS[name](np.array(here), np.array(there)).p_value > 0.1


@pytest.mark.parametrize("name", ["chi_square", "js", "psi"])
@pytest.mark.parametrize(
    ("here", "there"), [([1_000_000, 0], [800, 200]), ([600_000, 400_000, *[0] * 50], [400, 400, *[4] * 50])]
)
def test_many_rows_of_new_cells_are_drift(name, here, there):
    found = TESTS[name](np.array(here), np.array(there))
    assert found.p_value < 1e-8
    assert found.value > 0.1


def test_jensen_shannon_is_scipys():
    here, there = np.array([4e8, 3e8, 3e8]), np.array([5e8, 2e8, 3e8])
    assert jensen_shannon(here, there).value == pytest.approx(distance.jensenshannon(here, there, base=2))


def test_merged_cells_hold_equally_much_of_the_reference():
    by = np.array([10, 10, 0, 10, 10, 40, 10, 10])
    assert merged(by, by, 5).tolist() == [20, 20, 40, 20]
    assert merged(np.arange(8), by, 5).sum() == 28


def test_an_unknown_test_is_refused():
    with pytest.raises(ParamError) as caught:
        drift_test("kss")
    assert str(caught.value) == "There is no such test of drift.\n  got: 'kss'\n  do:  Did you mean 'ks'?"
