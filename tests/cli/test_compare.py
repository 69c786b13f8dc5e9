"""``noria compare``: runs side by side."""

from __future__ import annotations

import json


def test_two_runs_side_by_side(looked):
    done = looked("compare", "pets@1", "pets@2")
    text = " ".join(done.out.split())
    assert done.code == 0, done.err
    for words in (
        "compared run started",
        "metric run score 95% interval difference",
        "Not judged by the same held-out rows: different seed.",
        "section what pets@1 pets@2",
        "recipe search.seed 0 3",
    ):
        assert words in text
    assert "search.budget" not in text
    assert "search.budget 300 300" in " ".join(looked("compare", "pets@1", "pets@2", "--all").out.split())
    assert max(map(len, done.out.splitlines())) <= 100


def test_json(looked):
    told = json.loads(looked("compare", "pets@1", "pets@2", "--json").out)
    assert list(told["runs"]) == ["pets@1", "pets@2"]
    assert (told["same_rows"], told["other_rows"]) == (False, ["seed"])
    assert {score["run"] for score in told["scores"]} == {"pets@1", "pets@2"}


def test_a_run_and_itself(looked, history):
    run = json.loads(looked("show", "pets@1", "--json").out)
    out = looked("compare", "pets@1", run["id"]).out
    assert "All were judged by the same held-out rows." in out
    assert "Nothing else differs." in out


def test_one_run_is_not_enough(looked):
    done = looked("compare", "pets@1")
    assert done.code == 2
    assert "Name two or more runs." in done.err


def test_a_page(looked, tmp_path):
    done = looked("compare", "pets@1", "pets@2", "-o", tmp_path / "compared.html")
    assert done.out.endswith(f"The page is {tmp_path / 'compared.html'}\n")
    assert '<h1 dir="auto">pets@1 against pets@2</h1>' in (tmp_path / "compared.html").read_text()
