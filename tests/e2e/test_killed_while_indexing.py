"""A process that follows changed documents is killed: the index answers as before or after, and goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

import noria
from noria.settings import Settings

KILLED = """
import os, signal, sys
import noria
from noria.settings import Settings
from noria.systems.retrieval import parts
parts._WHOLE = 3
session = noria.Session(Settings(home=sys.argv[1], workers=2))
def kill(event):
    if event.kind == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
session.events.listen(kill)
noria.refit("pages", session=session)
"""
POINTS = ["document.progress", "trial.finished", "run.kept"]
METALS = ("iron", "brass", "zinc", "tin", "lead", "gold")


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """A home with an index, and its documents, untouched for an hour."""
    root = tmp_path_factory.mktemp("indexed")
    (root / "docs").mkdir()
    for metal in METALS:
        for part in ("pump", "wheel"):
            path = root / "docs" / f"{metal}-{part}.md"
            path.write_text(
                f"# The {metal} {part}\n\nThis {part} of {metal} lifts water, day and night, for all.\n"
            )
            os.utime(path, (time.time() - 3600,) * 2)
    session = noria.Session(Settings(home=root / "home", workers=2))
    keys = {"learners": ["bm25"], "trials": 2, "folds": 2, "budget": "20s", "session": session}
    noria.train(documents=root / "docs", name="pages", **keys)
    return root


def first(root, question):
    session = noria.Session(Settings(home=root / "home", workers=2))
    return noria.predict("pages", ask=question, session=session)["documents"][0].to_list()[:1]


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_index_answers_and_is_brought_up_to_date(indexed, point):
    root = indexed
    kept = root.with_name(f"kept-{point}")
    shutil.copytree(root / "home", kept)
    changed = root / "docs" / "tin-pump.md"
    before = changed.read_text()
    changed.write_text("# Orchids\n\nZygomorphic orchids are watered by a noria of bamboo.\n")
    command = [sys.executable, "-c", KILLED, str(root / "home"), point]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert first(root, "brass wheel") == ["brass-wheel.md"]
    assert first(root, "zygomorphic orchids") == []
    session = noria.Session(Settings(home=root / "home", workers=2))
    run = noria.refit("pages", session=session)
    answer = run.model.predict(pl.DataFrame({"question": ["zygomorphic orchids"]}))
    assert answer["documents"][0].to_list()[0] == "tin-pump.md"
    changed.write_text(before)
    shutil.rmtree(root / "home")
    kept.rename(root / "home")
