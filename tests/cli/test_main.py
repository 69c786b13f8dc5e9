"""What holds for every verb: help, errors, exit codes, completion."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.main import get_command

from noria.cli import app, options
from noria.core.recipe import Search

VERBS = (
    *("run", "train", "predict", "profile", "recipes", "new"),
    *("runs", "show", "compare", "reproduce"),
    *("models", "history", "promote", "rollback", "tag"),
    *("mirror", "import", "reindex", "learners", "version"),
)  # fmt: skip
PROGRAM = [sys.executable, "-c", "from noria.cli import main; main()"]


def test_help_lists_the_verbs_on_a_narrow_terminal(noria, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = noria("--help")
    assert done.code == 0
    assert [verb for verb in VERBS if not re.search(rf"^  {verb} ", done.out, re.MULTILINE)] == []
    listed = done.out.partition("From data to answers:")[2]
    assert [line for line in listed.splitlines() if len(line) > 80 or line.endswith("...")] == []
    told = re.findall(r"^  ([a-z-]+)  ", listed, re.MULTILINE)
    assert sorted(told) == sorted(set(told)) == sorted(get_command(app).commands)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_teaches_by_examples(noria, verb):
    done = noria(verb, "--help")
    examples = re.findall(r"^ +noria \w+", done.out.partition("Examples:")[2], re.MULTILINE)
    assert done.code == 0
    assert len(examples) >= 2


def test_no_command_shows_help(noria):
    done = noria()
    assert "Usage: noria" in done.out + done.err


def test_version(noria):
    from noria import __version__

    assert noria("--version").out == f"noria {__version__}\n"
    assert json.loads(noria("version", "--json").out)["noria"] == __version__


def test_search_flags_are_those_of_a_recipe():
    assert set(options.SEARCH) == set(Search.model_fields)


def test_an_unknown_option_names_the_nearest(noria):
    done = noria("run", "iris", "--budgit", "3s")
    assert done == (2, "", done.err)
    assert "--budget" in done.err
    assert "do:  Run: noria run --help" in done.err


def test_an_error_says_what_and_what_to_do(noria):
    done = noria("run", "iriss")
    assert done == (4, "", "error: There is no recipe 'iriss'.\n  do:  Did you mean 'iris'?\n")


def test_an_error_as_json(noria):
    done = noria("run", "iriss", "--json")
    said = json.loads(done.err)
    assert (done.code, done.out) == (4, "")
    assert (said["error"], said["exit_code"], said["do"]) == ("NotFoundError", 4, "Did you mean 'iris'?")


def test_a_wrong_command_line_as_json(noria):
    assert json.loads(noria("predict", "--json").err)["error"] == "ParamError"


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("WORKERS", "two", "Parallel workers; 0 means one per core."),
        ("OFFLINE", "maybe", "Never reach for the network; use cache and mirror only."),
    ],
)
def test_a_setting_that_cannot_be_read_is_one_error(noria, monkeypatch, name, value, meant):
    monkeypatch.setenv(f"NORIA_{name}", value)
    for verb in ("runs", "version"):
        done = noria(verb, "--json")
        said = json.loads(done.err)
        assert (done.code, done.out, said["error"]) == (2, "", "ParamError")
        assert said["what"].startswith(f"The setting NORIA_{name} cannot be read: Input should be a valid")
        assert (said["got"], said["do"]) == (repr(value), f"Correct it: {meant}")


def test_debug_shows_the_traceback(noria, monkeypatch):
    assert "Traceback" not in noria("run", "iriss").err
    assert "Traceback" in noria("run", "iriss", "--debug").err
    monkeypatch.setenv("NORIA_DEBUG", "1")
    assert "Traceback" in noria("run", "iriss").err


def test_what_nobody_foresaw_is_no_traceback(tmp_path):
    code = (
        "import noria.api\n"
        "def broken(*a, **k): raise ZeroDivisionError('oh')\n"
        "noria.api.recipes = broken\n"
        "from noria.cli import main\n"
        "main(['recipes'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError: oh" in done.stderr
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("learners", "--json"), ("--help",)])
def test_a_reader_that_goes_away_is_no_error(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_colour_only_where_it_is_wanted(noria):
    assert "\x1b" not in noria("run", "iriss").err


@pytest.mark.parametrize(("begin", "found"), [("tit", ["titanic"]), ("zzz", []), ("mi", ["mine"])])
def test_recipe_names_are_completed(tmp_path, monkeypatch, begin, found):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/recipe.yaml").write_text("name: mine")
    assert options.complete_recipe(begin) == found


def test_completion_reaches_the_shell(tmp_path):
    asked = {"_NORIA_COMPLETE": "complete_bash", "COMP_WORDS": "noria run tit", "COMP_CWORD": "2"}
    done = subprocess.run(
        PROGRAM, capture_output=True, text=True, check=False, env={**os.environ, **asked}, cwd=tmp_path
    )
    assert done.stdout.split() == ["titanic"]


def test_trained_names_are_completed(home, monkeypatch):
    monkeypatch.setenv("NORIA_HOME", str(home))
    assert options.complete_model("p") == ["pets"]


def test_ids_of_runs_are_completed(history, monkeypatch):
    monkeypatch.setenv("NORIA_HOME", str(history))
    found = options.complete_run("pets")
    assert found == ["pets", *sorted(path.name for path in (history / "runs").iterdir())]
    assert options.complete_run("pets-2020") == ["pets-20200101-000000-1"]
    assert options.complete_run("dogs") == []


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(tmp_path):
    rows = "\n".join(f"{at % 17},{at % 5},{at * 37 % 101},{'ab'[at * 7 % 3 > 0]}" for at in range(400))
    (tmp_path / "rows.csv").write_text("x,y,z,kind\n" + rows, encoding="utf-8")
    slow = ["--learners", "random_forest", "--folds", "4", "--trials", "2", "--budget", "30s"]
    command = [*PROGRAM, "train", "rows.csv", "-t", "kind", *slow]
    environment = {**os.environ, "NORIA_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while process.poll() is None and not any(map(Path.read_text, tmp_path.glob("home/runs/*/trials.jsonl"))):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "same command" in err
    assert "Traceback" not in err
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Going on from an interrupted run with 1 trial;" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("profile", "in.csv"),
        ("profile", "other.csv", "--compare", "in.csv"),
        ("explain", "pets", "in.csv"),
        ("report", "pets"),
        ("compare", "pets", "pets"),
    ],
)
def test_a_page_never_replaces_what_it_is_made_of_nor_what_is_no_page(noria, tmp_path, command):
    for name in ("in.csv", "other.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "link.html").symlink_to("in.csv")
    (tmp_path / "made.html").mkdir()
    cases = {
        "in.csv": (2, "The output is a page, and not called like one.\n  got: 'in.csv'\n"),
        "": (
            2,
            "The output is a page, and not called like one.\n  got: '.'\n  do:  End its name",
        ),
        "made.html": (7, "Cannot write made.html.\n  got: Is a directory\n  do:  Name a file in it.\n"),
    }
    if "in.csv" in command:
        cases["link.html"] = (
            2,
            "The output link.html is an input, too.\n  do:  Name another file",
        )
    for output, (code, said) in cases.items():
        done = noria(*command, "-o", output, "-q")
        assert (done.code, done.out) == (code, "")
        assert done.err.startswith(f"error: {said}"), done.err
    assert (tmp_path / "in.csv").read_text(encoding="utf-8") == "a,b\n1,2\n"


def test_a_full_stdout_is_one_error_and_a_closed_one_none(tmp_path):
    environment = {**os.environ, "NORIA_HOME": str(tmp_path / "home")}
    program = f"exec '{sys.executable}' -c '{PROGRAM[2]}' findings --json"
    for command in (f"ulimit -f 0; {program} > out", f"{program} >&-"):  # no file may have a byte; no stdout
        shell = ["sh", "-c", command]
        done = subprocess.run(
            shell, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
        said = json.loads(done.stderr) if done.stderr else {}
        full = (7, "The output cannot be written.", "File too large")
        expected = full if "ulimit" in command else (0, None, None)
        assert (done.returncode, said.get("what"), said.get("got")) == expected
