"""Nothing is found in noise, and what was planted is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from noria.core.deadline import Deadline
from noria.methods.slices import Property, discoveries, weak_slices

NOISE: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "surprise": lambda rng, n: rng.exponential(size=n),
    "squared errors": lambda rng, n: rng.normal(size=n) ** 2,
    "heavy tails": lambda rng, n: rng.standard_t(3, size=n) ** 2,
    "rare mistakes": lambda rng, n: (rng.random(n) < 0.05).astype(float),
    "mostly mistakes": lambda rng, n: (rng.random(n) < 0.8).astype(float),
}


def levels(codes: np.ndarray, count: int) -> Property:
    return Property(codes, np.eye(count, dtype=bool), np.ones(count, dtype=bool))


def tails(x: np.ndarray, count: int = 8) -> Property:
    """Below and from each quantile on; all in pairs."""
    codes = np.searchsorted(np.quantile(x, np.arange(1, count) / count), x, side="right")
    below = np.arange(count) < np.arange(1, count)[:, None]
    return Property(codes, np.concatenate([below, ~below]), np.ones(2 * count - 2, dtype=bool))


def made(rng: np.random.Generator, n: int, count: int = 8) -> list[Property]:
    """Categories of four levels, and numbers, in turn."""
    return [levels(rng.integers(0, 4, n), 4) if at % 2 else tails(rng.normal(size=n)) for at in range(count)]


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_pure_noise_has_no_slices(noise):
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found += bool(weak_slices(noise(rng, 1_000), made(rng, 1_000)))
    assert found <= 5


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_property_is_found_alone(seed):
    rng = np.random.default_rng(seed)
    properties, losses = made(rng, 2_000), rng.exponential(size=2_000)
    losses[properties[3].codes == 2] *= 1.8
    (found,) = weak_slices(losses, properties)
    assert found.parts == ((3, 2),)
    assert 0.3 < found.effect < 1.0
    assert found.p_value < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_pair_is_found_and_not_its_parts(seed):
    rng = np.random.default_rng(seed)
    properties, losses = made(rng, 4_000), rng.exponential(size=4_000)
    losses[(properties[1].codes == 0) & (properties[5].codes == 3)] += 2.0
    (found,) = weak_slices(losses, properties)
    assert sorted(found.parts) == [(1, 0), (5, 3)]


def test_the_same_rows_are_told_of_once_and_other_rows_again():
    rng = np.random.default_rng(0)
    town = rng.integers(0, 8, 4_000)
    copied, other = np.where(rng.random(4_000) < 0.02, 0, town), rng.integers(0, 8, 4_000)
    losses = rng.exponential(size=4_000) + 1.0 * (town == 2) + 2.0 * (town == 3) + 1.5 * (other == 5)
    properties = [levels(codes, 8) for codes in (town, copied, other)]
    found = weak_slices(losses, properties)
    assert len(found) == 3
    assert [slice_.effect for slice_ in found] == sorted((one.effect for one in found), reverse=True)
    assert [part for slice_ in found for _, part in slice_.parts] == [3, 5, 2]


def test_at_most_so_many_are_given():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 10, 5_000)
    losses = rng.exponential(size=5_000) + np.arange(10)[codes] * (codes > 5)
    found = weak_slices(losses, [levels(codes, 10)], most=2)
    assert [one.parts for one in found] == [((0, 9),), ((0, 8),)]


def test_slices_are_neither_small_nor_most_of_the_rows():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [20, 1_200, 780])
    losses = rng.exponential(size=2_000) + 3.0 * (codes == 0) + 1.0 * (codes == 1)
    assert weak_slices(losses, [levels(codes, 3)]) == []
    assert weak_slices(losses, [levels(codes, 3)], least=20)[0].parts == ((0, 0),)


@pytest.mark.parametrize(
    ("losses", "properties"),
    [
        (np.zeros(0), 0), (np.ones(10), 2), (np.ones(1_000), 4), (np.full(1_000, np.nan), 4),
        (np.arange(1_000.0), 0), (np.arange(1_000.0), 1),
    ],
    ids=["no rows", "few rows", "all alike", "not a number", "no properties", "one property"],
)  # fmt: skip
def test_where_nothing_can_be_found(losses, properties):
    rng = np.random.default_rng(0)
    assert weak_slices(losses, made(rng, len(losses), properties) if len(losses) else []) == []


def test_a_small_effect_is_of_no_interest_however_sure():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 40_000)
    noise = rng.exponential(size=40_000)
    assert weak_slices(noise + 0.15 * (codes == 1), [levels(codes, 4)]) == []
    assert len(weak_slices(noise + 0.3 * (codes == 1), [levels(codes, 4)])) == 1


def test_without_time_single_properties_are_tested_and_no_pairs():
    rng = np.random.default_rng(0)
    properties, losses = made(rng, 4_000), rng.exponential(size=4_000)
    losses[(properties[1].codes == 0) & (properties[5].codes == 3)] += 2.0
    assert weak_slices(losses, properties, deadline=Deadline(0.0)) == []


def test_discoveries_equal_scipy():
    p = np.random.default_rng(0).random(200) ** 4
    assert (discoveries(p, 0.05) == (false_discovery_control(p) <= 0.05)).all()
    assert discoveries(np.zeros(0), 0.05).tolist() == []
