"""The page of a profile in a browser, offline."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.column_profile import ColumnProfile
from noria.core.profile import Profile
from noria.core.schema import Type
from noria.lifecycle.profile import write
from noria.pages.profile import page as page_of

SCRIPT = "<script>window.hacked = 1</script>"
IMAGE = '"><img src=x onerror="window.hacked = 2">'
STYLE = "</style><svg onload='window.hacked = 3'>"


def table(rows: int = 400, shift: float = 0.0) -> pl.DataFrame:
    """Every kind of column, some of them missing, copied, odd."""
    rng = np.random.default_rng(int(shift))
    age = rng.normal(40 + shift, 10, rows)
    return pl.DataFrame(
        {
            "age": age,
            "old": age**2 + rng.normal(0, 90, rows),
            "town": rng.choice(["Delft", "Gouda", "Leiden"], rows),
            "day": [date(2021, 1, 1) + timedelta(int(at)) for at in rng.integers(0, 700, rows)],
            "member": rng.random(rows) < 0.4,
            "remark": [f"the parcel {at} was late and the box was broken" for at in range(rows)],
            "one": [1] * rows,
            "left": np.where(age + rng.normal(0, 9, rows) > 40, "yes", "no"),
        }
    ).with_columns(pl.when(pl.int_range(rows) % 4 > 0).then(pl.col("age", "town")))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a profile that has everything."""
    path = tmp_path_factory.mktemp("page") / "profile.html"
    noria.profile(table(), "left", compare=table(shift=8.0), output=path)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read(look, page, scheme):
    seen = look(page, scheme=scheme)
    for width in (1280, 820, 390):
        seen.page.set_viewport_size({"width": width, "height": 900})
        assert (seen.errors, seen.faults(), seen.overflows()) == ([], [], False)
    for name in ("Findings", "Compared", "Target", "Columns", "Associations", "Missing", "Time", "Rows"):
        assert seen.page.get_by_role("navigation").get_by_text(name, exact=True).count() == 1


def test_no_words_run_into_one_another(look, page):
    seen = look(page, width=390)
    cut = """() => [...document.querySelectorAll("h1, h2, h3, dt, dd, .figure, .finding p")]
        .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
    assert seen.page.evaluate(cut) == []


def test_the_bars_of_one_chart_begin_and_end_together(look, page):
    apart = """() => [...document.querySelectorAll(".gauges")].filter((chart) => new Set(
        [...chart.querySelectorAll(".rail, .both")].map((rail) => {
            const box = rail.getBoundingClientRect();
            return `${box.left.toFixed()} ${box.right.toFixed()}`;
        })).size > 1).length"""
    seen = look(page, width=820).page
    seen.evaluate("document.querySelector('.gauge .figure').textContent = 'under 0.1% or more'")
    assert seen.evaluate(apart) == 0


def test_associations_are_shown_down_to_the_last_row(look, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "wide.html"
    noria.profile({f"x{at}": rng.normal(size=60) for at in range(30)}, output=path)
    box = look(path, width=390).page.locator(".wide:has(svg.heatmap)")
    assert box.evaluate("box => box.scrollHeight - box.clientHeight") == 0
    assert box.evaluate("box => box.scrollWidth - box.clientWidth") > 100  # across it scrolls, and is shaded


def test_columns_are_searched_and_sorted(look, page):
    seen = look(page).page
    shown = """[...document.querySelectorAll('article.column')]
        .filter((one) => !one.hidden).map((one) => one.dataset.name)"""
    assert seen.evaluate(shown) == list(table().columns)
    seen.get_by_label("Search").fill("NUMBER a")
    assert seen.evaluate(shown) == ["age"]
    assert seen.locator("#found").text_content() == "1 shown"
    seen.get_by_label("Search").fill("")
    seen.get_by_label("Order").select_option("name")
    assert seen.evaluate(shown) == sorted(table().columns)
    seen.get_by_label("Order").select_option("missing")
    assert seen.evaluate(shown)[:2] == ["age", "town"]


def test_a_finding_leads_to_its_column(look, page):
    seen = look(page).page
    seen.locator(".finding", has_text="Constant column").get_by_role("link", name="one").click()
    assert seen.evaluate("document.querySelector(':target').dataset.name") == "one"


def test_a_page_works_without_scripts(chromium, page):
    context = chromium.new_context(java_script_enabled=False, offline=True)
    seen = context.new_page()
    seen.goto(page.resolve().as_uri())
    assert seen.get_by_role("heading", name="Findings").is_visible()
    context.close()


def test_nothing_in_the_data_runs(look, tmp_path):
    rows = 60
    odd = pl.DataFrame(
        {
            SCRIPT: [SCRIPT, IMAGE] * rows,
            IMAGE: np.random.default_rng(0).normal(size=2 * rows),
            STYLE: [f"{SCRIPT}{at}" for at in range(2 * rows)],
            "{{ 7 * 7 }}": [None if at % 3 else IMAGE for at in range(2 * rows)],
            "javascript:alert(1)": ["2020-01-01", "2020-01-02"] * rows,
        }
    )
    path = tmp_path / "odd.html"
    other = odd.with_columns(pl.lit(STYLE + IMAGE).alias(SCRIPT))
    noria.profile(odd, SCRIPT, compare=other, output=path)
    seen = look(path)
    assert seen.errors == []
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator("main img, main script").count() == 0
    assert seen.page.get_by_role("heading", name="{{ 7 * 7 }}").count() > 0
    assert seen.faults() == []


def test_names_of_every_kind(look, tmp_path):
    rng = np.random.default_rng(0)
    odd = pl.DataFrame(
        {
            "😀 mood": rng.choice(["🎉", "😢"], 200),
            "שם הלקוח": rng.choice(["אבג", "דהו"], 200),
            "السعر": rng.normal(size=200),
            "ثابت": [1] * 200,
            "n" * 300: rng.normal(size=200),
            "w w" * 50: rng.choice(["x" * 400, "y" * 400], 200),
        }
    )
    path = tmp_path / "names.html"
    made = noria.profile(odd, "😀 mood", output=path)
    assert made.findings[0].seen == "ثابت has only the value '1'."
    for width in (390, 1280):
        seen = look(path, width=width)
        assert seen.errors == []
        assert seen.faults() == []
        assert not seen.overflows()
    told = seen.page.locator(".finding p").nth(1).text_content()
    assert told == "\u2068ثابت\u2069 has only the value '1'."


def test_the_worst_gaps_are_shown():
    def column(at: int) -> ColumnProfile:
        return ColumnProfile(f"c{at}", Type.CATEGORY, "String", rows=30, nulls=at, distinct=3)

    html = page_of(Profile("gaps", 30, 100, tuple(column(at) for at in range(20)), (), 30))
    shown = html.partition('id="missing"')[2].partition("</section>")[0]
    assert re.findall(r'title="(c\d+)"', shown) == [f"c{at}" for at in range(19, 4, -1)]
    assert "4 more columns lack fewer values." in shown


def test_spans_and_times_of_day_have_a_unit(tmp_path):
    spans = [timedelta(hours=at) for at in range(30)]
    table = pl.DataFrame(
        {"took": spans, "at": [time(at % 24, 7 * at % 60) for at in range(30)], "raw": [b"x"] * 30}
    )
    noria.profile(table, output=tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert html.count("<dt>unit</dt><dd>seconds</dd>") == 1
    assert html.count("<dt>unit</dt><dd>seconds since midnight</dd>") == 1
    assert html.count("<dt>values</dt><dd>not looked into</dd>") == 1


def test_values_that_occur_once_are_examples_not_bars():
    top = tuple((str(1000 + at), 1) for at in range(10))
    column = ColumnProfile("order", Type.ID, "Int64", rows=30, nulls=0, distinct=30, top=top)
    card = (
        page_of(Profile("shop", 30, 100, (column,), (), 30))
        .partition("<article")[2]
        .partition("</article>")[0]
    )
    assert re.findall(r"<li><bdi>(\d+)</bdi></li>", card) == ["1000", "1001", "1002"]
    assert "rail" not in card


def test_lengths_end_with_the_longest_text(tmp_path):
    texts = ["word " * (at % 29 + 3) for at in range(200)]
    noria.profile(
        {"a": [f"{at} {text}".strip() for at, text in enumerate(texts)]}, output=tmp_path / "page.html"
    )
    html = (tmp_path / "page.html").read_text()
    shortest, longest = re.search(r"<dd>(\d+) to (\d+) characters</dd>", html).groups()
    assert f"<span>{shortest}</span><span>length in characters</span><span>{longest}</span>" in html


def test_five_thousand_columns_open(look, tmp_path):
    columns = [
        ColumnProfile(f"column {at}", Type.CATEGORY, "String", 30, at % 7, 3, top=(("x", 20), ("y", 3)))
        for at in range(5_000)
    ]
    path = tmp_path / "wide.html"
    write(Profile("wide", 30, 100, tuple(columns), (), 30), path)
    assert path.stat().st_size < 3_000_000
    seen = look(path, width=820)
    assert seen.errors == []
    assert not seen.overflows()
    seen.page.get_by_label("Search").fill("column 4999")
    assert seen.page.locator("tr[data-name]:visible").count() == 1
    assert seen.page.locator("article.column:visible").count() == 0


@pytest.mark.parametrize(
    "odd",
    [
        {"a": [1]},
        {"a": [None, None]},
        {"a": [float("inf"), float("nan")]},
        {"a": [date(1, 1, 1), date(9999, 12, 31)]},
        {"a": ["x" * 100_000, "y" * 100_000, "z"]},
    ],
    ids=["one row", "nulls", "infinite", "year 1", "long"],
)
def test_odd_tables_have_a_page(look, tmp_path, odd):
    path = tmp_path / "odd.html"
    noria.profile(odd, output=path)
    seen = look(path, width=390)
    assert seen.errors == []
    assert seen.faults() == []
    assert not seen.overflows()
    assert path.stat().st_size < 100_000


def test_bins_are_told_by_their_edges():
    values = [0.5, 24.5, *np.random.default_rng(0).uniform(0.5, 24.5, 500)]
    fine, whole = (noria.profile({"v": column}) for column in (values, list(range(2, 20)) * 9))
    assert ">0.5 to 1.5: " in page_of(fine)
    assert ">2: 9 rows<" in page_of(whole)


@pytest.mark.parametrize(
    ("every", "told"),
    [("1mo", "1 month,"), ("3mo", "3 months,"), ("1y", "1 year,"), ("4w", "4 weeks,"), ("23h", "23 hours,")],
)
def test_a_step_is_told_in_its_unit(every, told):
    when = pl.datetime_range(datetime(2015, 1, 1), datetime(2024, 12, 1), every, eager=True)
    assert f"<dd>{told}" in page_of(noria.profile(pl.DataFrame({"when": when})))
