"""Files in any store that fsspec knows: a bucket, a share, a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from noria.core.drivers import driver_errors, require_driver
from noria.core.events import Events
from noria.errors import MissingExtraError, ParamError, StorageError

__all__ = ["Store"]


class Store:
    """The files below one address, by their paths within it.

    Nothing that was listed is remembered, since other machines write too.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix``, ``file:///mnt/share`` or any other address of fsspec's.
    events : Events
        Hears of ``upload.progress`` and ``download.progress``.
    """

    def __init__(self, url: str, events: Events) -> None:
        if "://" not in url and not url.startswith("/"):
            raise ParamError(
                f"{url!r} is no address that runs can be kept at.",
                got=f"NORIA_ARTEFACTS={url}",
                do="Write it as s3://bucket/prefix, or as the whole path of a folder.",
            )
        self.url, self.events = url, events

    def names(self, folder: str) -> list[str]:
        """What lies directly in a folder, sorted; nothing if there is no such folder."""
        with self._telling():
            try:
                found = self._files.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                self._see_bucket()
                return []
        return sorted({path.rstrip("/").rpartition("/")[2] for path in found})

    def files(self, folder: str) -> dict[str, int]:
        """The files anywhere in a folder, by their paths within it, and their bytes."""
        root = self._path(folder)
        with self._telling():
            found = self._files.find(root, detail=True)
        return {path.removeprefix(f"{root}/"): int(about["size"]) for path, about in found.items()}

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        with self._telling():
            return self._files.exists(self._path(path))

    def read(self, paths: Sequence[str]) -> list[bytes | None]:
        """What small files hold, many read at the same time; None for one that is not there."""
        asked = [self._path(path) for path in paths]
        with self._telling():
            return [_content(found) for found in self._files.cat_ranges(asked, 0, None, on_error="return")]

    def add(self, path: str, content: bytes) -> bool:
        """Write a small file, whole or not at all; False if there is one already, which stays."""
        target = self._path(path)
        with self._telling():
            if self._draft:
                if self._files.exists(target):
                    return False
                self._files.pipe_file(target + self._draft, content)
                self._files.mv(target + self._draft, target)
                return True
            try:
                self._files.pipe_file(target, content, mode="create")
            except FileExistsError:
                return False
            return True

    def put(self, files: Mapping[str, Path], what: str) -> None:
        """Upload files, several at the same time, each of them whole or not at all."""
        targets = [self._path(path) for path in files]
        total = sum(path.stat().st_size for path in files.values())
        told = self._progress("upload.progress", what, total)
        with self._telling():
            drafts = [target + self._draft for target in targets]
            self._files.put([str(path) for path in files.values()], drafts, callback=told)
            if self._draft:
                for draft, target in zip(drafts, targets):
                    self._files.mv(draft, target)

    def get(self, files: Mapping[str, Path], total: int | None, what: str) -> None:
        """Download files, several at the same time."""
        told = self._progress("download.progress", what, total)
        with self._telling():
            self._files.get(
                [self._path(path) for path in files], [str(path) for path in files.values()], callback=told
            )

    def remove(self, path: str) -> None:
        """Remove a file, if there is one."""
        with self._telling(), suppress(FileNotFoundError):
            self._files.rm_file(self._path(path))

    def remove_folder(self, path: str) -> None:
        """Remove a folder, if there is one."""
        with self._telling(), suppress(FileNotFoundError):
            self._files.rm(self._path(path), recursive=True)

    # -- fsspec ----------------------------------------------------------------------------------------------

    def _path(self, path: str) -> str:
        return f"{self._opened[1]}/{path}"

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _draft(self) -> str:
        """What the name of a file ends with as long as it is written, where that can be seen."""
        return ".part" if getattr(self._files, "local_file", False) else ""

    @property
    def _scheme(self) -> str:
        return self.url.partition("://")[0] if "://" in self.url else "file"

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system, and the address as a path of it."""
        from fsspec.core import url_to_fs

        require_driver(self._scheme)
        options = {"auto_mkdir": True} if self._scheme == "file" else {}
        try:
            files, root = url_to_fs(self.url, use_listings_cache=False, **options)
        except ImportError as error:
            raise MissingExtraError(
                f"Keeping runs in {self._scheme}:// needs another package.", do=str(error)
            ) from error
        except ValueError as error:
            raise ParamError(
                f"{self._scheme}:// is not a scheme that runs can be kept in.",
                got=f"NORIA_ARTEFACTS={self.url}",
                do="Write it as s3://bucket/prefix, or as the path of a folder.",
            ) from error
        return files, root.rstrip("/")

    def _see_bucket(self) -> None:
        """Tell a store in which nothing was kept yet from one that does not exist."""
        bucket = self._opened[1].partition("/")[0]
        if bucket and not self._files.exists(bucket):
            raise FileNotFoundError("The specified bucket does not exist")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn a driver's errors into our own."""
        self._opened  # noqa: B018 - imports the driver, or says what brings it
        try:
            yield
        except driver_errors(self._scheme) as error:
            raise StorageError(
                f"The store {self.url} fails.",
                got=(str(error).splitlines() or [type(error).__name__])[0],
                do="Check its address, the credentials and the network, and run the same command again.",
            ) from error

    def _progress(self, kind: str, what: str, total: int | None) -> Any:
        """A callback for fsspec that tells the bytes of all files together."""
        from fsspec.callbacks import Callback

        def tell(_: object, done: int) -> None:
            self.events.emit(kind, source=what, done=done, total=total)

        files, each = Callback(), Callback(hooks={"tell": tell})
        files.branched = lambda *_, **__: each
        return files


def _content(found: Any) -> bytes | None:
    if isinstance(found, FileNotFoundError):
        return None
    if isinstance(found, Exception):
        raise found
    return found
