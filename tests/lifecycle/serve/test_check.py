from __future__ import annotations

from datetime import datetime

import pytest

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.core.signature import Signature
from noria.errors import ColumnError
from noria.lifecycle.serve.check import RowCheck

SCHEMA = Schema(
    (
        Column("age", Type.NUMBER), Column("town", Type.CATEGORY), Column("member", Type.BOOLEAN),
        Column("joined", Type.DATETIME), Column("note", Type.TEXT, Role.IGNORE),
    )
)  # fmt: skip
ROW = {"age": 41, "town": "Delft", "member": "yes", "joined": "2021-03-05"}
TYPED = (41.0, "Delft", True, datetime(2021, 3, 5))


@pytest.fixture
def check() -> RowCheck:
    return RowCheck(Signature(SCHEMA, ()), also=["customer"], text=50)


def test_a_row_is_typed(check):
    assert check(ROW) == TYPED
    assert check(dict(reversed(ROW.items()))) == TYPED
    assert check({**ROW, "note": "what is ignored may come", "customer": 7}) == TYPED
    assert check(dict.fromkeys(ROW)) == (None,) * 4


def test_typed_rows_make_a_table_of_the_same_types(check):
    table = check.table([TYPED, (None,) * 4])
    assert [str(kind) for kind in table.dtypes] == [
        "Float64", "String", "Boolean", "Datetime(time_unit='us', time_zone=None)",
    ]  # fmt: skip
    assert table.row(0) == TYPED


@pytest.mark.parametrize(
    ("change", "what", "got", "do"),
    [
        ({"age": "old"}, "The column 'age' should hold numbers.", "'old'", "Write a number such as 12.5"),
        ({"age": [41]}, "The column 'age' should hold numbers.", "[41] of type list", "Give a value such as"),
        (
            {"member": "perhaps"},
            "The column 'member' should hold yes or no.",
            "'perhaps'",
            "Write true or false",
        ),
        ({"joined": "soon"}, "The column 'joined' should hold dates.", "'soon'", "Write a date such as"),
        (
            {"town": {"a": 1}},
            "The column 'town' should hold single values.",
            "{'a': 1} of type dict",
            "Give a",
        ),
        ({"town": "x" * 51}, "The text of 'town' is too long.", "51 characters", "Send at most 50."),
        ({"twon": "Delft"}, "There is no field 'twon'.", None, "Did you mean 'town'?"),
        (
            {"<b>" * 99: 1},
            f"There is no field {('<b>' * 99)[:80]!r}....",
            None,
            "Use one of: age, joined, member, town.",
        ),
    ],
)
def test_what_is_wrong_with_a_row(check, change, what, got, do):
    with pytest.raises(ColumnError) as caught:
        check({**ROW, **change})
    assert (caught.value.what, caught.value.got) == (what, got)
    assert str(caught.value.do).startswith(do)


def test_a_field_that_is_missing(check):
    row = {name: value for name, value in ROW.items() if name != "town"}
    with pytest.raises(ColumnError) as caught:
        check(row)
    assert (
        str(caught.value) == "The field 'town' is missing.\n  do:  The fields are: age, town, member, joined."
    )
    with pytest.raises(ColumnError) as caught:
        check({**row, "Town": "Delft"})
    assert str(caught.value) == "The field 'town' is missing.\n  do:  Rename 'Town' to 'town'."


def test_errors_do_not_repeat_what_is_long(check):
    with pytest.raises(ColumnError) as caught:
        check({**ROW, "age": list(range(1_000))})
    assert len(str(caught.value.got)) < 100


def test_a_number_of_blanks_keeps_nobody_waiting():
    schema = Schema((Column("km", Type.NUMBER, parse=Parse(suffix="km")), Column("note", Type.TEXT)))
    check = RowCheck(Signature(schema, ()))
    assert check({"km": "7 km", "note": "x" * 90_000})[0] == 7.0
    with pytest.raises(ColumnError, match="The text of 'km' is too long") as caught:
        check({"km": f"1{' ' * 90_000}1", "note": ""})
    assert caught.value.do == "Send at most 1,000."
