from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.deadline import Deadline
from noria.core.insight import Slice
from noria.core.result import Score
from noria.core.schema import Column, Role, Type
from noria.lifecycle.slices import draw, properties
from noria.settings import Settings

pytestmark = pytest.mark.usefixtures("thorough")
QUICK = {"learners": ["baseline", "decision_tree"], "trials": 2, "budget": "60s", "folds": 3}


def clients(seed: int, hard: str = "false") -> pl.DataFrame:
    """Whether clients stay, which follows from their plan in nine of ten, but of some is a coin's toss."""
    rng = np.random.default_rng(seed)
    table = pl.DataFrame(
        {
            "plan": rng.choice(["old", "new"], 4_000),
            "age": rng.integers(18, 80, 4_000),
            "town": rng.choice(["Delft", "Gouda", "Leiden", "Breda"], 4_000),
            "member": rng.random(4_000) < 0.5,
            "visits": rng.integers(0, 6, 4_000),
        }
    )
    tossed = table.select(pl.lit(0.0) + pl.sql_expr(hard)).to_series().to_numpy() > 0
    other = rng.random(4_000) < np.where(tossed, 0.5, 0.1)
    stays = (table["plan"] == "new").to_numpy() ^ other
    return table.with_columns(y=pl.Series(np.where(stays, "stays", "leaves")))


def train(table, tmp_path, **keys):
    session = noria.Session(Settings(home=tmp_path / "home", workers=2))
    return noria.train(table, "y", session=session, holdout=0.5, **{**QUICK, **keys})


# -- whole runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hard", "where", "metric"),
    [
        ("town = 'Gouda'", "town is Gouda", "accuracy"),
        ("town = 'Delft' AND member", "town is Delft and member is true", "log_loss"),
        ("visits = 3", "visits is 3", "roc_auc"),
    ],
)
def test_a_weak_slice_is_found_and_named(tmp_path, well_drawn, hard, where, metric):
    run = train(clients(0, hard), tmp_path, metric=metric)
    (found,) = run.record["insight"]["slices"]
    assert set(found["where"].split(" and ")) == set(where.split(" and "))
    one, rest = (Score.from_dict(found[name]) for name in ("score", "rest"))
    assert one.low < one.value < one.high
    figure = next(figure for figure in run.figures if figure.name == "slices")
    well_drawn(figure)
    assert figure.frame["where"][0] == f"{found['where']} ({found['rows']:,} rows)"
    assert one.metric == rest.metric == metric
    assert one.low > rest.high if metric == "log_loss" else one.high < rest.low


def test_a_slice_whose_labels_are_not_what_was_learned_is_a_surprise(tmp_path):
    table = clients(0)
    wrong = pl.when(pl.col("town") == "Gouda").then(pl.lit("leaves")).otherwise("y")
    run = noria.train(
        table[:2_000], "y", test=table[2_000:].with_columns(y=wrong),
        session=noria.Session(Settings(home=tmp_path / "home", workers=2)), **QUICK,
    )  # fmt: skip
    slices = run.record["insight"]["slices"]
    assert any("town is Gouda" in one["where"] and one["surprising"] for one in slices)
    assert "NOR034" in {one.code for one in run.findings}


def test_where_all_are_alike_hard_there_is_none(tmp_path):
    for seed in range(3):
        run = train(clients(seed), tmp_path / str(seed), metric="log_loss")
        assert not run.record["insight"]["slices"]
        assert "slices" not in {figure.name for figure in run.figures}


# -- properties ----------------------------------------------------------------------------------------------


def said(values: list, kind: Type, role: Role = Role.FEATURE) -> dict[str, int]:
    """Every candidate of one column, and how many rows it has."""
    column = Column("x", kind, role)
    worded = properties(pl.DataFrame({"x": values}), [column])
    return {
        name: int(of.rows(at).sum())
        for of, names in worded
        for at, name in enumerate(names)
        if of.parts[at].any()
    }


def test_numbers_have_readable_edges():
    rng = np.random.default_rng(0)
    found = said(list(rng.normal(50_000, 12_000, 2_000)), Type.NUMBER)
    whole = [name for name in found if name.endswith("or more")]
    assert len(whole) == 7
    for name in whole:
        digits = name.split()[2].replace(",", "").strip("0")
        assert len(digits) <= 2
    edge = whole[3].removeprefix("x is ").removesuffix(" or more")
    assert found[f"x is below {edge}"] + found[f"x is {edge} or more"] == 2_000


def test_few_numbers_are_named_one_by_one_and_years_as_years():
    found = said([2007, 2008, 2009, 2009, None], Type.NUMBER)
    assert found == {
        "x is 2007": 1,
        "x is below 2009": 2,
        "x is 2008 or more": 3,
        "x is 2009": 2,
        "x is 2008": 1,
        "x is missing": 1,
    }


def test_categories_booleans_and_what_is_missing():
    assert said(["a", "b", "b", None], Type.CATEGORY) == {"x is b": 2, "x is a": 1, "x is missing": 1}
    assert said([True, False, True], Type.BOOLEAN) == {"x is true": 2, "x is false": 1}
    assert said([7, 7, 3], Type.NUMBER, Role.SERIES) == {"x is 7": 2, "x is 3": 1}
    many = said([f"level {at % 50}" for at in range(100)], Type.CATEGORY)
    assert len(many) == 12
    assert max(map(len, said(["a" * 5_000, "b" * 5_000], Type.CATEGORY))) < 50


def test_moments_are_told_by_order_and_by_their_parts():
    start = datetime(2023, 12, 30, 22)
    found = said([start + timedelta(hours=6 * at) for at in range(16)], Type.DATETIME)
    assert found["x falls in 2024"] == 11
    assert found["x falls in January"] == 11
    assert found["x falls on a Sunday"] == 4
    assert found["x falls between 22:00 and 22:59"] == 4
    assert found["x is 2024-01-02 or later"] + found["x is before 2024-01-02"] == 16
    days = said([date(2024, 1, 1) + timedelta(days=at) for at in range(40)], Type.DATETIME)
    assert not any("between" in name for name in days)
    far = pl.Series([0, 400_000, 4_000_000, 8_000_000] * 4, dtype=pl.Int32).cast(pl.Date)
    assert "x is 12921-08-18 or later" in said(far, Type.DATETIME)


def test_texts_are_told_by_their_length():
    found = said(["word " * (at + 1) for at in range(30)], Type.TEXT)
    assert any(name.startswith("the length of x is below") for name in found)


def test_columns_without_anything_to_tell_are_left_out_and_time_is_kept():
    assert said([None, None], Type.NUMBER) == {}
    assert said([math.inf, math.nan, 1.0], Type.NUMBER) == {}
    assert said(["k1", "k2"], Type.ID) == {}
    assert list(properties(pl.DataFrame({"x": [1, 2]}), [Column("x", Type.NUMBER)], Deadline(0.0))) == []


def test_a_name_may_hold_anything(well_drawn):
    where = "<script>alert(1)</script> is 'a.b[c]' or more and 🐟 is \\n"
    score = Score("accuracy", 0.5, 0.4, 0.6)
    well_drawn(draw([Slice(where, 40, score, Score("accuracy", 0.9))]))


def test_a_property_takes_one_byte_a_row():
    table = clients(0).with_columns(visits=pl.when(pl.col("visits") > 0).then("visits"))
    types = {"age": Type.NUMBER, "visits": Type.NUMBER, "town": Type.CATEGORY, "member": Type.BOOLEAN}
    columns = [Column(name, kind, Role.FEATURE) for name, kind in types.items()]
    assert {one.property.codes.dtype for one in properties(table, columns)} == {np.dtype(np.int8)}
