from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.explanation import word
from noria.core.insight import Finding, Severity
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure, Goal, Leader, Score
from noria.core.schema import Column, Schema, Type
from noria.errors import ArtifactError, ParamError, StorageError
from noria.lifecycle.report import markdown
from noria.settings import Settings

QUICK = {"budget": "60s", "trials": 2, "learners": ["naive_bayes"]}

RECIPE = Recipe.parse({"name": "demo", "title": "A demo", "about": "What it is about.\n"})
EVALUATION = Evaluation(
    rows=1200,
    how="stratified by y, 20% held out",
    metric="accuracy",
    scores={"accuracy": Score("accuracy", 0.8, 0.75, 0.85), "log_loss": Score("log_loss", 0.41)},
    baseline={"accuracy": Score("accuracy", 0.6)},
    goals=(Goal.parse("accuracy", ">= 0.78"), Goal.parse("log_loss", "<= 0.4")),
    leaderboard=(
        Leader("ridge", {}, 0.81, 1.0, 0.5, 0.002, 12_345, trials=3),
        Leader("baseline", {}, 0.6, 0.0, 0.1, 0.001, 10),
    ),
)
SCHEMA = Schema((Column("a|b", Type.NUMBER, distinct=1000, nulls=3, notes=("one", "two")),))


def report(recipe: Recipe = RECIPE, notes: tuple[str, ...] = ("7 rows left out",)) -> str:
    return markdown(recipe, EVALUATION, SCHEMA, notes, {"seed": "0"})


def test_goal_and_result_stand_side_by_side():
    text = report()
    assert text.startswith("# A demo\n\nWhat it is about.\n\n## Results\n")
    assert "Measured on 1,200 rows, with 95% intervals: stratified by y, 20% held out." in text
    assert "| accuracy | 0.8 [0.75, 0.85] | 0.6 | >= 0.78: met |" in text
    assert "| log_loss | 0.41 |  | <= 0.4: missed |" in text


def test_learners_columns_notes_and_facts_are_listed():
    text = report()
    assert "| ridge | 0.81 | 100% | 3 | 0.50 | 2.00 | 12 |" in text
    assert "| baseline | 0.6 |  | 1 | 0.10 | 1.00 | 0 |" in text
    assert "| a\\|b | number | feature | 1,000 | 3 | one; two |" in text
    assert "## Notes\n\n- 7 rows left out" in text
    assert "| seed | 0 |" in text
    assert "noria predict demo new.csv -o scored.parquet" in text


def test_what_comes_from_the_data_is_no_markdown():
    evil = "<img src=x onerror=alert(1)>\n\n| a"
    recipe = Recipe.parse({"name": "demo", "title": evil, "about": evil})
    columns = Schema((Column(evil, Type.NUMBER, notes=(evil,)),))
    finding = Finding("NOR021", Severity.LOW, evil, evil, evil, (evil,))
    figure = Figure("it", evil, pl.DataFrame(), {}, "results")
    evaluation = replace(EVALUATION, how=evil)
    text = markdown(recipe, evaluation, columns, (evil,), {"data": evil}, [figure], [finding])
    assert text.count("<img") == text.count(r"\<img")
    assert text.count(r"\<img src=x onerror=alert(1)\> \| a") == 11
    assert [line for line in text.splitlines() if line.startswith("|") and not line.endswith(" |")] == []


def test_what_is_empty_is_left_out():
    text = report(Recipe.parse({"name": "plain"}), ())
    assert text.startswith("# plain\n\n## Results")
    assert "## Notes" not in text
    assert "\n\n\n" not in text


# -- the files that a run is told in -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))


@pytest.fixture(scope="module")
def trained(session, people):
    return noria.train(people(), "y", name="toy", session=session, **QUICK)


def test_the_page_of_a_run_is_there_and_is_made_again_if_it_is_lost(session, trained):
    page = noria.report("toy", session=session)
    assert page == trained.report == trained.folder / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert noria.report("toy", session=session).read_bytes() == before


def test_a_copied_run_can_be_reported_where_nothing_is_known_of_it(trained, tmp_path):
    copied = shutil.copytree(trained.folder, tmp_path / "copied")
    (copied / "report.html").unlink()
    elsewhere = noria.Session(Settings(home=tmp_path / "home"))
    assert noria.report(copied, session=elsewhere).read_text() == trained.report.read_text()


@pytest.mark.parametrize(
    ("kind", "name", "begins"),
    [
        ("html", "report.html", "<!doctype html>"),
        ("md", "report.md", "# toy"),
        ("card", "model-card.md", "---\nlibrary_name: noria"),
        ("readme", "README.md", "# toy\n\n## Problem"),
    ],
)
def test_every_kind_goes_where_it_is_wanted(session, trained, tmp_path, kind, name, begins):
    folder = tmp_path / "here"
    folder.mkdir()
    assert noria.report("toy", kind=kind, output=folder, session=session) == folder / name
    assert (folder / name).read_text().startswith(begins)
    named = tmp_path / "new" / "it.txt"
    assert noria.report("toy", kind=kind, output=named, session=session) == named
    assert named.read_text() == (folder / name).read_text()
    assert noria.report("toy", kind=kind, session=session).parent == trained.folder
    noria.show("toy", session=session)  # what was added is no damage


def test_no_form_of_it_tells_a_password(session, people, tmp_path):
    people().write_csv(tmp_path / "rows.csv")
    title = "Rows of postgresql://ann:secret@host/shop"
    recipe = {"name": "shop", "title": title, "data": {"source": str(tmp_path / "rows.csv"), "target": "y"}}
    run = noria.run(recipe, session=session, **QUICK)
    assert run.to_dict()["recipe"]["title"] == "Rows of postgresql://host/shop"
    for kind in ("html", "card", "readme"):
        text = noria.report("shop", kind=kind, session=session).read_text()
        assert "postgresql://host/shop" in text
        assert "secret" not in text


def test_it_tells_no_text_and_puts_no_row_together(session, tmp_path):
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "income": rng.normal(5e4, 1e4, 300).round(2),
            "height": rng.normal(170, 9, 300).round(2),
            "remark": [
                " ".join(rng.choice(["late", "good", "again"], 6)) + f" secret{at}" for at in range(300)
            ],
        }
    )
    table = table.with_columns(y=pl.col("income") + 900 * pl.col("height"))
    run = noria.train(table, "y", name="private", session=session,
                      **{**QUICK, "budget": "300s", "learners": ["ridge"]})  # fmt: skip
    assert "remark" in (page := run.report.read_text(encoding="utf-8"))
    assert "secret" not in page
    assert not any("secret" in path.read_text() for path in (run.folder / "figures").iterdir())
    strips = next(one for one in run.figures if one.name == "explanation-2-attributions").frame
    income, height = (strips.filter(feature=name)["value"] for name in ("income", "height"))
    rows = set(zip(map(word, table["income"]), map(word, table["height"])))
    assert set(income) <= {one for one, _ in rows}
    assert sum(pair in rows for pair in zip(income, height)) < 5


def test_no_such_kind(session, trained):
    with pytest.raises(ParamError) as caught:
        noria.report("toy", kind="htm", session=session)
    assert str(caught.value) == "There is no report of the kind 'htm'.\n  do:  Did you mean 'html'?"


def test_a_run_that_has_not_ended(trained, tmp_path):
    folder = tmp_path / "home" / "runs" / trained.id
    shutil.copytree(trained.folder, folder)
    for name in ("run.json", "manifest.json", "report.html"):
        (folder / name).unlink()
    with pytest.raises(ParamError) as caught:
        noria.report(folder, session=noria.Session(Settings(home=tmp_path / "home")))
    assert str(caught.value) == (
        f"Run '{trained.id}' has nothing to report yet.\n  got: stopped\n  do:  Run: noria show {trained.id}"
    )
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("name", ["run.json", "figures/confusion.vl.json", "model/manifest.json"])
def test_a_damaged_run_is_one_clear_error(trained, tmp_path, name):
    copied = shutil.copytree(trained.folder, tmp_path / "copied")
    (copied / name).write_text("{", encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        noria.report(copied, output=tmp_path / "out.html", session=noria.Session(Settings(home=tmp_path)))
    assert name.rpartition("/")[2] in str(caught.value) or "manifest of the model" in str(caught.value)
    assert not (tmp_path / "out.html").exists()


def test_a_place_that_cannot_be_written(session, trained, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="Cannot write"):
        noria.report("toy", output=tmp_path / "file" / "x.html", session=session)


def test_a_real_run_with_hostile_names_is_told_safely(look, tmp_path):
    script, rtl = "<script>window.hacked=1</script>", "גיל"
    rows = 60
    table = {
        script: [f"<img src=x onerror=window.hacked=1>{at % 3}" for at in range(rows)],
        rtl: [at % 7 for at in range(rows)],
        "🚀 {{7*7}}": [float(at) for at in range(rows)],
        "target": [f"<b>{at % 2}</b>" for at in range(rows)],
    }
    session = noria.Session(Settings(home=tmp_path / "home", workers=1))
    run = noria.train(table, "target", name="evil", session=session, **QUICK)
    seen = look(run.report, width=390)
    seen.page.wait_for_function(f"document.querySelectorAll('[data-drawn]').length === {len(run.figures)}")
    assert seen.page.evaluate("window.hacked") is None
    assert (seen.errors, seen.faults(), seen.overflows()) == ([], [], False)
    said = seen.page.locator("main").inner_text()
    for name in (script, rtl, "🚀 {{7*7}}"):
        assert name in said
