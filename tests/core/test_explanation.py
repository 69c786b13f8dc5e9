from __future__ import annotations

import json
from datetime import datetime

import polars as pl
import pytest

from noria.core.explanation import Explanation


def made(**changes) -> Explanation:
    fields = {
        "base": pl.Series([0.5, 0.5]),
        "attributions": pl.DataFrame({"a": [0.1, -0.1], "b": [0.3, -0.3], "<c>": [0.0, 0.0]}),
        "outputs": pl.Series([0.9, 0.1]),
        "unit": "probability",
        "values": pl.DataFrame({"a": [3.0, None], "b": ["x\ny", "z" * 90], "<c>": [True, False]}),
        "errors": pl.DataFrame({"a": [0.01, 0.02], "b": [0.03, 0.04], "<c>": [0.0, 0.0]}),
        "outcome": pl.Series(["yes", "yes"]),
    }
    return Explanation(**{**fields, **changes})


def test_features_are_ordered_by_what_they_add_on_average():
    frame = made().frame()
    assert frame["feature"].to_list() == ["b", "a", "<c>"]
    assert frame["importance"].to_list() == pytest.approx([0.3, 0.1, 0.0])


def test_a_row_is_told_with_values_in_words():
    row = made().row(0)
    assert row.columns == ["feature", "value", "added", "error"]
    assert row["feature"].to_list() == ["b", "a", "<c>"]
    assert row["value"].to_list() == ["x y", "3", "yes"]
    assert made().row(1)["value"].to_list() == ["z" * 39 + "…", "missing", "no"]
    moments = made(values=pl.DataFrame({"a": [datetime(1, 1, 1), None]}), errors=None)
    assert moments.row(0)["value"].to_list() == [None, "0001-01-01 00:00:00", None]
    assert moments.row(0)["error"].to_list() == [None] * 3


def test_the_gap_is_what_does_not_add_up():
    assert made().gap == pytest.approx(0, abs=1e-12)
    assert made(outputs=pl.Series([0.9, 0.3])).gap == pytest.approx(0.2)


def test_json_has_all_of_it():
    told = json.loads(json.dumps(made().to_dict()))
    assert told["unit"] == "probability"
    assert told["rows"][1]["outcome"] == "yes"
    assert told["rows"][0]["features"][0] == {"feature": "b", "value": "x y", "added": 0.3, "error": 0.03}


def test_a_notebook_shows_one_row_in_full_and_many_on_average():
    assert "mean absolute" in made()._repr_html_().lower()
    whole = made()
    one = made(
        base=whole.base[:1], outputs=whole.outputs[:1], attributions=whole.attributions[:1],
        values=whole.values[:1], errors=whole.errors[:1], outcome=None,
    )._repr_html_()  # fmt: skip
    assert "0.9 probability from 0.5 without any feature" in one
    assert "&lt;c&gt;" in one


def test_no_rows():
    empty = made(base=pl.Series([], dtype=pl.Float64), attributions=made().attributions.head(0),
                 outputs=pl.Series([], dtype=pl.Float64))  # fmt: skip
    assert empty.gap == 0
    assert empty.frame()["importance"].to_list() == [0.0] * 3
    assert empty.to_dict()["rows"] == []
