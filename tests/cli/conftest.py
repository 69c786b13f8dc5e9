"""The real command, in a home of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import noria as package
from noria.cli import main
from noria.lifecycle import train


class Done(NamedTuple):
    code: int
    out: str
    err: str


def pets(rows: int = 60) -> str:
    """A table that is easy to learn: dogs are heavier than cats."""
    lines = ["weight,legs,colour,kind"]
    for at in range(rows):
        kind = ("cat", "dog")[at % 2]
        lines.append(
            f"{(4 if kind == 'cat' else 20) + at % 7},{4},{('black', 'white', 'red')[at % 3]},{kind}"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A home in which the model 'pets' was trained once."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "pets.csv").write_text(pets(), encoding="utf-8")
    before = os.environ.get("NORIA_HOME")
    os.environ["NORIA_HOME"] = str(folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train, "_INSIGHT", 10 * train._INSIGHT)  # what it goes by is asked of it
            with pytest.raises(SystemExit) as left:
                main([*TRAIN, str(folder / "pets.csv")])
        assert left.value.code == 0
        yield folder
    finally:
        os.environ.pop("NORIA_HOME") if before is None else os.environ.update(NORIA_HOME=before)


@pytest.fixture(scope="session")
def history(home, tmp_path_factory) -> Path:
    """A home with two finished runs of 'pets', and one that was cut off."""
    folder = shutil.copytree(home, tmp_path_factory.mktemp("history") / "home")
    before = os.environ.get("NORIA_HOME")
    os.environ["NORIA_HOME"] = str(folder)
    try:
        with contextlib.chdir(folder), pytest.raises(SystemExit) as left:
            main([*TRAIN, str(home / "pets.csv"), "--seed", "3"])
        assert left.value.code == 0
        done = sorted((folder / "runs").iterdir())[0]
        cut = shutil.copytree(done, done.with_name("pets-20200101-000000-1"))
        for name in ("run.json", "manifest.json"):
            (cut / name).unlink()
        started = (cut / "started.json").read_text(encoding="utf-8")
        (cut / "started.json").write_text(started.replace(done.name, cut.name), encoding="utf-8")
        package.Session().registry.reindex()
        yield folder
    finally:
        os.environ.pop("NORIA_HOME") if before is None else os.environ.update(NORIA_HOME=before)


TRAIN = [
    "train",
    "-t",
    "kind",
    "-b",
    "300s",
    "--learners",
    "logistic",
    "--trials",
    "2",
    "--folds",
    "2",
    "--quiet",
]


@pytest.fixture
def noria(capsys, monkeypatch, tmp_path) -> Callable[..., Done]:
    """Run a command in an empty folder and home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(left.value.code, said.out, said.err)

    return run


@pytest.fixture
def trained(noria, home, monkeypatch) -> Callable[..., Done]:
    """Run a command in the home that has the model 'pets'."""
    monkeypatch.setenv("NORIA_HOME", str(home))
    return noria


@pytest.fixture
def looked(noria, history, monkeypatch) -> Callable[..., Done]:
    """Run a command in the home that has a history."""
    monkeypatch.setenv("NORIA_HOME", str(history))
    return noria
