from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.data.conform import RowConformer, conform
from noria.errors import ColumnError


def schema_of(*columns: Column) -> Schema:
    return Schema(columns, rows=0)


def one(type_: Type, **parse: object) -> Schema:
    return schema_of(Column("x", type_, parse=Parse(**parse)))


@pytest.mark.parametrize(
    ("parse", "text", "number"),
    [
        ({}, " 12.5 ", 12.5),
        ({}, "-1e3", -1000.0),
        ({}, "1e999", None),
        ({}, "nan", None),
        ({}, "inf", None),
        ({}, "1_000", None),
        ({}, "word", None),
        ({}, "", None),
        ({"thousands": ","}, "1,234,567.5", 1234567.5),
        ({"thousands": ".", "decimal": ","}, "1.234,5", 1234.5),
        ({"thousands": " "}, "1 234\u00a0567", 1234567.0),
        ({"prefix": "$"}, "-$ 5.50", -5.5),
        ({"prefix": "$"}, "$-5.50", -5.5),
        ({"suffix": "km"}, "12 km", 12.0),
        ({"suffix": "km"}, "12", 12.0),
        ({"percent": True}, "45%", 0.45),
        ({"nulls": ("-999",)}, "-999.0", None),
    ],
)
def test_a_number_is_read_from_text(parse: dict, text: str, number: float | None) -> None:
    schema = one(Type.NUMBER, **parse)
    table = pl.DataFrame({"x": ["7", text]})
    assert (
        conform(table, schema)["x"].to_list() == [7.0, number] if parse != {"percent": True} else [0.07, 0.45]
    )
    assert RowConformer(schema)({"x": text}) == (number,)


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("", "2021-03-05", datetime(2021, 3, 5)),
        ("", "2021-03-05T04:05:06.789Z", datetime(2021, 3, 5, 4, 5, 6, 789000)),
        ("", "2021-03-05T04:05:06+02:00", datetime(2021, 3, 5, 2, 5, 6)),
        ("%d/%m/%Y", "5/3/2021", datetime(2021, 3, 5)),
        ("%d/%m/%Y", "2021-03-05", datetime(2021, 3, 5)),
        ("%m/%d/%Y %I:%M %p", "3/5/2021 12:05 am", datetime(2021, 3, 5, 0, 5)),
        ("%m/%d/%Y %I:%M %p", "3/5/2021 4:05 PM", datetime(2021, 3, 5, 16, 5)),
        ("%Y-%m", "2021-03", datetime(2021, 3, 1)),
        ("%d %B %Y", "5 Mar 2021", datetime(2021, 3, 5)),
        ("%b %d, %Y", "March 5, 2021", datetime(2021, 3, 5)),
        ("%a, %d %b %Y", "Friday, 5 mar 2021", datetime(2021, 3, 5)),
        ("%a, %d %b %Y", "Monday, 5 mar 2021", None),
        ("%B-%y", "Dec-15", datetime(2015, 12, 1)),
        ("%d.%m.%y", "05.03.70", datetime(1970, 3, 5)),
        ("%Y%m%d", "20210305", datetime(2021, 3, 5)),
        ("%d/%m/%Y|%d/%m/%Y %H:%M", "05/03/2021 04:05", datetime(2021, 3, 5, 4, 5)),
        ("%d/%m/%Y", "30/02/2021", None),
        ("", "soon", None),
    ],
)
def test_a_date_is_read_from_text(form: str, text: str, moment: datetime | None) -> None:
    schema = one(Type.DATETIME, format=form)
    assert conform(pl.DataFrame({"x": ["2000-01-01", text]}), schema)["x"].to_list() == [
        datetime(2000, 1, 1),
        moment,
    ]
    assert RowConformer(schema)({"x": text}) == (moment,)


@pytest.mark.parametrize(
    ("type_", "parse", "raw", "expected"),
    [
        (Type.NUMBER, {}, pl.Series([1, 2, None]), [1.0, 2.0, None]),
        (Type.NUMBER, {}, pl.Series([math.nan, math.inf, 0.5]), [None, None, 0.5]),
        (Type.NUMBER, {}, pl.Series([True, False]), [1.0, 0.0]),
        (Type.NUMBER, {}, pl.Series([timedelta(hours=1)]), [3600.0]),
        (Type.NUMBER, {}, pl.Series([time(1, 0, 0, 500000)]), [3600.5]),
        (Type.CATEGORY, {}, pl.Series([3, None]), ["3", None]),
        (Type.CATEGORY, {}, pl.Series([3.0, 0.25, 1e300, math.nan]), ["3", "0.25", "1e+300", None]),
        (Type.CATEGORY, {}, pl.Series([True]), ["true"]),
        (Type.CATEGORY, {"nulls": ("?",)}, pl.Series([" a ", "?", "", "NA"]), ["a", None, None, "NA"]),
        (Type.CATEGORY, {}, pl.Series(["a"], dtype=pl.Categorical), ["a"]),
        (Type.BOOLEAN, {}, pl.Series(["YES", "f", "1", "maybe", " "]), [True, False, True, None, None]),
        (Type.BOOLEAN, {"true": ("male",)}, pl.Series(["Male", "female"]), [True, False]),
        (Type.BOOLEAN, {}, pl.Series([0.0, 2.0, math.nan]), [False, True, None]),
        (Type.DATETIME, {"format": "epoch:s"}, pl.Series([86400, None]), [datetime(1970, 1, 2), None]),
        (Type.DATETIME, {"format": "epoch:ms"}, pl.Series([1.5]), [datetime(1970, 1, 1, 0, 0, 0, 1500)]),
        (Type.DATETIME, {"format": "epoch:s"}, pl.Series([1e30]), [None]),
        (Type.DATETIME, {"format": "%Y%m%d"}, pl.Series([20210305]), [datetime(2021, 3, 5)]),
        (Type.DATETIME, {}, pl.Series([date(2021, 3, 5)]), [datetime(2021, 3, 5)]),
        (Type.DATETIME, {}, pl.Series([datetime(2021, 3, 5, 1, tzinfo=UTC)]), [datetime(2021, 3, 5, 1)]),
        (Type.NUMBER, {}, pl.Series([None, None]), [None, None]),
    ],
)
def test_other_storage_is_converted(type_: Type, parse: dict, raw: pl.Series, expected: list) -> None:
    schema, table = one(type_, **parse), raw.alias("x").to_frame()
    before = table.clone()
    typed = conform(table, schema)
    assert typed["x"].to_list() == expected
    assert [RowConformer(schema)(row)[0] for row in table.iter_rows(named=True)] == expected
    assert_frame_equal(conform(typed, schema), typed)
    assert_frame_equal(table, before)


def test_columns_come_in_the_schemas_order_without_strangers_and_ignored_ones() -> None:
    schema = schema_of(
        Column("b", Type.NUMBER), Column("a", Type.TEXT), Column("n", Type.ID, Role.IGNORE),
        Column("y", Type.BOOLEAN, Role.TARGET),
    )  # fmt: skip
    table = pl.DataFrame({"a": ["x"], "z": [1], "b": [2], "y": [True], "n": [9]})
    assert conform(table, schema).columns == ["b", "a", "y"]
    assert conform(table, schema, roles=[Role.FEATURE]).columns == ["b", "a"]
    assert conform(table, schema, roles=[Role.IGNORE])["n"].to_list() == ["9"]


def test_an_empty_table_gets_types() -> None:
    schema = schema_of(
        *(Column(str(t), t) for t in (Type.NUMBER, Type.CATEGORY, Type.BOOLEAN, Type.DATETIME))
    )
    typed = conform(pl.DataFrame({name: [] for name in schema.names}), schema)
    assert typed.dtypes == [pl.Float64, pl.String, pl.Boolean, pl.Datetime("us")]
    assert typed.height == 0


def test_a_missing_column_is_named_with_the_nearest() -> None:
    schema = schema_of(Column("age", Type.NUMBER))
    with pytest.raises(ColumnError, match="no column 'age'") as caught:
        conform(pl.DataFrame({"Agee": [1]}), schema)
    assert caught.value.do == "Rename 'Agee' to 'age', or add the column."
    with pytest.raises(ColumnError, match="no column 'age'"):
        RowConformer(schema)({"Agee": 1})


def test_a_column_of_words_where_numbers_belong_is_refused() -> None:
    with pytest.raises(ColumnError, match="'x' should hold numbers") as caught:
        conform(pl.DataFrame({"x": ["?", "tall", "short"]}), one(Type.NUMBER))
    assert caught.value.got == "'tall'"
    assert conform(pl.DataFrame({"x": ["?", " ", "N/A"]}), one(Type.NUMBER))["x"].null_count() == 3
    assert conform(pl.DataFrame({"x": ["7", "tall"]}), one(Type.NUMBER))["x"].to_list() == [7.0, None]


def test_a_column_of_another_kind_is_refused() -> None:
    for raw in ([datetime(2021, 1, 1)], [[1.0]]):
        with pytest.raises(ColumnError, match="'x' should hold numbers"):
            conform(pl.DataFrame({"x": raw}), one(Type.NUMBER))
        with pytest.raises(ColumnError, match="'x' should hold numbers"):
            RowConformer(one(Type.NUMBER))({"x": raw[0]})


def test_a_strict_row_names_the_value_that_cannot_be_read() -> None:
    read = RowConformer(one(Type.NUMBER), strict=True)
    assert read({"x": "N/A"}) == read({"x": None}) == (None,)
    with pytest.raises(ColumnError, match="'x' should hold numbers") as caught:
        read({"x": "tall"})
    assert caught.value.got == "'tall'"


def test_numpy_scalars_are_read() -> None:
    np = pytest.importorskip("numpy")
    schema = schema_of(Column("a", Type.NUMBER), Column("b", Type.CATEGORY), Column("c", Type.BOOLEAN))
    row = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True)}
    assert RowConformer(schema)(row) == (0.5, "3", True)


TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "?", "NA", "yes", "No", "TRUE", "1", "0", "1.0", "2021-03-05", "5/3/2021", "20210305"]
    ),
    st.sampled_from(
        ["1,234.5", "$5", "12 km", "45%", "-999", "1e5", "1e-400", "+5", "5.", ".5", "1.e5", "e5", "--1"]
    ),
    st.sampled_from(
        ["2021-02-30", "2021-3-5 4:05", "2021-03-05T04:05:06.1234567Z", "31/12/1999", "13/13/2020"]
    ),
    st.floats().map(repr),
    st.datetimes(datetime(1000, 1, 1), datetime(2999, 1, 1)).map(str),
    st.text(alphabet="0123456789-+.,/:eE TZ$%kmn\n\t\u00a0\u0661", max_size=12),
    st.text(max_size=6),
)
RAW = st.one_of(
    st.lists(st.one_of(st.none(), TEXTS), min_size=1, max_size=8).map(
        lambda v: pl.Series(v, dtype=pl.String)
    ),
    st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=8).map(
        lambda v: pl.Series(v, dtype=pl.Float64)
    ),
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=8).map(
        lambda v: pl.Series(v, dtype=pl.Int64)
    ),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=1, max_size=8).map(
        lambda v: pl.Series(v, dtype=pl.Boolean)
    ),
    st.lists(st.one_of(st.none(), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))), min_size=1).map(
        lambda v: pl.Series(v, dtype=pl.Datetime("us"))
    ),
)
PARSES = st.sampled_from(
    [
        Parse(),
        Parse(nulls=("?", "-999", "NA")),
        Parse(thousands=",", prefix="$"),
        Parse(thousands=" ", decimal=",", suffix="km"),
        Parse(percent=True),
        Parse(format="%d/%m/%Y"),
        Parse(format="%Y%m%d"),
        Parse(format="%Y-%m-%d %H:%M:%S%.f|%Y-%m-%d"),
        Parse(format="epoch:s"),
        Parse(format="epoch:ms"),
        Parse(true=("yes",)),
        Parse(true=("a", "b")),
    ]
)
TYPES = st.sampled_from([Type.NUMBER, Type.CATEGORY, Type.BOOLEAN, Type.DATETIME, Type.TEXT])


@settings(max_examples=100, deadline=None)
@given(raw=RAW, parse=PARSES, type_=TYPES)
def test_one_row_equals_the_same_row_in_a_batch(raw: pl.Series, parse: Parse, type_: Type) -> None:
    schema, table = schema_of(Column("x", type_, parse=parse)), raw.alias("x").to_frame()
    try:
        typed = conform(table, schema)
    except ColumnError:
        return
    read = RowConformer(schema)
    assert [read(row) for row in table.iter_rows(named=True)] == typed.rows()
    assert_frame_equal(conform(typed, schema), typed)
