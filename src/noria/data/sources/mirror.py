"""The mirror: a folder or URL that is looked up before any public source. See `noria.data.sources`."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from noria.data.sources.ask import Ask, File
from noria.data.sources.encoding import COMPRESSED
from noria.data.sources.files import DATA_SUFFIXES
from noria.errors import SourceError
from noria.pages.units import without_password

__all__ = ["is_data", "is_remote", "mirror_folder", "mirrored_file", "mirrored_url", "named_files", "stem"]


def is_remote(mirror: str) -> bool:
    """Whether the mirror is a URL rather than a folder."""
    return mirror.startswith(("http://", "https://"))


def mirror_folder(ask: Ask) -> Path | None:
    """The mirror as a folder, if it is one.

    Raises
    ------
    SourceError
        If it is neither a URL nor a folder that exists.
    """
    mirror = ask.settings.mirror
    if not mirror or is_remote(mirror):
        return None
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        raise SourceError(
            "The mirror is not a folder.", got=mirror, do="Set NORIA_MIRROR to a folder or URL, or unset it."
        )
    return folder


def mirrored_url(url: str, ask: Ask) -> str | None:
    """Where the mirror would hold a URL, if the mirror is a URL itself."""
    mirror = ask.settings.mirror
    if not mirror or not is_remote(mirror):
        return None
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}{query}"


def mirrored_file(url: str, ask: Ask) -> Path | None:
    """The file of the mirror folder that stands for a URL, if there is one."""
    folder = mirror_folder(ask)
    if folder is None:
        return None
    parts = urlsplit(url)
    whole = unquote(parts.netloc + parts.path)
    names = [f"{whole}?{unquote(parts.query)}", whole] if parts.query else [whole]
    for name in names:
        if _inside(folder, name).is_file():
            return _told(folder / name, url, ask)
    wanted = Path(whole).name
    if not wanted:
        return None
    below = [*folder.glob(f"*/{_literal(wanted)}"), *folder.glob(f"*/*/{_literal(wanted)}")]
    found = sorted(
        file
        for file in below
        if file.is_file() and (_named_in(url, file.parent, folder) or _stated(url, file))
    )
    if len(found) > 1:
        listed = ", ".join(str(file.relative_to(folder)) for file in found)
        raise SourceError(f"The mirror has {len(found)} files for {url}.", got=listed, do="Remove one.")
    return _told(found[0], url, ask) if found else None


def named_files(name: str, ask: Ask) -> list[File]:
    """The data files of the mirror's folder `name`, in order; none if there is no such folder."""
    folder = mirror_folder(ask)
    inside = _inside(folder, name) if folder is not None else None
    if folder is None or inside is None or not inside.is_dir():
        return []
    files = sorted(path for path in inside.iterdir() if path.is_file() and is_data(path))
    return [File(_told(path, ask.text, ask), str(path)) for path in files]


def stem(path: Path) -> str:
    """A file's name without extension and compression: ``"a.csv.gz"`` is ``"a"``."""
    inner = Path(path.stem) if path.suffix.lower() in COMPRESSED else path
    return inner.stem


def is_data(path: Path) -> bool:
    """Whether a file's name says that it holds a table (notes in ``.txt`` do not count)."""
    inner = Path(path.stem) if path.suffix.lower() in COMPRESSED else path
    return inner.suffix.lower() in DATA_SUFFIXES and inner.suffix.lower() != ".txt"


def _inside(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`; a name that leads out of it is refused."""
    path = folder / name
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise SourceError(f"{name!r} leads out of the mirror.", do="Write it without '..'.")
    return path


def _named_in(url: str, parent: Path, folder: Path) -> bool:
    """Whether every word of the folders' names stands in the URL."""
    words = re.findall(r"[a-z0-9]+", str(parent.relative_to(folder)).lower())
    return all(word in unquote(url).lower() for word in words)


def _stated(url: str, file: Path) -> bool:
    """Whether a note beside the file, ``SOURCE.txt``, says that it came from the repository in the URL.

    Its lines are ``FILE <- github:OWNER/REPOSITORY@COMMIT:PATH``.
    """
    note = file.parent / "SOURCE.txt"
    text = note.read_text(encoding="utf-8", errors="replace") if note.is_file() else ""
    origins = re.findall(rf"^{re.escape(file.name)} <- github:([^@\s]+)@[^:\s]+:(\S+)", text, re.MULTILINE)
    return any(f"/{repository}/" in url and unquote(url).endswith(f"/{path}") for repository, path in origins)


def _literal(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


def _told(path: Path, source: str, ask: Ask) -> Path:
    ask.events.emit("mirror.used", source=without_password(source), path=str(path))
    return path
