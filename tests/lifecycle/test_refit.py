"""A pipeline on new data, and a run a second time."""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

import noria
from noria.core import keep
from noria.core.recipe import Recipe
from noria.errors import ArtifactError, NotFoundError, RecipeError, TrustError
from noria.lifecycle import refit
from noria.lifecycle.prepare import Preparation
from noria.lifecycle.refit import Reproduction
from noria.settings import Settings

QUICK = {
    "name": "toy",
    "budget": "60s",
    "trials": 4,
    "learners": ["naive_bayes", "decision_tree", "logistic"],
}


@pytest.fixture
def featured(people, tmp_path):
    """Keys of a run with a feature function."""
    path = tmp_path / "features.py"
    path.write_text(
        "import polars as pl\n"
        "def made(table):\n    return table.with_columns(more=pl.col(pl.Float64).first())\n"
    )
    return {**QUICK, "features": f"{path}:made"}


# -- refit ---------------------------------------------------------------------------------------------------


def test_refit_fits_the_pipeline_on_other_rows(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    run = noria.refit("toy", people(300, seed=7), session=session)
    lines = [json.loads(line) for line in (run.folder / "trials.jsonl").read_text().splitlines()]
    fitted = [(line["learner"], line["params"]) for line in lines]
    assert fitted == [
        ("baseline", {}),
        *((part["learner"], part["params"]) for part in first.record["lineage"]["parameters"]["pipeline"]),
    ]
    assert (run.version, run.record["rows"]) == (2, 300)
    assert run.record["recipe"] == first.record["recipe"]


def test_refit_reads_the_source_of_the_recipe_again(session, people, tmp_path):
    path = tmp_path / "rows.csv"
    people(100).write_csv(path)
    noria.train(path, "y", session=session, **QUICK)
    people(160).write_csv(path)
    run = noria.refit("toy@1", session=session)
    assert (run.version, run.record["rows"]) == (2, 160)


@pytest.fixture
def web(tmp_path):
    """A folder, and its address on a web server that never tells whether a file has changed."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given):
            super().__init__(*given, directory=tmp_path)

        def send_header(self, name, value):
            if name != "Last-Modified":
                super().send_header(name, value)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_refit_and_a_fresh_run_fetch_the_source_anew(web, people):
    folder, address = web
    session = noria.Session(Settings(home=folder / "home", mirror=None, offline=False, workers=2))
    wish = {**QUICK, "trials": 1, "session": session}
    for rows, made in (
        (100, lambda: noria.train(f"{address}/rows.csv", "y", **wish)),
        (120, lambda: noria.refit("toy", session=session)),
        (140, lambda: noria.train(f"{address}/rows.csv", "y", resume=False, **wish)),
    ):
        people(rows).write_csv(folder / "rows.csv")
        assert made().record["rows"] == rows
    people(160).write_csv(folder / "rows.csv")
    run = noria.train(f"{address}/rows.csv", "y", **{**wish, "learners": ["decision_tree"]})
    assert run.record["rows"] == 140
    assert "does not say whether it has changed. The copy of just now was read." in "".join(run.notes)


def test_a_source_that_stands_beside_its_recipe_is_found_from_anywhere(
    session, people, tmp_path, monkeypatch
):
    people(100).write_csv(tmp_path / "rows.csv")
    (tmp_path / "recipe.yaml").write_text(
        "name: toy\ndata: {source: rows.csv, target: y}\nsearch: {trials: 2, learners: [logistic]}\n"
    )
    noria.run(tmp_path, session=session)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert noria.refit("toy", session=session).version == 2


def test_patterns_and_databases_beside_a_recipe_are_found_from_anywhere(session, people, tmp_path):
    people(100).write_csv(tmp_path / "part 1.csv")
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.executescript("CREATE TABLE t (age, y); INSERT INTO t VALUES (1, 'yes'), (2, 'no');")
    recipe = Recipe.parse({"name": "toy", "data": {"source": "part*.csv", "test": "sqlite:///x.db"}})
    assert refit._located(recipe, str(tmp_path)) == {
        "source": f"{tmp_path}/part*.csv",
        "test": f"sqlite:///{tmp_path}/x.db",
    }
    prepared = Preparation(
        Recipe.parse({"name": "toy", "data": {"source": "part*.csv", "target": "y"}}, folder=tmp_path),
        session.settings,
        session.events,
    )()
    assert prepared.table.height == 100


def test_a_long_query_is_a_source(session, people, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people(100).write_csv("rows.csv")
    towns = ", ".join(f"'town {at}'" for at in range(99))
    query = f"sql:SELECT * FROM 'rows.csv' WHERE town NOT IN ({towns})"
    recipe = Recipe.parse({"name": "toy", "data": {"source": query, "target": "y"}}, folder=tmp_path)
    assert Preparation(recipe, session.settings, session.events)().table.width == 6
    assert refit._located(recipe, str(tmp_path)) == {"source": query}


def test_documents_beside_a_recipe_are_found_from_anywhere(tmp_path):
    (tmp_path / "pages").mkdir()
    record = {"recipe": {"data": {"documents": "pages"}}, "recipe_folder": str(tmp_path)}
    assert refit._documents(record) == {"documents": [str(tmp_path / "pages")]}
    assert refit.documents_folder(record) == tmp_path / "pages"
    record["recipe"]["data"]["documents"] = [
        "https://example.org/a",
        "package:noria/docs",
        "pages/*.md",
        "none",
    ]
    assert refit._documents(record) == {"documents": record["recipe"]["data"]["documents"]}
    assert refit.documents_folder(record) is None
    assert refit.documents_folder({}) is None


def test_refit_of_a_run_without_a_source_needs_rows(session, people):
    noria.train(people(), "y", session=session, **QUICK)
    with pytest.raises(RecipeError, match="There are no data to learn from"):
        noria.refit("toy", session=session)


def test_refit_keeps_the_features(session, people, featured):
    first = noria.train(people(), "y", session=session, **featured)
    run = noria.refit("toy", people(200, seed=7), session=session)
    assert run.record["features"] == first.record["features"]


def test_an_unknown_model(session):
    with pytest.raises(NotFoundError):
        noria.refit("toy", session=session)


# -- reproduce -----------------------------------------------------------------------------------------------


def test_a_run_is_reproduced_byte_for_byte(session, people, featured):
    run = noria.train(people(), "y", test=people(50, seed=3), session=session, **featured)
    done = noria.reproduce(run.id, session=session)
    assert (done.exact, done.close, done.files) == (True, True, [])
    assert done.scores["accuracy"] == (run.evaluation.scores["accuracy"].value,) * 2
    assert done.again != run.id
    assert [version.run for version in session.registry.model("toy").versions] == [run.id]
    assert noria.train(people(), "y", test=people(50, seed=3), session=session, **featured).id == run.id


def test_a_series_is_reproduced(session):
    months = pl.datetime_range(pl.datetime(2015, 1, 1), pl.datetime(2020, 12, 1), "1mo", eager=True)
    rows = pl.DataFrame({"t": months, "y": [10.0 + at % 12 + at % 5 for at in range(len(months))]})
    wish = {
        "task": "forecasting",
        "time": "t",
        "name": "months",
        "trials": 4,
        "learners": ["theta", "additive"],
    }
    run = noria.train(rows, "y", session=session, budget="60s", options={"horizon": 6}, **wish)
    assert noria.reproduce("months", session=session).exact
    assert run.version == 1


def test_a_run_is_named_by_the_beginning_of_its_id(session, people):
    run = noria.train(people(), "y", session=session, **QUICK)
    assert noria.reproduce(run.id[:-2], session=session).run == run.id


def test_a_score_that_is_no_number_both_times_is_the_same():
    scores = {"roc_auc": (math.nan, math.nan), "accuracy": (0.5, 0.5)}
    assert Reproduction("a", "b", scores, [], []).close
    assert not Reproduction("a", "b", {"roc_auc": (0.5, math.nan)}, [], []).close


def test_what_is_not_the_same_is_told(session, people):
    run = noria.train(people(), "y", session=session, **QUICK)
    record = json.loads((run.folder / "run.json").read_text())
    record["evaluation"]["scores"]["accuracy"]["value"] -= 0.1
    record["lineage"]["environment"]["python"] = "3.1"
    (run.folder / "run.json").write_text(json.dumps(record))
    keep.seal(run.folder, run.id)
    done = noria.reproduce("toy", session=session)
    assert (done.exact, done.close) == (True, False)
    assert any(line.startswith("python: 3.1 then") for line in done.differs)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("run.json", "damaged"),
        ("trials.jsonl", "'trials.jsonl' has changed"),
        ("model/model.json", "'model.json' has changed"),
    ],
)
def test_a_damaged_run_is_not_repeated(session, people, file, said):
    run = noria.train(people(), "y", session=session, **QUICK)
    (run.folder / file).write_text("{")
    with pytest.raises(ArtifactError, match=said):
        noria.reproduce(run.id, session=session)


def test_data_that_were_not_kept(session, people):
    run = noria.train(people(), "y", session=session, **QUICK)
    for path in session.settings.snapshots.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(NotFoundError, match="There is no snapshot"):
        noria.reproduce(run.id, session=session)


def test_code_from_elsewhere_is_not_run(session, people, featured, tmp_path):
    run = noria.train(people(), "y", session=session, **featured)
    other = noria.Session(Settings(home=tmp_path / "other"))
    other.settings.runs.mkdir(parents=True)
    run.folder.rename(other.settings.runs / run.id)
    other.registry.record(run.id)
    moved = other.settings.runs / run.id
    record = json.loads((moved / "run.json").read_text())
    (moved / "run.json").write_text(json.dumps({**record, "features": None}))
    keep.seal(moved, run.id)
    other.registry.record(run.id)
    with pytest.raises(TrustError):
        noria.reproduce(run.id, session=other)
