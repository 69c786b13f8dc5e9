"""Files and folders that appear under their names only when they are complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from noria.errors import StorageError

__all__ = ["exists", "new_folder", "write_text"]


def exists(text: str | os.PathLike[str]) -> bool:
    """Whether there is such a file or folder; a text that can be no path, such as a long query, is none.

    Examples
    --------
    >>> exists("."), exists("x" * 5_000)
    (True, False)
    """
    return os.path.exists(text)  # noqa: PTH110 - Path raises where a name is too long


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder that appears under its name only when it is complete.

    Raises
    ------
    StorageError
        If it cannot be written; nothing is left behind.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _storage_error(folder, error) from error
    try:
        yield draft
        for path in draft.rglob("*"):
            if path.is_file():
                _sync(path)
        _sync(draft)
        draft.chmod(0o755)
        draft.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise _storage_error(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file by a complete one, or leave it as it was.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        _sync(draft)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise _storage_error(path, error) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Cannot write {path}.",
        got=error.strerror or str(error),
        do="Free some space, or set NORIA_HOME to a folder that can be written.",
    )
