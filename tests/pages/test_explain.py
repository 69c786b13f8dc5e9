"""The page of ``noria explain`` in a browser."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest

from noria.core.explanation import Explanation
from noria.core.insight import Importance
from noria.core.result import Figure
from noria.lifecycle.explain import Change, Counterfactual, Explained

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def page(tmp_path):
    """Two rows of fifteen columns with a hostile name, sampled, with a counterfactual and a figure."""
    names = [HOSTILE, "שם 💰", *(f"column_{at}" for at in range(13))]
    parts = pl.DataFrame({name: [0.3 / (at + 1), -0.2 / (at + 1)] for at, name in enumerate(names)})
    base = pl.Series([0.4, 0.4])
    before, after = ({"prediction": word, f"probability_{word}": 0.7} for word in ("no", HOSTILE))
    change = Counterfactual("yes", before, after, (Change(HOSTILE, 1.0, 2.0),), 9)
    figure = Figure("boundary", f"By {HOSTILE}", pl.DataFrame({"x": [HOSTILE, "b"], "y": [1.0, 2.0]}), {
        "width": "container", "height": 200, "mark": "bar",
        "encoding": {"x": {"field": "y", "type": "quantitative"}, "y": {"field": "x", "type": "nominal"}},
    }, "explanation", "How to read it.")  # fmt: skip
    explained = Explained(
        HOSTILE,
        pl.DataFrame([before, before]),
        Explanation(
            base, parts, base + parts.sum_horizontal(), "probability", "sampled, 32 orders",
            errors=parts.select(pl.all().abs() / 10), values=parts, outcome=pl.Series([HOSTILE, "no"]),
        ),
        (change, Counterfactual("yes", before, None, (), 40, ("age",))),
        figures=(figure,),
    )  # fmt: skip
    path = tmp_path / "why.html"
    path.write_text(explained.page(), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
def test_it_is_legible_and_harmless(look, page, width, scheme):
    seen = look(page, width=width, scheme=scheme)
    seen.page.wait_for_selector("#figure-boundary svg")
    assert seen.errors == []
    assert seen.faults() == []
    assert not seen.overflows()
    assert seen.page.locator("section.row").count() == 2
    assert seen.page.locator(".track i").count() == 2 * 13  # twelve, and the others as one
    assert "If <script>alert(1)</script> were 2 instead of 1" in seen.page.inner_text("main")


def test_bars_lead_from_the_base_to_the_prediction(look, page):
    seen = look(page)
    rows = seen.page.locator("section.row").first.locator(".track i")
    boxes = [rows.nth(at).bounding_box() for at in range(rows.count())]
    for one, two in pairwise(boxes):
        assert two["x"] == pytest.approx(one["x"] + one["width"], abs=2.5)


def test_a_narrow_page_shows_values_and_errors_too(look, page):
    seen = look(page, width=390)
    one = seen.page.locator(".parts tbody tr").nth(3)
    cells = one.locator("td")
    assert cells.all_inner_texts()[:4] == ["column_1", "0.075", "+0.0750", "0.0075"]
    name, value, added, error, bar = (cells.nth(at).bounding_box() for at in range(5))
    assert name["y"] == added["y"] < value["y"] == error["y"] < bar["y"]
    assert bar["width"] > 300


def test_a_model_as_a_whole_without_scripts(look, tmp_path):
    path = tmp_path / "whole.html"
    found = Explained(
        "pets", pl.DataFrame(), importance=(Importance(HOSTILE, -0.1, -0.2, 0.1),), metric="rmse"
    )
    path.write_text(found.page(), encoding="utf-8")
    assert path.stat().st_size < 50_000
    seen = look(path, width=390)
    assert (seen.errors, seen.faults(), seen.overflows()) == ([], [], False)
