"""Tests that find what is there, and err as seldom as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from noria.methods import significance as tests


def rate(trial, runs: int = 400, level: float = 0.05) -> float:
    """The share of runs on chance alone that fall below a level."""
    return float(np.mean([trial(np.random.default_rng(seed)) < level for seed in range(runs)]))


def test_chance_alone_is_found_as_seldom_as_stated():
    draw = lambda rng, *shape: rng.normal(size=shape)  # noqa: E731
    assert rate(lambda rng: tests.values_differ(draw(rng, 80), draw(rng, 60))[1]) < 0.08
    assert rate(lambda rng: tests.counts_differ(*rng.multinomial(200, [0.5, 0.3, 0.2], 2))[1]) < 0.08
    assert rate(lambda rng: tests.separable(draw(rng, 90, 5), draw(rng, 60, 5))[1], 300) < 0.09
    assert 0.01 < rate(lambda rng: tests.between_groups(draw(rng, 90), np.arange(90) % 9)[1]) < 0.08
    assert rate(lambda rng: tests.trend(draw(rng, 150), draw(rng, 150) * np.linspace(0.2, 3, 150))[1]) < 0.08
    assert rate(lambda rng: tests.crossed(draw(rng, 6), np.ones(6))) < 0.08
    assert rate(lambda rng: tests.unequal(draw(rng, 6), np.ones(6))[1]) < 0.08


def test_what_is_there_is_found():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(300, 4))
    assert tests.values_differ(a[:, 0], a[:, 1] + 0.7)[1] < 1e-6
    assert tests.separable(a, rng.normal(0.3, 1, (300, 4)))[1] < 1e-3
    assert tests.trend(a[:, 0], a[:, 0] ** 2 + a[:, 1])[1] < 1e-6
    share, p = tests.between_groups(
        a[:, 0] + np.repeat(rng.normal(size=30), 10), np.repeat(np.arange(30), 10)
    )
    assert 0.3 < share < 0.7
    assert p < 1e-6


def test_they_agree_with_scipy():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=200), rng.normal(0.2, 1, 150)
    distance, p = tests.values_differ(a, b)
    known = stats.ks_2samp(a, b, method="asymp")
    assert distance == pytest.approx(known.statistic)
    assert p == pytest.approx(known.pvalue, rel=0.15)
    table = np.array([[40, 30, 30], [20, 50, 40]])
    assert tests.counts_differ(*table)[1] == pytest.approx(stats.chi2_contingency(table).pvalue)
    groups = rng.integers(0, 5, 200)
    known = stats.f_oneway(*(a[groups == at] for at in range(5)))
    assert tests.between_groups(a, groups)[1] == pytest.approx(known.pvalue)
    assert tests.ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == stats.rankdata([3, 1, 3, 2]).tolist()


def test_missing_values_are_left_out_and_too_few_are_no_answer():
    few, many = np.arange(5.0), np.arange(50.0)
    with_holes = np.where(np.arange(100) % 2 == 0, np.nan, np.repeat(many, 2))
    assert tests.values_differ(with_holes, many)[0] == 0
    nothing = (
        tests.values_differ(few, many),
        tests.separable(few[:, None], many[:, None]),
        tests.trend(few, few),
        tests.counts_differ(np.array([1, 1]), np.array([90, 10])),
    )
    for found in nothing:
        assert all(math.isnan(value) for value in found)
    assert math.isnan(tests.between_groups(few, np.zeros(5, int))[1])
    assert math.isnan(tests.crossed(np.ones(1), np.ones(1)))
    assert math.isnan(tests.unequal(np.ones(3), np.zeros(3))[1])
    assert math.isnan(tests.calibration_gap(np.ones((5, 2)) / 2, np.zeros(5, int))[0])


def test_the_birthday_bound_holds_for_any_distribution():
    rng = np.random.default_rng(0)
    for draw in (lambda: rng.integers(0, 400, 25), lambda: rng.binomial(400, 0.5, 25)):
        distinct = np.mean([len(set(draw().tolist())) == 25 for _ in range(2_000)])
        assert distinct <= tests.all_distinct(25, 401) + 0.03


def test_extremes_of_alike_samples_lie_on_both_sides():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2_000):
        values = rng.normal(size=100)
        outside = int((values[:20] > values[20:].max()).sum())
        hits += tests.beyond(outside, 20, 80) < 0.05
    assert hits / 2_000 < 0.05


def test_calibration_of_honest_and_of_bold_probabilities():
    scores = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        one = rng.random(500)
        p, y = np.column_stack([1 - one, one]), (rng.random(500) < one).astype(int)
        scores.append(tests.calibration_gap(p, y)[2])
        sure = np.column_stack([1 - one, one]) ** 4
        assert tests.calibration_gap(sure / sure.sum(axis=1, keepdims=True), y)[2] > 4
    assert max(scores) < 4
    assert abs(np.mean(scores)) < 0.5


def test_honest_probabilities_are_no_surprise_and_bold_ones_are():
    chances, shares = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        p = rng.dirichlet([1.0, 0.5, 2.0], 200)
        y = (rng.random(200)[:, None] > p.cumsum(axis=1)).sum(axis=1)
        chances.append(tests.surprise(p, y)[1])
        sure = p**3 / (p**3).sum(axis=1, keepdims=True)
        shares.append(tests.surprise(sure, y)[0])
        assert tests.surprise(sure, y)[1] < 1e-3
        assert tests.surprise(p**0.3 / (p**0.3).sum(axis=1, keepdims=True), y)[0] < 0.1
    assert np.mean(np.array(chances) < 0.05) < 0.08
    assert min(shares) > 0.2
    assert np.isnan(tests.surprise(np.eye(3), np.arange(3))).all()


def test_holm_alarms_by_chance_as_rarely_as_it_says_whatever_the_tests_share():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(4_000, 1))
    z = 0.7 * common + np.sqrt(1 - 0.49) * rng.normal(size=(4_000, 20))
    p = 2 * stats.norm.sf(np.abs(z))
    alarms = np.mean([(tests.holm(row) < 0.05).any() for row in p])
    assert 0.01 < alarms < 0.06
    assert np.mean([(row < 0.05).any() for row in p]) > 0.4  # as it would be without


def test_holm_leaves_out_what_was_not_tested_and_keeps_the_order():
    adjusted = tests.holm(np.array([0.2, np.nan, 0.001, 0.3]))
    assert adjusted[[0, 2, 3]].tolist() == pytest.approx([0.4, 0.003, 0.4])
    assert np.isnan(adjusted[1])
    assert tests.holm(np.zeros(0)).size == 0


def test_more_often_is_scipys_binomial_test_of_the_newer_part():
    right = stats.binomtest(9, 12, 100 / 1_100, alternative="greater").pvalue
    assert tests.more_often(9, 100, 3, 1_000) == pytest.approx(right)
    assert tests.more_often(0, 100, 3, 1_000) == 1
    assert tests.more_often(5, 0, 3, 0) == 1


def test_more_often_by_chance_is_as_rare_as_it_says():
    rng = np.random.default_rng(1)
    p = [
        tests.more_often(int(a), 1_000, int(b), 5_000)
        for a, b in zip(rng.binomial(1_000, 0.01, 2_000), rng.binomial(5_000, 0.01, 2_000))
    ]
    assert np.mean(np.array(p) < 0.05) < 0.05
