from __future__ import annotations

import polars as pl
import pytest

import noria
from noria.core.schema import Column, Schema, Type
from noria.lifecycle import _columns as columns

SCHEMA = Schema((Column("size", Type.NUMBER), Column("shop", Type.CATEGORY, distinct=5_000)))
TABLE = pl.DataFrame({"size": range(1_000), "shop": [str(at) for at in range(1_000)]})


def test_rows_that_fit_into_memory_stay_as_they_are():
    kept, notes = columns.drawn(TABLE, SCHEMA, 1e9, seed=0)
    assert kept is TABLE
    assert notes == []


def test_of_too_many_rows_some_are_drawn_the_same_ones_for_a_seed():
    kept, notes = columns.drawn(TABLE, SCHEMA, 1e6, seed=0)
    assert notes == ["147 of 1,000 rows were drawn at random, as many as there is memory to learn from"]
    assert kept.height == kept["size"].n_unique() == 147
    assert kept["size"].max() > 800
    assert kept.equals(columns.drawn(TABLE, SCHEMA, 1e6, seed=0)[0])
    assert not kept.equals(columns.drawn(TABLE, SCHEMA, 1e6, seed=1)[0])


def test_as_many_rows_as_the_budget_is_enough_for():
    table = pl.DataFrame({"x": range(120_000), "y": 0})
    kept, notes = columns.affordable(table, 0.5, seed=3)
    assert notes == [
        "62,500 of 120,000 rows were drawn at random, as many as a budget of 0.5 s leaves time to learn from"
    ]
    assert kept.height == 62_500
    assert kept["x"].is_sorted()
    assert kept.equals(columns.affordable(table, 0.5, seed=3)[0])
    assert not kept.equals(columns.affordable(table, 0.5, seed=4)[0])
    assert columns.affordable(table, 0.01, seed=3)[0].height == 50_000
    assert columns.affordable(table, 60, seed=3) == (table, [])


def test_a_run_says_that_rows_were_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("noria.core.memory.available", lambda: 2.5e6)
    session = noria.Session(noria.Settings(home=tmp_path, workers=1))
    table = pl.DataFrame(
        {"x": [at % 97 for at in range(20_000)], "y": [at % 1013 / 7 for at in range(20_000)]}
    )
    run = noria.train(table, "y", session=session, learners=["ridge"], budget="5s", trials=2, name="large")
    assert any("of 20,000 rows were drawn at random" in note for note in run.notes)
    assert run.evaluation.rows < 4_000


@pytest.mark.parametrize(("keys", "rows"), [({}, 500), ({"time": "day"}, 3_000)])
def test_rows_that_no_time_binds_are_drawn_before_they_are_typed(tmp_path, monkeypatch, keys, rows):
    monkeypatch.setattr(columns, "_PACE", 0)
    monkeypatch.setattr(columns, "_FEWEST", 500)
    session = noria.Session(noria.Settings(home=tmp_path, workers=1))
    days = pl.datetime_range(pl.datetime(2000, 1, 1), pl.datetime(2030, 1, 1), "1d", eager=True).head(3_000)
    table = pl.DataFrame(
        {"day": days, "x": [at % 97 for at in range(3_000)], "y": [at / 7 for at in range(3_000)]}
    )
    run = noria.train(table, "y", session=session, learners=["ridge"], budget="3s", trials=2, **keys)
    assert run.record["rows"] == rows
    assert any("a budget of 3 s leaves time to learn from" in note for note in run.notes) == (rows == 500)
