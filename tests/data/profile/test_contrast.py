"""Two tables side by side."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from noria.data.profile import Profiler


def table(rows: int, mean: float, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": rng.normal(mean, 1, rows),
            "n": rng.poisson(3, rows),
            "town": rng.choice(["Delft", "Gouda", "Leiden"], rows, p=[0.6, 0.3, 0.1]),
            "when": np.datetime64("2024-01-01", "D") + rng.integers(0, 300, rows),
        }
    )


def contrasted(here: pl.DataFrame, there: pl.DataFrame):
    sides = [Profiler("here"), Profiler("there")]
    for side, rows in zip(sides, (here, there)):
        side.update(rows)
    return sides[0].finish(sides[1]).contrast


def test_nothing_has_changed():
    found = contrasted(table(4_000, 0, 0), table(3_000, 0, 1))
    assert (found.source, found.rows, found.added, found.removed) == ("there", 3_000, (), ())
    for shift in found.shifts:
        assert shift.psi < 0.02
        assert sum(shift.here) == pytest.approx(1)
        assert sum(shift.there) == pytest.approx(1)


@pytest.mark.parametrize("rows", [3_000, 60_000])
def test_a_shift_is_measured(rows):
    found = contrasted(table(rows, 0, 0), table(rows, 1, 1))
    first = found.shifts[0]
    assert first.column == "x"
    assert first.psi > 0.5
    assert first.ks == pytest.approx(0.383, abs=0.03)  # of two normal distributions one apart
    assert first.means == pytest.approx((0, 1), abs=0.1)
    assert len(first.groups) == len(first.here) == len(first.there)
    assert max(shift.psi for shift in found.shifts[1:]) < 0.02


def test_categories_that_come_and_go():
    there = table(3_000, 0, 1).with_columns(
        town=pl.when(pl.int_range(3_000) < 300).then(pl.lit("Oslo")).otherwise("town")
    )
    found = contrasted(table(3_000, 0, 0), there)
    town = next(shift for shift in found.shifts if shift.column == "town")
    assert town.new == (("Oslo", 300),)
    assert town.groups == ("Delft", "Gouda", "Leiden", "Oslo")
    assert (town.here[3], town.there[3]) == (0.0, pytest.approx(0.1))


def test_rare_categories_of_unlike_tables_are_no_change():
    rng = np.random.default_rng(0)
    cabins = [f"C{at}" for at in range(150)]
    here, there = (pl.DataFrame({"cabin": rng.choice(cabins, rows)}) for rows in (140, 65))
    (shift,) = contrasted(here, there).shifts
    assert (shift.psi, shift.p) == (0.0, 1.0)
    assert len(shift.groups) == 13


def test_all_new_categories_are_counted():
    here = pl.DataFrame({"ticket": [f"t{at % 300}" for at in range(900)]})
    there = pl.DataFrame({"ticket": [f"t{at % 300 + 200}" for at in range(900)]})
    (shift,) = contrasted(here, there).shifts
    assert (len(shift.new), shift.unknown) == (20, 200)


def test_columns_of_other_types_are_not_compared():
    there = table(500, 0, 1).with_columns(pl.col("x").cast(pl.String) + " apples", n=None)
    found = contrasted(table(500, 0, 0), there)
    shifts = {shift.column: shift for shift in found.shifts}
    assert shifts["n"].types == ("number", "constant")
    assert shifts["n"].psi is None
    assert shifts["n"].missing == (0.0, 1.0)


@pytest.mark.parametrize("there", [[False, True] * 50, ["Yes", "No"] * 50, ["f", "t", "na", None] * 25])
def test_yes_and_no_are_the_same_however_they_are_written(there):
    (shift,) = contrasted(pl.DataFrame({"a": [0, 1] * 50}), pl.DataFrame({"a": there})).shifts
    assert (shift.types, shift.psi, shift.new) == (("boolean", "boolean"), 0.0, ())
    assert sorted(shift.groups) == ["false", "true"]
    (same,) = contrasted(
        pl.DataFrame({"a": ["yes", "no"] * 50}), pl.DataFrame({"a": ["no", "yes"] * 50})
    ).shifts
    assert sorted(same.groups) == ["no", "yes"]
