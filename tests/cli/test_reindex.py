"""``noria reindex``."""

from __future__ import annotations

import json
import shutil


def test_it_says_how_much_there_is(trained, home, tmp_path, monkeypatch):
    mine = tmp_path / "home"
    shutil.copytree(home, mine)
    monkeypatch.setenv("NORIA_HOME", str(mine))
    before = trained("models", "--json").out
    for path in mine.glob("state.db*"):
        path.unlink()
    (mine / "state.db").write_text("no database any more")
    failed = trained("models")
    assert failed.code == 7
    assert failed.err == (
        f"error: The state database {mine}/state.db is damaged.\n"
        "  got: file is not a database\n"
        "  do:  Run: noria reindex\n"
    )
    done = trained("reindex")
    assert (done.code, done.out, done.err) == (0, "1 run, 2 changes of models\n", "")
    assert trained("models", "--json").out == before
    assert json.loads(trained("reindex", "--json").out) == {"runs": 1, "changes": 2, "damaged": {}}


def test_an_empty_home(noria):
    done = noria("reindex")
    assert (done.code, done.out) == (0, "0 runs, 0 changes of models\n")


def test_what_is_damaged_is_listed_and_no_failure(noria, tmp_path):
    for at in range(120):
        folder = tmp_path / "home" / "runs" / f"demo-{at:03}"
        folder.mkdir(parents=True)
        told = {"id": folder.name, "name": "demo", "started": at, "key": "k", "snapshot": "s", "noria": "1"}
        (folder / "started.json").write_text(json.dumps(told))
    (folder / "started.json").write_text("{")
    done = noria("reindex")
    assert done.code == 0
    assert done.out.splitlines()[:3] == [
        "119 runs, 0 changes of models",
        "",
        "1 folder is damaged and left out; restore or remove it, and run: noria reindex",
    ]
    assert "runs/demo-119" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert done.err == "reindex: 100 of 120 runs read\n"
    said = noria("reindex", "--json", "--quiet")
    assert list(json.loads(said.out)["damaged"]) == ["runs/demo-119"]
    assert said.err == ""
