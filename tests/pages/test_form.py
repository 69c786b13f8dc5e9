from __future__ import annotations

from datetime import datetime

import pytest

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.core.signature import Signature
from noria.pages.form import fields

DAY = 86_400.0
THREE = "2020-01-02T03:00:00"


def field(column, value=None, rows=100):
    [made] = fields(Signature(Schema((column,), rows=rows), ()), {column.name: value})
    return made


@pytest.mark.parametrize(
    ("column", "value", "control", "shown"),
    [
        (Column("a", Type.NUMBER, low=0, high=9), 3.0, "number", "3"),
        (Column("a", Type.NUMBER), 1_700_000_000_123.0, "number", "1700000000123"),
        (Column("a", Type.CATEGORY, levels=("x", "y")), "y", "select", "y"),
        (Column("a", Type.CATEGORY, levels=tuple(map(str, range(21)))), "7", "list", "7"),
        (Column("a", Type.BOOLEAN), True, "switch", True),
        (Column("a", Type.BOOLEAN, nulls=3), None, "choice", None),
        (Column("a", Type.DATETIME, low=0, high=DAY), datetime(2020, 1, 2), "date", "2020-01-02"),
        (Column("a", Type.DATETIME, low=0, high=DAY), datetime(2020, 1, 2, 3), "moment", THREE),
        (Column("a", Type.TEXT), "some words", "area", "some words"),
        (Column("a", Type.ID), "A-1", "line", "A-1"),
    ],
)  # fmt: skip
def test_each_type_has_its_control(column, value, control, shown):
    made = field(column, value)
    assert (made.control, made.value) == (control, shown)


@pytest.mark.parametrize(
    ("low", "high", "value", "step"),
    [(0, 100, 7.0, 1.0), (0.17, 71, 29.0, 0.1), (0, 1, 0.5, 0.01), (5, 5, 5.0, 1.0), (0, 1e9, 0.5, 1e7)],
)
def test_a_number_steps_as_it_came(low, high, value, step):
    assert field(Column("a", Type.NUMBER, low=low, high=high), value).step == pytest.approx(step)


def test_units_and_ranges_stand_beside_a_number():
    parse = Parse(prefix="$", suffix=" km")
    made = field(Column("a", Type.NUMBER, parse=parse, low=0, high=1200, nulls=25))
    assert (made.before, made.after, made.hint) == ("$", "km", "0 to 1200 in training")
    assert (made.required, made.empty) == (False, 0.25)
    share = field(Column("a", Type.NUMBER, parse=Parse(suffix="%", percent=True), low=0, high=1), 0.5)
    assert (share.after, share.hint) == ("", "0 to 1 in training; a share: 0.12 means 12%")


def test_a_series_is_left_empty_where_the_example_is_a_sum():
    whole = field(Column("shop", Type.CATEGORY, Role.SERIES, levels=("a", "b")), None)
    assert (whole.required, whole.blank) == (False, "all together")
    assert field(Column("shop", Type.CATEGORY, Role.SERIES, levels=("a", "b")), "a").required
    time = field(Column("day", Type.DATETIME, Role.TIME, low=0, high=DAY), datetime(1970, 1, 3))
    assert time.hint == "after 1970-01-02, the last moment with a known value"
