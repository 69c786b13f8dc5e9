"""``noria prune``."""

from __future__ import annotations

import json
import sys

import pytest

import noria as package
from noria.testing.artefacts_contract import write_run


@pytest.fixture
def versions(noria):
    """Three versions of 'demo', and a run that was cut off."""
    session = package.Session()
    for _ in range(3):
        run = session.artefacts.create("demo")
        write_run(session.artefacts.folder(run), "demo")
        session.registry.record(run)
        session.registry.register("demo", run)
        session.artefacts.release(run)
    run = session.artefacts.create("demo")
    write_run(session.artefacts.folder(run), "demo")
    (session.artefacts.folder(run) / "run.json").unlink()
    session.registry.record(run)
    session.artefacts.release(run)
    return session


def numbers(session) -> list[int]:
    return [version.number for version in session.registry.model("demo").versions]


@pytest.fixture
def asked(monkeypatch):
    """Somebody at a terminal, who answers."""

    def answer(word: str) -> None:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("typer.confirm", lambda question: answers.append(question) or word == "y")

    answers: list[str] = []
    answer.questions = answers
    return answer


def test_a_dry_run_shows_what_would_go_and_why(noria, versions):
    done = noria("prune", "--keep", "1", "--stopped", "--dry-run")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["what", "run", "or", "data", "from", "size", "why"]
    assert [line.split()[0] for line in lines[2:5]] == ["demo@1", "demo@2", "run"]
    assert lines[2].endswith("older than the newest 1")
    assert lines[4].endswith("was cut off")
    assert lines[-1].startswith("2 versions, 1 run: ")
    assert max(map(len, lines)) <= 100
    assert numbers(versions) == [1, 2, 3]


def test_it_asks_first(noria, versions, asked):
    asked("n")
    assert noria("prune", "--keep", "1").code == 0
    assert asked.questions == ["Remove all of this?"]
    assert numbers(versions) == [1, 2, 3]
    asked("y")
    done = noria("prune", "--keep", "1")
    assert "demo@1" in done.out
    assert done.out.splitlines()[-1].startswith("Removed 2 versions: ")
    assert numbers(versions) == [3]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_with_nobody_to_ask_nothing_is_removed(noria, versions, asked, options):
    if options:
        asked("y")
    done = noria("prune", "--keep", "1", *options)
    assert done.code == 2
    said = json.loads(done.err)["what"] if options else done.err
    assert "Nothing is removed unless you agree, and there is nobody to ask." in said
    assert numbers(versions) == [1, 2, 3]


def test_yes_does_not_ask(noria, versions):
    done = noria("prune", "demo", "--keep", "1", "--yes")
    assert done.code == 0
    assert done.out.startswith("Removed 2 versions: ")
    assert numbers(versions) == [3]


def test_json(noria, versions):
    told = json.loads(noria("prune", "--keep", "2", "--json", "--dry-run").out)
    assert (told["removed"], [item["what"] for item in told["items"]]) == (False, ["demo@1"])
    told = json.loads(noria("prune", "--keep", "2", "--json", "--yes").out)
    assert (told["removed"], [item["version"] for item in told["items"]]) == (True, [1])
    assert json.loads(noria("prune", "--keep", "2", "--json").out)["items"] == []


def test_nothing_to_remove(noria, versions):
    assert noria("prune").out.startswith("There is nothing to remove.")
    assert noria("prune", "--yes").out.startswith("There is nothing to remove.")


def test_an_unknown_model(noria, versions):
    done = noria("prune", "demu", "--yes")
    assert done.code == 4
    assert "Did you mean 'demo'?" in done.err
