from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.core.schema import Column, Type
from noria.lifecycle.explain import dependence, interactions, surface
from noria.lifecycle.explain.view import grid


def formula(rows):
    return rows["a"] ** 2 + 2 * rows["a"] * rows["b"] + rows["c"]


def test_partial_dependence_is_the_mean_over_the_rows(view, numbers):
    shown = view(formula, numbers)
    found = dependence(shown, shown.columns[0], points=9)
    for point, mean in zip(found.points, found.mean[:, 0], strict=True):
        assert mean == pytest.approx(formula(numbers.with_columns(a=pl.lit(point))).mean())
    assert (found.low <= found.mean).all()
    assert (found.mean <= found.high).all()


def test_the_band_is_wide_only_where_other_columns_decide_too(view, numbers):
    shown = view(formula, numbers)
    alone, crossed = (dependence(shown, shown.columns[at]) for at in (2, 1))
    assert np.ptp(alone.high - alone.low) < 1e-9
    assert (crossed.high - crossed.low).max() > 1


def test_a_surface_is_the_mean_at_each_pair(view, numbers):
    shown = view(formula, numbers)
    found = surface(shown, shown.columns[:2], points=5)
    assert len(found.first) == 25
    for a, b, mean in zip(found.first, found.second, found.mean[:, 0], strict=True):
        assert mean == pytest.approx(formula(numbers.with_columns(a=pl.lit(a), b=pl.lit(b))).mean())


def test_interactions_are_found_where_the_formula_has_them(view, numbers):
    shown = view(formula, numbers.head(40))
    found = interactions(shown, shown.columns, deadline=Deadline())
    assert [column.name for column in found[0].columns] == ["a", "b"]
    assert found[0].share > 0.4
    assert max(one.strength for one in found[1:]) < 1e-9
    assert interactions(shown, shown.columns, deadline=Deadline(0)) == ()


def test_classes_count_together(view, numbers):
    def shares(rows):
        mixed = 1 / (1 + np.exp(-4 * (rows["a"] * rows["b"]).to_numpy()))
        return np.stack([0.5 * mixed, 0.3 * np.ones(rows.height)], axis=1)

    shown = view(shares, numbers.head(40), labels=("x", "y", "z"))
    assert shown.unit == "probability"
    found = interactions(shown, shown.columns, deadline=Deadline())
    assert [column.name for column in found[0].columns] == ["a", "b"]
    assert dependence(shown, shown.columns[0]).mean.shape[1] == 3


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (Type.NUMBER, [1.0, None, 3.0], [1.0, 3.0]),
        (Type.NUMBER, [float(at) for at in range(101)], [2.0, 26.0, 50.0, 74.0, 98.0]),
        (Type.BOOLEAN, [True, None, False], [False, True]),
        (Type.CATEGORY, ["x", "y", "y", None], ["y", "x"]),
        (Type.NUMBER, [1.0, 1.0], None),
        (Type.TEXT, ["some words", "other words"], None),
        (Type.CATEGORY, [None, None], None),
    ],
)
def test_a_grid_holds_values_that_were_seen(kind, values, expected):
    strings = pl.String if kind in (Type.CATEGORY, Type.TEXT) else None
    found = grid(Column("x", kind), pl.Series("x", values, dtype=strings), 5)
    assert (None if found is None else found.to_list()) == expected


@pytest.mark.parametrize("name", ["count", "value", "proportion"])
def test_a_category_may_have_any_name(name):
    found = grid(Column(name, Type.CATEGORY), pl.Series(name, [*"abb"]), 5)
    assert (found.name, found.to_list()) == (name, ["b", "a"])


def test_moments_are_spaced_evenly():
    days = pl.Series("x", [datetime(2020, 1, 1) + timedelta(days=at) for at in range(101)])
    found = grid(Column("x", Type.DATETIME), days, 3)
    assert found.to_list() == [datetime(2020, 1, 3), datetime(2020, 2, 20), datetime(2020, 4, 8)]


def test_a_column_that_does_not_vary_has_none(view, numbers):
    shown = view(formula, numbers.with_columns(c=pl.lit(1.0)))
    assert dependence(shown, shown.columns[2]) is None
    assert surface(shown, (shown.columns[0], shown.columns[2])) is None
