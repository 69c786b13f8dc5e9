"""What notebooks show, on a light page and on a dark one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from noria.core.insight import Insight
from noria.core.result import html_table
from noria.pages.notebook import overview

CELL = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Notebook</title></head>
<body style="background: {ground}; color: {ink}; font: 14px sans-serif">
<main><h1>Cell</h1>{html}</main></body></html>"""


@pytest.mark.parametrize(("ground", "ink"), [("#ffffff", "#000000"), ("#111111", "#eeeeee")])
def test_a_run_in_a_cell(look, tmp_path, story, hostile, ground, ink):
    told = story(hostile.script)
    html = overview(told.record, told.evaluation, Path("runs/titanic/report.html"), "titanic@1")
    path = tmp_path / "cell.html"
    path.write_text(CELL.format(ground=ground, ink=ink, html=html), encoding="utf-8")
    seen = look(path)
    assert seen.errors == []
    assert seen.faults() == []
    assert seen.page.evaluate("window.hacked") is None
    said = " ".join(seen.page.locator("main").inner_text().split())
    assert "Who survived? titanic-20261122-145948-1, titanic@1" in said
    assert "Goal met. Even the worse end of the interval reaches it." in said
    assert "3 findings, worst first" in said
    assert "Where the model is weaker" in said


def test_an_insight_shows_what_there_is(story):
    insight = story().insight
    assert insight._repr_html_().count("<table") == 3
    assert Insight(findings=insight.findings)._repr_html_().count("<table") == 1
    assert Insight()._repr_html_() == "<p>Nothing was found.</p>"


def test_numbers_stand_flush_right_and_nothing_is_markup(hostile):
    html = html_table(pl.DataFrame({hostile.script: ["<i>"], "n": [1.23456], "ok": [True]}), "<b>")
    assert "text-align: right" in html
    assert "<bdi>1.235</bdi>" in html
    assert "<bdi>yes</bdi>" in html
    assert not any(tag in html for tag in ("<script>", "<i>", "<b>"))
