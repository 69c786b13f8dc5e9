"""``noria show``: a run on one screen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from noria.core import keep


def test_a_run_is_shown_on_one_screen(looked, history):
    done = looked("show", "pets")
    text = " ".join(done.out.split())
    assert done.code == 0, done.err
    for words in (
        "finished, 2 trials in",
        "pets@2, champion",
        "predicts kind (classification)",
        "48 rows to train, 12 to evaluate",
        "pets.csv, fingerprint",
        "code not in a Git repository",
        "seed 3, until all 2 trials were done",
        "made with Noria",
        "metric score 95% interval baseline",
        "share trials fit 1,000 rows size",
        " report /",
    ):
        assert words in text
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 45


def test_json_is_all_that_is_known(looked):
    told = json.loads(looked("show", "pets@2", "--json").out)
    assert (told["status"], told["versions"][0]["version"]) == ("finished", 2)
    assert set(told["lineage"]) == {"data", "code", "parameters", "environment", "seed"}
    assert told["lineage"]["seed"] == 3


def test_a_copy_is_shown_and_a_changed_byte_is_told(looked, history, tmp_path):
    source = next(path for path in (history / "runs").iterdir() if (path / "run.json").exists())
    copied = shutil.copytree(source, tmp_path / "copied")
    assert looked("show", "./copied").code == 0
    with (copied / "report.md").open("a") as file:
        file.write("x")
    done = looked("show", "copied")
    assert (done.code, done.out) == (5, "")
    assert "file 'report.md' has changed since the run was saved" in done.err


def test_a_run_that_was_cut_off_tells_how_far_it_came(looked):
    text = " ".join(looked("show", "pets-2020").out.split())
    for words in ("pets-20200101-000000-1 stopped", "trials 2 finished", "best", "goes on from here"):
        assert words in text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ({"dirty": True, "cut": True}, "commit c0ffeec0ffee, and changes to it: code.diff, which was cut"),
        ({"dirty": False, "cut": False}, "commit c0ffeec0ffee search"),
        ({"dirty": None, "cut": True}, "commit c0ffeec0ffee, changes unknown: Git was slow"),
    ],
    ids=["changed", "clean", "slow"],
)
def test_the_code_is_named(looked, history, tmp_path, code, said):
    source = next(path for path in (history / "runs").iterdir() if (path / "run.json").exists())
    copied = shutil.copytree(source, tmp_path / "copied")
    record = json.loads((copied / "run.json").read_text())
    record["lineage"]["code"] = {"commit": "c0ffee" * 6, "diff": None, **code}
    (copied / "run.json").write_text(json.dumps(record))
    keep.seal(copied, source.name)
    assert said in " ".join(looked("show", "copied").out.split())


def test_an_unknown_run(looked):
    done = looked("show", "pest")
    assert done.code == 4
    assert "Did you mean 'pets'?" in done.err
    assert not Path("home").exists()
