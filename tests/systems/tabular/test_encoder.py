from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from noria.core.schema import Type
from noria.data.conform import RowConformer, conform
from noria.data.infer import infer
from noria.systems.tabular.encode import Encoder
from noria.systems.tabular.encode import encoder as encoding


@pytest.fixture(scope="module")
def typed(people):
    raw = people(120)
    schema = infer(raw, target="y")
    return raw, schema, conform(raw, schema)


@pytest.mark.parametrize("family", ["trees", "slopes"])
def test_a_row_is_encoded_as_in_the_table(typed, family):
    raw, schema, table = typed
    assert {column.type for column in schema.features} == {
        Type.NUMBER, Type.CATEGORY, Type.BOOLEAN, Type.DATETIME, Type.TEXT
    }  # fmt: skip
    encoder = Encoder.fit(family, schema.features, table)
    matrix = encoder.matrix(table)
    assert matrix.shape == (120, len(encoder.names))
    assert len(encoder.sources) == len(encoder.discrete) == len(encoder.names)
    read = RowConformer(schema.select([column.name for column in schema.features]))
    for at, row in enumerate(raw.iter_rows(named=True)):
        assert np.array_equal(encoder.row(read(row)), matrix[at], equal_nan=True)


@pytest.mark.parametrize("family", ["trees", "slopes"])
def test_a_long_table_is_encoded_in_parts(typed, family, monkeypatch):
    _, schema, table = typed
    made = Encoder.fit(family, schema.features, table)
    whole = made.matrix(table)
    monkeypatch.setattr(encoding, "_ROWS", 50)
    assert np.array_equal(made.matrix(table), whole, equal_nan=True)
    assert made.matrix(table.clear()).shape == (0, len(made.names))


@pytest.mark.parametrize("family", ["trees", "slopes"])
def test_an_encoder_survives_json(typed, family):
    _, schema, table = typed
    encoder = Encoder.fit(family, schema.features, table)
    back = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert np.array_equal(back.matrix(table), encoder.matrix(table), equal_nan=True)
    assert back.names == encoder.names


def test_slopes_have_no_holes_and_trees_keep_theirs(typed):
    _, schema, table = typed
    assert not np.isnan(Encoder.fit("slopes", schema.features, table).matrix(table)).any()
    assert np.isnan(Encoder.fit("trees", schema.features, table).matrix(table)).any()


@pytest.mark.parametrize("family", ["trees", "slopes"])
def test_the_target_is_never_looked_at(typed, family):
    _, schema, table = typed
    other = table.with_columns(y=table["y"].reverse())
    one, two = (Encoder.fit(family, schema.features, rows) for rows in (table, other))
    assert one == two


def test_a_category_of_many_levels_is_counted_as_well():
    table = pl.DataFrame({"c": [f"k{n % 90}" for n in range(900)], "y": [0.0, 1.0] * 450})
    schema = infer(table, target="y", overrides={"c": "category"})
    encoder = Encoder.fit("trees", schema.features, conform(table, schema))
    assert encoder.names == ["c", "c frequency"]
    assert encoder.sources == ["c", "c"]
    assert encoder.discrete.tolist() == [True, False]
