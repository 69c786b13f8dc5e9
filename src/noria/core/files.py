"""Files and folders that appear under their names only when they are complete."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from noria.errors import ParamError, StorageError

__all__ = ["check_output", "destination", "exists", "local", "new_folder", "write_text"]

_ROOM = "Free some space, or set NORIA_HOME to a folder that can be written."
_PLACES = {
    errno.EISDIR: "Name a file in it.",
    errno.EEXIST: "Name another place: a part of this path is a file.",
    errno.ENOTDIR: "Name another place: a part of this path is a file.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
}
"""What to do where the place is wrong; else the disk is full or protected."""


def destination(path: Path) -> Path:
    """The file to write, behind all links, whether it exists or not.

    Raises
    ------
    StorageError
        If there is something that must not be replaced by a file: a folder, a device, a pipe; or if no file
        can be called so.

    Examples
    --------
    >>> destination(Path("page.html")).name
    'page.html'
    """
    real = Path(os.path.realpath(path))
    try:
        mode = real.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except FileNotFoundError:
        return real
    except OSError as error:
        raise _storage_error(path, error) from error
    if not stat.S_ISREG(mode):
        raise StorageError(f"Cannot write {path}.", got="a device or a pipe", do="Name a file.")
    return real


def exists(text: str | os.PathLike[str]) -> bool:
    """Whether there is such a file or folder; a text that can be no path, such as a long query, is none.

    Examples
    --------
    >>> exists("."), exists("x" * 5_000)
    (True, False)
    """
    return os.path.exists(text)  # noqa: PTH110 - Path raises where a name is too long


def local(address: str) -> Path:
    """The file that a path or a ``file://`` address names; a ``~`` of nobody stays as it is.

    Examples
    --------
    >>> local("file:///data/new.csv").as_posix()
    '/data/new.csv'
    """
    return Path(os.path.expanduser(address.removeprefix("file://")))  # noqa: PTH111 - Path raises for ~nobody


def check_output(output: str | os.PathLike[str], inputs: Iterable[object]) -> None:
    """Refuse to write a file that is read, by its name or address, by a link, or because a pattern covers it.

    Raises
    ------
    ParamError
        If it is one of the inputs.
    StorageError
        If there is something that must not be replaced by a file.

    Examples
    --------
    >>> check_output("page.html", ["rows.csv", {"a": [1]}])
    """
    real = destination(Path(output))
    named = [os.fspath(one) for one in inputs if isinstance(one, str | os.PathLike)]
    texts = [str(local(one)) for one in named]
    found = {path for one in texts for path in [one, *glob.glob(one, recursive=True)]}  # noqa: PTH207 - any depth
    if real.exists() and any(real.samefile(path) for path in found if exists(path)):
        raise ParamError(f"The output {output} is an input, too.", do="Name another file.")


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
    """Replace a file, that which a link leads to, by a complete one, or leave it as it was.

    Raises
    ------
    StorageError
        If it cannot be written, or is no file.
    """
    real = destination(path)
    draft = real.with_name(f".{real.name}.{os.getpid()}")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        _sync(draft)
        draft.replace(real)
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
        do=_PLACES.get(error.errno or 0, _ROOM),
    )
