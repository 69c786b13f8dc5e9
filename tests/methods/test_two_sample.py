"""The classifier two-sample test: what is alike stays alike, and what differs only jointly is found."""

from __future__ import annotations

import numpy as np
import pytest

from noria.methods.two_sample import classifier_two_sample, embedding_two_sample


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_alike_rows_are_not_told_apart(rng):
    p = [
        classifier_two_sample(rng.normal(size=(300, 4)), rng.normal(size=(300, 4)), seed=seed).p_value
        for seed in range(60)
    ]
    assert np.mean(np.array(p) < 0.05) < 0.12


def test_copies_of_the_reference_are_not_recognised(rng):
    old = rng.normal(size=(400, 4))
    p = [classifier_two_sample(old, old[rng.integers(0, 400, 400)], seed=seed).p_value for seed in range(40)]
    assert np.mean(np.array(p) < 0.05) < 0.15


def test_a_dependence_that_no_column_shows_alone_is_found(rng):
    old, new = rng.normal(size=(1_000, 5)), rng.normal(size=(1_000, 5))
    new[:, 3] = (new[:, 3] + 2 * new[:, 1]) / np.sqrt(5)
    found = classifier_two_sample(old, new)
    assert found.p_value < 1e-6
    assert found.auc > found.critical(0.001) > 0.5
    assert set(np.argsort(-found.importance)[:2]) == {1, 3}


def test_codes_and_missing_values_are_taken(rng):
    old = np.column_stack([rng.integers(0, 30, 800).astype(float), rng.normal(size=800)])
    new = old.copy()
    new[:, 0] = np.where(rng.random(800) < 0.5, (new[:, 0] // 2) * 2, new[:, 0])  # more even codes
    new[rng.random(800) < 0.1, 1] = np.nan
    assert classifier_two_sample(old, new, categorical=[0]).p_value < 1e-6


def test_the_ratio_tells_where_the_new_rows_are(rng):
    old, new = rng.random((4_000, 1)), np.sqrt(rng.random((4_000, 1)))  # density 1 and 2x
    found = classifier_two_sample(old, new)
    assert found.ratio.mean() == pytest.approx(1)
    assert np.corrcoef(found.ratio, 2 * old[:, 0])[0, 1] > 0.8


def test_the_same_seed_gives_the_same(rng):
    old, new = rng.normal(size=(200, 3)), rng.normal(0.1, size=(200, 3))
    one, other = (classifier_two_sample(old, new, seed=1) for _ in range(2))
    assert one.auc == other.auc
    assert (one.ratio == other.ratio).all()


def test_few_rows_say_nothing(rng):
    found = classifier_two_sample(rng.normal(size=(3, 2)), rng.normal(size=(900, 2)))
    assert np.isnan(found.auc)
    assert np.isnan(found.p_value)
    assert found.ratio.tolist() == [1, 1, 1]


def test_other_rows_are_scored_as_those_of_the_first_table_would_be():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3_000, 2)), rng.normal(size=(3_000, 2)) + np.array([1.0, 0.0])
    some = np.array([[-2.0, 0.0], [0.5, 0.0], [3.0, 0.0]])
    ratio = classifier_two_sample(a, b, scored=some).ratio
    assert ratio.shape == (3,)
    assert ratio.mean() == pytest.approx(1.0)
    assert ratio[0] < ratio[1] < ratio[2]


def test_a_row_that_was_sent_again_and_again_says_nothing(rng):
    old, same = rng.normal(size=(500, 4)), np.tile(rng.normal(size=(1, 4)), (60, 1))
    assert np.isnan(classifier_two_sample(old, same).p_value)
    assert np.isnan(embedding_two_sample(old, same).p_value)
