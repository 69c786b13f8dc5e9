"""Sketches keep what they promise: exact where they say so, near elsewhere, and merged as if one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from noria.methods.sketches import (
    Distinct,
    Frequencies,
    Moments,
    Quantiles,
    Reservoir,
    hashed,
    sort_counts,
    sum_counts,
    weighted_quantiles,
)

STREAMS = {
    "normal": lambda rng: rng.normal(5, 2, 100_000),
    "heavy tail": lambda rng: rng.pareto(1.2, 100_000),
    "ascending": lambda rng: np.arange(100_000.0),
    "few values": lambda rng: rng.integers(0, 5, 100_000).astype(float),
}


def keys(values) -> np.ndarray:
    return np.asarray(values, dtype=np.uint64)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("values", [[3.0, 1.0, 3.0, 2.0], [7.0], []])
def test_sort_counts_is_unique(values):
    made, right = sort_counts(np.array(values)), np.unique(np.array(values), return_counts=True)
    assert [list(part) for part in made] == [list(part) for part in right]


def test_sum_counts_adds_up(rng):
    values, counts = rng.integers(0, 9, 50), rng.integers(1, 5, 50)
    found = dict(zip(*(part.tolist() for part in sum_counts(values, counts))))
    assert found == {int(value): int(counts[values == value].sum()) for value in np.unique(values)}
    assert [part.size for part in sum_counts(values[:0], counts[:0])] == [0, 0]


def test_hashing_is_one_to_one_and_even():
    spread = hashed(keys(np.arange(50_000)))
    assert np.unique(spread).size == 50_000
    counts = np.bincount((spread >> np.uint64(60)).astype(int), minlength=16)
    assert stats.chisquare(counts).pvalue > 0.001


# -- moments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", STREAMS)
def test_moments_are_those_of_the_whole(stream, rng):
    values = STREAMS[stream](rng)
    moments, weighed = Moments(), Moments()
    for batch in np.array_split(values, 13):
        moments.update(batch)
        weighed.update(*sort_counts(batch))
    for found in (moments, weighed):
        assert found.n == values.size
        assert (found.low, found.high) == (values.min(), values.max())
        assert found.mean == pytest.approx(values.mean())
        assert found.std == pytest.approx(values.std(ddof=1))
        assert found.skew == pytest.approx(stats.skew(values), rel=1e-6, abs=1e-9)


def test_moments_merge(rng):
    values = rng.exponential(size=1_000)
    one, other = Moments(), Moments()
    one.update(values[:300])
    other.update(values[300:])
    one.merge(other)
    one.merge(Moments())
    assert one.skew == pytest.approx(stats.skew(values))


def test_moments_of_very_large_values_have_a_mean():
    moments = Moments()
    for batch in ([1e300, 2e300], [1.0, 1e80], [-1.7e308], [1.7e308], [5e-324, 0.0]):
        moments.update(np.array(batch))
    assert moments.mean == pytest.approx(3e300 / 8)
    assert not math.isfinite(moments.std)
    assert not math.isfinite(moments.skew)
    few = Moments()
    few.update(np.array([1.0, 2.0, 3.0, 1e80]))
    assert (few.std, few.skew) == (pytest.approx(5e79), pytest.approx(2 / math.sqrt(3)))


def test_moments_of_little_are_nan():
    moments = Moments()
    moments.update(np.zeros(0))
    assert moments.n == 0
    assert math.isnan(moments.std)
    moments.update(np.array([4.0]))
    assert (moments.mean, moments.low) == (4.0, 4.0)
    assert math.isnan(moments.std)
    assert math.isnan(moments.skew)


# -- frequencies ---------------------------------------------------------------------------------------------


def test_frequencies_are_exact_up_to_their_limit(rng):
    values = rng.integers(0, 900, 20_000)
    found = Frequencies(limit=1_000)
    for batch in np.array_split(values, 7):
        found.update(*sort_counts(keys(batch)))
    right, counts = np.unique(values, return_counts=True)
    assert found.exact
    assert found.keys.tolist() == right.tolist()
    assert found.counts.tolist() == counts.tolist()


def test_frequent_keys_are_found_among_many(rng):
    values = np.concatenate(
        [np.repeat(np.arange(5), [9_000, 7_000, 5_000, 3_000, 2_000]), np.arange(10, 80_000)]
    )
    rng.shuffle(values)
    found = Frequencies(limit=2_000, keep=200)
    for batch in np.array_split(values, 20):
        found.update(keys(batch))
    assert not found.exact
    assert found.keys.size <= 200
    assert found.error <= values.size / 201
    top, counts = found.top(5)
    assert top.tolist() == [0, 1, 2, 3, 4]
    right = np.array([9_000, 7_000, 5_000, 3_000, 2_000])
    assert (counts <= right).all()
    assert (counts + found.error >= right).all()


def test_frequencies_merge_within_the_same_error(rng):
    values = (rng.pareto(1.0, 60_000) * 10).astype(np.int64)
    parts = []
    for half in np.array_split(values, 2):
        part = Frequencies(limit=300, keep=100)
        for batch in np.array_split(half, 5):
            part.update(keys(batch))
        parts.append(part)
    one, other = parts
    one.merge(other)
    assert one.error <= values.size / 101
    right = dict(zip(*(part.tolist() for part in np.unique(values, return_counts=True))))
    for key, count in zip(one.keys.tolist(), one.counts.tolist()):
        assert count <= right[key] <= count + one.error
    assert all(key in one.keys for key, count in right.items() if count > one.error)


def test_nothing_is_counted_of_nothing():
    found = Frequencies()
    found.update(keys([]))
    assert found.exact
    assert found.top(3)[0].size == 0


# -- distinct ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 10, 1_000, 20_000, 500_000])
def test_distinct_counts_within_three_percent(count):
    found = Distinct()
    for batch in np.array_split(keys(np.arange(count)), 7):
        found.update(batch)
        found.update(batch)
    assert found.count() == pytest.approx(count, rel=0.03, abs=0.5)


def test_the_error_of_distinct_is_under_a_percent_on_average(rng):
    errors = []
    for _ in range(40):
        found = Distinct()
        found.update(rng.integers(0, 2**63, 30_000).astype(np.uint64))
        errors.append(found.count() / 30_000 - 1)
    assert np.sqrt(np.mean(np.square(errors))) < 0.011
    assert abs(np.mean(errors)) < 0.005


def test_distinct_merges_as_one():
    one, other, both = Distinct(), Distinct(), Distinct()
    one.update(keys(np.arange(0, 6_000)))
    other.update(keys(np.arange(4_000, 10_000)))
    both.update(keys(np.arange(0, 10_000)))
    one.merge(other)
    assert (one.registers == both.registers).all()


# -- quantiles -----------------------------------------------------------------------------------------------


def rank_error(found: Quantiles, values: np.ndarray) -> float:
    shares = np.linspace(0, 1, 101)
    ordered, at = np.sort(values), found.at(shares)
    low = np.searchsorted(ordered, at, side="left") / values.size
    high = np.searchsorted(ordered, at, side="right") / values.size
    return float(np.maximum(low - shares, shares - high).max())


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("counted", [False, True])
def test_quantiles_are_near_in_rank(stream, counted, rng):
    values = STREAMS[stream](rng)
    found = Quantiles()
    for batch in np.array_split(values, 13):
        found.update(*(sort_counts(batch) if counted else (batch,)))
    assert rank_error(found, values) < 0.005
    kept, weights = found.weighted()
    assert kept.size < 5 * found.size
    assert weights.sum() == values.size


def test_quantiles_merge(rng):
    values = rng.lognormal(size=80_000)
    one, other = Quantiles(seed=1), Quantiles(seed=2)
    one.update(values[:10_000])
    other.update(values[10_000:])
    one.merge(other)
    assert rank_error(one, values) < 0.006
    assert one.below(np.array([np.inf])).tolist() == [values.size]


def test_quantiles_of_few_values_are_exact():
    found = Quantiles()
    found.update(np.array([9.0, 1.0, 5.0]))
    assert found.at(np.array([0.0, 0.5, 1.0])).tolist() == [1.0, 5.0, 9.0]
    assert found.below(np.array([0.0, 1.0, 8.9, 9.0])).tolist() == [0, 1, 2, 3]


def test_quantiles_of_nothing_are_nan():
    assert np.isnan(Quantiles().at(np.array([0.5]))).all()


def test_weights_count():
    assert weighted_quantiles(np.array([1.0, 2.0]), np.array([99, 1]), np.array([0.5, 1.0])).tolist() == [
        1,
        2,
    ]


# -- reservoir -----------------------------------------------------------------------------------------------


def sample(reservoir: Reservoir, batches) -> np.ndarray:
    held = np.zeros(0, dtype=int)
    for batch in batches:
        held = np.concatenate((held, batch[reservoir.offer(batch.size)]))
        held = held[reservoir.kept()]
    return held


def test_a_reservoir_is_uniform():
    counts = np.zeros(200)
    for seed in range(400):
        held = sample(Reservoir(20, seed), np.array_split(np.arange(200), 9))
        assert held.size == np.unique(held).size == 20
        counts[held] += 1
    assert stats.chisquare(counts).pvalue > 0.001


def test_a_reservoir_holds_everything_that_fits():
    assert sample(Reservoir(50), np.array_split(np.arange(50), 3)).tolist() == list(range(50))


def test_reservoirs_merge_uniformly():
    counts = np.zeros(100)
    for seed in range(400):
        one, other = Reservoir(20, seed), Reservoir(20, seed + 1_000)
        held = sample(one, [np.arange(0, 80)])
        more = sample(other, [np.arange(80, 100)])
        one.merge(other)
        held = np.concatenate((held, more))[one.kept()]
        assert held.size == 20
        counts[held] += 1
    assert stats.chisquare(counts).pvalue > 0.001
