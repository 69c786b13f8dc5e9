"""Where a run came from: data, code, parameters, environment, seed."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from threading import Timer
from types import ModuleType
from typing import Any

from noria.core import registry
from noria.core.recipe import Recipe, validated
from noria.lifecycle.prepare import Prepared

__all__ = ["DIFF", "Code", "Origin", "code", "environment", "lineage", "sources"]

DIFF = "code.diff"
_MOST = 1_000_000  # bytes of a diff that are kept
_PATIENCE = 5.0  # seconds that Git is given
_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")
_CHANGES = ("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")


@dataclass(frozen=True)
class Code:
    """The state of a Git repository.

    Attributes
    ----------
    commit : str
        What is checked out.
    diff : str
        How the files that Git tracks differ from it; at most 1 MB.
    cut : bool
        Whether there is more of the diff, or Git could not tell in time.
    """

    commit: str
    diff: str = ""
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; of the diff, only its digest. `dirty` is None where Git could not tell."""
        dirty = True if self.diff else None if self.cut else False
        digest = sha256(self.diff.encode()).hexdigest() if self.diff else None
        return {"commit": self.commit, "dirty": dirty, "diff": digest, "cut": self.cut}


class Origin:
    """What a run is started from, looked up beside it: who asks for a part waits for that part alone.

    Parameters
    ----------
    folder : Path, optional
        Of the recipe.

    Examples
    --------
    >>> Origin(None).environment["python"] == platform.python_version()
    True
    """

    def __init__(self, folder: Path | None) -> None:
        places = [place.resolve() for place in (folder, Path()) if place is not None]
        pool = ThreadPoolExecutor(2)
        self._environment = pool.submit(environment)
        self._code = pool.submit(_first, places)
        pool.shutdown(wait=False)

    @property
    def code(self) -> Code | None:
        """The repository that the recipe lies in, or else the working directory; None outside of Git."""
        return self._code.result()

    @property
    def environment(self) -> dict[str, Any]:
        """Python, machine and packages."""
        return self._environment.result()


def _first(places: Sequence[Path]) -> Code | None:
    """The state of the first of these places that lies in a repository."""
    return next((state for place in places if (state := code(place)) is not None), None)


def code(folder: Path) -> Code | None:
    """The state of the repository that a folder lies in; None if there is none, no commit, or no Git.

    Files that Git does not track are left out: they are data and runs, as often as not.
    """
    commit, _ = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    diff, cut = _git(folder, *_CHANGES)
    return Code(commit.strip(), diff, cut)


def _git(folder: Path, *arguments: str) -> tuple[str, bool]:
    """What Git prints, and whether it was cut off for its length or its time; nothing if Git fails."""
    try:
        process = subprocess.Popen(
            [*_GIT, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return "", False
    timer = Timer(_PATIENCE, process.kill)
    timer.start()
    with process:
        assert process.stdout is not None
        text = process.stdout.read(_MOST + 1)
    timer.cancel()
    cut = process.returncode < 0 or len(text) > _MOST
    return text[:_MOST].decode(errors="replace") if cut or not process.returncode else "", cut


def environment() -> dict[str, Any]:
    """Python, machine, and the versions of what Noria can use and is installed; nothing is imported."""
    packages = {}
    for name in _wishes():
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": packages,
    }


def _wishes() -> list[str]:
    """The packages that Noria and its extras require, by name."""
    try:
        stated = metadata.requires("noria") or []
    except metadata.PackageNotFoundError:
        return []
    return sorted({re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in stated})


def lineage(
    recipe: Recipe,
    system: str,
    data: Prepared,
    metric: str,
    pipeline: Sequence[Mapping[str, Any]],
    origin: Origin,
) -> dict[str, Any]:
    """All that a run came from, JSON-ready.

    Parameters
    ----------
    recipe : Recipe
    system : str
        The system that was chosen.
    data : Prepared
    metric : str
        What was searched by.
    pipeline : sequence of dict
        The learners, settings and weights of the joint model.
    origin : Origin
    """
    wish = recipe.model_dump(mode="json")
    options = validated(registry.system(system).options, recipe.options, "options")
    resolved = {
        **wish,
        "task": data.task.value,
        "system": system,
        "search": {**wish["search"], "metric": metric},
        "options": options.model_dump(mode="json"),
    }
    return {
        "data": {
            "fingerprint": data.snapshot.hash,
            "source": recipe.data.source or None,
            "rows": data.snapshot.rows,
            "columns": data.snapshot.columns,
            "test": data.tested,
            "documents": data.corpus,
        },
        "code": origin.code and origin.code.to_dict(),
        "parameters": {"recipe": resolved, "pipeline": list(pipeline)},
        "environment": origin.environment,
        "seed": recipe.search.seed,
    }


def sources(*objects: object) -> dict[str, str]:
    """Digests of the code of Noria and of the packages that these objects come from.

    They tell a changed checkout, of Noria or of a system of one's own, from another of the same version.
    """
    names = {"noria", *(type(one).__module__.partition(".")[0] for one in objects)}
    return {name: _digest(sys.modules[name]) for name in sorted(names)}


def _digest(module: ModuleType) -> str:
    if getattr(module, "__file__", None) is None:  # an interactive session
        return ""
    file = Path(str(module.__file__))
    paths = sorted(file.parent.rglob("*.py")) if hasattr(module, "__path__") else [file]
    digest = sha256()
    for path in paths:
        digest.update(path.relative_to(file.parent).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
