from __future__ import annotations

import json
import shutil

import pytest

import noria
from noria.core import keep
from noria.errors import ArtifactError
from noria.settings import Settings

QUICK = {"budget": "60s", "trials": 2, "learners": ["naive_bayes"]}
AGAIN = "Restore the folder from a copy, or train again."


@pytest.fixture(scope="module")
def trained(tmp_path_factory, people):
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("home"), workers=2))
    return noria.train(people(), "y", name="toy", session=session, **QUICK)


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of a run, elsewhere."""
    return shutil.copytree(trained.folder, tmp_path / "copy")


def test_a_manifest_names_every_file_but_the_lock_and_the_models_own(folder, trained):
    told = json.loads((folder / "manifest.json").read_text())
    assert (told["format"], told["run"], told["noria"]) == (1, trained.id, noria.__version__)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    own = {name for name in files if name.startswith("model/") and name != "model/manifest.json"}
    assert set(told["files"]) == files - own - {"lock", "manifest.json", "report.html"}
    assert {"events.jsonl", "trials.jsonl", "run.json", "figures/confusion.vl.json"} < set(told["files"])
    assert told["files"]["report.md"]["bytes"] == (folder / "report.md").stat().st_size


def test_a_copy_is_as_good_as_the_run_and_may_be_added_to(folder):
    (folder / "notes.txt").write_text("mine")
    (folder / "figures" / "mine.png").write_bytes(b"x")
    (folder / "lock").unlink()
    keep.verify(folder)
    noria.load(folder, trust=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("report.md", "run"), ("events.jsonl", "run"), ("run.json", "run"), ("started.json", "run"),
     ("figures/leaderboard.vl.json", "run"), ("model/manifest.json", "run"), ("model/model.json", "model")],
)  # fmt: skip
def test_a_changed_byte_and_a_missing_file_are_told(folder, name, kind):
    where, short = (folder, name) if kind == "run" else (folder / "model", name.removeprefix("model/"))
    text = bytearray((folder / name).read_bytes())
    text[len(text) // 2] ^= 1
    (folder / name).write_bytes(text)
    damage = (
        f"The {kind} in {where} is damaged or was tampered with.\n  got: file {short!r} {{}}\n  do:  {AGAIN}"
    )
    with pytest.raises(ArtifactError) as caught:
        keep.verify(folder)
    assert str(caught.value) == damage.format(f"has changed since the {kind} was saved")
    (folder / name).unlink()
    with pytest.raises(ArtifactError) as caught:
        keep.verify(folder)
    assert str(caught.value) == damage.format("is missing")


def test_a_newer_manifest_a_damaged_one_and_none(folder):
    path = folder / "manifest.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "format": 2, "noria": "9.0"}))
    with pytest.raises(ArtifactError) as caught:
        keep.verify(folder)
    assert str(caught.value) == (
        f"The run in {folder} was saved by a newer Noria.\n"
        "  got: manifest.json of format 2, saved by Noria 9.0\n  do:  Run: pip install --upgrade noria"
    )
    path.write_text("{")
    with pytest.raises(ArtifactError, match=r"The manifest of the run in .* is damaged"):
        keep.verify(folder)
    path.unlink()
    with pytest.raises(ArtifactError) as caught:
        keep.verify(folder)
    assert str(caught.value) == (
        f"The run in {folder} has no manifest.json.\n"
        "  got: a run that was cut off while it was kept, or a file that is lost\n"
        "  do:  Give its command again to finish it, or restore the folder from a copy."
    )


def test_the_events_of_a_run_lie_in_its_folder(folder, trained):
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    said = [line["kind"] for line in lines]
    assert said[:2] == ["stage.started", "data.read"]
    assert said[-1] == "run.kept"
    assert said.count("trial.finished") == trained.trials
    assert {line["run"] for line in lines if line["kind"] == "run.started"} == {trained.id}


def test_a_run_that_is_gone_on_with_is_sealed_anew(people, session, monkeypatch):
    def fail(*_):
        raise noria.errors.StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("noria.core.keep.seal", fail)
        with pytest.raises(noria.errors.StorageError):
            noria.train(people(), "y", name="toy", session=session, **QUICK)
    (folder,) = session.settings.runs.iterdir()
    assert not (folder / "manifest.json").exists()
    run = noria.train(people(), "y", name="toy", session=session, **QUICK)
    assert run.folder == folder
    keep.verify(folder)
    said = [json.loads(line)["kind"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert said.count("run.kept") == 2
    assert "run.resumed" in said


def test_the_model_of_a_run_that_is_gone_on_with_is_the_one_that_was_judged(people, session, monkeypatch):
    def fail(*_):
        raise noria.errors.StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("noria.core.keep.seal", fail)
        with pytest.raises(noria.errors.StorageError):
            noria.train(people(), "y", name="toy", session=session, **QUICK)
    (folder,) = session.settings.runs.iterdir()
    lines = (folder / "trials.jsonl").read_text().splitlines(keepends=True)
    (folder / "trials.jsonl").write_text(lines[0])
    model = (folder / "model" / "manifest.json").read_text()
    (folder / "model" / "manifest.json").write_text(model.replace('"toy"', '"of before"'))
    run = noria.train(people(), "y", name="toy", session=session, **QUICK)
    assert run.folder == folder
    assert (folder / "model" / "manifest.json").read_text() == model
