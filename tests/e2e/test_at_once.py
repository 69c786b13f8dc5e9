"""Many processes on one database: nothing is lost, nothing is made twice, nobody is turned away."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

import noria
from noria.core.runs import RunQuery
from noria.settings import Settings

WRITERS, READERS, RUNS = 20, 4, 3

_AT_ONCE = """
import json, multiprocessing, sys, time
import sqlalchemy.dialects.postgresql.psycopg  # once for all
import noria
from noria.backends import state_tables
from noria.core.result import Evaluation, Score
from noria.core.runs import Condition, RunQuery
from noria.lifecycle import register
from noria.settings import Settings

home, state, writers, readers, runs = sys.argv[1], sys.argv[2] or None, *map(int, sys.argv[3:])

def registry():
    return noria.Session(Settings(home=home, state=state)).registry

def put(text, folder, file):
    (folder / file).write_text(json.dumps(text))

def write(at, barrier):
    barrier.wait()
    mine = registry()
    for turn in range(runs):
        run = mine.artefacts.create("shared")
        folder, now = mine.artefacts.folder(run), time.time()
        started = {"id": run, "name": "shared", "started": now, "key": f"{at}", "snapshot": "s", "noria": "1"}
        put(started, folder, "started.json")
        mine.record(run)
        scores = {name: Score(name, at + turn / 10) for name in ("auc", "rmse")}
        record = {
            "ended": now, "task": "regression", "seconds": 1.0, "rows": 9, "trials": 1, "features": None,
            "commit": None, "evaluation": Evaluation(9, "random", "auc", scores).to_dict(),
        }
        put(record, folder, "run.json")
        mine.record(run)
        mine.artefacts.release(run)
        for name in ("shared", f"own-{at}"):
            version = mine.register(name, run)
            mine.promote(name, version, why=f"{at}")

def read(at, barrier):
    barrier.wait()
    seen = 0
    while seen < writers * runs:
        mine = registry()
        versions = [len(model.versions) for model in mine.state.models() if model.name == "shared"]
        assert sum(versions) >= seen, "a version has gone"
        seen = sum(versions)
        for run in mine.runs(RunQuery(finished=True, where=(Condition.parse("rmse > 5"),), sort="auc")):
            assert run.scores["auc"].value == run.scores["rmse"].value, "half a run"
        time.sleep(0.05)

fork = multiprocessing.get_context("fork")
barrier = fork.Barrier(writers + readers)
work = [write] * writers + [read] * readers
processes = [fork.Process(target=one, args=(at, barrier)) for at, one in enumerate(work)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(sum(process.exitcode != 0 for process in processes))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_twenty_processes_write_at_once(tmp_path, kind, request):
    """They make the database, record, register and promote, while others read."""
    state = None
    if kind == "postgresql":
        pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
        state = request.getfixturevalue("postgres").database()
    home = tmp_path / "home"
    counts = map(str, (WRITERS, READERS, RUNS))
    done = subprocess.run(
        [sys.executable, "-c", _AT_ONCE, str(home), state or "", *counts],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    session = noria.Session(Settings(home=home, state=state))
    registry = session.registry
    assert len(registry.runs(RunQuery(finished=True))) == WRITERS * RUNS
    shared = registry.state.changes("shared")
    assert [change.number for change in shared] == list(range(1, 2 * WRITERS * RUNS + 1))
    versions = [change.version for change in shared if change.kind == "registered"]
    assert versions == list(range(1, WRITERS * RUNS + 1))
    promoted = [change for change in shared if change.kind == "promoted"]
    assert all(late.before == early.version for early, late in pairwise(promoted))
    for at in range(WRITERS):
        assert len(registry.model(f"own-{at}").versions) == RUNS
    for name in registry.artefacts.names():
        assert registry.state.changes(name) == registry.artefacts.changes(name)
    indexed = registry.runs(RunQuery()), registry.state.models()
    made = noria.reindex(session=session)
    assert (made.runs, made.damaged) == (WRITERS * RUNS, {})
    assert (registry.runs(RunQuery()), registry.state.models()) == indexed
