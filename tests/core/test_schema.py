from __future__ import annotations

import json

import pytest

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.errors import ColumnError

AGE = Column(
    "age", Type.NUMBER, parse=Parse(nulls=("?", "-"), suffix="y"), low=1.0, high=90.0, notes=("a note",)
)
TOWN = Column("town", Type.CATEGORY, distinct=2, nulls=3, levels=("Delft", "Gouda"))
LEFT = Column("left", Type.BOOLEAN, Role.TARGET)
SCHEMA = Schema((AGE, TOWN, LEFT), rows=40)


def test_a_schema_survives_json():
    assert Schema.from_dict(json.loads(json.dumps(SCHEMA.to_dict()))) == SCHEMA


def test_roles():
    assert [column.name for column in SCHEMA.features] == ["age", "town"]
    assert SCHEMA.target is LEFT
    assert Schema((AGE,)).target is None
    assert SCHEMA.with_role(Role.WEIGHT) == ()


def test_an_unknown_column_offers_the_nearest():
    with pytest.raises(ColumnError) as caught:
        SCHEMA["towm"]
    assert str(caught.value) == "There is no column 'towm'.\n  do:  Did you mean 'town'?"
    assert "town" in SCHEMA
    assert "towm" not in SCHEMA


def test_change_replaces_one_column_of_a_copy():
    changed = SCHEMA.change("town", role=Role.GROUP)
    assert changed["town"].role is Role.GROUP
    assert changed["town"].levels == TOWN.levels
    assert changed.names == SCHEMA.names
    assert SCHEMA["town"].role is Role.FEATURE


def test_select_keeps_the_order_that_is_asked_for():
    chosen = SCHEMA.select(["left", "age"])
    assert chosen.names == ("left", "age")
    assert chosen.rows == 40
    with pytest.raises(ColumnError):
        SCHEMA.select(["nothing"])
