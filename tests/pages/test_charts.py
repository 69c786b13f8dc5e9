from __future__ import annotations

import json
import math

import pytest
import vl_convert

from noria.pages import charts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"), (0.1 + 0.2, "0.3"), (12345.678, "12,300"), (9999.0, "10,000"), (9990.0, "9990"),
        (-1500.5, "-1500"),
        (1e13, "10,000,000,000,000"), (1e-12, "1e-12"), (math.inf, "inf"), (math.nan, "nan"), (100.0, "100"),
    ],
)  # fmt: skip
def test_amounts_are_written_for_people(value, said):
    assert charts.amount(value) == said


def test_pieces_make_a_chart_that_vega_lite_draws():
    x, y = charts.number("x", "x (m)"), charts.number("y", "y", axis=charts.PERCENT)
    tips = [("kind", "kind"), ("day", "day", "%-d %b"), ("y", "y", ".1%"), *charts.interval(".1%")]
    colour = charts.colour("kind")
    spec = charts.chart(
        charts.band(x, y, color=colour),
        *charts.line(x, y, tips, color=colour),
        *charts.dots("y", x, y, tips, color=colour),
        charts.rule("y", y, 0.5),
        charts.diagonal(x, y),
    )
    rows = [
        {"kind": kind, "day": "2024-01-02", "x": at, "y": at / 3, "low": at / 4, "high": at / 2}
        for kind in "ab"
        for at in range(3)
    ]
    text = vl_convert.vegalite_to_svg(json.dumps({**spec, "width": 300, "data": {"values": rows}}))
    assert "x (m)" in text
    assert "100%" in text
    assert spec["width"] == "container"
    assert [one["type"] for one in spec["layer"][2]["encoding"]["tooltip"]] == [
        "nominal", "temporal", *["quantitative"] * 3
    ]  # fmt: skip
