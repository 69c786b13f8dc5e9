from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from noria.backends.artefacts_local import LocalArtefacts
from noria.core.runs import Change
from noria.errors import ArtifactError, NotFoundError, StorageError
from noria.settings import Settings


@pytest.fixture
def artefacts(tmp_path) -> LocalArtefacts:
    return LocalArtefacts(Settings(home=tmp_path / "home"))


# -- runs ----------------------------------------------------------------------------------------------------


def test_every_run_has_a_folder_of_its_own(artefacts):
    ids = [artefacts.create("demo") for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(artefacts.folder(run).is_dir() for run in ids)
    assert all(run.startswith("demo-") for run in ids)
    assert artefacts.runs() == sorted(ids)


def test_an_unknown_run_offers_the_nearest(artefacts):
    run = artefacts.create("demo")
    with pytest.raises(NotFoundError) as caught:
        artefacts.folder(run + "x")
    assert str(caught.value) == f"There is no run '{run}x'.\n  do:  Did you mean '{run}'?"


def test_a_run_that_somebody_works_on_is_left_to_them(artefacts):
    run = artefacts.create("demo")
    other = LocalArtefacts(artefacts.settings)
    assert other.busy(run)
    assert not other.claim(run)
    artefacts.release(run)
    assert not other.busy(run)
    assert other.claim(run)
    assert not artefacts.claim(run)


def test_a_run_of_another_machine_cannot_be_claimed(artefacts):
    assert not artefacts.claim("elsewhere")
    assert not artefacts.busy("elsewhere")


def test_a_killed_process_lets_its_run_go(artefacts):
    code = (
        "import os, sys; from noria.backends.artefacts_local import LocalArtefacts\n"
        "from noria.settings import Settings\n"
        "print(LocalArtefacts(Settings(home=sys.argv[1])).create('demo'), flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    home = str(artefacts.settings.home)
    done = subprocess.run([sys.executable, "-c", code, home], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert artefacts.claim(done.stdout.strip())


def test_a_discarded_run_is_gone(artefacts):
    run = artefacts.create("demo")
    artefacts.discard(run)
    artefacts.release(run)
    assert list(artefacts.settings.runs.iterdir()) == []
    artefacts.discard(run)


def test_a_run_that_was_cut_off_before_it_said_anything_has_no_entry(artefacts):
    assert artefacts.entry(artefacts.create("demo")) is None


def test_an_entry_is_read_from_the_folder(artefacts):
    run = artefacts.create("demo")
    told = {"id": run, "name": "demo", "started": 5.0, "key": "k", "snapshot": "s", "noria": "1"}
    (artefacts.folder(run) / "started.json").write_text(json.dumps(told))
    entry = artefacts.entry(run)
    assert (entry.id, entry.started, entry.finished) == (run, 5.0, False)


@pytest.mark.parametrize("text", ["{", '{"id": "r"}'], ids=["no JSON", "a field is missing"])
def test_a_damaged_record_is_told(artefacts, text):
    run = artefacts.create("demo")
    (artefacts.folder(run) / "started.json").write_text(text)
    with pytest.raises(ArtifactError, match="damaged"):
        artefacts.entry(run)


# -- histories -----------------------------------------------------------------------------------------------


def test_a_history_is_kept_entry_by_entry(artefacts):
    assert (artefacts.names(), artefacts.changes("demo"), artefacts.change("demo", 1)) == ([], [], None)
    changes = [Change("demo", number, "registered", number, 1.0, "me", run="r") for number in (1, 2)]
    for change in changes:
        artefacts.add(change)
    assert artefacts.names() == ["demo"]
    assert artefacts.changes("demo") == changes
    assert artefacts.change("demo", 2) == changes[1]


def test_an_entry_of_an_unknown_kind_is_told(artefacts):
    artefacts.add(Change("demo", 1, "sold", 1, 1.0, "me"))
    with pytest.raises(ArtifactError) as caught:
        artefacts.changes("demo")
    assert str(caught.value) == "An entry of a model's history is of an unknown kind.\n  got: sold"


# -- storage -------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    artefacts = LocalArtefacts(Settings(home=tmp_path / "file" / "home"))
    with pytest.raises(StorageError) as caught:
        artefacts.create("demo")
    do = "  do:  Set NORIA_HOME to a folder that can be written."
    runs = artefacts.settings.runs
    assert str(caught.value) == f"Cannot create a run in {runs}.\n  got: Not a directory\n{do}"
    with pytest.raises(StorageError):
        artefacts.add(Change("demo", 1, "registered", 1, 1.0, "me"))
    assert sorted(Path(tmp_path).iterdir()) == [tmp_path / "file"]
