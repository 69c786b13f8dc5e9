"""An export as a whole: a folder that is complete or not there, and never takes another's place unasked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from noria._version import __version__
from noria.core import manifest
from noria.core.events import Events
from noria.core.files import new_folder
from noria.errors import ParamError, suggestion
from noria.lifecycle.export import docker, kubernetes, mlflow, onnx, space
from noria.lifecycle.export.package import Package

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TARGETS", "Exported", "export"]

TARGETS: Mapping[str, Callable[[Package, Path], Sequence[str]]] = {
    "docker": docker.write,
    "kubernetes": kubernetes.write,
    "space": space.write,
    "onnx": onnx.write,
    "mlflow": mlflow.write,
}
"""What a model can be exported to: each writes into a folder and returns the commands that come next."""

_MARK = "noria-export.json"


@dataclass(frozen=True)
class Exported:
    """What an export has written, or would write.

    Attributes
    ----------
    folder : str
    target, model : str
    version : int
    run : str
    files : mapping of str to int
        Bytes by path within the folder.
    next : tuple of str
        Commands.
    written : bool
        Whether it was more than a dry run.
    """

    folder: str
    target: str
    model: str
    version: int
    run: str
    files: Mapping[str, int]
    next: tuple[str, ...]
    written: bool

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(self.files.values())

    def frame(self) -> pl.DataFrame:
        """One row per file."""
        import polars as pl

        return pl.DataFrame({"file": list(self.files), "bytes": list(self.files.values())})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    def _repr_html_(self) -> str:
        return self.frame()._repr_html_()


def export(
    package: Package, to: str, output: Path, events: Events, *, force: bool = False, dry_run: bool = False
) -> Exported:
    """Write a version of a model into a new folder, for a target.

    Parameters
    ----------
    package : Package
    to : str
        One of `TARGETS`.
    output : Path
        Must not exist, or be empty.
    events : Events
    force : bool
        Whether an earlier export in its place is replaced; files that others put into it stay.
    dry_run : bool
        Do everything, and throw it away.

    Raises
    ------
    ParamError
        If there is no such target, the place is taken, or the target cannot express the model.
    StorageError
        If it cannot be written; nothing is left behind.
    """
    if to not in TARGETS:
        raise ParamError("There is no such target.", got=repr(to), do=suggestion(to, TARGETS))
    taken = output.exists() and not (output.is_dir() and not any(output.iterdir()))
    if taken and not dry_run:
        _check_own(output, force)
    with events.stage("export"), TemporaryDirectory() as aside:
        home = (
            Path(aside) / "dry" if dry_run else output.with_name(f".{output.name}.new") if taken else output
        )
        shutil.rmtree(home, ignore_errors=True)
        with new_folder(home) as draft:
            following = TARGETS[to](package, draft)
            files = _mark(draft, package, to)
            if taken and not dry_run:
                _take_over(output, draft)
        if home != output and not dry_run:
            _exchange(output, home)
    told = (str(output), to, package.name, package.number, package.version.run)
    return Exported(*told, files, tuple(line.format(folder=output) for line in following), not dry_run)


def _mark(draft: Path, package: Package, to: str) -> dict[str, int]:
    """Say in the folder itself what it is; the bytes of its files."""
    hashed = manifest.hashed(draft, filter(Path.is_file, draft.rglob("*")))
    told = {
        "format": 1, "noria": __version__, "target": to, "model": package.name, "version": package.number,
        "run": package.version.run, "files": hashed,
    }  # fmt: skip
    (draft / _MARK).write_text(json.dumps(told, indent=1), encoding="utf-8")
    return {name: entry["bytes"] for name, entry in hashed.items()}


def _check_own(output: Path, force: bool) -> None:
    """Raise unless what is there is an export, and may be replaced."""
    if not (output / _MARK).is_file():
        raise ParamError(
            f"{output} is there already, and is not an export of Noria.",
            got="a file" if output.is_file() else f"a folder without {_MARK}",
            do="Name another folder with -o.",
        )
    if not force:
        raise ParamError(
            f"{output} is there already.",
            do="Give --force to replace it (your own files in it stay), or name another folder with -o.",
        )


def _take_over(old: Path, draft: Path) -> None:
    """Copy what the earlier export did not write: a ``.env``, somebody's overlay."""
    known = {*manifest.read_json(old / _MARK)["files"], _MARK}
    for path in old.rglob("*"):
        name = path.relative_to(old)
        if path.is_file() and name.as_posix() not in known and not (draft / name).exists():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, draft / name)


def _exchange(output: Path, new: Path) -> None:
    old = output.with_name(f".{output.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    output.rename(old)
    new.rename(output)
    shutil.rmtree(old, ignore_errors=True)
