"""Associations agree with scipy where it has them, and are fair to chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from noria.methods.association import association, correlation_ratio, cramers_v, pearson, ranks, spearman


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def holed(x: np.ndarray, rng, share: float = 0.2) -> np.ndarray:
    return np.where(rng.random(x.shape) < share, np.nan, x)


def test_pearson_and_spearman_are_scipys(rng):
    x = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3))
    x[:, 2] = np.exp(x[:, 2])
    for a in range(3):
        for b in range(3):
            assert pearson(x)[a, b] == pytest.approx(stats.pearsonr(x[:, a], x[:, b])[0])
            assert spearman(x)[a, b] == pytest.approx(stats.spearmanr(x[:, a], x[:, b])[0])


def test_pairs_with_a_gap_are_left_out(rng):
    x = holed(rng.normal(size=(300, 2)) @ np.array([[1.0, 0.7], [0.0, 1.0]]), rng)
    both = np.isfinite(x).all(axis=1)
    assert pearson(x)[0, 1] == pytest.approx(stats.pearsonr(x[both, 0], x[both, 1])[0])


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_the_scale_does_not_matter(rng, scale):
    x = rng.normal(size=(100, 2))
    x[:, 1] += x[:, 0]
    assert pearson(x * scale)[0, 1] == pytest.approx(pearson(x)[0, 1])


def test_far_from_zero_there_is_still_a_correlation(rng):
    x = rng.normal(size=(500, 1))
    assert pearson(np.hstack([x, x + 1e9]))[0, 1] == pytest.approx(1.0, abs=1e-6)


def test_columns_that_do_not_vary_have_none():
    found = pearson(np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 4.0]]))
    assert np.isnan(found[0]).all()
    assert found[1, 1] == pytest.approx(1.0)
    assert np.isnan(pearson(np.full((4, 1), np.nan))).all()


def test_ranks_are_scipys(rng):
    x = rng.integers(0, 9, 50).astype(float)
    assert ranks(x[:, None])[:, 0].tolist() == stats.rankdata(x).tolist()


def test_correlation_ratio_is_one_minus_the_shares_of_anova(rng):
    codes = rng.integers(0, 4, 400)
    x = codes * 0.5 + rng.normal(size=400)
    groups = [x[codes == code] for code in range(4)]
    f = stats.f_oneway(*groups).statistic
    eta = 3 * f / (3 * f + 396)
    epsilon = 1 - (1 - eta) * 399 / 396
    assert correlation_ratio(codes, x[:, None])[0] == pytest.approx(np.sqrt(epsilon))


def test_many_categories_are_not_related_to_noise(rng):
    codes, other, x = rng.integers(0, 300, 1_000), rng.integers(0, 40, 1_000), rng.normal(size=(1_000, 1))
    assert correlation_ratio(codes, x)[0] < 0.3
    assert cramers_v(codes, other) < 0.15
    plain = np.sqrt(stats.contingency.association(stats.contingency.crosstab(codes, other)[1]) ** 2)
    assert plain > 0.15


def test_cramers_v_is_scipys_where_rows_are_many(rng):
    a = rng.integers(0, 3, 200_000)
    b = np.where(rng.random(a.size) < 0.4, a, rng.integers(0, 3, a.size))
    table = stats.contingency.crosstab(a, b)[1]
    assert cramers_v(a, b) == pytest.approx(stats.contingency.association(table), abs=1e-3)


def test_missing_categories_are_left_out(rng):
    a = np.array([0, 1] * 50)
    b, c = a.copy(), a.copy()
    c[:10] = -1
    assert cramers_v(b, c) == pytest.approx(1.0)
    x = a.astype(float)[:, None]
    assert correlation_ratio(c, x)[0] == pytest.approx(1.0)
    assert np.isnan(cramers_v(a, np.full(100, -1)))
    assert np.isnan(cramers_v(a, np.zeros(100, dtype=int)))
    assert np.isnan(correlation_ratio(np.zeros(100, dtype=int), x)[0])
    assert np.isnan(correlation_ratio(np.full(100, -1), x)[0])


def test_the_matrix_holds_every_kind_of_pair(rng):
    x = rng.normal(size=(300, 2))
    codes = np.stack([(x[:, 0] > 0).astype(int), rng.integers(0, 3, 300)], axis=1)
    found = association(x, codes)
    assert found.shape == (4, 4)
    assert np.allclose(found, found.T, equal_nan=True)
    assert found[0, 2] > 0.8
    assert abs(found[1, 3]) < 0.2
    assert found[0, 1] == pytest.approx(stats.spearmanr(x[:, 0], x[:, 1])[0])
    assert association(x[:, :0], codes).shape == (2, 2)
    assert association(x, codes[:, :0]).shape == (2, 2)
