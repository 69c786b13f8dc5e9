from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Column, Role, Schema, Type
from noria.core.split import Split
from noria.data.split import How, choose, folds, holdout
from noria.errors import DataError, ParamError

CLASSES = Column("y", Type.CATEGORY, Role.TARGET)
NUMBERS = Column("y", Type.NUMBER, Role.TARGET)
X = Column("x", Type.NUMBER)


def table_of(rows: int, *, positive: float = 0.1, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"x": rng.normal(size=rows), "y": np.where(rng.random(rows) < positive, "yes", "no")})


def check_partition(split: Split, rows: int) -> None:
    assert split.train.dtype == split.valid.dtype == np.int64
    assert np.array_equal(np.sort(np.concatenate([split.train, split.valid])), np.arange(rows))
    assert len(split.train)
    assert len(split.valid)


def test_a_stratified_holdout_keeps_the_classes_shares() -> None:
    table, schema = table_of(1003), Schema((X, CLASSES), 1003)
    split = holdout(table, schema)
    check_partition(split, 1003)
    assert abs(len(split.valid) - 200.6) < 1
    positives = (table["y"] == "yes").to_numpy()
    assert abs(positives[split.valid].sum() - 0.2 * positives.sum()) <= 1
    assert split.how == "stratified by y, 20% held out"
    assert not np.array_equal(split.valid, np.arange(len(split.valid)))


@pytest.mark.parametrize("kind", ["random", "stratified", "grouped", "time"])
def test_the_same_seed_gives_the_same_split(kind: str) -> None:
    table = table_of(300).with_columns(g=pl.int_range(300) // 7, t=pl.int_range(300))
    schema = Schema((X, CLASSES, Column("g", Type.NUMBER), Column("t", Type.NUMBER)), 300)
    how = How(kind, {"grouped": "g", "time": "t"}.get(kind))
    one, same, other = (holdout(table, schema, how=how, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.valid, same.valid)
    assert np.array_equal(one.valid, other.valid) == (kind == "time")
    first, second = (folds(table, schema, 3, how=how, seed=5) for _ in range(2))
    assert all(np.array_equal(a.valid, b.valid) for a, b in zip(first, second))


def test_folds_judge_each_row_once_per_repeat() -> None:
    table, schema = table_of(101), Schema((X, CLASSES), 101)
    splits = folds(table, schema, 5, repeats=2)
    assert len(splits) == 10
    for split in splits:
        check_partition(split, 101)
    for repeat in (splits[:5], splits[5:]):
        assert np.array_equal(np.sort(np.concatenate([split.valid for split in repeat])), np.arange(101))
        assert max(len(split.valid) for split in repeat) - min(len(split.valid) for split in repeat) <= 1
        positives = [(table["y"].to_numpy()[split.valid] == "yes").sum() for split in repeat]
        assert max(positives) - min(positives) <= 1
    assert not np.array_equal(splits[0].valid, splits[5].valid)


def test_rare_classes_never_crash_and_are_learned_from() -> None:
    table = pl.DataFrame({"x": range(40), "y": ["a"] * 35 + ["b", "b", "c", "d", "d"]})
    schema = Schema((X, CLASSES), 40)
    for seed in range(20):
        split = holdout(table, schema, share=0.5, seed=seed)
        check_partition(split, 40)
        assert set(table["y"].to_numpy()[split.train]) == {"a", "b", "c", "d"}
    assert len(folds(table, schema, 10)) == 10


def test_a_regression_is_stratified_by_bins_when_small() -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"x": rng.normal(size=400), "y": rng.lognormal(sigma=2, size=400)})
    schema = Schema((X, NUMBERS), 400)
    top = table["y"].to_numpy() > table["y"].quantile(0.9)
    for split in folds(table, schema, 5):
        assert 6 <= top[split.valid].sum() <= 10
    assert choose(schema, "regression", 400).kind == "stratified"
    assert choose(schema, "regression", 5000).kind == "random"


def test_no_group_is_on_both_sides_and_classes_stay_balanced() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 2000)
    table = pl.DataFrame({"x": rng.normal(size=2000), "g": [f"g{g}" for g in groups], "y": groups % 4 == 0})
    schema = Schema((X, Column("g", Type.ID, Role.GROUP), Column("y", Type.BOOLEAN, Role.TARGET)), 2000)
    for split in [holdout(table, schema), *folds(table, schema, 5)]:
        check_partition(split, 2000)
        assert not set(groups[split.train]) & set(groups[split.valid])
        assert 0.15 < len(split.valid) / 2000 < 0.25
        assert 0.2 < table["y"].to_numpy()[split.valid].mean() < 0.3
    assert "grouped by g" in holdout(table, schema).how


def test_many_groups_and_groups_without_a_name() -> None:
    rng = np.random.default_rng(0)
    names = [None if i % 10 == 0 else f"g{i // 3}" for i in range(9000)]
    table = pl.DataFrame({"x": rng.normal(size=9000), "g": names})
    schema = Schema((X, Column("g", Type.ID, Role.GROUP)), 9000)
    for split in folds(table, schema, 3):
        sides = [{names[row] for row in side} - {None} for side in (split.train, split.valid)]
        assert not sides[0] & sides[1]
        assert 2800 < len(split.valid) < 3200


def test_time_is_never_learned_from_the_future() -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(0, 50, 500)
    table = pl.DataFrame(
        {"x": rng.normal(size=500), "t": [datetime(2021, 1, 1) + timedelta(int(d)) for d in days]}
    )
    schema = Schema((X, Column("t", Type.DATETIME, Role.TIME)), 500)
    split = holdout(table, schema)
    check_partition(split, 500)
    assert days[split.train].max() < days[split.valid].min()
    assert 0.15 < len(split.valid) / 500 < 0.25
    windows = folds(table, schema, 4)
    assert len(windows) == 4
    for before, after in pairwise(windows):
        assert set(before.train) < set(after.train)
    for window in windows:
        assert len(window.valid) > 50
        assert days[window.train].max() < days[window.valid].min()
    assert "later" in split.how


def test_a_time_of_words_has_no_order() -> None:
    table = pl.DataFrame({"quarter": ["Q1 2023", "Q4 2022"] * 20, "g": list(range(20)) * 2, "x": [0.5] * 40})
    words, group = Column("quarter", Type.CATEGORY, Role.TIME), Column("g", Type.NUMBER, Role.GROUP)
    for schema in (Schema((X, words), 40), Schema((X, words, group), 40)):
        with pytest.raises(ParamError, match="The time 'quarter' is neither a date nor a number") as caught:
            holdout(table, schema)
        assert "parse: {format: ...}" in str(caught.value.do)


def test_groups_in_time_hold_out_the_latest_groups_whole() -> None:
    table = pl.DataFrame({"g": [i // 10 for i in range(200)], "t": list(range(200)), "x": [0.5] * 200})
    schema = Schema((X, Column("g", Type.NUMBER, Role.GROUP), Column("t", Type.NUMBER, Role.TIME)), 200)
    assert holdout(table, schema).valid.tolist() == list(range(160, 200))


def test_rows_with_the_same_features_stay_on_one_side() -> None:
    base = table_of(500)
    table = pl.concat([base, base[:100]])
    split = holdout(table, Schema((X, CLASSES), 600))
    values = table["x"].to_numpy()
    assert not set(values[split.train]) & set(values[split.valid])
    assert "100 rows kept beside others that have the same features" in split.how
    for fold in folds(table, Schema((X, CLASSES), 600), 4):
        assert not set(values[fold.train]) & set(values[fold.valid])


def test_only_the_rows_of_a_profile_of_many_are_dealt_one_by_one() -> None:
    base = table_of(470)
    empty = base[:60].with_columns(x=pl.lit(None, pl.Float64))
    table, schema = pl.concat([base, base, empty]), Schema((X, CLASSES), 1000)
    split = holdout(table, schema)
    values = [set(table["x"].gather(side).drop_nulls()) for side in (split.train, split.valid)]
    assert not values[0] & values[1]
    assert 6 <= table["x"].gather(split.valid).null_count() <= 18
    assert split.how.endswith(
        "; 470 rows kept beside others that have the same features"
        "; 60 rows with the features of over 5% of all dealt one by one"
    )


def test_rows_of_few_profiles_are_dealt_one_by_one() -> None:
    table = pl.DataFrame({"x": [0, 1] * 200, "y": ["a", "b", "b", "a"] * 100})
    split = holdout(table, Schema((X, CLASSES), 400))
    assert len(split.valid) == 80
    assert "another" not in split.how


def test_a_raw_table_is_split_as_its_typed_one() -> None:
    table = table_of(200)
    raw = table.with_columns(pl.col("y").replace({"yes": " yes ", "no": "no"}))
    schema = Schema((X, CLASSES), 200)
    assert np.array_equal(holdout(table, schema).valid, holdout(raw, schema).valid)


def test_what_makes_no_sense_is_refused() -> None:
    table, schema = table_of(20), Schema((X, CLASSES), 20)
    with pytest.raises(ParamError, match="share"):
        holdout(table, schema, share=1.0)
    with pytest.raises(ParamError, match="2 or more"):
        folds(table, schema, 1)
    with pytest.raises(ParamError, match="too little for 21 folds") as caught:
        folds(table, schema, 21)
    assert caught.value.do == "Use k of 20 or less, or give more rows."
    with pytest.raises(ParamError, match="no such kind") as caught:
        holdout(table, schema, how="stratifed")
    assert caught.value.do == "Did you mean 'stratified'?"
    with pytest.raises(ParamError, match="role 'group'"):
        holdout(table, schema, how="grouped")
    with pytest.raises(DataError, match="two rows"):
        holdout(table[:1], schema)
    grouped = Schema((X, Column("y", Type.CATEGORY, Role.GROUP)), 20)
    timed = Schema((X, Column("y", Type.CONSTANT, Role.TIME)), 20)
    for schema in (grouped, timed):
        with pytest.raises(DataError, match="one value of 'y'"):
            holdout(table.with_columns(y=pl.lit("a")), schema)


@pytest.mark.parametrize("rows", [2, 3, 5])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_both_sides_have_rows_however_few_there_are(rows: int, share: float) -> None:
    table, schema = table_of(rows), Schema((X,), rows)
    check_partition(holdout(table, schema, share=share), rows)


@pytest.mark.parametrize("groups", range(2, 10))
@pytest.mark.parametrize("share", [0.05, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_both_sides_have_groups_however_few_there_are(groups: int, share: float) -> None:
    table = table_of(60).with_columns(g=pl.int_range(60) % groups)
    schema = Schema((X, CLASSES, Column("g", Type.ID, Role.GROUP)), 60)
    check_partition(holdout(table, schema, share=share), 60)


def test_some_folds_of_many_are_the_first_of_all_and_by_time_the_latest() -> None:
    table = table_of(300).with_columns(t=pl.int_range(300))
    for schema in (Schema((X, CLASSES), 300), Schema((X, Column("t", Type.NUMBER, Role.TIME)), 300)):
        every, some = folds(table, schema, 6, seed=1), folds(table, schema, 6, seed=1, judged=2)
        wanted = every[-2:] if "t" in schema.names else every[:2]
        assert [split.valid.tolist() for split in some] == [split.valid.tolist() for split in wanted]
        assert "2 of 6 folds" in some[0].how


def test_of_two_moments_the_later_is_judged() -> None:
    table = table_of(60).with_columns(t=pl.int_range(60) // 30)
    schema = Schema((X, CLASSES, Column("t", Type.NUMBER, Role.TIME)), 60)
    (split,) = folds(table, schema, 8, judged=8)
    assert table["t"][split.train].unique().to_list() == [0]
    assert table["t"][split.valid].unique().to_list() == [1]
    assert split.how.endswith("later than those learned from, 1 fold")
    with pytest.raises(ParamError) as caught:
        folds(table, schema, 2)
    assert caught.value.do == "Use k of 1 or less, or give more rows."


def test_some_folds_are_split_as_many_ways_as_there_are_groups() -> None:
    table = table_of(60).with_columns(g=pl.int_range(60) % 3)
    schema = Schema((X, CLASSES, Column("g", Type.ID, Role.GROUP)), 60)
    assert [len(split.valid) for split in folds(table, schema, 8, judged=8)] == [20, 20, 20]
    with pytest.raises(ParamError, match="too little for 8 folds"):
        folds(table, schema, 8)
