"""Which rows of the log are among the data of a run, so that each is learned once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

__all__ = ["Learned"]

_FILE = "learned.parquet"


@dataclass(frozen=True)
class Learned:
    """What a run has learned of the log.

    Attributes
    ----------
    until : float
        Rows whose label was told by then, seconds since 1970.
    rows : Series of str
        Their ids, in the order of the run's rows and, below them, of those that judged it; null for rows that
        were never in the log.
    """

    until: float
    rows: pl.Series

    def save(self, folder: Path) -> None:
        """Write the ids beside a run."""
        pl.DataFrame({"id": self.rows}).write_parquet(folder / _FILE)

    @staticmethod
    def ids(folder: Path, count: int) -> pl.Series:
        """The ids of the rows of a run, of which there are so many; all null if they were not kept."""
        path = folder / _FILE
        found = pl.read_parquet(path)["id"] if path.is_file() else pl.Series([], dtype=pl.String)
        return found if len(found) == count else pl.Series([None] * count, dtype=pl.String)
