from __future__ import annotations

import polars as pl

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


def test_a_run_says_that_rows_were_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("noria.core.memory.available", lambda: 2.5e6)
    session = noria.Session(noria.Settings(home=tmp_path, workers=1))
    table = pl.DataFrame(
        {"x": [at % 97 for at in range(20_000)], "y": [at % 1013 / 7 for at in range(20_000)]}
    )
    run = noria.train(table, "y", session=session, learners=["ridge"], budget="5s", trials=2, name="large")
    assert any("of 20,000 rows were drawn at random" in note for note in run.notes)
    assert run.evaluation.rows < 4_000
