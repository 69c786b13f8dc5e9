from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from noria.systems.tabular.encode.blocks import (
    BLOCKS,
    Block,
    Codes,
    Counts,
    DateParts,
    OneHot,
    Passed,
    Scaled,
)
from noria.systems.tabular.encode.words import Words

NUMBERS = pl.Series("v", [1.5, None, -3.0, 1e6, 0.0, 2.25, 7.0, 7.0])
TAILED = pl.Series("v", [0.0, 1.0, 2.0, 3.0, 50.0, 1000.0, None, 90_000.0])
TOWNS = pl.Series("v", ["Delft", "Gouda", None, "Delft", "Gouda", "Delft", "Breda", ""])
FLAGS = pl.Series("v", [True, None, False, True, True, False, True, None])
MOMENTS = pl.Series(
    "v",
    [datetime(1969, 12, 31, 23, 59, 59), None, datetime(2020, 2, 29, 12), datetime(2021, 1, 1),
     datetime(1900, 3, 1), datetime(2100, 12, 31, 6), datetime(2020, 2, 28), datetime(2020, 2, 29, 12),
     datetime(1969, 12, 31, 23, 59, 59, 500_000)],
    dtype=pl.Datetime("us"),
)  # fmt: skip
TEXTS = pl.Series(
    "v", ["late parcel", "Parcel LATE, late!", None, "", "ünïcode late", "a b c", "broken box late", "?"]
)

FITTED = {
    "passed numbers": (Passed.fit(NUMBERS), NUMBERS),
    "passed flags": (Passed.fit(FLAGS), FLAGS),
    "scaled": (Scaled.fit(NUMBERS), NUMBERS),
    "scaled tail": (Scaled.fit(TAILED), TAILED),
    "scaled flags": (Scaled.fit(FLAGS), FLAGS),
    "scaled whole, asked for a missing one": (Scaled.fit(NUMBERS.drop_nulls()), NUMBERS),
    "scaled of nothing": (Scaled.fit(pl.Series("v", [None, None], dtype=pl.Float64)), NUMBERS),
    "codes": (Codes.fit(TOWNS), TOWNS),
    "codes of nothing": (Codes.fit(TOWNS.head(0)), TOWNS),
    "codes of flags": (Codes.fit(FLAGS), FLAGS),
    "counts": (Counts.fit(TOWNS), TOWNS),
    "one-hot": (OneHot.fit(TOWNS, least=2), TOWNS),
    "one-hot of flags": (OneHot.fit(FLAGS, least=1), FLAGS),
    "one-hot, asked for what it never saw": (OneHot.fit(TOWNS.head(2), least=1), TOWNS),
    "dates": (DateParts.fit(MOMENTS, scaled=False), MOMENTS),
    "scaled dates": (DateParts.fit(MOMENTS, scaled=True), MOMENTS),
    "dates of nothing": (DateParts.fit(MOMENTS.head(0), scaled=True), MOMENTS),
    "words": (Words.fit(TEXTS, most=3, least=1), TEXTS),
    "words of nothing": (Words.fit(TEXTS.head(0), most=3), TEXTS),
}


@pytest.mark.parametrize("name", FITTED)
def test_one_value_is_encoded_as_in_the_column(name):
    block, values = FITTED[name]
    matrix = block.matrix(values)
    assert matrix.shape == (len(values), len(block.names))
    assert matrix.dtype == np.float32
    write = block.writer(2)
    for value, expected in zip(values, matrix):
        row = np.zeros(len(block.names) + 3, dtype=np.float32)
        write(value, row)
        assert np.array_equal(row[2:-1], expected, equal_nan=True), f"{value!r}"
        assert not row[:2].any()
        assert not row[-1:].any()


@pytest.mark.parametrize("name", FITTED)
def test_a_block_survives_json(name):
    block, values = FITTED[name]
    back: Block = BLOCKS[block.kind].from_dict(json.loads(json.dumps(block.to_dict())))
    assert back == block
    assert np.array_equal(back.matrix(values), block.matrix(values), equal_nan=True)
    assert hash(back) == hash(block)


def test_scaled_numbers_have_mean_zero_and_spread_one():
    values = pl.Series("v", np.random.default_rng(0).normal(50, 8, 500))
    matrix = Scaled.fit(values).matrix(values)
    assert matrix.mean() == pytest.approx(0, abs=1e-5)
    assert matrix.std() == pytest.approx(1, abs=0.02)


def test_a_long_tail_is_squeezed_and_far_values_are_cut():
    block = Scaled.fit(TAILED)
    assert block.logarithm
    assert Scaled.fit(pl.Series("v", [1.0, 2.0, 3.0])).matrix(pl.Series("v", [1e9]))[0, 0] == 5.0


def test_a_constant_column_does_not_divide_by_zero():
    assert Scaled.fit(pl.Series("v", [3.0, 3.0])).matrix(pl.Series("v", [3.0, 4.0])).tolist() == [
        [0.0],
        [1.0],
    ]


def test_codes_follow_falling_frequency_and_unseen_is_missing():
    block = Codes.fit(TOWNS)
    assert block.levels == ("Delft", "Gouda")
    found = block.matrix(pl.Series("v", ["Gouda", "Delft", "Breda", None]))[:, 0]
    assert found[:2].tolist() == [1.0, 0.0]
    assert np.isnan(found[2:]).all()


def test_ties_are_broken_by_name_not_by_chance():
    assert Codes.fit(pl.Series("v", ["b", "a", "c", "c", "a", "b"])).levels == ("a", "b", "c")


@pytest.mark.parametrize("name", ["n", "level", "count"])
@pytest.mark.parametrize("block", [Codes, Counts, OneHot])
def test_a_category_may_have_any_name(block, name):
    found, plain = (block.fit(TOWNS.alias(called)) for called in (name, "v"))
    assert (found.column, found.levels) == (name, plain.levels)


def test_one_hot_tells_rare_from_missing():
    block = OneHot.fit(TOWNS, least=2)
    assert block.names == ["v = Delft", "v = Gouda", "v = (other)", "v = (missing)"]
    found = block.matrix(pl.Series("v", ["Gouda", "Nowhere", None]))
    assert found.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_calendar_parts():
    block = DateParts.fit(MOMENTS, scaled=False)
    found = dict(zip(block.parts, block.matrix(pl.Series("v", [datetime(2024, 2, 29, 6)]))[0].tolist()))
    assert (found["year"], found["month"], found["day"], found["hour"]) == (2024, 2, 29, 6)
    assert found["weekday"] == datetime(2024, 2, 29).isoweekday()
    assert found["days"] == pytest.approx(datetime(2024, 2, 29, 6, tzinfo=UTC).timestamp() / 86400, rel=1e-6)


@pytest.mark.parametrize("days", [[1], [1, 3], []])
def test_a_missing_moment_is_the_mean_whatever_the_spread(days):
    moments = pl.Series("v", [datetime(2024, 5, day) for day in days], dtype=pl.Datetime("us"))
    block = DateParts.from_dict(DateParts.fit(moments, scaled=True).to_dict())
    absent = pl.Series("v", [None], dtype=pl.Datetime("us"))
    assert block.matrix(absent).tolist() == [[0.0] * len(block.parts)]
    assert np.isnan(DateParts.fit(moments, scaled=False).matrix(absent)).all()


def test_parts_that_never_vary_are_left_out():
    moments = pl.Series("v", [datetime(2020, 1, 1), datetime(2020, 1, 2)], dtype=pl.Datetime("us"))
    assert DateParts.fit(moments, scaled=False).parts == ("days", "day", "weekday")


def test_the_most_frequent_words_are_counted_whatever_their_case():
    block = Words.fit(TEXTS, most=2, least=2)
    assert block.words == ("late", "parcel")
    found = block.matrix(pl.Series("v", ["LATE late parcel"]))[0]
    assert found[0] == pytest.approx(np.log1p(16))
    assert found[1] == pytest.approx(np.log1p(3))
    assert np.linalg.norm(found[2:]) == pytest.approx(1)
    assert found[2] > 0
    assert found[3] > 0


def test_words_of_any_script_are_the_same_in_a_table_and_in_a_row():
    texts = [
        "नमस्ते दुनिया 42",
        "İstanbul ıŞık",
        "ΟΔΟΣ οδος",
        "snake_case x_y ab",
        "ﬁne № Ⅷ ²³ ½¾",
        "你好 世界 你好",
        "",
        None,
    ]
    values = pl.Series("text", texts * 3)
    block = Words.fit(values, most=50, least=1)
    rows = np.zeros((len(values), len(block.names)), dtype=np.float32)
    write = block.writer(0)
    for row, text in zip(rows, values):
        write(text, row)
    np.testing.assert_array_equal(block.matrix(values), rows)
    assert len(block.words) > 12
