"""What a folder holds, file by file with its hash: whether it is still what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from noria.errors import ArtifactError

__all__ = ["NAME", "hashed", "read", "read_json", "sha256", "verify"]

NAME = "manifest.json"
_RESTORE = "Restore the folder from a copy, or train again."


def sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashed(folder: Path, paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """SHA-256 and bytes of files, by their paths within a folder."""
    return {
        path.relative_to(folder).as_posix(): {"sha256": sha256(path), "bytes": path.stat().st_size}
        for path in sorted(paths)
    }


def read(folder: Path, kind: str, newest: int, *keys: str) -> dict[str, Any]:
    """The manifest of a folder.

    Parameters
    ----------
    folder : Path
    kind : str
        ``"model"`` or ``"run"``, for the errors.
    newest : int
        The latest format that this Noria knows.
    *keys : str
        What such a manifest must say beside its format and files.

    Raises
    ------
    ArtifactError
        If there is none, or it is damaged or of a newer format.
    """
    path = folder / NAME
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files, newer = manifest["files"], manifest["format"] > newest
        {name: entry["sha256"] for name, entry in files.items()}
        {key: manifest[key] for key in keys}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactError(
            f"{folder} is not a {kind} folder: it has no {NAME}.", do="Name a folder that Noria saved."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"The manifest of the {kind} in {folder} is damaged.",
            got=f"{type(error).__name__}: {error}",
            do=_RESTORE,
        ) from error
    if newer:
        raise ArtifactError(
            f"The {kind} in {folder} was saved by a newer Noria.",
            got=f"{NAME} of format {manifest['format']}, saved by Noria {manifest.get('noria')}",
            do="Run: pip install --upgrade noria",
        )
    return manifest


def verify(
    folder: Path, files: Mapping[str, Mapping[str, Any]], kind: str, *, present: Iterable[str] | None = None
) -> None:
    """Check files against a manifest.

    Parameters
    ----------
    folder : Path
    files : mapping
        Those of the manifest.
    kind : str
        ``"model"`` or ``"run"``, for the errors.
    present : iterable of str, optional
        What the folder holds, where nothing else may lie in it.

    Raises
    ------
    ArtifactError
        Naming the first file that is missing, has changed or should not be there.
    """
    for name in sorted({*(present or ()), *files}):
        path = folder / name
        if name not in files:
            problem = "is not in the manifest"
        elif not path.is_file() and not path.is_symlink():
            problem = "is missing"
        elif path.is_symlink() or sha256(path) != files[name]["sha256"]:
            problem = f"has changed since the {kind} was saved"
        else:
            continue
        raise ArtifactError(
            f"The {kind} in {folder} is damaged or was tampered with.",
            got=f"file {name!r} {problem}",
            do=_RESTORE,
        )


def read_json(path: Path) -> Any:
    """The fields that a JSON file holds; None if there is no such file.

    Raises
    ------
    ArtifactError
        If it is damaged.
    """
    try:
        fields = json.loads(path.read_bytes())
        if not isinstance(fields, dict):
            raise ValueError("It holds no fields.")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{path} is damaged.", got=str(error), do="Restore it from a copy, or remove its folder."
        ) from error
    return fields
