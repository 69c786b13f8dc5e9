from __future__ import annotations

import json
import shutil
from dataclasses import replace

import polars as pl
import pytest

import noria
from noria.errors import ParamError
from noria.lifecycle.compare import compare, text
from noria.settings import Settings

QUICK = {"budget": "60s", "trials": 3, "name": "toy", "learners": ["naive_bayes"]}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))


@pytest.fixture(scope="module")
def runs(session, people):
    """Three runs: of other learners, and of other rows and columns too."""
    one = noria.train(people(), "y", session=session, **QUICK)
    two = noria.train(people(), "y", session=session, **{**QUICK, "learners": ["logistic"]})
    more = people(180, seed=1).with_columns(spare=pl.int_range(180) % 7)
    return one, two, noria.train(more, "y", session=session, seed=5, **QUICK)


def differing(comparison) -> dict[tuple[str, str], tuple]:
    return {(row[0], row[1]): row[2:] for row in comparison.differences().rows()}


def test_scores_stand_side_by_side_with_their_difference(session, runs):
    one, two, _ = runs
    found = noria.compare(one.id, two.id, session=session)
    first, second = (run.evaluation.scores["accuracy"] for run in (one, two))
    rows = found.frame().filter(metric="accuracy").rows()
    assert rows == [
        ("accuracy", one.id, first.value, first.low, first.high, None),
        ("accuracy", two.id, second.value, second.low, second.high, second.value - first.value),
    ]


def test_only_what_differs_is_told_unless_everything_is_wanted(session, runs):
    one, two, _ = runs
    found = noria.compare(one.id, two.id, session=session)
    told = differing(found)
    assert told["recipe", "search.learners"] == ("naive_bayes", "logistic")
    assert told["learners", "naive_bayes.share"][1] == "-"
    assert {section for section, _ in told} == {"recipe", "learners"}
    every = {row[1]: row[2:] for row in found.differences(every=True).rows()}
    assert every["search.seed"] == ("0", "0")
    assert every["packages.polars"] == (pl.__version__,) * 2
    assert every["column age"] == ("number, feature",) * 2
    assert found.other_rows == []


def test_other_data_and_seeds_are_told_and_that_the_rows_were_others(session, runs):
    names = [run.id for run in runs]
    found = noria.compare(*names, session=session)
    told = differing(found)
    assert told["data", "rows"] == ("160", "160", "180")
    assert told["data", "column spare"][0] == "-"
    assert len(told["data", "fingerprint"][0]) == 12
    assert told["recipe", "search.seed"] == ("0", "0", "5")
    assert found.other_rows == ["data", "split", "seed"]


def test_a_run_is_like_its_copy(session, runs, tmp_path):
    copied = shutil.copytree(runs[0].folder, tmp_path / "copied")
    found = noria.compare(runs[0].id, copied, session=session)
    assert found.differences().is_empty()
    assert set(found.frame()["difference"].drop_nulls()) == {0.0}


def test_it_renders_itself(session, runs):
    one, two, _ = runs
    found = noria.compare("toy@1", "toy@2", session=session)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["runs"]["toy@2"]["id"] == two.id
    assert told["same_rows"] is True
    assert {"section": "recipe", "name": "search.learners",
            "values": {"toy@1": ["naive_bayes"], "toy@2": ["logistic"]}} in told["facts"]  # fmt: skip
    assert len(found.to_dict(every=True)["facts"]) > len(told["facts"])
    assert "Difference from toy@1</caption>" in found._repr_html_()
    assert one.id not in found._repr_html_()


def test_there_must_be_two_finished_runs(session, runs, tmp_path):
    with pytest.raises(ParamError) as caught:
        noria.compare("toy@1", session=session)
    assert str(caught.value) == (
        "There is nothing to compare with.\n  got: 1 run\n  do:  Name two or more runs."
    )
    stopped = shutil.copytree(runs[0].folder, tmp_path / "stopped")
    for name in ("run.json", "manifest.json"):
        (stopped / name).unlink()
    with pytest.raises(ParamError) as caught:
        noria.compare("toy@1", stopped, session=session)
    assert str(caught.value) == (
        f"Run {runs[0].id!r} has no scores yet.\n  got: stopped\n  do:  Run: noria show {runs[0].id}"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "-"), (False, "no"), (3, "3"), (0.123456, "0.1235"), ([], "-"), (["a", 1.5], "a, 1.5"),
     ("ab" * 20, "ab" * 6), ("no digest, though of forty letters long.",) * 2],
)  # fmt: skip
def test_facts_in_words(value, said):
    assert text(value) == said


def test_a_run_may_be_called_as_a_column_of_the_differences_is(session, runs):
    one, two, _ = (noria.show(run.id, session=session) for run in runs)
    found = compare({"what": one, "section": two})
    assert found.differences().columns == ["section", "what", "run what", "run section"]
    assert found.differences().filter(what="search.learners").row(0)[2:] == ("naive_bayes", "logistic")
    assert "run section" in found.page()


def test_runs_of_different_tasks_are_not_judged_against_each_other(session, runs):
    one, two, _ = (noria.show(run.id, session=session) for run in runs)
    found = compare({"one": one, "two": replace(two, record={**two.record, "task": "regression"})})
    assert found.other_rows == ["task"]
    page = found.page()
    assert "scores of different tasks say nothing about each other" in page
    scores = page.partition('id="scores"')[2].partition('id="learners"')[0]
    assert "better" not in scores
    assert "worse" not in scores


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_comparison(session, runs, look, tmp_path, scheme):
    one, two, three = runs
    path = tmp_path / "compared.html"
    path.write_text(noria.compare("toy@1", two.id, three.id, session=session).page(), encoding="utf-8")
    seen = look(path, scheme=scheme)
    for width in (1280, 820, 390):
        seen.page.set_viewport_size({"width": width, "height": 900})
        assert (seen.errors, seen.faults(), seen.overflows()) == ([], [], False)
        places = "(all) => all.map((one) => one.getBoundingClientRect().x)"
        assert len(set(seen.page.locator("tbody .drawn-strip").evaluate_all(places))) == 1
    said = " ".join(seen.page.locator("main").inner_text().split())
    for words in (
        "3 runs compared", "All are compared with the first, toy@1.", "Not judged by the same held-out rows",
        "ROC AUC", "more is better", "search.learners",
    ):  # fmt: skip
        assert words in said, words
    assert seen.page.locator("svg.strip").count() == 3 * len(one.evaluation.scores)
    assert seen.page.locator(".metric").first.inner_text() == "ROC AUC more is better"


def test_columns_and_what_is_equal_are_folded(session, runs, look, tmp_path):
    path = tmp_path / "compared.html"
    path.write_text(noria.compare(runs[0].id, runs[2].id, session=session).page(), encoding="utf-8")
    seen = look(path, width=820)
    shown = seen.page.locator("main").inner_text()
    assert "search.seed" in shown
    assert "Columns that differ (1)" in shown
    assert "column spare" not in shown
    assert "column age" not in shown
    for folded in ("Columns that differ", "What is equal"):
        seen.page.get_by_text(folded).click()
    shown = seen.page.locator("main").inner_text()
    assert "column spare" in shown
    assert "column age" in shown
    heads = seen.page.locator(".listed th:nth-child(3)")
    assert len({heads.nth(at).bounding_box()["x"] for at in range(3)}) == 1
    assert (seen.errors, seen.faults(), seen.overflows()) == ([], [], False)


def test_the_page_of_equal_runs_says_so(session, runs):
    one, *_ = runs
    html = noria.compare("toy@1", one.id, session=session).page()
    assert "All were judged by the same held-out rows." in html
    assert "Nothing else differs." in html
    assert "the same" in html
