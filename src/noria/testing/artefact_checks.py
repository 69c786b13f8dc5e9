"""Checks of saved models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from noria.core import artifact
from noria.data.conform import conform
from noria.errors import ArtifactError
from noria.testing.bench import Bench
from noria.testing.same import always, same

__all__ = ["CHECKS"]

_FRESH = """
import sys
from pathlib import Path
import polars as pl
from noria.core import artifact
from noria.data.conform import conform
folder, rows, out = map(Path, sys.argv[1:])
model = artifact.load(folder, prepare=conform, trusted=lambda _: False)
model.predict(pl.read_parquet(rows)).write_parquet(out)
"""
_PICKLE_ENDINGS = {".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth"}


@contextmanager
def _saved(bench: Bench) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield artifact.save(bench.model, Path(folder) / "model", system=bench.kind.name)


def loads_in_a_fresh_process(bench: Bench) -> None:
    """Another process that knows only the folder predicts the same."""
    with _saved(bench) as folder:
        rows, out = folder.parent / "rows.parquet", folder.parent / "out.parquet"
        bench.rows.write_parquet(rows)
        command = [sys.executable, "-c", _FRESH, str(folder), str(rows), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"loading failed: {done.stderr[-2000:]}"
        same(pl.read_parquet(out), bench.predictions, "the loaded model predicts otherwise")


def damage_is_found(bench: Bench) -> None:
    """A changed byte, a missing file and a surplus file are each refused."""
    with _saved(bench) as folder:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
        assert files, "the model has no files"
        for path in files:
            content = path.read_bytes()
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            _refused(folder, path.name)
            path.unlink()
            _refused(folder, path.name)
            path.write_bytes(content)
        (folder / "surplus.bin").write_bytes(b"x")
        _refused(folder, "surplus.bin")


def _refused(folder: Path, name: str) -> None:
    message = "nothing, and the model was loaded"
    try:
        artifact.load(folder, prepare=conform, trusted=lambda _: False)
    except ArtifactError as error:
        message = str(error)
    assert name in message, f"a damaged {name!r} gave {message}"


def no_pickle_inside(bench: Bench) -> None:
    """No file is a pickle, by its ending or by its first bytes."""
    with _saved(bench) as folder:
        for path in folder.rglob("*"):
            head = path.read_bytes()[:2] if path.is_file() else b""
            pickled = head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
            assert not pickled, f"{path.name} begins like a pickle"
            assert path.suffix not in _PICKLE_ENDINGS, f"{path.name} ends like a pickle"


CHECKS = [
    ("loads_in_a_fresh_process", always, loads_in_a_fresh_process),
    ("damage_is_found", always, damage_is_found),
    ("no_pickle_inside", always, no_pickle_inside),
]
