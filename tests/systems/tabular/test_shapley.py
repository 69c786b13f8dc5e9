from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.systems.tabular.shapley import shapley

RNG = np.random.default_rng(0)
BACKGROUND = pl.DataFrame({name: RNG.normal(size=80) for name in ("a", "b", "dummy")})
ROWS = pl.DataFrame({"a": [1.0, -2.0, 0.5], "b": [0.0, 3.0, 1.0], "dummy": [5.0, -5.0, 9.0]})


def linear(table: pl.DataFrame) -> np.ndarray:
    return (2 * table["a"] - 3 * table["b"]).to_numpy()[:, None]


def product(table: pl.DataFrame) -> np.ndarray:
    p = 1 / (1 + np.exp(-(table["a"] * table["b"]).to_numpy()))
    return np.stack([1 - p, p], axis=1)


def test_a_linear_function_is_attributed_exactly_but_for_the_draws():
    found = shapley(linear, ROWS, BACKGROUND, rounds=400).attributions
    for name, slope in (("a", 2), ("b", -3)):
        expected = slope * (ROWS[name] - BACKGROUND[name].mean())
        assert found[name].to_list() == pytest.approx(expected.to_list(), abs=0.5)


def test_what_is_not_used_adds_nothing_at_all():
    assert shapley(product, ROWS, BACKGROUND).attributions["dummy"].to_list() == [0.0, 0.0, 0.0]


def test_base_and_attributions_add_up_to_the_output():
    one = BACKGROUND.head(1)
    found = shapley(product, ROWS, one)
    total = found.base + found.attributions.sum_horizontal().to_numpy()
    assert total == pytest.approx(product(ROWS)[:, 1])


def test_equal_parts_are_treated_equally():
    rows = pl.DataFrame({"a": [2.0], "b": [2.0]})
    one = pl.DataFrame({"a": [0.0], "b": [0.0]})
    found = shapley(product, rows, one).attributions
    assert found["a"][0] == pytest.approx(found["b"][0])


def test_the_same_seed_gives_the_same_answer():
    one, two, other = (shapley(product, ROWS, BACKGROUND, rounds=2, seed=seed) for seed in (1, 1, 2))
    assert one.attributions.equals(two.attributions)
    assert not one.attributions.equals(other.attributions)


def test_of_three_classes_the_predicted_one_is_explained():
    def outputs(table):
        p = np.tile([0.2, 0.3, 0.5], (table.height, 1))
        return np.where(table["a"].to_numpy()[:, None] > 0, p[:, ::-1], p)

    rows, ground = pl.DataFrame({"a": [1.0, -1.0]}), pl.DataFrame({"a": [-1.0]})
    found = shapley(outputs, rows, ground).attributions["a"].to_list()
    assert found == pytest.approx([0.3, 0.0])
