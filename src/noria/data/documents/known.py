"""What files held when they were last read, so that only changed ones are read again."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from noria._lazy import installed
from noria.data.documents.blocks import SCHEMA

__all__ = ["WITH_FACTS", "Facts", "Known"]

_SURE = 2_000_000_000  # nanoseconds after its last change from which on a file's time can be trusted


class Facts(NamedTuple):
    """A file as it was read.

    Attributes
    ----------
    size, changed, inode : int
        Bytes, time of the last change in nanoseconds, and number in the file system.
    read : int
        When it was read, in nanoseconds.
    """

    size: int
    changed: int
    inode: int
    read: int

    @classmethod
    def of(cls, path: str) -> Facts:
        """As it is now; to be asked before it is read."""
        found = os.stat(path)  # noqa: PTH116 - asked of thousands
        return cls(found.st_size, found.st_mtime_ns, found.st_ino, time.time_ns())

    def still(self, now: Facts) -> bool:
        """Whether the file is the same; its time must be well before it was read, since times are coarse."""
        return self[:3] == now[:3] and self.changed + _SURE < self.read


FACTS: dict[str, Any] = {
    "size": pl.Int64,
    "changed": pl.Int64,
    "inode": pl.UInt64,
    "read": pl.Int64,
}


WITH_FACTS = SCHEMA | {"digest": pl.String, "file": pl.String} | FACTS
"""The columns of blocks that know their file, and the digest of their document's words."""


class Known:
    """The blocks of the files below a folder, each with the facts of the file that it was read from.

    It is a copy, which may be lost or deleted at any time.

    Parameters
    ----------
    cache : Path
    root : Path
        The folder that names are relative to.

    Attributes
    ----------
    files : dict of str to Facts
        By name.

    References
    ----------
    "Racy git" in the technical documentation of git, on trusting the times of files.
    """

    def __init__(self, cache: Path, root: Path) -> None:
        code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
        how = f"{root.absolute()}\0{installed('tree_sitter')}"
        key = hashlib.sha256(how.encode() + b"\0" + code).hexdigest()[:32]
        self._path = cache / "documents" / f"{key}.parquet"
        self._blocks = pl.DataFrame(schema=WITH_FACTS)
        with suppress(OSError, pl.exceptions.PolarsError):
            self._blocks = pl.read_parquet(self._path).select(*WITH_FACTS)
        table = self._blocks.unique("file", keep="first").select("file", *FACTS)
        self.files = {name: Facts(*facts) for name, *facts in table.iter_rows()}

    def updated(self, facts: dict[str, Facts], read: pl.DataFrame) -> pl.DataFrame:
        """The blocks of all files in the order of `facts`, some of which have just been read; it is kept."""
        gone = [name for name, known in self.files.items() if facts.get(name) is not known]
        if not gone and read.is_empty() and len(facts) == len(self.files):
            return self._blocks
        order = pl.DataFrame([pl.Series("file", list(facts), pl.String)]).with_row_index("order")
        table = pl.concat([self._blocks.filter(~pl.col("file").is_in(gone)), read])
        table = table.join(order, on="file", maintain_order="left").sort("order", maintain_order=True)
        table = table.drop("order")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            table.write_parquet(draft, compression="lz4")
            draft.replace(self._path)
        return table
