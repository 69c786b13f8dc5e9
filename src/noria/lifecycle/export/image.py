"""What a container holds: a home with one model in it, pinned requirements, and the Dockerfile."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from noria._version import __version__
from noria.core import artifact, keep, manifest
from noria.core.runs import Change
from noria.errors import ArtifactError
from noria.lifecycle.export.package import Package, render
from noria.pages.units import without_password

__all__ = ["write_image"]

_KEPT = ("started.json", "run.json", "report.md", "report.html", "figures")
_TEXTS = (".json", ".md")
_TIMEOUT = 120.0
_TRY = """
import json, sys
import lightgbm, polars, noria
known = {name.partition(".")[0] for name in sys.modules}
model = noria.load(sys.argv[1])
example = model.signature.example
if example is not None:
    model.predict(polars.DataFrame([example]))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} - known)))
"""


def write_image(
    package: Package, draft: Path, *, port: int = 8000, user: int = 10001, options: Sequence[str] = ()
) -> None:
    """A folder that ``docker build`` makes an image of which serves this version, and no other.

    The model is loaded from the copy by a process of its own, as the container will, before this returns.

    Parameters
    ----------
    package : Package
    draft : Path
    port : int
    user : int
        Whose process it is, by number.
    options : sequence of str
        Of ``noria serve``.

    Raises
    ------
    ArtifactError
        If the copy does not load or predict.
    """
    draft.mkdir(parents=True, exist_ok=True)
    home = draft / "home"
    _copy_run(package, home / "runs" / package.version.run)
    for change in _history(package):
        path = home / "models" / package.name / f"{change.number:06d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(change.to_dict(), indent=1), encoding="utf-8")
    needed = _optional(package, home)
    (draft / "requirements.txt").write_text(_requirements(package, needed), encoding="utf-8")
    command = [
        "noria", "serve", package.name, "--host", "0.0.0.0", "--port", str(port), *options
    ]  # fmt: skip
    render("image", draft, package, port=port, user=user, command=command)


def _copy_run(package: Package, copy: Path) -> None:
    """The run with its model, without what only a search needs and without passwords of addresses."""
    copy.mkdir(parents=True)
    for name in _KEPT:
        path = package.run / name
        if path.is_dir():
            shutil.copytree(path, copy / name)
        elif path.is_file():
            shutil.copyfile(path, copy / name)
    for path in filter(Path.is_file, copy.rglob("*")):
        if path.suffix in _TEXTS:
            path.write_text(without_password(path.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(package.run / "model", copy / "model")
    told = artifact.read_manifest(copy / "model")
    manifest.verify(copy / "model", told["files"], "model")
    keep.seal(copy, package.version.run)


def _history(package: Package) -> list[Change]:
    """A history in which there is one version, and it is the champion."""
    version = package.version
    made = Change(
        version.name, 1, "registered", version.number, version.when, f"noria {__version__}", run=version.run
    )
    why = f"exported as version {version.number}"
    return [made, replace(made, number=2, kind="promoted", run=None, alias="champion", why=why)]


def _optional(package: Package, home: Path) -> list[str]:
    """The distributions that this model needs beside those that Noria always has.

    They are what a process that loads and predicts has imported more, and what the feature function names.
    """
    with TemporaryDirectory() as scratch:
        state = f"sqlite:///{scratch}/index.db"
        settings = {"NORIA_HOME": str(home.resolve()), "NORIA_STATE": state, "NORIA_OFFLINE": "1"}
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("NORIA_")}
        done = subprocess.run(
            [sys.executable, "-c", _TRY, package.name], cwd=scratch, env={**inherited, **settings},
            capture_output=True, text=True, timeout=_TIMEOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        raise ArtifactError(
            f"The copy of {package.name}@{package.number} does not predict.",
            got=(done.stderr.strip().splitlines() or ["no reason"])[-1],
            do=f"See that it does here: noria show {package.name}@{package.number}",
        )
    modules = {*json.loads(done.stdout.splitlines()[-1]), *_imported(home)}
    carriers = metadata.packages_distributions()
    found = {_plain(carriers[module][0]) for module in modules if module in carriers}
    return sorted(found - _always("noria", set()))


def _imported(home: Path) -> set[str]:
    """The modules that feature functions import."""
    found = set()
    for path in home.rglob("features.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def _always(name: str, seen: set[str]) -> set[str]:
    """A distribution and all that it requires, extras aside."""
    plain = _plain(name)
    if plain not in seen:
        seen.add(plain)
        for needed in _required(plain):
            _always(needed, seen)
    return seen


def _plain(name: str) -> str:
    """A distribution's name without extras, as all spellings of it are compared."""
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def _required(name: str) -> list[str]:
    """What a distribution requires, extras aside, without versions and markers."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    return [re.split(r"[\s;<>=!~(]", line, maxsplit=1)[0] for line in lines if "extra ==" not in line]


def _requirements(package: Package, needed: Sequence[str]) -> str:
    """Every direct requirement of the service, with one version."""
    trained = package.record["lineage"]["environment"]["packages"]
    known = {_plain(name): version for name, version in trained.items()}

    def pinned(name: str) -> str:
        version = known.get(_plain(name)) or _installed(_plain(name))
        return f"{name}=={version}" if version else name

    names = sorted({*_required("noria"), *needed, "psycopg[binary]"}, key=str.lower)
    head = f"# What {package.name}@{package.number} needs, as it was trained and checked."
    return "\n".join([head, f"noria=={__version__}", *map(pinned, names)]) + "\n"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
