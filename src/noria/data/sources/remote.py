"""Files that are elsewhere: http, https, s3 and every other scheme that fsspec knows."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import math
import os
import string
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from functools import partial
from mimetypes import guess_extension
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from noria.core.drivers import driver_errors, require_driver
from noria.core.files import write_text
from noria.core.words import data_size
from noria.data.sources.ask import Ask, File, Reading
from noria.data.sources.encoding import COMPRESSED
from noria.data.sources.files import DATA_SUFFIXES, open_files, sniff_suffix
from noria.data.sources.mirror import mirrored_file, mirrored_url
from noria.errors import MissingExtraError, SourceError, StorageError
from noria.pages.units import ago, without_password

__all__ = ["fetch", "fetch_json", "fetch_page", "open_fsspec", "open_url", "refuse_offline"]

_T = TypeVar("_T")
_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30
_DISK = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOTDIR,
        errno.EIO,
    }
)
_NOT_FOUND = frozenset({404, 410})
_UNCHANGED = 304
_VALIDATORS = ".validators.json"
_ASKS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
_SAYS_NOTHING = frozenset({"text/plain", "application/octet-stream"})


def open_url(ask: Ask) -> Reading:
    """Read the file behind an http or https URL, from the mirror or the cache if it is there."""
    return open_files([fetch(ask.text, ask, current=True)], ask)


def fetch(url: str, ask: Ask, *, current: bool = False) -> File:
    """A local copy of a URL: the mirror's, the cache's, or a new one.

    Parameters
    ----------
    url : str
    ask : Ask
    current : bool
        Whether the server is asked if the cache's copy is still what it has; else that never changes.

    Raises
    ------
    SourceError
        If it is no URL, cannot be reached, is not there, is cut short, or is a web page; or in offline mode.
    StorageError
        If the cache cannot be written.
    """
    _spelled(url)
    get = partial(_download, ask=ask, current=current)
    copy = mirrored_file(url, ask) or _from_mirror_url(url, ask, get) or get(url)
    return File(copy, without_password(url), _suffix(copy))


def _from_mirror_url(url: str, ask: Ask, get: Callable[[str], _T]) -> _T | None:
    """What a mirror that is a server itself has instead; None if it has nothing."""
    address = mirrored_url(url, ask)
    if address is None:
        return None
    try:
        return get(address)
    except SourceError as error:
        if getattr(error.__cause__, "code", None) in _NOT_FOUND:
            return None
        raise


def fetch_json(url: str, ask: Ask, *, current: bool = False) -> Any:
    """The JSON document behind a URL; see `fetch`."""
    file = fetch(url, ask, current=current)
    try:
        return json.loads(file.path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{file.name} did not answer with JSON.", got=str(error)) from error


def fetch_page(url: str, ask: Ask, largest: int) -> File:
    """A local copy of a web page as it is now; the mirror's if there is one, the cache's while offline.

    Parameters
    ----------
    url : str
    ask : Ask
    largest : int
        Bytes.

    Returns
    -------
    File
        Its format is that of the content type, or of the URL where that says nothing.

    Raises
    ------
    SourceError
        If it is no URL, cannot be reached, is not there, is cut short or too large; or is in no copy while
        offline.
    """
    _spelled(url)
    copy = mirrored_file(url, ask)
    if copy is not None:
        return File(copy, url, copy.suffix.lower() or ".html")
    folder = _cached_path(f"page {url}", "page", ask).parent
    if ask.settings.offline and (kept := list(folder.glob("page.*"))):
        return File(max(kept, key=lambda path: path.stat().st_mtime), url)
    target = folder / "page"

    def get(address: str) -> str:
        return _get(address, target, ask, largest=largest, page=True).get_content_type()

    kind = _from_mirror_url(url, ask, get) or get(url)
    named = Path(unquote(urlsplit(url).path)).suffix.lower()
    suffix = named if kind in _SAYS_NOTHING and named else guess_extension(kind) or ".html"
    return File(target.replace(target.with_suffix(suffix)), url)


def refuse_offline(source: str, ask: Ask) -> None:
    """Raise if the network may not be used."""
    if ask.settings.offline:
        raise SourceError(
            f"{source} is neither in the mirror nor in the cache, and Noria is offline.",
            do="Unset NORIA_OFFLINE, or put a copy into the folder that NORIA_MIRROR names.",
        )


def _spelled(url: str) -> str:
    """A URL as it is sent: in ASCII, without blanks."""
    try:
        host = urlsplit(url).netloc
        url = url if host.isascii() else url.replace(host, host.encode("idna").decode(), 1)
    except ValueError as error:
        raise SourceError(
            f"{without_password(url)} is not a URL.", got=str(error), do="Check the address."
        ) from error
    return quote(url, safe=string.punctuation)


def _suffix(path: Path) -> str:
    """The extension of a copy; what its first bytes say where the URL had none that is known."""
    suffix = path.suffix.lower()
    return "" if suffix in DATA_SUFFIXES or suffix in COMPRESSED else sniff_suffix(path)


def _cached_path(key: str, url: str, ask: Ask) -> Path:
    name = Path(unquote(urlsplit(url).path)).name[-100:] or "data"
    return ask.settings.cache / "downloads" / hashlib.sha256(key.encode()).hexdigest()[:24] / name


def _download(url: str, ask: Ask, *, current: bool) -> Path:
    """The cached copy, made first if need be; if it is to be `current`, made anew where it has changed."""
    target, shown = _cached_path(url, url, ask), without_password(url)
    if not target.is_file():
        _get_data(url, target, ask, {})
        return target
    if not current:
        return target
    known = _known(target)
    if ask.settings.offline:
        why = f"{shown} was not looked at, for Noria is offline."
    elif not known and not ask.fresh:
        why = f"The server of {shown} does not say whether it has changed."
    else:
        try:
            _get_data(url, target, ask, known)
        except SourceError as error:
            if getattr(error.__cause__, "code", None) == _UNCHANGED:
                return target
            why = f"{error.what.rstrip('.')} ({error.got})." if error.got else error.what
        else:
            return target
    since = target.stat().st_mtime
    what = f"{why} The copy of {ago(since)} was read."
    ask.events.emit("copy.used", source=shown, age=time.time() - since, what=what)
    return target


def _known(target: Path) -> dict[str, str]:
    """What asks a server whether a copy is still what it has; nothing if it never told."""
    try:
        known = json.loads(target.with_name(_VALIDATORS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in known.items()}


def _get_data(url: str, target: Path, ask: Ask, known: Mapping[str, str]) -> None:
    """Put the data behind a URL into a file unless it is `known`, and what asks for it again beside it."""
    answer = _get(url, target, ask, known=known)
    told = {asks: " ".join(value.split()) for name, asks in _ASKS.items() if (value := answer.get(name))}
    if told:
        write_text(target.with_name(_VALIDATORS), json.dumps(told))
    else:
        target.with_name(_VALIDATORS).unlink(missing_ok=True)


def _get(
    url: str,
    target: Path,
    ask: Ask,
    *,
    largest: float = math.inf,
    page: bool = False,
    known: Mapping[str, str] | None = None,
) -> Message:
    """Put what is behind a URL into a file; the headers of the answer.

    Parameters
    ----------
    url, target, ask
    largest : float
        Bytes.
    page : bool
        Whether it may be a web page.
    known : mapping, optional
        Headers that ask for it only if it has changed.
    """
    shown = without_password(url)
    refuse_offline(shown, ask)
    if "@" in urlsplit(url).netloc:
        raise SourceError(
            "A URL with a user or a password cannot be read.", got=shown, do="Download the file, and name it."
        )
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        request = Request(_spelled(url), headers={"User-Agent": "noria", **(known or {})})
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            with _arriving(target) as out:
                _copy(answer, out, shown, total, ask, largest)
                if not page:
                    _refuse_page(out, shown)
            return answer.headers
    except HTTPError as error:
        raise SourceError(f"{shown} cannot be read.", got=f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(
            f"{shown} cannot be reached.", got=str(reason), do="Check the address and the network."
        ) from error


@contextmanager
def _arriving(target: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is complete."""
    part: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        part = Path(name)
        with os.fdopen(handle, "w+b") as out:
            yield out
        part.replace(target)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise StorageError(
            f"The cache {target.parent} cannot be written.",
            got=str(error),
            do="Free space or set NORIA_HOME.",
        ) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _copy(source: Any, out: IO[bytes], url: str, total: int, ask: Ask, largest: float = math.inf) -> None:
    done = 0
    while chunk := source.read(_CHUNK_BYTES):
        if done + len(chunk) > largest:
            raise SourceError(f"{url} is larger than {data_size(largest)}.")
        out.write(chunk)
        done += len(chunk)
        ask.events.emit("download.progress", source=url, done=done, total=total or None)
    if total and done != total:
        raise SourceError(f"{url} was cut short.", got=f"{done} of {total} bytes", do="Try again.")


def _refuse_page(data: IO[bytes], url: str) -> None:
    data.seek(0)
    if data.read(256).lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise SourceError(f"{url} is a web page, not data.", do="Use the address of the file itself.")


def open_fsspec(ask: Ask) -> Reading:
    """Read ``s3://bucket/*.csv`` and its like through fsspec, with a copy in the cache.

    A copy is used again for as long as the store says that the object is the same.
    """
    import fsspec

    scheme = ask.text.partition("://")[0]
    require_driver(scheme)
    shown = without_password(ask.text)
    refuse_offline(shown, ask)
    try:
        store, path = fsspec.core.url_to_fs(ask.text)
    except ImportError as error:
        raise MissingExtraError(f"Reading {scheme}:// needs another package.", do=str(error)) from error
    except ValueError as error:
        raise SourceError(f"{scheme}:// is not a scheme that Noria can read.", got=str(error)) from error
    try:
        found = sorted(store.glob(path)) if glob.has_magic(path) else [path]
        if not found:
            raise SourceError(f"Nothing matches {shown}.", do="Check the pattern.")
        return open_files([_object(store, scheme, name, ask) for name in found], ask)
    except FileNotFoundError as error:
        raise SourceError(f"There is no {shown}.", got=str(error)) from error
    except PermissionError as error:
        raise SourceError(f"{shown} may not be read.", got=str(error), do="Check the credentials.") from error
    except driver_errors(scheme) as error:
        raise SourceError(
            f"{shown} cannot be reached.",
            got=(str(error).splitlines() or [type(error).__name__])[0],
            do="Check the address, the credentials and the network.",
        ) from error


def _object(store: Any, scheme: str, path: str, ask: Ask) -> File:
    """A local copy of one object."""
    url = f"{scheme}://{path.lstrip('/')}"
    target = _cached_path(f"{url}#{store.ukey(path)}", path, ask)
    if not target.is_file():
        total = int(store.size(path) or 0)
        with store.open(path, "rb") as source, _arriving(target) as out:
            _copy(source, out, url, total, ask)
    return File(target, url, _suffix(target))
