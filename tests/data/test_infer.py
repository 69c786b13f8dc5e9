from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.data._guess import kind_of_words
from noria.data.conform import RowConformer, conform
from noria.data.infer import infer, infer_task
from noria.errors import ColumnError, ParamError, TargetError


def column_of(values: object, name: str = "x", **kwargs: object) -> Column:
    return infer(pl.DataFrame({name: values}), **kwargs)[name]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("x", [1.5, 2.5, None], Type.NUMBER),
        ("x", [i * 0.5 for i in range(50)], Type.NUMBER),
        ("x", [1, 2, 3] * 10, Type.NUMBER),
        ("x", [7, 31, 90, 4, 11] * 5, Type.NUMBER),
        ("x", [i * i for i in range(50)], Type.NUMBER),
        ("x", list(range(1, 51)), Type.ID),
        ("x", list(range(900, 950)), Type.ID),
        ("year", list(range(1950, 2000)), Type.NUMBER),
        ("x", list(range(1950, 2000)), Type.NUMBER),
        ("customerID", [i * i for i in range(50)], Type.ID),
        ("价格", [i * i for i in range(50)], Type.NUMBER),
        ("Цена", [i * i for i in range(50)], Type.NUMBER),
        ("Idée", [i * i for i in range(50)], Type.NUMBER),
        ("0", [i * i for i in range(50)], Type.NUMBER),
        ("顧客ID", [i * i for i in range(50)], Type.ID),
        ("#", [i * i for i in range(50)], Type.ID),
        ("PassengerId", [3, 1, 2], Type.ID),
        ("rownames", [5, 8, 9], Type.ID),
        ("user_id", [1, 2] * 20, Type.CATEGORY),
        ("zip_code", [10001, 94105] * 20, Type.CATEGORY),
        ("x", [f"a{i}" for i in range(50)], Type.ID),
        ("order_uuid", ["af", "b3", "c9"], Type.ID),
        ("x", [0, 1, 1], Type.BOOLEAN),
        ("x", [0.0, 1.0, None], Type.BOOLEAN),
        ("x", [True, False], Type.BOOLEAN),
        ("x", ["Yes", "no", " "], Type.BOOLEAN),
        ("x", ["T", "F", "?"], Type.BOOLEAN),
        ("x", ["yes", "no", "maybe"], Type.CATEGORY),
        ("x", ["red", "blue", "red"], Type.CATEGORY),
        ("x", ["01234", "02345", "01234"], Type.CATEGORY),
        ("x", ["1st", "2nd", "3rd", "1st"], Type.CATEGORY),
        ("x", ["1 km", "2 mi", "3 kg", "4 lb"], Type.CATEGORY),
        ("x", ["A1", "A2", "A3", "A1"], Type.CATEGORY),
        ("x", [1, 1, 1], Type.CONSTANT),
        ("x", ["a", "a"], Type.CONSTANT),
        ("x", [None, None], Type.CONSTANT),
        ("x", ["?", " ", "N/A"], Type.CONSTANT),
        ("x", ["Y", None], Type.CATEGORY),
        ("x", [date(2021, 1, 1), date(2021, 1, 5)], Type.DATETIME),
        ("x", [timedelta(1), timedelta(2)], Type.NUMBER),
        ("x", [[1.0], [2.0]], Type.VECTOR),
        ("title", [f"Mr. Number {i} of the house" for i in range(40)], Type.TEXT),
        ("name", [f"Anna {i}" for i in range(40)], Type.TEXT),
    ],
)
def test_the_type_of_a_column(name: str, values: list, expected: Type) -> None:
    found = column_of(values, name)
    assert found.type is expected
    ignored = expected in {Type.ID, Type.CONSTANT, Type.VECTOR}
    assert found.role is (Role.IGNORE if ignored else Role.FEATURE)
    assert not ignored or any("ignored" in note for note in found.notes)


@pytest.mark.parametrize(
    ("texts", "parse", "numbers"),
    [
        (["1,234", "56", "7,890,123.5"], Parse(thousands=","), [1234, 56, 7890123.5]),
        (["1.234,5", "7,25"], Parse(thousands=".", decimal=","), [1234.5, 7.25]),
        (["1.234.567", "12"], Parse(thousands=".", decimal=","), [1234567, 12]),
        (["1 234", "5\u00a0678"], Parse(thousands=" "), [1234, 5678]),
        (["1,5", "0,125"], Parse(decimal=","), [1.5, 0.125]),
        (["12 km", "7km", "3"], Parse(suffix="km"), [12, 7, 3]),
        (["$5", "-$1,200.50"], Parse(prefix="$", thousands=","), [5, -1200.5]),
        (["5 €", "7,50 €"], Parse(suffix="€", decimal=","), [5, 7.5]),
        (["45%", "7.5 %"], Parse(suffix="%", percent=True), [0.45, 0.075]),
        ([" 36 months", " 60 months"], Parse(suffix="months"), [36, 60]),
        (["1.2k", "950k"], Parse(suffix="k"), [1.2, 950]),
        (["1", "?", "N/A", "-", "--", "", "2.5", "n.a.", "#N/A", "unknown", "."], None, [1, 2.5]),
    ],
)
def test_numbers_written_as_text(texts: list[str], parse: Parse | None, numbers: list[float]) -> None:
    table = pl.DataFrame({"x": texts})
    schema = infer(table)
    found = schema["x"]
    assert found.type is Type.NUMBER
    assert found.notes
    if parse is None:
        assert found.parse.nulls == ("#N/A", "-", "--", ".", "?", "N/A", "n.a.", "unknown")
        assert found.nulls == 9
    else:
        assert found.parse == parse
    assert conform(table, schema)["x"].drop_nulls().to_list() == pytest.approx(numbers)
    assert (found.low, found.high) == pytest.approx((min(numbers), max(numbers)))


@pytest.mark.parametrize("texts", [["950", "1.2k", "3.4k"], ["0.45", "45%", "50%"]])
def test_a_number_without_its_scale_is_not_read_in_that_of_the_others(texts):
    assert infer(pl.DataFrame({"x": texts * 9}))["x"].type is Type.CATEGORY


@pytest.mark.parametrize(("rows", "lone"), [(["1.2k", "3.4k"], "800"), (["45%", "50%"], "0.45")])
def test_a_few_numbers_without_the_scale_are_missing_and_named(rows, lone):
    table = pl.DataFrame({"x": rows * 48 + [lone] * 4})
    schema = infer(table)
    assert schema["x"].type is Type.NUMBER
    assert conform(table, schema)["x"].null_count() == 4
    assert f"{lone!r} (4 rows)" in " ".join(schema["x"].notes)
    assert RowConformer(schema)({"x": lone}) == (None,)


def test_what_words_are_does_not_hang_on_the_order_they_come_in():
    words = pl.Series([f"w{at}" if at % 10 else f"two words {at}" for at in range(30_000)])
    kinds = {
        kind_of_words("x", words.sample(fraction=1.0, shuffle=True, seed=at), 30_000, 30_000)
        for at in range(9)
    }
    assert len(kinds) == 1


def test_a_few_words_among_numbers_are_named_and_many_make_a_category() -> None:
    few = column_of([str(i % 37) for i in range(99)] + ["tall"])
    assert few.type is Type.NUMBER
    assert few.parse.nulls == ("tall",)
    assert "'tall' (1 row)" in " ".join(few.notes)
    assert column_of([str(i % 7) for i in range(90)] + ["tall"] * 10).type is Type.CATEGORY
    many = [str(i % 37) for i in range(980)] + [f"w{i}" for i in range(20)]
    assert column_of(many).type is Type.CATEGORY


def test_words_seen_only_late_in_a_big_column_still_count() -> None:
    texts = [str(i % 97) for i in range(60_000)]
    for i in range(1, 60_000, 3001):
        texts[i] = f"late {i}"
    assert column_of(texts).type is Type.CATEGORY


def test_na_and_none_are_levels_of_a_category_but_a_question_mark_is_not() -> None:
    found = column_of(["Grvl", "NA", "NA", "NA", "None", "None", "?", "nan", "null", "N/A", ""])
    assert found.levels == ("NA", "None", "Grvl")
    assert found.nulls == 5
    assert found.parse.nulls == ("?", "N/A", "nan", "null")


@pytest.mark.parametrize(
    ("texts", "first", "form"),
    [
        (["2021-03-05", "2020-12-31"], datetime(2021, 3, 5), "%Y-%m-%d"),
        (["2021-03-05 04:05:06", "2020-12-31"], datetime(2021, 3, 5, 4, 5, 6), None),
        (["2021-03-05T04:05:06.5Z"] * 2, datetime(2021, 3, 5, 4, 5, 6, 500000), "%Y-%m-%dT%H:%M:%S%.f%#z"),
        (["2021-03-05 04:05+01:00"] * 2, datetime(2021, 3, 5, 3, 5), "%Y-%m-%d %H:%M%#z"),
        (["05/03/2021", "25/03/2021"], datetime(2021, 3, 5), "%d/%m/%Y"),
        (["03/05/2021", "03/25/2021"], datetime(2021, 3, 5), "%m/%d/%Y"),
        (["3/5/21 4:05 PM", "12/25/21 4:05 AM"], datetime(2021, 3, 5, 16, 5), "%m/%d/%y %I:%M %p"),
        (["05.03.2021", "06.03.2021"], datetime(2021, 3, 5), "%d.%m.%Y"),
        (["2021-03", "2021-04"], datetime(2021, 3, 1), "%Y-%m"),
        (["5 Mar 2021", "17 December 2020"], datetime(2021, 3, 5), "%d %B %Y"),
        (["March 5, 2021", "Dec 17, 2020"], datetime(2021, 3, 5), "%B %d, %Y"),
        (["Dec-2015", "Jan-2016"], datetime(2015, 12, 1), "%B-%Y"),
        (["Fri Mar 05 10:00:00 +0000 2021"] * 2, datetime(2021, 3, 5, 10), "%a %B %d %H:%M:%S %#z %Y"),
    ],
)
def test_dates_in_many_formats(texts: list[str], first: datetime, form: str | None) -> None:
    table = pl.DataFrame({"x": [*texts, "-", texts[0]]})
    schema = infer(table)
    assert schema["x"].type is Type.DATETIME
    assert form is None or schema["x"].parse.format.split("|")[0] == form
    assert schema["x"].parse.nulls == ("-",)
    assert conform(table, schema)["x"][0] == first
    assert schema["x"].low is not None


def test_day_or_month_first_is_decided_by_evidence_and_said() -> None:
    forced = column_of(["05-02-2010", "19-02-2010"])
    assert forced.parse.format == "%d-%m-%Y"
    assert forced.notes == ("dates read as day first (%d-%m-%Y): some are no date otherwise",)
    ordered = [f"{day:02}/{month:02}/2021" for month in range(1, 7) for day in range(1, 9)]
    assert column_of(ordered).parse.format == "%d/%m/%Y"
    assert "in that order" in column_of(ordered).notes[0]
    unsure = column_of(["01/02/2021", "03/01/2021", "02/05/2021"])
    assert unsure.parse.format == "%m/%d/%Y"
    assert "both are possible" in unsure.notes[0]


@pytest.mark.parametrize("overrides", [None, {"x": "datetime"}])
def test_a_day_beyond_the_twelfth_decides_wherever_it_stands(overrides: dict | None) -> None:
    minutes = [datetime(2024, 3, 1) + timedelta(minutes=at) for at in range(30 * 24 * 60)]
    days = [datetime(2024, 3, 1 + at % 30) for at in range(20_000 * 30)]  # evenly spaced rows hold one day
    for when, form in ((minutes, "%d/%m/%Y %H:%M"), (days, "%d/%m/%Y")):
        found = column_of(pl.Series(when).dt.strftime(form), overrides=overrides)
        assert (found.type, found.parse.format, found.nulls) == (Type.DATETIME, form, 0)
        assert found.notes == (f"dates read as day first ({form}): some are no date otherwise",)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("signup_date", [20210305, 20210306, 20211231], "%Y%m%d"),
        ("n", [20210305, 20210306, 20211231], None),
        ("n", [20210100 + day for day in range(1, 29)], "%Y%m%d"),
        ("n", [20210100 + day for day in range(20, 50)], None),
        ("created_at", [1614902400, 1614988800, 1614999999], "epoch:s"),
        ("created_at", [1614902400000, 1614988800000, 1614999999999], "epoch:ms"),
        ("revenue", [1614902400, 1614988800, 1614999999], None),
        ("time", [0, 12, 500], None),
    ],
)
def test_numbers_are_dates_only_where_name_or_range_says_so(
    name: str, values: list[int], expected: str | None
) -> None:
    found = column_of(values, name)
    assert (found.parse.format or None) == expected
    assert (found.type is Type.DATETIME) == (expected is not None)
    if expected == "%Y%m%d":
        assert column_of([str(value) for value in values], name).type is Type.DATETIME


def test_infinite_values_are_noted() -> None:
    found = column_of([1.5, float("inf"), float("nan"), 2.5])
    assert (found.nulls, found.high) == (2, 2.5)
    assert found.notes == ("infinite values read as missing: 1",)


def test_levels_are_at_most_a_thousand_most_frequent_first() -> None:
    values = [f"v{i:05}" for i in range(5000)] * 3 + ["b", "b", "a", "a"] * 10
    found = column_of(values)
    assert found.type is Type.CATEGORY
    assert len(found.levels) == 1000
    assert found.levels[:3] == ("a", "b", "v00000")
    assert found.notes == ("5,002 levels",)


@pytest.mark.parametrize(
    ("values", "task", "type_"),
    [
        (["a", "b", "a"], "classification", Type.CATEGORY),
        (["yes", "no", "no"], "classification", Type.BOOLEAN),
        ([0, 1, 1], "classification", Type.BOOLEAN),
        ([0, 1, 2] * 30, "classification", Type.CATEGORY),
        ([1.0, 2.0, 3.0] * 30, "classification", Type.CATEGORY),
        ([1, 2, 2, 1], "classification", Type.CATEGORY),
        ([0, 1, 2] * 10, "regression", Type.NUMBER),
        ([0.1, 0.2, 0.3] * 30, "regression", Type.NUMBER),
        (list(range(100)), "regression", Type.NUMBER),
        (["$1,000", "$2,500", "$99"], "regression", Type.NUMBER),
        (["a long text of words", "another long text here"] * 10, "classification", Type.CATEGORY),
    ],
)
def test_the_targets_task_and_type(values: list, task: str, type_: Type) -> None:
    table = pl.DataFrame({"y": values})
    schema = infer(table, target="y")
    assert schema.target is not None
    assert infer_task(schema.target, table) == task
    assert schema.target.type is type_


def test_class_codes_become_text_levels() -> None:
    schema = infer(pl.DataFrame({"y": [0, 1, 2] * 30, "f": [1.0, 2.0, 3.0] * 30}), target="f")
    assert schema["f"].levels == ("1", "2", "3")


def test_a_number_wished_for_stays_a_regression() -> None:
    table = pl.DataFrame({"y": [3, 4, 5] * 40})
    assert infer_task(infer(table, target="y")["y"], table) == "classification"
    wished = infer(table, target="y", overrides={"y": "number"})["y"]
    assert (wished.type, infer_task(wished, table)) == (Type.NUMBER, "regression")


@pytest.mark.parametrize(
    "values",
    [
        [None, None, None],
        [1, 1, None],
        ["a", "a", "a"],
        [f"text {i}" for i in range(30)],
        [datetime(2021, 1, 1), datetime(2021, 1, 2), datetime(2021, 1, 2)],
    ],
)
def test_a_target_that_cannot_be_learned(values: list) -> None:
    with pytest.raises(TargetError, match="'y'"):
        infer(pl.DataFrame({"y": values}), target="y")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    table = pl.DataFrame({"survived": [0, 1], "age": [1.5, 2.5]})
    with pytest.raises(ColumnError) as caught:
        infer(table, target="surived")
    assert caught.value.do == "Did you mean 'survived'?"
    with pytest.raises(ColumnError) as caught:
        infer(table, overrides={"agee": "number"})
    assert caught.value.do == "Did you mean 'age'?"
    for override, do in [
        ("numbr", "'number'"),
        ({"typ": "number"}, "'type'"),
        ({"role": "featur"}, "'feature'"),
        ({"parse": {"thousand": ","}}, "'thousands'"),
        ({"type": "datetime", "parse": {"format": "%Q"}}, "%Y"),
    ]:
        with pytest.raises(ParamError) as wrong:
            infer(table, overrides={"age": override})
        assert do in str(wrong.value.do)


def test_what_yaml_makes_of_the_words_of_a_parse_is_read_as_meant() -> None:
    table = pl.DataFrame(
        {"n": [9, 1, -999] * 9, "when": ["1900-01-01", "2021-03-05", "x"] * 9, "b": ["Yes", "no", "no"] * 9}
    )

    def parse_of(column: str, **parse: object) -> Parse:
        return infer(table, overrides={column: {"parse": parse}})[column].parse

    for nulls in ([-999], -999, "-999", ["-999"]):
        assert parse_of("n", nulls=nulls).nulls == ("-999",)
    assert parse_of("when", nulls=[date(1900, 1, 1)]).nulls == ("1900-01-01",)
    assert parse_of("b", true="Yes").true == ("yes",)
    wish = {"b": {"parse": {True: True}}}  # `true: yes`
    assert conform(table, infer(table, overrides=wish))["b"].to_list()[:2] == [True, False]


@pytest.mark.parametrize(
    ("parse", "key", "do"),
    [
        ({"nulls": [False]}, "parse: nulls", "in quotes"),
        ({"nulls": {"a": 1}}, "parse: nulls", "['?', '-999']"),
        ({"true": [None]}, "parse: true", "['?', '-999']"),
        ({"percent": "no"}, "parse: percent", "true or false"),
        ({"format": 3}, "parse: format", "a text"),
        (["?"], "parse", "{nulls: ['?']}"),
    ],
)
def test_a_parse_of_the_wrong_type_is_refused_by_name(parse: object, key: str, do: str) -> None:
    with pytest.raises(ParamError, match=f"'x' has a value of the wrong type under '{key}'") as caught:
        infer(pl.DataFrame({"x": [1, 2]}), overrides={"x": {"parse": parse}})
    assert do in str(caught.value.do)


def test_overrides_win() -> None:
    table = pl.DataFrame({
        "zip": ["1.000,5", "2.000,5"], "code": [1, 2], "id": [1, 2], "sex": ["male", "female"],
        "same": [1, 1], "when": ["05/03/2021", "06/03/2021"], "temp": [-999, 12],
    })  # fmt: skip
    schema = infer(
        table,
        overrides={
            "zip": {"type": "number", "parse": {"decimal": ",", "thousands": "."}},
            "code": "number",
            "id": "group",
            "sex": "boolean",
            "same": {"type": "number", "role": "feature"},
            "when": {"type": "datetime", "parse": {"format": "%d/%m/%Y"}},
            "temp": {"parse": {"nulls": ["-999"]}},
        },
    )
    typed = conform(table, schema)
    assert typed["zip"].to_list() == [1000.5, 2000.5]
    assert typed["sex"].to_list() == [True, False]
    assert typed["when"][0] == datetime(2021, 3, 5)
    assert typed["temp"].to_list() == [None, 12.0]
    assert (schema["same"].type, schema["same"].role) == (Type.NUMBER, Role.FEATURE)
    assert schema["id"].role is Role.GROUP
    assert schema["code"].type is Type.NUMBER


def test_whole_numbers_that_are_the_time_stay_numbers() -> None:
    for values in (list(range(1, 121)), [i * i for i in range(50)]):
        found = column_of(values, "row_id", overrides={"row_id": "time"})
        assert (found.type, found.role, found.notes) == (Type.NUMBER, Role.TIME, ())


def test_a_schema_survives_json_and_types_its_own_table() -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({
        "n": rng.normal(size=200), "c": rng.choice(["a", "b"], 200), "t": ["5 Mar 2021", "6 Apr 2021"] * 100,
        "m": ["1,000", "?"] * 100, "y": rng.choice(["yes", "no"], 200),
    })  # fmt: skip
    schema = infer(table, target="y")
    assert Schema.from_dict(schema.to_dict()) == schema
    typed = conform(table, schema)
    assert [infer(typed)[name].type for name in typed.columns] == [column.type for column in schema]


def test_an_empty_table_has_constants_only() -> None:
    schema = infer(pl.DataFrame({"a": [], "b": []}, schema={"a": pl.String, "b": pl.Float64}))
    assert [column.type for column in schema] == [Type.CONSTANT, Type.CONSTANT]
    assert schema.rows == 0
