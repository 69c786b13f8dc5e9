from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.systems.tabular.shapley import shapley

RNG = np.random.default_rng(0)
BACKGROUND = pl.DataFrame({name: RNG.normal(size=80) for name in ("a", "b", "dummy")})
ROWS = pl.DataFrame({"a": [1.0, -2.0, 0.5], "b": [0.0, 3.0, 1.0], "dummy": [5.0, -5.0, 9.0]})


def linear(table: pl.DataFrame) -> np.ndarray:
    return (2 * table["a"] - 3 * table["b"]).to_numpy()[:, None]


def product(table: pl.DataFrame) -> np.ndarray:
    p = 1 / (1 + np.exp(-(table["a"] * table["b"]).to_numpy()))
    return np.stack([1 - p, p], axis=1)


def last(outputs, rows=ROWS, ground=BACKGROUND, **wish):
    return shapley(outputs, rows, ground, np.full(rows.height, outputs(rows).shape[1] - 1), **wish)


def test_a_linear_function_is_attributed_within_three_errors():
    found = last(linear)
    for at, (name, slope) in enumerate((("a", 2), ("b", -3))):
        expected = (slope * (ROWS[name] - BACKGROUND[name].mean())).to_numpy()
        assert (np.abs(found.attributions[:, at] - expected) <= 3 * found.errors[:, at] + 1e-9).all()


def test_errors_are_those_that_repeated_samples_show():
    many = [last(product, most=8, seed=seed) for seed in range(60)]
    spread = np.std([one.attributions for one in many], axis=0)[:, :2]
    told = np.mean([one.errors for one in many], axis=0)[:, :2]
    assert (told > 0.5 * spread).all()  # the background is spread evenly, so the errors are on the safe side


def test_what_is_not_used_adds_nothing_at_all():
    assert last(product).attributions[:, 2].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("most", [1, 4, 64])
def test_base_and_attributions_add_up_to_the_output_however_few_orders(most):
    found = last(product, most=most)
    assert found.base + found.attributions.sum(axis=1) == pytest.approx(product(ROWS)[:, 1])
    assert found.base == pytest.approx(product(BACKGROUND)[:, 1].mean())


def test_equal_parts_are_treated_equally():
    rows, one = pl.DataFrame({"a": [2.0], "b": [2.0]}), pl.DataFrame({"a": [0.0], "b": [0.0]})
    found = last(product, rows, one).attributions
    assert found[0, 0] == pytest.approx(found[0, 1])


def test_the_same_seed_gives_the_same_answer():
    def triple(table):
        return (table["a"] * table["b"] * table["dummy"]).to_numpy()[:, None]

    one, two, other = (last(triple, most=2, seed=seed).attributions for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_small_errors_end_it_early_and_a_deadline_sooner():
    assert last(linear, pl.concat([ROWS] * 300), BACKGROUND.head(1)).orders == 8
    slow = last(product, pl.concat([ROWS] * 800), deadline=Deadline(0))
    assert slow.orders == 2
    assert np.isnan(slow.errors).all()


def test_the_picked_output_is_explained():
    def outputs(table):
        p = np.tile([0.2, 0.3, 0.5], (table.height, 1))
        return np.where(table["a"].to_numpy()[:, None] > 0, p[:, ::-1], p)

    rows, ground = pl.DataFrame({"a": [1.0, -1.0]}), pl.DataFrame({"a": [-1.0]})
    found = shapley(outputs, rows, ground, np.array([0, 2]))
    assert found.attributions[:, 0] == pytest.approx([0.3, 0.0])


def test_no_rows():
    assert last(linear, ROWS.head(0)).attributions.shape == (0, 3)
