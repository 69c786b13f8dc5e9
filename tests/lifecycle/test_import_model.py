"""What is brought in becomes a run, whole or not at all; the MLflow side is in tests/backends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import noria
from noria.core import files
from noria.core.events import Events
from noria.errors import StorageError
from noria.lifecycle.import_model import import_model
from noria.lifecycle.register import Registry
from noria.settings import Settings


class Shelf:
    """A tracker that holds one run folder."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def mirror(self, version, folder, aliases=()) -> bool:
        raise NotImplementedError

    def fetch(self, address, folder):
        shutil.copytree(self.run, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lock"))
        return {"server": "here", "model": "theirs", "version": 7}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory, people) -> Shelf:
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("theirs"), workers=2))
    run = noria.train(people(80), "y", name="theirs", session=session, trials=1, learners=["naive_bayes"])
    return Shelf(run.folder)


@pytest.fixture
def registry(session) -> Registry:
    return session.registry


def brought(registry: Registry, shelf: Shelf, **wishes):
    address = "mlflow:models:/theirs/7"
    return import_model(address, registry, shelf, Events(), trusted=lambda _: False, **wishes)


def test_it_is_a_run_of_its_own_with_a_version(registry, shelf):
    version = brought(registry, shelf)
    record = json.loads((registry.artefacts.folder(version.run) / "run.json").read_text())
    theirs = json.loads((shelf.run / "run.json").read_text())
    assert version.number == 1
    assert record["id"] == version.run
    assert record["imported"]["run"] == theirs["id"]
    assert record["evaluation"] == theirs["evaluation"]
    assert registry.model("theirs").aliases == {}
    assert registry.artefacts.claim(version.run)


def test_the_same_model_becomes_no_second_version(registry, shelf):
    assert brought(registry, shelf) == brought(registry, shelf, promote=True)
    assert registry.model("theirs").aliases == {"champion": 1}
    assert len(registry.artefacts.runs()) == 1
    assert brought(registry, shelf, name="ours").name == "ours"
    assert registry.run(registry.find("ours@1").run).name == "ours"


def test_nothing_is_kept_of_what_could_not_be_written(registry, shelf, monkeypatch):
    write = files.write_text

    def full(path, text):
        if path.name == "run.json":
            raise StorageError("The disk is full.")
        write(path, text)

    monkeypatch.setattr(files, "write_text", full)
    with pytest.raises(StorageError, match="full"):
        brought(registry, shelf)
    assert registry.artefacts.runs() == []
    assert registry.state.runs() == []
    assert registry.state.models() == []


def test_a_run_that_could_not_be_registered_stays_and_is_registered_later(registry, shelf, monkeypatch):
    def away(*_):
        raise StorageError("The database is away.")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "register", away)
        with pytest.raises(StorageError, match="away"):
            brought(registry, shelf)
    (run,) = registry.artefacts.runs()
    assert brought(registry, shelf).run == run
