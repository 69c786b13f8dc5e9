from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noria.backends.runs_local import LocalRuns
from noria.errors import NotFoundError, StorageError
from noria.settings import Settings


@pytest.fixture
def store(tmp_path) -> LocalRuns:
    return LocalRuns(Settings(home=tmp_path / "home"))


def started(store: LocalRuns, name: str = "demo", key: str = "k") -> str:
    run_id = store.create(name)
    (store.folder(run_id) / "started.json").write_text(json.dumps({"name": name, "key": key}))
    return run_id


def finish(store: LocalRuns, run_id: str, name: str = "demo") -> None:
    (store.folder(run_id) / "run.json").write_text(json.dumps({"id": run_id, "name": name}))
    store.register(name, run_id)
    store.release(run_id)


# -- runs ----------------------------------------------------------------------------------------------------


def test_every_run_has_a_folder_of_its_own(store):
    ids = [store.create("demo") for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(store.folder(run_id).is_dir() for run_id in ids)
    assert all(run_id.startswith("demo-") for run_id in ids)


def test_an_unknown_run_offers_the_nearest(store):
    run_id = store.create("demo")
    with pytest.raises(NotFoundError) as caught:
        store.folder(run_id + "x")
    assert str(caught.value) == f"There is no run '{run_id}x'.\n  do:  Did you mean '{run_id}'?"


def test_an_unfinished_run_is_found_by_name_and_key(store):
    run_id = started(store)
    store.release(run_id)
    assert store.unfinished("other", "k") is None
    assert store.unfinished("demo", "other") is None
    assert store.unfinished("demo", "k") == run_id


def test_a_finished_run_and_a_run_without_a_beginning_are_not_taken_up(store):
    finish(store, started(store))
    store.release(store.create("demo"))
    assert store.unfinished("demo", "k") is None


def test_a_run_that_was_recorded_and_not_yet_registered_is_taken_up(store):
    run_id = started(store)
    (store.folder(run_id) / "run.json").write_text(json.dumps({"id": run_id, "name": "demo"}))
    store.release(run_id)
    assert store.unfinished("demo", "k") == run_id


def test_a_run_that_somebody_works_on_is_left_to_them(store):
    run_id = started(store)
    other = LocalRuns(store.settings)
    assert other.unfinished("demo", "k") is None
    store.release(run_id)
    assert other.unfinished("demo", "k") == run_id
    assert store.unfinished("demo", "k") is None


def test_a_killed_process_lets_its_run_go(store):
    code = (
        "import os, sys, json; from pathlib import Path; from noria.backends.runs_local import LocalRuns\n"
        "from noria.settings import Settings\n"
        "store = LocalRuns(Settings(home=sys.argv[1])); run = store.create('demo')\n"
        "(store.folder(run) / 'started.json').write_text(json.dumps({'name': 'demo', 'key': 'k'}))\n"
        "print(run, flush=True); os.kill(os.getpid(), 9)"
    )
    home = str(store.settings.home)
    done = subprocess.run([sys.executable, "-c", code, home], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert store.unfinished("demo", "k") == done.stdout.strip()


def test_a_discarded_run_is_gone(store):
    run_id = started(store)
    store.discard(run_id)
    store.release(run_id)
    assert list(store.settings.runs.iterdir()) == []
    assert store.unfinished("demo", "k") is None


def test_records_come_newest_first(store):
    assert store.runs() == []
    ids = [store.create(name) for name in ("a", "b", "a")]
    for age, run_id in enumerate(reversed(ids)):
        finish(store, run_id, run_id[0])
        os.utime(store.folder(run_id), (1000 - age, 1000 - age))
    store.create("a")
    assert [record["id"] for record in store.runs()] == ids[::-1]
    assert [record["id"] for record in store.runs("a")] == [ids[2], ids[0]]


# -- models --------------------------------------------------------------------------------------------------


def test_the_last_version_is_the_champion(store):
    one, two = store.create("demo"), store.create("demo")
    assert store.register("demo", one) == 1
    assert store.champion("demo") == store.folder(one) / "model"
    assert store.register("demo", two) == 2
    assert store.champion("demo") == store.folder(two) / "model"
    assert store.names() == ["demo"]


def test_an_unknown_model_says_what_to_do(store):
    with pytest.raises(NotFoundError) as caught:
        store.champion("demo")
    assert str(caught.value) == "There is no model 'demo'.\n  do:  Train it first: noria run demo"
    store.register("demo", store.create("demo"))
    with pytest.raises(NotFoundError) as caught:
        store.champion("demu")
    assert str(caught.value) == "There is no model 'demu'.\n  do:  Did you mean 'demo'?"


def test_no_version_is_lost_when_many_register_at_once(store):
    ids = [store.create("demo") for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda run: LocalRuns(store.settings).register("demo", run), ids))
    assert sorted(versions) == list(range(1, 25))
    kept = json.loads((store.settings.models / "demo.json").read_text())
    assert [entry["version"] for entry in kept] == list(range(1, 25))
    assert {entry["run"] for entry in kept} == set(ids)


# -- storage -------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    store = LocalRuns(Settings(home=tmp_path / "file" / "home"))
    do = "  do:  Set NORIA_HOME to a folder that can be written."
    with pytest.raises(StorageError) as caught:
        store.create("demo")
    assert str(caught.value) == f"Cannot create a run in {store.settings.runs}.\n  got: Not a directory\n{do}"
    with pytest.raises(StorageError) as caught:
        store.register("demo", "run")
    assert (
        str(caught.value)
        == f"Cannot register a model in {store.settings.models}.\n  got: Not a directory\n{do}"
    )
    assert sorted(Path(tmp_path).iterdir()) == [tmp_path / "file"]
