from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

import noria
from noria.backends.artefacts_local import LocalArtefacts
from noria.backends.state_sql import SqlState
from noria.core.events import Events
from noria.core.result import Evaluation, Score
from noria.core.runs import RunQuery
from noria.errors import StorageError
from noria.lifecycle.register import Registry
from noria.lifecycle.reindex import Reindexed, reindex
from noria.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def registry(settings) -> Registry:
    return Registry(LocalArtefacts(settings), SqlState(settings), who="me@here")


def ended(registry: Registry, name: str = "demo") -> str:
    artefacts = registry.artefacts
    run = artefacts.create(name)
    told = {"id": run, "name": name, "started": 5.0, "key": "k", "snapshot": "s", "noria": "1"}
    (artefacts.folder(run) / "started.json").write_text(json.dumps(told))
    evaluation = Evaluation(10, "random", "auc", {"auc": Score("auc", 0.8, 0.7, 0.9)})
    record = {
        "ended": 9.0, "task": "classification", "seconds": 4.0, "rows": 50, "trials": 3, "features": None,
        "commit": None, "evaluation": evaluation.to_dict(),
    }  # fmt: skip
    (artefacts.folder(run) / "run.json").write_text(json.dumps(record))
    registry.record(run)
    artefacts.release(run)
    return run


def content(registry: Registry):
    return registry.runs(RunQuery()), registry.state.models()


def test_the_index_is_what_it_was(registry):
    for name in ("demo", "demo", "other"):
        registry.register(name, ended(registry, name))
    registry.promote("demo", 2, why="better")
    registry.tag("other", 1, {"owner": "Ann"})
    before = content(registry)
    registry.state.forget(before[0][0].id)
    assert registry.reindex() == Reindexed(3, 5, {})
    assert content(registry) == before


def test_a_folder_that_was_copied_from_elsewhere_is_found(registry, settings, tmp_path):
    there = Registry(LocalArtefacts(settings), SqlState(settings))
    run = ended(there)
    here = Settings(home=tmp_path / "here")
    shutil.copytree(settings.runs / run, here.runs / run)
    assert noria.reindex(session=noria.Session(here)) == Reindexed(1, 0, {})
    assert SqlState(here).runs() == there.runs(RunQuery())


def test_a_run_that_said_nothing_yet_is_no_damage(registry):
    registry.artefacts.create("demo")
    assert registry.reindex() == Reindexed(0, 0, {})


# -- damage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("run.json", "", "{folder}/run.json is damaged. (Expecting value: line 1 column 1 (char 0))"),
        ("run.json", "[]", "{folder}/run.json is damaged. (It holds no fields.)"),
        ("run.json", "{}", "The record of run '{run}' is damaged. (KeyError: 'evaluation')"),
        ("started.json", None, "The record of run '{run}' is damaged. (KeyError: 'name')"),
    ],
    ids=["empty", "no fields", "a field is missing", "a file is missing"],
)  # fmt: skip
def test_a_damaged_run_is_named_and_left_out(registry, file, text, why):
    good, bad = ended(registry), ended(registry)
    folder = registry.artefacts.folder(bad)
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text)
    events, said = Events(), []
    events.listen(said.append)
    made = registry.reindex(events)
    assert made == Reindexed(1, 0, {f"runs/{bad}": why.format(run=bad, folder=folder)})
    assert [run.id for run in registry.runs(RunQuery())] == [good]
    (told,) = (event.data for event in said if event.kind == "reindex.damaged")
    assert told == {"name": f"runs/{bad}", "why": made.damaged[f"runs/{bad}"]}


def test_a_copy_under_another_name_is_not_a_second_run(registry, settings):
    run = ended(registry)
    shutil.copytree(settings.runs / run, settings.runs / "copy")
    assert registry.reindex() == Reindexed(1, 0, {"runs/copy": f"The folder holds another run. ({run})"})


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_text("{"), "{path} is damaged. (Expecting property name"),
        (lambda path: path.unlink(), "An entry is missing. (3)"),
        (lambda path: shutil.copy(path.with_name("000001.json"), path), "An entry is of another history."),
    ],
    ids=["a changed byte", "a missing file", "a copied file"],
)  # fmt: skip
def test_a_damaged_history_counts_up_to_the_damage(registry, settings, damage, why):
    for _ in range(2):
        registry.register("demo", ended(registry))
    for version in (1, 2):
        registry.promote("demo", version)
    path = settings.models / "demo" / "000003.json"
    damage(path)
    made = registry.reindex()
    assert made.damaged["models/demo"].startswith(why.format(path=path))
    assert (made.runs, made.changes, len(made.damaged)) == (2, 2, 1)
    assert registry.model("demo").aliases == {}


def test_what_was_damaged_and_is_restored_is_found(registry):
    run = ended(registry)
    file = registry.artefacts.folder(run) / "run.json"
    whole = file.read_text()
    file.write_text("")
    assert registry.reindex().runs == 0
    file.write_text(whole)
    assert registry.reindex() == Reindexed(1, 0, {})


def test_a_database_that_is_damaged_is_made_anew(registry, settings):
    registry.register("demo", ended(registry))
    before = content(registry)
    session = noria.Session(settings)
    for path in settings.home.glob("state.db*"):
        path.unlink()
    (settings.home / "state.db").write_text("no database")
    with pytest.raises(StorageError, match="Run: noria reindex"):
        noria.load("demo", session=session)
    assert noria.reindex(session=session) == Reindexed(1, 1, {})
    assert content(session.registry) == before


# -- many, and at once ---------------------------------------------------------------------------------------


def test_many_folders_tell_how_far_it_is(registry, settings):
    for at in range(250):
        folder = settings.runs / f"demo-{at:03}"
        folder.mkdir(parents=True)
        told = {"id": folder.name, "name": "demo", "started": at, "key": "k", "snapshot": "s", "noria": "1"}
        (folder / "started.json").write_text(json.dumps(told))
    events, said = Events(), []
    events.listen(said.append)
    assert registry.reindex(events).runs == 250
    assert [(event.kind, event.data) for event in said] == [
        ("reindex.progress", {"done": 100, "total": 250}),
        ("reindex.progress", {"done": 200, "total": 250}),
    ]


def test_what_happens_while_folders_are_read_is_not_lost(registry, settings):
    """A run ends, one is discarded, one begins and is registered just when all have been read."""
    done, gone = ended(registry), ended(registry)
    running = ended(registry)
    record = registry.artefacts.folder(running) / "run.json"
    text = record.read_text()
    record.unlink()
    registry.record(running)
    registry.register("demo", done)

    class Busy(LocalArtefacts):
        def names(self):
            if record.exists():
                return super().names()
            record.write_text(text)
            registry.record(running)
            registry.discard(gone)
            registry.register("demo", ended(registry))
            registry.register("other", ended(registry, "other"))
            return []

    made = reindex(Busy(settings), SqlState(settings), Events())
    assert (made.runs, made.changes, made.damaged) == (4, 3, {})
    after = content(registry)
    assert len(registry.runs(RunQuery(finished=True))) == 4
    assert [version.number for version in registry.model("demo").versions] == [1, 2]
    registry.reindex()
    assert content(registry) == after


def test_nothing_is_changed_when_the_folders_cannot_be_read_to_the_end(registry, settings):
    registry.register("demo", ended(registry))
    before = content(registry)

    class Failing(LocalArtefacts):
        calls = 0

        def change(self, name, number):
            self.calls += 1
            if self.calls > 3:
                raise StorageError("The store is away.")
            return super().change(name, number)

    with pytest.raises(StorageError, match="The store is away"):
        reindex(Failing(settings), SqlState(settings), Events())
    assert content(registry) == before


def test_a_copied_history_is_not_a_second_one(registry, settings):
    registry.register("demo", ended(registry))
    shutil.copytree(settings.models / "demo", settings.models / "copy")
    made = registry.reindex()
    assert made == Reindexed(1, 1, {"models/copy": "An entry is of another history. (demo 1)"})
    (settings.models / "copy" / "000001.json").unlink()
    registry.artefacts.add(replace(registry.artefacts.change("demo", 1), name="copy"))
    assert registry.reindex() == Reindexed(1, 2, {})
