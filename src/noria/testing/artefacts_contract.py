"""What every place that keeps runs and histories must do; a test class inherits it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import TestCase

import polars as pl

from noria.core import keep, registry
from noria.core.artifact import FORMAT
from noria.core.ports import Artefacts
from noria.core.result import Evaluation, Score
from noria.core.runs import Change
from noria.data import snapshot
from noria.errors import NotFoundError, StorageError
from noria.settings import Settings

__all__ = ["ArtefactsContract", "Machine", "write_run"]

Machine = Callable[[str], Settings]

_raises = TestCase().assertRaises
_TABLE = pl.DataFrame({"a": [1, 2, 3], "y": ["p", "q", "p"]})


def write_run(
    folder: Path,
    name: str,
    *,
    data: str = "none",
    documents: str | None = None,
    key: str = "k",
    started: float = 5.0,
) -> None:
    """Fill the folder of a run as one that has come to its end.

    Parameters
    ----------
    folder : Path
        Its name is the run's id.
    name : str
        Of the model.
    data : str
        Digest of the snapshot.
    documents : str, optional
        Of that of the documents, if the rows are questions to some.
    key : str
        Of what was asked for.
    started : float
        Seconds since 1970.
    """
    begun = {"id": folder.name, "name": name, "started": started, "key": key, "snapshot": data, "noria": "1"}
    evaluation = Evaluation(10, "random", "accuracy", {"accuracy": Score("accuracy", 0.8, 0.7, 0.9)})
    record = {
        **begun, "ended": started + 4.0, "documents": documents,
        "task": "classification" if documents is None else "question-answering",
        "seconds": 4.0, "rows": 50, "trials": 3, "features": None, "commit": None,
        "evaluation": evaluation.to_dict(),
    }  # fmt: skip
    keep.unseal(folder)
    trees = f"trees of {folder.name}\n" * 100
    told = {"sha256": hashlib.sha256(trees.encode()).hexdigest(), "bytes": len(trees)}
    manifest = {"format": FORMAT, "noria": "1", "system": "tabular", "files": {"deep/trees.txt": told}}
    for file, text in {
        "started.json": json.dumps(begun),
        "report.md": "# A report\n",
        "figures/one.json": "{}",
        "model/manifest.json": json.dumps(manifest),
        "model/deep/trees.txt": trees,
        "run.json": json.dumps(record),
    }.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    keep.seal(folder, folder.name)


def _read(folder: Path) -> dict[str, bytes]:
    """The files of a run, but the lock."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class ArtefactsContract:
    """Tests of a backend of artefacts, for pytest.

    A subclass names the backend, and has a fixture ``machine`` that gives the settings of a machine by its
    name: machines have homes of their own, and share what the backend keeps. A backend that keeps things in
    the home gives the same settings for every name.

    Examples
    --------
    ::

        class TestLocal(ArtefactsContract):
            backend = "local"

            @pytest.fixture
            def machine(self, tmp_path):
                return lambda name: Settings(home=tmp_path)
    """

    backend: str

    def open(self, settings: Settings) -> Artefacts:
        """The backend on a machine, as another process would see it."""
        return registry.backend("artefacts", self.backend)(settings)

    def finished(self, artefacts: Artefacts, name: str = "demo", **facts: Any) -> str:
        """A run that has come to its end, published and released."""
        run = artefacts.create(name)
        write_run(artefacts.folder(run), name, **facts)
        artefacts.publish(run)
        artefacts.release(run)
        return run

    # -- a run that is worked on -----------------------------------------------------------------------------

    def test_every_run_has_a_folder_of_its_own(self, machine: Machine) -> None:
        here = self.open(machine("a"))
        runs = [here.create("demo") for _ in range(3)]
        assert len({here.folder(run) for run in runs}) == 3
        assert here.runs() == sorted(runs)
        assert all(run.startswith("demo-") for run in runs)

    def test_a_run_that_somebody_works_on_is_left_to_them(self, machine: Machine) -> None:
        here, other = self.open(machine("a")), self.open(machine("a"))
        run = here.create("demo")
        assert other.busy(run)
        assert not other.claim(run)
        here.release(run)
        assert not other.busy(run)
        assert other.claim(run)
        assert not here.claim(run)

    def test_a_run_that_is_not_here_cannot_be_claimed(self, machine: Machine) -> None:
        here = self.open(machine("a"))
        assert not here.claim("demo-20260101-000000-1")
        assert not here.busy("demo-20260101-000000-1")

    def test_a_run_that_was_cut_off_says_what_it_has_said(self, machine: Machine) -> None:
        here = self.open(machine("a"))
        silent, run = here.create("demo"), here.create("demo")
        write_run(here.folder(run), "demo")
        (here.folder(run) / "run.json").unlink()
        assert here.entry(silent) is None
        entry = here.entry(run)
        assert entry is not None
        assert (entry.id, entry.key, entry.finished) == (run, "k", False)

    # -- a run that is finished ------------------------------------------------------------------------------

    def test_a_published_run_is_the_same_everywhere(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        run = here.create("demo")
        write_run(here.folder(run), "demo")
        written = _read(here.folder(run))
        here.publish(run)
        assert here.busy(run)
        here.release(run)
        for artefacts in (here, there, self.open(machine("c"))):
            assert artefacts.runs() == [run]
            assert _read(artefacts.folder(run)) == written
            assert artefacts.size(run) == sum(map(len, written.values()))
        entry = here.entry(run)
        assert entry is not None
        assert (entry.finished, entry.scores["accuracy"].value) == (True, 0.8)
        assert there.entry(run) == entry

    def test_a_run_that_is_published_again_counts_as_it_is_now(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        run = here.create("demo")
        for started in (5.0, 6.0, 6.0):
            write_run(here.folder(run), "demo", started=started)
            here.publish(run)
        here.release(run)
        entry = there.entry(run)
        assert entry is not None
        assert entry.started == 6.0
        here.publish(run)
        assert there.entry(run) == entry

    def test_many_runs_are_listed_and_read(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        runs = sorted(self.finished(here, name, key=name) for name in ("one", "two", "two", "three"))
        assert there.runs() == runs
        with ThreadPoolExecutor(there.readers) as pool:
            entries = list(pool.map(there.entry, runs))
        assert [entry and entry.id for entry in entries] == runs
        assert entries == [here.entry(run) for run in runs]

    def test_a_discarded_run_is_gone_everywhere(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        run, kept, begun = self.finished(here), self.finished(here), here.create("demo")
        for gone in (run, begun, run):
            there.discard(gone)
            here.discard(gone)
        here.release(begun)
        for artefacts in (here, there):
            assert artefacts.runs() == [kept]
            assert artefacts.entry(run) is None
            assert artefacts.size(run) == 0
            with _raises(NotFoundError):
                artefacts.folder(run)

    def test_an_unknown_run_offers_the_nearest(self, machine: Machine) -> None:
        here = self.open(machine("a"))
        run = self.finished(here)
        with _raises(NotFoundError) as caught:
            here.folder(run + "x")
        assert str(caught.exception) == f"There is no run '{run}x'.\n  do:  Did you mean '{run}'?"

    # -- histories -------------------------------------------------------------------------------------------

    def test_a_history_is_kept_entry_by_entry(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        assert (here.names(), here.changes("demo"), here.change("demo", 1)) == ([], [], None)
        changes = [Change("demo", at, "registered", at, 1.0, "me", run="r") for at in range(1, 13)]
        for change in changes:
            here.add(change)
        here.add(Change("other", 1, "tagged", 1, 1.0, "me", why="né", tags={"a": "b"}))
        for artefacts in (here, there):
            assert artefacts.names() == ["demo", "other"]
            assert artefacts.changes("demo") == changes
            assert artefacts.change("demo", 12) == changes[11]
            assert artefacts.change("demo", 13) is None

    def test_an_entry_is_never_put_in_place_of_another(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        first = Change("demo", 1, "registered", 1, 1.0, "me", run="r")
        here.add(first)
        here.add(first)
        with _raises(StorageError) as caught:
            there.add(Change("demo", 1, "registered", 1, 1.0, "you", run="s"))
        assert str(caught.exception) == (
            "The history of 'demo' went on in the meantime: there is another entry 1.\n"
            "  do:  Run the same command again. Who shares a store of runs has to share its database"
            " (NORIA_STATE)."
        )
        assert there.changes("demo") == [first]

    # -- data ------------------------------------------------------------------------------------------------

    def test_the_data_of_a_run_come_with_it(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        digest = snapshot.save(_TABLE, machine("a")).hash
        asked = snapshot.save(_TABLE.head(1), machine("a")).hash
        for _ in range(2):
            self.finished(here, data=digest, documents=asked)
        assert set(there.snapshots.kept()) == {digest, asked}
        assert there.snapshots.kept()[digest].bytes == here.snapshots.kept()[digest].bytes > 0
        assert time.time() - here.snapshots.kept()[digest].used < 3600
        there.snapshots.fetch(digest)
        assert snapshot.open_snapshot(digest, machine("b")).equals(_TABLE)

    def test_data_are_discarded(self, machine: Machine) -> None:
        here, there = self.open(machine("a")), self.open(machine("b"))
        digest = snapshot.save(_TABLE, machine("a")).hash
        self.finished(here, data=digest)
        for artefacts in (there, here, here):
            artefacts.snapshots.discard(digest)
        assert (here.snapshots.kept(), there.snapshots.kept()) == ({}, {})
        there.snapshots.fetch(digest)
        with _raises(NotFoundError):
            snapshot.open_snapshot(digest, machine("b"))
