"""A profile tells the truth: what it says of every column is what the whole table says."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from noria.core.column_profile import QUANTILES
from noria.core.profile import Profile
from noria.core.schema import Type
from noria.data.infer import infer
from noria.data.profile import Profiler
from noria.errors import ColumnError, SourceError

FAR = pl.Series([2**60, 1])


def profiled(table: pl.DataFrame, target: str | None = None, batches: int = 1) -> Profile:
    profiler = Profiler("table", target)
    step = -(-table.height // batches)
    for start in range(0, table.height, step):
        profiler.update(table.slice(start, step))
    return profiler.finish()


@pytest.fixture(scope="module")
def many() -> pl.DataFrame:
    """More rows, and more distinct values, than anything is remembered of exactly."""
    rng = np.random.default_rng(1)
    rows = 120_000
    return pl.DataFrame(
        {
            "normal": rng.normal(10, 3, rows),
            "few": rng.integers(-3, 4, rows),
            "tail": rng.pareto(2, rows),
            "code": [f"item-{at}" for at in rng.integers(0, 40_000, rows)],
            "town": rng.choice(["Delft", "Gouda", "Leiden"], rows, p=[0.7, 0.2, 0.1]),
            "when": np.datetime64("2021-01-01", "us")
            + rng.integers(0, 900 * 86_400, rows) * np.timedelta64(1_000_000, "us"),
            "text": [f"{x:.3f} kg" for x in rng.normal(80, 9, rows)],
            "gap": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
        }
    ).with_columns(pl.col("gap").fill_nan(None))


@pytest.fixture(scope="module")
def told(many) -> Profile:
    return profiled(many, batches=6)


def test_counts_are_exact(many, told):
    assert (told.rows, len(told.columns)) == (120_000, 8)
    assert told["gap"].nulls == many["gap"].null_count()
    for name in ("few", "town"):
        right = many[name].value_counts(sort=True)
        assert told[name].exact
        assert told[name].top == tuple((str(value), count) for value, count in right.rows())
    assert told["few"].numbers.zeros == (many["few"] == 0).sum()
    assert told["few"].numbers.negatives == (many["few"] < 0).sum()


@pytest.mark.parametrize("name", ["normal", "code", "tail", "text"])
def test_many_distinct_values_are_counted_nearly(many, told, name):
    assert not told[name].exact
    assert told[name].distinct == pytest.approx(many[name].n_unique(), rel=0.03)


@pytest.mark.parametrize("name", ["normal", "few", "tail", "gap"])
def test_figures_of_numbers(many, told, name):
    values, numbers = many[name].drop_nulls().to_numpy(), told[name].numbers
    assert (numbers.low, numbers.high) == (values.min(), values.max())
    assert numbers.mean == pytest.approx(values.mean())
    assert numbers.std == pytest.approx(values.std(ddof=1))
    assert numbers.skew == pytest.approx(stats.skew(values), rel=1e-6)
    for share, value in zip(QUANTILES, numbers.quantiles):
        assert (values < value).mean() - 0.005 <= share <= (values <= value).mean() + 0.005
    histogram = numbers.histogram
    inside, _ = np.histogram(values, histogram.edges)
    assert np.abs(np.array(histogram.counts) - inside).max() <= 0.006 * values.size
    assert sum(histogram.counts) + histogram.below + histogram.above == pytest.approx(values.size)


def test_numbers_with_units_are_read(many, told):
    values = many["text"].str.strip_suffix(" kg").cast(pl.Float64)
    assert told["text"].type is Type.NUMBER
    assert told["text"].storage == "String"
    assert told["text"].numbers.mean == pytest.approx(values.mean())
    assert "numbers with the unit 'kg'" in told["text"].notes


def test_the_infinite_is_told_of_texts_as_of_floats():
    texts = ["inf", "-Infinity", "NaN", "", *(f"{at / 7:.3f}" for at in range(60))]
    floats = [float(text) if text else None for text in texts]
    for values in (texts, floats):
        column = profiled(pl.DataFrame({"a": values}))["a"]
        assert (column.numbers.infinite, column.nulls, column.odd) == (2, 2, ())


def test_outliers_are_counted_by_their_rule(many, told):
    values, outliers = many["tail"].to_numpy(), told["tail"].numbers.outliers
    low, high = np.quantile(values, [0.25, 0.75])
    assert outliers.high == pytest.approx(high + 3 * (high - low), rel=0.05)
    assert outliers.count == pytest.approx(
        ((values > outliers.high) | (values < outliers.low)).sum(), rel=0.05
    )
    assert outliers.rule == "more than 3 interquartile ranges below the first quartile or above the third"


def test_a_long_tail_does_not_hide_the_rest(told):
    histogram = told["tail"].numbers.histogram
    assert histogram.above > 0
    assert histogram.edges[-1] < told["tail"].numbers.high
    assert max(histogram.counts) < 0.6 * 120_000


def test_moments_are_described(many, told):
    times = told["when"].times
    assert times.first == str(many["when"].min())
    assert times.last == str(many["when"].max())
    assert not times.ordered
    assert sum(times.histogram.counts) == pytest.approx(120_000)
    assert [line.column for line in told.timelines] == ["when"]
    assert sum(told.timelines[0].rows) == pytest.approx(120_000)


def test_parts_of_the_moment_have_no_mean_over_time():
    when = [datetime(2020, 1, 1) + timedelta(hours=7 * at) for at in range(300)]
    table = pl.DataFrame({"when": when, "y": np.arange(300) / 7})
    table = table.with_columns(month=pl.col("when").dt.month(), dayOfWeek=pl.col("when").dt.weekday())
    (line,) = profiled(table).timelines
    assert [name for name, _ in line.means] == ["y"]


def test_relations_are_of_a_sample(told):
    assert told.sampled == 10_000


def test_batches_do_not_matter():
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"a": rng.normal(size=900).round(1), "b": rng.choice(["x", "y"], 900)})
    assert profiled(table, batches=7) == profiled(table)


def test_the_same_rows_give_the_same_profile(many):
    some = many.head(60_000)
    assert profiled(some, batches=3) == profiled(some, batches=3)


def test_a_profile_survives_json(told):
    again = Profile.from_dict(json.loads(json.dumps(told.to_dict())))
    assert again == told


def test_a_frame_has_a_line_per_column(told):
    frame = told.frame()
    assert frame["column"].to_list() == [column.name for column in told.columns]
    assert frame.row(by_predicate=pl.col("column") == "few", named=True)["high"] == "3"


# -- types ---------------------------------------------------------------------------------------------------


def test_types_are_those_of_all_rows():
    rows = 40_000
    table = pl.DataFrame(
        {
            "id": range(1, rows + 1),
            "hash": [f"{at * 2654435761 % 2**32:08x}" for at in range(rows)],
            "shop": [f"s{at % 9_000}" for at in range(rows)],
            "flag": [at % 2 for at in range(rows)],
            "answer": [("yes", "no")[at % 2] for at in range(rows)],
            "remark": [f"the {at} parcels came late again" for at in range(rows)],
            "day": [date(2020, 1, 1) + timedelta(days=at % 700) for at in range(rows)],
            "late": [None] * 39_000 + list(range(0, 3_000, 3)),
            "same": ["x"] * rows,
        }
    )
    kinds = {column.name: str(column.type) for column in profiled(table, batches=2).columns}
    assert kinds == {
        "id": "id",
        "hash": "id",
        "shop": "category",
        "flag": "boolean",
        "answer": "boolean",
        "remark": "text",
        "day": "datetime",
        "late": "number",
        "same": "constant",
    }


def test_placeholders_are_missing():
    table = pl.DataFrame({"n": ["1", "?", "3", "N/A"] * 50, "w": ["a", "?", "b", ""] * 50})
    made = profiled(table)
    assert (made["n"].nulls, made["n"].distinct) == (100, 2)
    assert (made["w"].nulls, made["w"].distinct) == (100, 2)
    assert made["n"].odd == ()


def test_zones_and_steps():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    table = pl.DataFrame({"at": [start + timedelta(hours=h) for h in range(100)], "v": range(100)})
    times = profiled(table)["at"].times
    assert (times.first, times.last) == ("2024-01-01", "2024-01-05 03:00:00")
    assert (times.spacing, times.regular, times.ordered) == (3600.0, 1.0, True)


# -- relations -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    rng = np.random.default_rng(4)
    rows = 3_000
    age = rng.normal(40, 10, rows)
    town = rng.choice(["Delft", "Gouda"], rows)
    return pl.DataFrame(
        {
            "age": age,
            "double": 2 * age + rng.normal(0, 1, rows),
            "against": -age + rng.normal(0, 8, rows),
            "u": np.abs(age - 40) > 10,
            "town": town,
            "noise": rng.normal(size=rows),
            "paid": np.where(town == "Delft", 100.0, 10.0) + rng.normal(0, 5, rows),
        }
    )


def test_associations_of_every_kind(people):
    found = profiled(people).associations
    value = {
        (a, b): found.values[i][j] for i, a in enumerate(found.columns) for j, b in enumerate(found.columns)
    }
    assert value["age", "double"] > 0.99
    assert value["age", "against"] < -0.7
    assert value["town", "paid"] > 0.8
    assert abs(value["noise", "age"]) < 0.1
    assert value["town", "u"] < 0.1
    assert found.strongest[0][:2] == ("age", "double")


def test_a_target_of_classes(people):
    target = profiled(people, "u").target
    assert target.classes == ("false", "true")
    first = target.relations[0]
    assert first.column in {"age", "double"}
    assert first.strength > 0.8  # it goes with both ends of age, which ranks alone would not show
    assert sum(first.rows) == 3_000
    assert first.values[0][1] > 0.9
    assert first.values[5][1] < 0.1
    assert {relation.column for relation in target.relations} == set(people.columns) - {"u"}


def test_a_target_that_is_a_number(people):
    target = profiled(people, "paid").target
    assert target.classes == ()
    assert target.relations[0].column == "town"
    means = dict(zip(target.relations[0].groups, (value for (value,) in target.relations[0].values)))
    assert means["Delft"] == pytest.approx(100, abs=1)
    assert means["Gouda"] == pytest.approx(10, abs=1)


def test_that_a_value_is_missing_may_be_what_matters(people):
    holed = people.with_columns(noise=pl.when(pl.col("u")).then(None).otherwise("noise"))
    relation = profiled(holed, "u").target.relations[0]
    assert relation.column == "noise"
    assert relation.groups[-1] == "missing"
    assert relation.values[-1] == (0.0, 1.0)


def test_ranges_of_dates_are_told_in_days():
    when = [datetime(2020, 1, 1) + timedelta(hours=7 * at) for at in range(300)]
    (relation,) = profiled(pl.DataFrame({"when": when, "y": np.arange(300) / 7}), "y").target.relations
    assert relation.groups[0] == "2020-01-01 to 2020-01-09"


def test_columns_missing_together():
    table = pl.DataFrame({"a": range(500), "b": range(500), "c": range(500)}).with_columns(
        pl.when(pl.int_range(500) % 5 > 0).then(pl.col("a", "b")),
        pl.when(pl.int_range(500) % 7 > 0).then(pl.col("c")),
    )
    found = profiled(table).missing
    assert found.groups == (("a", "b"),)
    assert found.columns == ("a", "b", "c")
    shares = dict(found.patterns)
    assert shares[()] == pytest.approx(1 - 100 / 500 - 72 / 500 + 15 / 500)
    assert shares["a", "b"] == pytest.approx(85 / 500)


def test_repeated_rows_among_very_many(monkeypatch):
    monkeypatch.setattr("noria.data.profile.table._HASHES", 5_000)
    fresh = pl.DataFrame({"a": range(30_000), "b": 1})
    assert profiled(fresh, batches=9).duplicates is None  # too close to be told
    made = profiled(pl.concat([fresh, fresh.head(10_000)]), batches=9)
    assert made.duplicates == pytest.approx(10_000, rel=0.1)


def test_ids_among_very_many_rows_are_ids():
    rows = 30_000
    table = pl.DataFrame(
        {"key": [f"{at * 2654435761 % 2**32:08x}" for at in range(rows)], "n": range(1, rows + 1)}
    )
    made = profiled(table, batches=3)
    assert [str(column.type) for column in made.columns] == ["id", "id"]
    assert [column.distinct for column in made.columns] == [rows, rows]


@pytest.mark.parametrize("batches", [1, 3])
def test_whole_numbers_are_ids_as_in_training(batches):
    running = np.arange(50, 250)
    mixed = np.random.default_rng(0).permutation(running)
    table = pl.DataFrame({"up": running, "down": running[::-1].astype(float), "mixed": mixed})
    table = table.with_columns(
        turned=pl.Series([*running[100:], *running[:100]]), first=pl.Series(mixed - 50)
    )
    profiler = Profiler("table")
    for batch in table.iter_slices(-(-table.height // batches)):
        profiler.sketch.update(batch)
        profiler.rows += batch.height
    told = {column.name: column.type for column in profiler.finish().columns}
    assert told == {column.name: column.type for column in infer(table)}
    assert [name for name, kind in told.items() if kind is Type.ID] == ["up", "down", "first"]


def test_rows_that_cannot_be_compared_are_not_called_repeated():
    table = pl.DataFrame({"a": [1, 1], "tags": [["x"], ["x"]]})
    made = profiled(table)
    assert made.duplicates is None
    assert made["tags"].type is Type.VECTOR


# -- what cannot be told -------------------------------------------------------------------------------------


def test_a_target_that_is_not_there():
    with pytest.raises(ColumnError, match="There is no target column 'pirce'") as caught:
        profiled(pl.DataFrame({"price": [1, 2]}), "pirce")
    assert caught.value.do == "Did you mean 'price'?"


def test_no_rows():
    with pytest.raises(SourceError, match="table has no rows"):
        Profiler("table").finish()
    empty = Profiler("table")
    empty.update(pl.DataFrame(schema={"a": pl.Int64}))
    with pytest.raises(SourceError, match="table has no rows"):
        empty.finish()


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame({"a": [1]}),
        pl.DataFrame({"a": [None, None], "b": [None, None]}),
        pl.DataFrame({"a": [np.inf, -np.inf, np.nan, 1.0]}),
        pl.DataFrame({"a": [1e308, -1e308, 0.0], "b": [5e-324, 0.0, 1.0], "c": [1e300, 2e300, 1e80]}),
        pl.DataFrame({"a": [date(1, 1, 1), date(9999, 12, 31)]}),
        pl.DataFrame({"a": pl.Series([2**64 - 1, 0], dtype=pl.UInt64), "b": [2**63 - 1, -(2**63)]}),
        pl.DataFrame({"a": pl.Series([1, 2, 2**100], dtype=pl.Int128)}),
        pl.DataFrame({"a": pl.Series([10_000_000, 2**31 - 1, 1], dtype=pl.Int32).cast(pl.Date)}),
        pl.DataFrame({"a": pl.Series([885 * 10**15, 2**62, 1]).cast(pl.Datetime("us"))}),
        pl.DataFrame({"a": pl.Series([2**60, 1]).cast(pl.Datetime("ms")), "b": FAR.cast(pl.Duration("ms"))}),
        pl.DataFrame({"a": FAR.cast(pl.Datetime("ms", "Europe/Amsterdam"))}),
        pl.DataFrame({"a": [b"x"], "b": [[1]], "c": [{"k": 1}], "d": [timedelta(1)]}),
        pl.DataFrame({"a": ["x" * 100_000 + str(at) for at in range(50)]}),
        pl.DataFrame({"": [1, 2], " ": [3, 4], "😀": ["🎉", "שלום"]}),
    ],
    ids=[
        "one value",
        "nulls",
        "infinite",
        "huge",
        "year 1",
        "64 bits",
        "128 bits",
        "far days",
        "far moments",
        "very far",
        "very far in a zone",
        "others",
        "long",
        "names",
    ],
)
def test_odd_tables_are_described(table):
    made = profiled(table, target=table.columns[0])
    assert len(made.columns) == table.width
    json.dumps(made.to_dict(), allow_nan=False)


def test_moments_beyond_the_calendar_are_told():
    days = pl.Series([10_000_000, 1, None], dtype=pl.Int32).cast(pl.Date)
    far = pl.Series([2**60, 1_000, None]).cast(pl.Datetime("ms"))
    zoned = pl.Series([datetime(2024, 6, 1, 12), None, None]).dt.replace_time_zone("Europe/Amsterdam")
    made = profiled(pl.DataFrame({"day": days, "far": far, "zoned": zoned}))
    assert made.head == (
        ("+29349-01-26", "1152921504606846976", "2024-06-01 12:00:00+02:00"),
        ("1970-01-02", "1970-01-01 00:00:01", None),
        (None, None, None),
    )
    assert made["day"].times.last == "864,000,000,000"
    assert made["far"].nulls == 2


@pytest.mark.parametrize("name", ["count", "text", "key"])
def test_a_column_may_have_any_name(name):
    texts = [*("1 kg", "2 kg", "3 kg", "4 kg") * 10, "heavy"]
    days = ["2020-01-01", "2020-01-02", "2020-01-03"] * 10
    told = profiled(pl.DataFrame({name: texts}))[name]
    assert (told.type, told.distinct, told.odd) == (Type.NUMBER, 4, (("heavy", 1),))
    assert profiled(pl.DataFrame({name: days}))[name].distinct == 3
    assert profiled(pl.DataFrame({name: [*"abca"]}))[name].top[0] == ("a", 2)


@pytest.mark.parametrize(
    "large", ["x" * 100_000, b"x" * 100_000, ["x" * 1_000] * 100], ids=["text", "bytes", "list"]
)
def test_what_waits_and_what_is_kept_is_bounded(large, monkeypatch):
    monkeypatch.setattr("noria.data.profile.profiler._MANY_BYTES", 1_000_000)
    profiler, most = Profiler("table"), 0
    for _ in range(60):
        profiler.update(pl.DataFrame({"large": [large, None]}))
        most = max(most, sum(batch.estimated_size() for batch in profiler._waiting))
    assert most < 1_000_000
    made = profiler.finish()
    assert (made["large"].rows, made["large"].nulls) == (120, 60)
    assert profiler.sketch.sample.estimated_size() < 100_000
    assert len(made.head[0][0]) == 200


def test_long_texts_are_not_kept():
    table = pl.DataFrame({"a": ["long " * 20_000 + str(at) for at in range(100)]})
    made = profiled(table)
    assert made["a"].texts.longest == 100_002
    assert len(json.dumps(made.to_dict())) < 20_000


def test_whole_numbers_keep_all_their_digits():
    large = pl.Series([2**64 - 1, 2**64 - 2, 5], dtype=pl.UInt64)
    told = profiled(pl.DataFrame({"a": large, "b": [0.5, 1.5, 2.5]}))
    a, b = (column.numbers for column in told.columns)
    assert (a.low, a.high) == (5, 2**64 - 1)
    assert (b.low, b.high) == (0.5, 2.5)
    assert told.frame()["high"].to_list() == [str(2**64 - 1), "2.5"]
