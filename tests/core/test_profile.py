from __future__ import annotations

import json

import pytest

from noria.core.column_profile import ColumnProfile, Histogram, Numbers, Outliers, Texts, Times
from noria.core.insight import Finding, Severity
from noria.core.profile import (
    Associations,
    Contrast,
    Missing,
    Profile,
    Relation,
    Shift,
    Target,
    Timeline,
)
from noria.core.schema import Type
from noria.errors import ColumnError

BARS = Histogram((0.0, 1.0, 2.0), (3.0, 1.0), below=1.0, whole=True)


def full() -> Profile:
    """A profile with every part there is."""
    quantiles = (0.0, 0.1, 0.5, 1.0, 2.0, 8.0, 9.0)
    numbers = Numbers(0.0, 9.0, 2.0, 1.0, None, quantiles, 1, 0, 0, BARS, Outliers(1, -1, 8, "r"))
    times = Times("2020-01-01", "2020-01-05", 86_400.0, 1.0, True, BARS)
    shift = Shift(
        "n", 0.2, None, (0.1, 0.2), (1.0, 2.0), ("a",), (1.0,), (1.0,), (("b", 3),), ("number", "text"), 0.5
    )
    return Profile(
        source="shop",
        rows=5,
        bytes=80,
        columns=(
            ColumnProfile("n", Type.NUMBER, "Float64", 5, 1, 4, True, (("1", 2),), numbers, odd=(("x", 1),)),
            ColumnProfile("t", Type.TEXT, "String", 5, 0, 5, texts=Texts(1, 9, 3.5, BARS, ("a b",))),
            ColumnProfile("w", Type.DATETIME, "Date", 5, 0, 5, times=times),
            ColumnProfile("c", Type.CATEGORY, "String", 5, 0, 2, variants=(("A", "a"),), notes=("odd",)),
        ),
        findings=(Finding("NOR101", Severity.LOW, "Title", "n <b> is odd.", "Look.", ("n",)),),
        sampled=5,
        duplicates=1,
        missing=Missing(("n",), ((("n",), 0.2), ((), 0.8)), (("n", "c"),)),
        associations=Associations(("n", "c"), ((1.0, None), (None, 1.0)), (("n", "c", -0.5),)),
        timelines=(Timeline("w", (0.0, 1.0, 2.0), (3.0, 2.0), (("n", (1.0, None)),)),),
        head=(("1", None),),
        target=Target("c", ("A", "a"), (Relation("n", 0.5, ("0 to 1",), (5,), ((0.5, 0.5),)),)),
        contrast=Contrast("other", 9, ("new",), ("lost",), (shift,)),
    )


def test_a_profile_survives_json():
    assert Profile.from_dict(json.loads(json.dumps(full().to_dict(), allow_nan=False))) == full()


def test_a_frame_has_a_line_per_column():
    frame = full().frame()
    assert frame["column"].to_list() == ["n", "t", "w", "c"]
    assert frame.row(0, named=True) == {
        "column": "n",
        "type": "number",
        "missing": 0.2,
        "distinct": 4,
        "mean": 2.0,
        "std": 1.0,
        "low": "0",
        "median": 1.0,
        "high": "9",
        "top": "1",
        "findings": "NOR101",
    }
    assert frame["high"].to_list() == ["9", None, "2020-01-05", None]


def test_a_notebook_shows_it_escaped():
    html = full()._repr_html_()
    assert "n &lt;b&gt; is odd." in html
    assert "shop: 5 rows, 4 columns" in html


def test_a_column_by_name():
    assert full()["t"].type is Type.TEXT
    with pytest.raises(ColumnError, match="There is no column 'tt'") as caught:
        full()["tt"]
    assert caught.value.do == "Did you mean 't'?"
