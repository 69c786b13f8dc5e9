from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

import noria
from noria.cli.summary import show_details
from noria.errors import ArtifactError, NotFoundError, ParamError
from noria.settings import Settings

QUICK = {"budget": "60s", "trials": 2, "learners": ["naive_bayes"]}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))


@pytest.fixture(scope="module")
def trained(session, people):
    one = noria.train(people(), "y", name="toy", session=session, goal={"accuracy": ">= 0.1"}, **QUICK)
    noria.train(people(seed=1), "y", name="toy", session=session, **QUICK)
    noria.train(people(), "y", name="alone", session=session, **QUICK)
    session.registry.promote("toy", 1)
    session.registry.promote("toy", 2, "challenger")
    session.registry.tag("toy", 1, {"owner": "ann"})
    return one


def test_a_run_is_found_by_id_beginning_model_version_alias_and_folder(
    session, trained, tmp_path, monkeypatch
):
    copied = shutil.copytree(trained.folder, tmp_path / "copied")
    monkeypatch.chdir(tmp_path)
    for reference in (
        trained.id,
        "toy",
        "toy@1",
        "toy@champion",
        copied,
        str(copied),
        "copied",
    ):
        assert noria.show(reference, session=session).entry.id == trained.id
    assert noria.show("toy@challenger", session=session).entry.id != trained.id
    assert noria.show("alone-2", session=session).entry.name == "alone"


def test_it_tells_what_the_run_told(session, trained):
    found = noria.show("toy", session=session)
    assert found.status == "finished"
    assert found.evaluation == trained.evaluation
    assert found.record == json.loads(json.dumps(trained.record))
    assert found.frame().equals(trained.evaluation.frame())
    assert found.report == trained.report
    assert found.recipe.data.target == "y"
    assert found.events[-1]["kind"] == "run.kept"
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["versions"] == [
        {"name": "toy", "version": 1, "aliases": ["champion"], "tags": {"owner": "ann"}}
    ]
    assert (told["status"], told["goals_met"], told["id"]) == ("finished", True, trained.id)
    assert told["lineage"]["parameters"]["pipeline"][0]["learner"] == "naive_bayes"
    assert found._repr_html_() == trained._repr_html_()


def test_a_copied_run_is_shown_where_nothing_is_known_of_it(trained, tmp_path):
    copied = shutil.copytree(trained.folder, tmp_path / "copied")
    elsewhere = noria.Session(Settings(home=tmp_path / "home"))
    found = noria.show(copied, session=elsewhere)
    assert (found.status, found.models, found.entry.id) == ("finished", (), trained.id)
    assert not (tmp_path / "home").exists()


def test_it_tells_no_password(session, trained, capsys):
    known, address = noria.show("toy", session=session), "postgresql://ann:secret@host/shop"
    given = known.record["recipe"]
    recipe = {**given, "data": {**given["data"], "source": address}}
    lineage = {**known.record["lineage"], "data": {**known.record["lineage"]["data"], "source": address}}
    for found in (
        replace(known, record={**known.record, "recipe": recipe, "lineage": lineage}),
        replace(known, record=None, started={**known.started, "recipe": recipe}),
    ):
        assert found.recipe.data.source == address
        show_details(found)
        for text in (json.dumps(found.to_dict()), capsys.readouterr().out):
            assert "postgresql://host/shop" in text
            assert "secret" not in text


def test_a_run_that_has_not_ended_tells_how_far_it_came(trained, tmp_path, people):
    session = noria.Session(Settings(home=tmp_path / "home", workers=1))
    folder = session.settings.runs / trained.id
    shutil.copytree(trained.folder, folder)
    for name in ("run.json", "manifest.json"):
        (folder / name).unlink()
    session.registry.reindex()
    found = noria.show(trained.id, session=session)
    assert (found.status, found.evaluation, found.record) == ("stopped", None, None)
    assert found.recipe.name == "toy"
    assert sum(event["kind"] == "trial.finished" for event in found.to_dict()["events"]) == trained.trials
    assert found.frame().is_empty()
    assert "stopped" in found._repr_html_()
    session.artefacts.claim(trained.id)
    assert noria.show(trained.id, session=session).status == "running"
    session.artefacts.release(trained.id)


@pytest.mark.parametrize("name", ["report.md", "run.json", "started.json", "manifest.json"])
def test_a_damaged_run_is_told(trained, tmp_path, name):
    copied = shutil.copytree(trained.folder, tmp_path / "copied")
    (copied / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        noria.show(copied, session=noria.Session(Settings(home=tmp_path / "home")))


def test_what_is_not_there_or_not_clear(session, trained, tmp_path):
    with pytest.raises(NotFoundError) as caught:
        noria.show("toi", session=session)
    assert str(caught.value) == "There is no run or model 'toi'.\n  do:  Did you mean 'toy'?"
    with pytest.raises(ParamError, match="Several runs begin with 'toy-'"):
        noria.show("toy-", session=session)
    with pytest.raises(NotFoundError, match="There is no version 9 of 'toy'"):
        noria.show("toy@9", session=session)
    with pytest.raises(NotFoundError) as caught:
        noria.show(tmp_path, session=session)
    assert str(caught.value) == (
        f"{tmp_path} is not a run folder: it has no started.json.\n  do:  Name a run's folder, or its id."
    )
