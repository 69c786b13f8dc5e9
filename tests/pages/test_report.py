"""The report of a run, as a reader meets it."""

from __future__ import annotations

import re

import pytest

from noria.lifecycle.report import page


def text(html: str) -> str:
    """What a page says, without its scripts and styles."""
    return " ".join(
        re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.S)).split()
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1280])
def test_it_can_be_read(look, tmp_path, story, width, scheme):
    path = tmp_path / "report.html"
    path.write_text(page(story()), encoding="utf-8")
    seen = look(path, width=width, scheme=scheme)
    seen.page.wait_for_function("document.querySelectorAll('[data-drawn]').length === 4")
    assert seen.page.locator("[data-figure] svg.marks").count() == 4
    assert seen.page.locator("[data-figure] svg.marks .mark-rect path").count() > 8
    assert seen.errors == []
    assert seen.faults() == []
    assert not seen.overflows()
    wide = "[...document.querySelectorAll('.plot')].filter((e) => e.scrollWidth > e.clientWidth).length"
    assert seen.page.evaluate(wide) == 0


def test_figures_follow_the_theme_and_the_window(look, tmp_path, story):
    path = tmp_path / "report.html"
    path.write_text(page(story()), encoding="utf-8")
    seen = look(path)
    drawn = "document.querySelectorAll('[data-drawn={}]').length === 4"
    seen.page.wait_for_function(drawn.format("light"))
    bar = seen.page.locator("[data-figure=spec-confusion] .mark-rect path").first
    before, room = bar.get_attribute("fill"), bar.bounding_box()["width"]
    seen.page.locator("#theme").click()
    seen.page.wait_for_function(drawn.format("dark"))
    assert bar.get_attribute("fill") != before
    seen.page.set_viewport_size({"width": 500, "height": 900})
    drawn_bar = "document.querySelector('[data-figure=spec-confusion] .mark-rect path')"
    seen.page.wait_for_function(f"(room) => {drawn_bar}.getBoundingClientRect().width < 0.7 * room", arg=room)
    assert seen.errors == []


def test_a_figure_can_be_saved(look, tmp_path, story):
    path = tmp_path / "report.html"
    path.write_text(page(story()), encoding="utf-8")
    seen = look(path)
    seen.page.wait_for_function("document.querySelectorAll('[data-drawn]').length === 4")
    for kind, begins in (("svg", b"<svg"), ("png", b"\x89PNG")):
        with seen.page.expect_download() as saved:
            seen.page.get_by_role("button", name=f"Save as {kind.upper()}: Errors").click()
        assert saved.value.suggested_filename == f"weak.{kind}"
        assert saved.value.path().read_bytes().startswith(begins)


def test_it_prints_dark_on_white(look, tmp_path, story):
    path = tmp_path / "report.html"
    path.write_text(page(story()), encoding="utf-8")
    seen = look(path, width=680, scheme="dark")
    seen.page.wait_for_function("document.querySelectorAll('[data-drawn=dark]').length === 4")
    seen.page.emulate_media(media="print")
    style = "(of) => getComputedStyle(document.querySelector(of))"
    assert seen.page.evaluate(f"{style}.backgroundColor", "body") == "rgb(255, 255, 255)"
    assert seen.page.evaluate(f"{style}.filter", "[data-drawn] svg").startswith("invert(1)")
    assert not seen.page.locator("nav").is_visible()
    assert not seen.page.locator("details.numbers").first.is_visible()


def test_it_works_without_scripts(chromium, tmp_path, story):
    path = tmp_path / "report.html"
    path.write_text(page(story()), encoding="utf-8")
    context = chromium.new_context(java_script_enabled=False, offline=True)
    opened = context.new_page()
    opened.goto(path.as_uri())
    assert opened.get_by_role("heading", name="Who survived?").is_visible()
    assert opened.locator("details.numbers td", has_text="0.3").first.is_visible()
    context.close()


def test_names_and_values_run_no_script_and_keep_their_direction(look, tmp_path, story, hostile):
    path = tmp_path / "report.html"
    title = f"{hostile.script} {hostile.rtl} {hostile.emoji}"
    html = page(story(hostile.script, title=title))
    path.write_text(html, encoding="utf-8")
    seen = look(path, width=390)
    seen.page.wait_for_function("document.querySelectorAll('[data-drawn]').length === 4")
    assert seen.page.evaluate("window.hacked") is None
    assert hostile.script not in html
    assert seen.page.locator("h1").inner_text() == title
    assert f"<bdi>{hostile.rtl}</bdi>" in html
    assert f"<bdi>{hostile.emoji}</bdi>" in html
    assert not seen.overflows()
    assert seen.errors == []


def test_the_summary_says_it_in_plain_words(story):
    said = text(page(story()))
    for words in (
        "Goal met 0.8441",
        "Predicts survived (classification)",
        "84.4% of the rows get the right class",
        "A simple guess, the baseline, reaches 0.6578.",
        "Asked for: accuracy of at least 0.78. Even the worse end of the interval reaches it.",
        "Watch out age tells all : It scores 0.84. All 3 findings",
        "The model joins lightgbm (75%) and logistic (25%).",
        "age number 42.4% 75 0.17 to 71 in years",
        "3rd, 1st,",
        "0001-01-01 to",
        "noria reproduce titanic-20261122-145948-1",
    ):
        assert words in said, words


def test_it_tells_no_row_of_the_data(story):
    assert "own words" not in page(story())


def test_what_is_empty_has_no_chapter(bare):
    html = page(bare)
    headings = re.findall(r'<h2 id="(\w+)">', html)
    assert headings == ["data", "method", "results", "limits", "use", "facts"]
    assert re.findall(r'<a href="#(\w+)">', html) == headings
    assert "vegaEmbed" not in html
    assert len(html) < 60_000
    said = text(html)
    assert "No goal was set" in said
    assert "goal met" not in said


def test_many_columns_are_cut(story):
    from dataclasses import replace

    from noria.core.schema import Column, Schema, Type

    told = story(drawn=False)
    columns = tuple(Column(f"c{at}", Type.NUMBER) for at in range(5000))
    html = page(replace(told, signature=replace(told.signature, inputs=Schema(columns))))
    assert "And 4,700 more columns" in html
    assert len(html) < 200_000
    assert "rows = {" not in html
