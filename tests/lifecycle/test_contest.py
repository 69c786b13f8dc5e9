"""When a challenger is better, and what is held against it."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from noria.core.protocol import Task
from noria.core.recipe import Recipe
from noria.core.schema import Column, Role, Schema, Type
from noria.core.signature import Signature
from noria.lifecycle.contest import contest
from noria.systems.tabular import TabularSystem

SCHEMA = Schema((Column("x", Type.NUMBER), Column("town", Type.CATEGORY)))
TARGET = Column("y", Type.NUMBER, Role.TARGET)
METRICS = TabularSystem(Schema((*SCHEMA, TARGET)), Task.REGRESSION).metrics()
N = 600


class Fixed:
    """A model that says what it is told to."""

    def __init__(self, values, seconds: float = 0.0) -> None:
        self.values, self.seconds = np.asarray(values), seconds
        self.signature = Signature(SCHEMA, ())

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        time.sleep(self.seconds)
        return pl.DataFrame({"prediction": self.values[: rows.height]})


@pytest.fixture
def judge():
    rng = np.random.default_rng(0)
    truth, error = rng.normal(size=N), rng.normal(size=N)
    town = np.where(np.arange(N) % 4 == 0, "Delft", "Gouda")
    rows = pl.DataFrame({"x": np.arange(N) * 1.0, "town": town})

    def run(new: float | np.ndarray, *, seconds: float = 0.0, **recipe):
        made = Recipe.parse({"name": "m", **recipe})
        models = Fixed(truth + error), Fixed(truth + np.asarray(new) * error, seconds)
        return contest(made, METRICS, models, rows, pl.DataFrame({"y": truth}))

    run.town = town
    return run


def test_better_by_more_than_chance(judge):
    done = judge(0.8)
    assert done.verdict.promoted
    assert done.rows == N
    assert done.gains[0].value == pytest.approx(0.2 * done.gains[0].champion)
    assert done.gains[0].low > 0
    assert "on the same 600 rows, a gain of" in done.verdict.why


@pytest.mark.parametrize(
    ("new", "recipe", "said"),
    [
        (1.0, {}, "; that is no better"),
        (1.1, {}, "; that is no better"),
        (0.8, {"promote": {"margin": 0.5}}, "; 0.5 is wanted"),
        (0.8, {"promote": {"rule": "never"}}, "the recipe's rule is 'never'"),
    ],
)
def test_not_promoted(judge, new, recipe, said):
    done = judge(new, **recipe)
    assert not done.verdict.promoted
    assert done.verdict.why.endswith(said)


def test_a_gain_that_may_be_chance(judge):
    rng = np.random.default_rng(3)
    done = judge(np.where(rng.random(N) < 0.5, 1.3, 0.67))
    assert not done.verdict.promoted
    assert done.verdict.why.endswith(("that may be chance", "that is no better"))


def test_worse_on_one_slice(judge):
    done = judge(np.where(judge.town == "Delft", 1.5, 0.2))
    assert not done.verdict.promoted
    assert "; it is worse where town is Delft (150 rows): a loss of" in done.verdict.why


def test_slower_than_is_allowed(judge):
    done = judge(0.8, seconds=0.2)
    assert not done.verdict.promoted
    assert "times as long per row, 3 times are allowed" in done.verdict.why


def test_always_means_always(judge):
    assert judge(1.5, promote={"rule": "always"}).verdict.promoted


def test_a_goal_that_the_champion_meets_is_not_given_up(judge):
    done = judge(np.where(np.arange(N) == 0, 4.0, 0.6), goal={"coverage": ">= 0"})
    assert done.verdict.promoted


def test_a_slice_that_loses_next_to_nothing_is_no_objection(judge):
    done = judge(np.where(judge.town == "Delft", 1.02, 0.5))
    assert done.verdict.promoted
