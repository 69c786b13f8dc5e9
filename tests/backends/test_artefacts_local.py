from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from noria.backends.artefacts_local import LocalArtefacts
from noria.core.runs import Change
from noria.errors import ArtifactError, StorageError
from noria.settings import Settings
from noria.testing import ArtefactsContract


@pytest.fixture
def artefacts(tmp_path) -> LocalArtefacts:
    return LocalArtefacts(Settings(home=tmp_path / "home"))


class TestContract(ArtefactsContract):
    backend = "local"

    @pytest.fixture
    def machine(self, tmp_path):
        return lambda name: Settings(home=tmp_path / "home")


# -- runs ----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("text", ["{", '{"id": "r"}'], ids=["no JSON", "a field is missing"])
def test_a_damaged_record_is_told(artefacts, text):
    run = artefacts.create("demo")
    (artefacts.folder(run) / "started.json").write_text(text)
    with pytest.raises(ArtifactError, match="damaged"):
        artefacts.entry(run)


# -- histories -----------------------------------------------------------------------------------------------


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
