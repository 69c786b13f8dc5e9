"""Only what has changed is run again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import noria
from noria.core import artifact, keep, manifest
from noria.core.runs import RunQuery
from noria.data.drift import Reference
from noria.errors import StorageError
from noria.settings import Settings

QUICK = {
    "name": "toy",
    "budget": "60s",
    "trials": 3,
    "learners": ["naive_bayes", "decision_tree", "logistic"],
}


@pytest.fixture(scope="module")
def trained(people, tmp_path_factory) -> Path:
    """A home in which the rows of `people` were learned from."""
    home = tmp_path_factory.mktemp("trained") / "home"
    noria.train(people(), "y", session=noria.Session(Settings(home=home, workers=2)), **QUICK)
    return home


@pytest.fixture
def session(trained, tmp_path) -> noria.Session:
    """A session in a copy of that home, so that the first training of these rows finds their run."""
    return noria.Session(Settings(home=shutil.copytree(trained, tmp_path / "home"), workers=2))


@pytest.fixture
def empty(tmp_path) -> noria.Session:
    """A session in which nothing was trained."""
    return noria.Session(Settings(home=tmp_path / "empty", workers=2))


def stages(session: noria.Session) -> list[str]:
    heard = []
    session.events.listen(
        lambda event: heard.append(event.data["stage"]) if event.kind == "stage.started" else None
    )
    return heard


def test_nothing_has_changed(empty, people):
    first = noria.train(people(), "y", session=empty, **QUICK)
    heard = stages(empty)
    second = noria.train(people(), "y", session=empty, **QUICK)
    assert heard == ["read"]
    assert (second.id, second.version, second.promotion) == (first.id, 1, first.promotion)
    assert second.evaluation.to_dict() == first.evaluation.to_dict()
    rows = people(20, seed=4)
    assert second.model.predict(rows).equals(first.model.predict(rows))
    assert len(empty.registry.model("toy").versions) == 1


def test_a_new_goal_needs_no_new_search(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    heard = stages(session)
    second = noria.train(people(), "y", session=session, goal={"accuracy": "> 1"}, **QUICK)
    third = noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    assert heard == ["read", "keep"] * 2
    assert [run.record["earlier"] for run in (first, second, third)] == [None, first.id, first.id]
    assert [run.version for run in (first, second, third)] == [1, 2, 3]
    assert [run.promotion.promoted for run in (second, third)] == [False, True]
    assert not second.evaluation.goals_met
    assert "taken from run" in second.report.read_text()
    assert Reference.load(second.folder).rows == Reference.load(first.folder).rows
    assert [figure.name for figure in second.figures] == [figure.name for figure in first.figures]
    rows = people(20, seed=4)
    assert noria.load("toy@3", session=session).predict(rows).equals(first.model.predict(rows))


def test_findings_that_read_the_goals_are_those_of_the_new_goals(session, people):
    rare = people(600).with_columns(y=pl.Series(["yes" if at % 9 == 0 else "no" for at in range(600)]))
    keys = {**QUICK, "budget": "300s", "metric": "log_loss", "session": session}

    def told(**goal):
        run = noria.train(rare, "y", goal=goal, **keys)
        return run, [str(one) for one in run.findings if one.code in ("NOR007", "NOR032")]

    first, before = told()
    _, missed = told(accuracy="> 0.99")
    _, close = told(accuracy=f"> {first.evaluation.scores['accuracy'].value - 0.001}")
    _, after = told(roc_auc="> 0")
    assert (before, after) == ([], [])
    assert [one[:6] for one in missed] == ["NOR032"]
    assert [one[:6] for one in close] == ["NOR007", "NOR032"]
    assert "'no' is 89% of the rows" in close[1]


def changed(session, people, tmp_path):
    """What must be searched for again, each against the run before."""
    yield {"source": people(seed=9)}
    yield {"source": people(seed=9), "test": people(40, seed=2)}
    yield {"source": people(seed=9), "test": people(40, seed=3)}
    yield {"source": people(seed=9), "seed": 1}
    yield {"source": people(seed=9), "options": {"ensemble": False}}
    path = tmp_path / "features.py"
    other = "def other(table):\n    return table.with_columns(more=1)\n"
    for factor in (2, 3):
        path.write_text(f"def made(table):\n    return table.with_columns(more={factor})\n{other}")
        yield {"source": people(seed=9), "features": f"{path}:made"}
    yield {"source": people(seed=9), "features": f"{path}:other"}


def test_other_rows_settings_or_code_are_run(session, people, tmp_path):
    before = noria.train(people(), "y", session=session, **QUICK)
    heard = stages(session)
    for count, wish in enumerate(changed(session, people, tmp_path), start=1):
        run = noria.train(wish.pop("source"), "y", session=session, **QUICK, **wish)
        assert (run.id != before.id, heard.count("search")) == (True, count)
        before = run


def test_texts_that_are_masked_later_are_not_taken_over(empty, people, tmp_path):
    people(100).write_csv(tmp_path / "people.csv")
    search = {name: wish for name, wish in QUICK.items() if name != "name"}
    recipe = {
        "name": "toy",
        "data": {"source": str(tmp_path / "people.csv"), "target": "y"},
        "search": {**search, "learners": ["naive_bayes"], "trials": 1},
    }
    first = noria.run(recipe, session=empty)
    second = noria.run({**recipe, "monitor": {"masked": ["remark"]}}, session=empty)
    kept = [Reference.load(run.folder).features["remark"].drawn() for run in (first, second)]
    assert kept[0]
    assert not kept[1]


def test_fresh_runs_it_all_again(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    second = noria.train(people(), "y", session=session, resume=False, **QUICK)
    assert (second.version, second.record["earlier"]) == (2, None)
    assert second.id != first.id


@pytest.mark.parametrize("file", ["model/manifest.json", "manifest.json", "run.json"])
def test_a_damaged_run_is_not_taken(session, people, file):
    first = noria.train(people(), "y", session=session, **QUICK)
    (first.folder / file).write_text("{")
    second = noria.train(people(), "y", session=session, **QUICK)
    assert second.id != first.id
    assert second.record["earlier"] is None


def test_a_model_with_other_code_than_the_features_is_not_taken(session, people, tmp_path):
    path = tmp_path / "features.py"
    path.write_text("def made(table):\n    return table.with_columns(more=1)\n")
    first = noria.train(people(), "y", session=session, features=f"{path}:made", **QUICK)
    planted = first.folder / "model" / "features.py"
    planted.write_text(f"open({str(tmp_path / 'planted')!r}, 'w')\n{path.read_text()}")
    told = artifact.read_manifest(planted.parent)
    told["files"] |= manifest.hashed(planted.parent, [planted])
    told["features"]["sha256"] = manifest.sha256(planted)
    (planted.parent / "manifest.json").write_text(json.dumps(told))
    keep.seal(first.folder, first.id)
    second = noria.train(people(), "y", session=session, features=f"{path}:made", **QUICK)
    assert second.id != first.id
    assert not (tmp_path / "planted").exists()


def test_a_run_that_was_cut_off_before_it_was_registered_is_registered_now(session, people):
    first = noria.train(people(), "y", session=session, **QUICK)
    for path in (session.settings.models / "toy").iterdir():
        path.unlink()
    session.registry.reindex()
    assert session.state.models() == []
    second = noria.train(people(), "y", session=session, **QUICK)
    assert (second.id, second.version, second.promotion.promoted) == (first.id, 1, True)


def test_a_rolled_back_version_stays_where_it_is(session, people):
    noria.train(people(), "y", session=session, **QUICK)
    noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    noria.rollback("toy", session=session)
    again = noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    assert again.version == 2
    assert session.registry.find("toy").number == 1


def test_the_record_names_the_pipeline(session, people):
    run = noria.train(people(), "y", session=session, **QUICK)
    pipeline = json.loads((run.folder / "run.json").read_text())["lineage"]["parameters"]["pipeline"]
    assert sum(part["weight"] for part in pipeline) > 0
    assert {part["learner"] for part in pipeline} <= {"baseline", *QUICK["learners"]}


def test_a_run_is_taken_though_the_one_that_searched_is_gone(session, people):
    for least in (0.1, 0.2, 0.3, 0.4):
        noria.train(people(), "y", session=session, goal={"accuracy": f"> {least}"}, **QUICK)
    pruned = noria.prune(keep=1, session=session)
    run = noria.train(people(), "y", session=session, goal={"accuracy": "> 0.5"}, **QUICK)
    assert run.version == 6
    assert run.record["earlier"] in {item.id for item in pruned.items}


def test_a_version_keeps_its_run_if_the_database_goes_away_before_it_is_promoted(
    session, people, monkeypatch
):
    noria.train(people(), "y", session=session, **QUICK)

    def away(*_, **__):
        raise StorageError("The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(session.registry, "judge", away)
        with pytest.raises(StorageError):
            noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    second = session.registry.find("toy@2")
    assert noria.load("toy@2", session=session).predict(people(20)).height == 20
    again = noria.train(people(), "y", session=session, goal={"accuracy": "> 0"}, **QUICK)
    assert (again.id, again.version, again.promotion.promoted) == (second.run, 2, True)


def test_a_run_that_another_process_ended_meanwhile_is_not_gone_on_with(empty, people, monkeypatch):
    def full(*_):
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(keep, "seal", full)
        with pytest.raises(StorageError):
            noria.train(people(), "y", session=empty, **QUICK)
    (other,) = empty.registry.runs(RunQuery())
    claim = empty.artefacts.claim

    def claim_late(run: str) -> bool:
        empty.state.put(replace(other, ended=1.0))
        return claim(run)

    monkeypatch.setattr(empty.artefacts, "claim", claim_late)
    assert noria.train(people(), "y", session=empty, **QUICK).id != other.id
    assert not empty.artefacts.busy(other.id)
