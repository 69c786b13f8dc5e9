from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from noria.core.deadline import Deadline
from noria.core.protocol import Metric
from noria.lifecycle.explain import figures
from noria.lifecycle.explain.importance import permute, related, sensitivity


def linear(rows):
    return 3 * rows["a"] - rows["b"]


@pytest.fixture
def shown(view, numbers):
    return view(linear, numbers.with_columns(y=linear(numbers)), target="y")


def negative(metric: Metric) -> Metric:
    return Metric("negative", True, lambda *both: lambda rows: -metric.bind(*both)(rows))


@pytest.mark.parametrize("turned", [False, True])
def test_losses_are_those_that_the_formula_has(shown, mse, turned):
    metric = negative(mse) if turned else mse
    found = permute(shown, metric, deadline=Deadline())
    assert [one.feature for one in found.importance] == ["a", "b", "c"]
    for one, slope in zip(found.importance, (3, 1, 0), strict=True):
        # two independent draws of a column differ by twice its variance
        expected = 2 * slope**2 * shown.rows[one.feature].var()
        assert one.value == pytest.approx(expected, rel=0.1, abs=1e-12)
        assert one.low <= one.value <= one.high
    assert found.importance[1].low > 0
    assert (found.rows, found.left_out, found.together) == (300, 0, ())


def test_the_same_seed_gives_the_same_losses(shown, mse):
    one, two, other = (permute(shown, mse, deadline=Deadline(), seed=seed).importance for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_columns_that_say_the_same_are_shuffled_together_too(view, numbers, mse):
    rows = numbers.with_columns(twin=-2 * pl.col("a"), y=linear(numbers))
    shown = view(lambda rows: 1.5 * rows["a"] - 0.75 * rows["twin"] - rows["b"], rows, target="y")
    found = permute(shown, mse, deadline=Deadline())
    (pair,) = found.together
    alone = {one.feature: one.value for one in found.importance}
    assert pair.feature == "a + twin"
    assert pair.value > 1.5 * (alone["a"] + alone["twin"])
    assert pair.value == pytest.approx(2 * 9 * rows["a"].var(), rel=0.15)


def test_related_columns_are_found_through_missing_values_and_in_chains(view, numbers):
    rows = numbers.with_columns(
        d=pl.when(pl.int_range(300) % 20 > 0).then(pl.col("a") ** 3), e=pl.col("a") + 0.3 * pl.col("b")
    )
    shown = view(linear, rows)
    groups = related(shown, shown.columns)
    assert [[column.name for column in group] for group in groups] == [["a", "d", "e"]]
    assert related(view(linear, rows.head(3)), shown.columns) == []


def test_what_does_not_fit_is_left_out_and_said(view, mse):
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({f"x{at}": rng.normal(size=200) for at in range(300)})

    def slow(rows):
        import time

        time.sleep(5e-5 * rows.height)
        return rows["x7"] * 2 + rows["x200"]

    shown = view(slow, rows.with_columns(y=rows["x7"] * 2 + rows["x200"]), target="y")
    clock = Deadline()
    found = permute(shown, mse, deadline=Deadline(1))
    assert clock.elapsed < 5
    assert 0 < len(found.importance) < 300
    assert found.left_out == 300 - len(found.importance)
    assert {"x7", "x200"} <= {one.feature for one in found.importance}


def test_the_columns_that_tell_most_come_first_where_time_ends_sooner_than_planned(view, mse):
    """A machine that becomes busy must not leave the important columns out and keep the table's first."""
    rows = pl.DataFrame({name: np.random.default_rng(at).normal(size=100) for at, name in enumerate("abcz")})
    until, asked = Deadline(60), []

    def busy(rows):
        asked.append(rows["z"])
        if len(asked) == 3:  # the first that is shuffled
            until.cancel()
        return rows["z"]

    shown = view(busy, rows.with_columns(y=rows["z"]), target="y")
    shown.__dict__["costs"] = (1.0, 1e9)  # so they are shuffled one by one
    found = permute(shown, mse, deadline=until)
    assert ([one.feature for one in found.importance], found.left_out) == (["z"], 3)
    text = figures.importance(found, mse, held_out=True).text
    assert text.endswith(" There was no time to shuffle 3 more, which may matter as much.")


def test_sensitivity_sees_numbers_levels_and_bends(view):
    rng = np.random.default_rng(0)
    rows = pl.DataFrame(
        {"bend": rng.uniform(-1, 1, 400), "level": rng.choice(["x", "y"], 400), "noise": rng.normal(size=400)}
    )
    shown = view(lambda rows: rows["bend"] ** 2 + 0.6 * (rows["level"] == "x"), rows)
    bend, level, noise = sensitivity(shown, Deadline())
    assert min(bend, level) > 0.3 > 5 * noise


def test_no_columns_and_no_rows(view, numbers, mse):
    assert permute(view(linear, numbers.select("a"), target="a"), mse, deadline=Deadline()).importance == ()
    assert permute(view(linear, numbers.head(0)), mse, deadline=Deadline()).importance == ()


def test_where_the_metric_is_not_defined_nothing_is_found(shown):
    undefined = Metric("ranking", True, lambda *_: lambda _: math.nan)
    found = permute(shown, undefined, deadline=Deadline())
    assert (found.importance, found.together) == ((), ())
