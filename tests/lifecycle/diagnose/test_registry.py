"""Codes, their texts and their page agree; silenced ones are not shown, and not lost."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import polars as pl
import pytest

import noria
from noria.errors import RecipeError
from noria.lifecycle.diagnose import DIAGNOSTICS, check_silence, codes
from noria.testing.faults import sound

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("thorough")
QUICK = {"name": "toy", "budget": "60s", "trials": 2, "learners": ["ridge"]}


def test_codes_are_whole_and_each_is_looked_for_once():
    found = [one.code.code for one in DIAGNOSTICS]
    assert sorted(found) == list(codes()) == [f"NOR{at:03d}" for at in range(1, len(found) + 1)]
    for code in codes().values():
        for text in (code.why, code.how, code.wrong, code.do):
            assert text.endswith(".")
            assert "\n" not in text
        assert len(code.title) <= 70
        assert not code.title.endswith(".")
        assert set(re.findall(r"NOR\d+", f"{code.why} {code.how} {code.wrong} {code.do}")) <= set(codes())


def test_the_page_says_what_the_code_says(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("_declared", ROOT / "docs" / "_declared.py")
    declared = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(declared)
    sys.modules.pop("_declared", None)
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    assert page == declared.findings(), "Run: make docs"
    for code in codes().values():
        assert f"## {code.code}: {code.title}\n\n{code.why}" in page


def test_a_code_that_is_none_is_an_error_that_offers_the_nearest(session):
    check_silence(["NOR004", "NOR035"])
    with pytest.raises(RecipeError) as caught:
        noria.train(sound(50), "y", session=session, silence=["NOR004", "nor21"], **QUICK)
    assert str(caught.value) == "There is no code 'nor21' to silence.\n  do:  Did you mean 'NOR021'?"
    assert not session.settings.runs.exists() or not list(session.settings.runs.iterdir())


@pytest.fixture
def rows():
    return sound(300).with_columns(country=pl.lit("NL"), fahrenheit=32 + 1.8 * pl.col("a"))


def shown(run: noria.Run) -> list[str]:
    return [one.code for one in run.findings]


def test_silenced_findings_are_neither_shown_nor_lost(session, rows):
    first = noria.train(rows, "y", session=session, **QUICK)
    assert shown(first) == ["NOR024", "NOR025"]
    silent = noria.train(rows, "y", session=session, silence=["NOR024"], **QUICK)
    assert silent.record["earlier"] == first.id
    assert shown(silent) == ["NOR025"]
    page, short = silent.report.read_text(), (silent.folder / "report.md").read_text()
    assert "NOR025" in page
    assert "NOR024" not in page + short
    assert (
        "- **low** NOR025 Two features say the same: 'fahrenheit' follows from 'a'. Keep one of them."
        in short
    )
    assert [one["code"] for one in silent.to_dict()["insight"]["findings"]] == ["NOR025"]
    kept = json.loads((silent.folder / "run.json").read_text())["insight"]["findings"]
    assert [one["code"] for one in kept] == ["NOR024", "NOR025"]
    again = noria.train(rows, "y", session=session, **QUICK)
    assert again.record["earlier"] == first.id
    assert shown(again) == ["NOR024", "NOR025"]


def test_show_silences_too(session, rows):
    run = noria.train(rows, "y", session=session, silence=["NOR024", "NOR025"], **QUICK)
    told = noria.show(run.id, session=session)
    assert told.insight.findings == run.findings == ()
    assert not told.to_dict()["insight"]["findings"]
    assert "## Findings" not in run.report.read_text()
    assert noria.show(run.folder, session=session).insight.findings == ()


def test_a_recipe_silences(session, rows, tmp_path):
    rows.write_csv(tmp_path / "rows.csv")
    data = {"source": str(tmp_path / "rows.csv"), "target": "y"}
    search = {"trials": 2, "learners": ["ridge"]}
    recipe = {"name": "toy", "data": data, "silence": ["NOR025"], "search": search}
    assert shown(noria.run(recipe, session=session)) == ["NOR024"]
