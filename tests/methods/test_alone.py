from __future__ import annotations

import numpy as np
import pytest

from noria.methods.alone import alone, binned


def test_a_copy_tells_all_and_noise_nothing():
    rng = np.random.default_rng(0)
    y = rng.normal(size=1_000)
    copy = alone(binned(y, 60), y, 0, values=3 * y + 1)
    assert copy.missed == pytest.approx(0)
    assert copy.explained > 0.95
    noise = rng.normal(size=1_000)
    found = alone(binned(noise, 24), y, 0, values=noise)
    assert found.explained < 0.05
    assert found.missed > 0.98


def test_classes_are_told_by_levels():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 900)
    codes = np.where(rng.random(900) < 0.9, y, (y + 1) % 3)
    found = alone(codes, y, 3)
    assert found.missed == pytest.approx(0.1 / (2 / 3), abs=0.05)
    assert 0.5 < found.explained < 0.9
    assert found.losses.mean() == pytest.approx((1 - found.explained) * np.log(3), rel=0.02)


def test_what_was_never_seen_is_guessed():
    y = np.array([0, 1] * 50)
    assert alone(np.arange(100), y, 2).explained == pytest.approx(0, abs=0.05)


def test_bins_hold_alike_and_missing_values_have_their_own():
    values = np.concatenate([np.arange(90.0), np.full(10, np.nan)])
    codes = binned(values, 9)
    assert np.bincount(codes[:90]).tolist() == [10] * 9
    assert set(codes[90:]) == {9}
    assert binned(np.full(4, np.nan), 5).tolist() == [0, 0, 0, 0]
    assert set(binned(np.ones(20), 5)) == {0}
