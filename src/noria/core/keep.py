"""A finished run's folder: sealed with a manifest, and checked against it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from noria._version import __version__
from noria.core import artifact, files, manifest
from noria.errors import ArtifactError

__all__ = ["FORMAT", "seal", "unseal", "verify"]

FORMAT = 1
_MODEL = f"model/{manifest.NAME}"
_LEFT_OUT = ("lock", "trials", "model", manifest.NAME, "report.html", "model-card.md")


def seal(folder: Path, run: str) -> None:
    """Write the manifest of a run: from now on its files are what they are.

    Left out are the lock, the predictions that the journal keeps during a search, hidden files, the pages
    that can be made of the other files again, and the model's own files, for which the model's manifest
    stands.
    """
    told = {
        "format": FORMAT,
        "noria": __version__,
        "run": run,
        "files": manifest.hashed(folder, _files(folder)),
    }
    files.write_text(folder / manifest.NAME, json.dumps(told, indent=1))


def unseal(folder: Path) -> None:
    """Take manifest, record and model, which are made again, away from a run that is gone on with."""
    for name in (manifest.NAME, "run.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "model", ignore_errors=True)


def verify(folder: Path) -> None:
    """Check a finished run and its model against their manifests; files that were added are no error.

    Raises
    ------
    ArtifactError
        Naming the file that is missing, has changed, or is of a newer format.
    """
    if not (folder / manifest.NAME).exists():
        raise ArtifactError(
            f"The run in {folder} has no {manifest.NAME}.",
            got="a run that was cut off while it was kept, or a file that is lost",
            do="Give its command again to finish it, or restore the folder from a copy.",
        )
    manifest.verify(folder, manifest.read(folder, "run", FORMAT)["files"], "run")
    model = folder / "model"
    manifest.verify(model, artifact.read_manifest(model)["files"], "model")


def _files(folder: Path) -> Iterator[Path]:
    for path in filter(Path.is_file, folder.rglob("*")):
        name = path.relative_to(folder)
        if name.as_posix() == _MODEL or not (name.parts[0] in _LEFT_OUT or name.parts[0].startswith(".")):
            yield path
