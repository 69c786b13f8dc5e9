"""A model on disk: a folder of data files and a manifest that hashes every one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria._version import __version__
from noria.core import manifest, registry
from noria.core.features import FeaturedModel, FeatureFunction
from noria.core.files import new_folder
from noria.core.signature import Signature
from noria.errors import ArtifactError, TrustError

if TYPE_CHECKING:
    import polars as pl

    from noria.core.protocol import Model
    from noria.core.schema import Schema

    Prepare = Callable[[pl.DataFrame, Schema], pl.DataFrame]

__all__ = ["FORMAT", "load", "read_manifest", "save"]

FORMAT = 1


def save(
    model: Model | FeaturedModel, folder: Path, *, system: str, about: Mapping[str, Any] | None = None
) -> Path:
    """Write a model into a new folder.

    Parameters
    ----------
    model : Model
    folder : Path
        Must not exist; it appears only when it is complete.
    system : str
        The registered name of the system that loads it again.
    about : mapping, optional
        JSON-ready facts to keep in the manifest.

    Raises
    ------
    StorageError
        If the disk is full, read-only or the folder exists.
    """
    with new_folder(folder) as draft:
        model.save(draft)
        told = {
            "format": FORMAT,
            "noria": __version__,
            "system": system,
            "signature": model.signature.to_dict(),
            "about": dict(about or {}),
            "files": manifest.hashed(draft, filter(Path.is_file, draft.rglob("*"))),
        }
        if isinstance(model, FeaturedModel):
            function = model.function
            told["features"] = {"function": function.name, "sha256": function.sha256}
        (draft / manifest.NAME).write_text(json.dumps(told, indent=1), encoding="utf-8")
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder.

    Raises
    ------
    ArtifactError
        If there is none, or it is damaged or of a newer format.
    """
    return manifest.read(folder, "model", FORMAT, "system")


def load(folder: Path, *, prepare: Prepare, trusted: Callable[[str], bool]) -> Model:
    """Read a model back after checking every file against the manifest.

    Parameters
    ----------
    folder : Path
    prepare : callable
        Gives raw rows the types of a schema; a model behind a feature function needs it.
    trusted : callable
        Whether the feature function's source, given by its SHA-256, may be run.

    Raises
    ------
    ArtifactError
        If a file is missing, changed or was not there when the model was saved.
    TrustError
        If the model holds a feature function that nobody has vouched for.
    """
    told = read_manifest(folder)
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    manifest.verify(folder, told["files"], "model", present=present - {manifest.NAME})
    model = registry.system(told["system"]).load(folder)
    features = told.get("features")
    if features is None:
        return model
    path = folder / "features.py"
    if not path.is_file():
        raise ArtifactError(
            f"The model in {folder} is damaged or was tampered with.",
            got="its features.py is not in the manifest",
            do="Restore the folder from a copy, or train again.",
        )
    sha256 = manifest.sha256(path)
    if not trusted(sha256):
        raise TrustError(
            f"The model in {folder} holds Python code (features.py) that did not come from here.",
            got=f"features.py with SHA-256 {sha256[:12]}...",
            do="Read the file; if you trust it, load with trust=True or --trust.",
        )
    function = FeatureFunction.compile(features["function"], path.read_text(encoding="utf-8"), str(path))
    signature = Signature.from_dict(told["signature"])
    return FeaturedModel(model, function, signature.inputs, prepare, signature.example)
