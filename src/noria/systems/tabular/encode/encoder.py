"""All the columns of a table, encoded for one family of learners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from noria.core.schema import Column, Type
from noria.systems.tabular.encode.blocks import (
    BLOCKS,
    Block,
    Codes,
    Counts,
    DateParts,
    OneHot,
    Passed,
    Scaled,
)
from noria.systems.tabular.encode.words import Words

__all__ = ["Encoder"]

_MANY_LEVELS = 50
_NATIVE_LEVELS = 255
_ROWS = 16_384  # encoded at once: of very many, each column's cells would be far apart in memory


def _for_trees(column: Column, values: pl.Series) -> list[Block]:
    match column.type:
        case Type.CATEGORY:
            codes = Codes.fit(values, most=_NATIVE_LEVELS)
            return [codes, Counts.fit(values)] if column.distinct > _MANY_LEVELS else [codes]
        case Type.DATETIME:
            return [DateParts.fit(values, scaled=False)]
        case Type.TEXT:
            return [Words.fit(values, most=100)]
        case _:
            return [Passed.fit(values)]


def _for_slopes(column: Column, values: pl.Series) -> list[Block]:
    match column.type:
        case Type.CATEGORY:
            return [OneHot.fit(values)]
        case Type.DATETIME:
            return [DateParts.fit(values, scaled=True)]
        case Type.TEXT:
            return [Words.fit(values, most=500)]
        case _:
            return [Scaled.fit(values)]


_FAMILIES: dict[str, Callable[[Column, pl.Series], list[Block]]] = {
    "trees": _for_trees,
    "slopes": _for_slopes,
}


@dataclass(frozen=True)
class Encoder:
    """The fitted encodings of all columns, compiled once.

    Parameters
    ----------
    blocks : sequence of Block
        In the order of their outputs.
    positions : sequence of int
        For each block, which of the features' values it reads in a single row.

    Examples
    --------
    >>> table = pl.DataFrame({"colour": ["red", "red", "blue", "blue"], "size": [1.0, 2.0, None, 4.0]})
    >>> columns = [Column("colour", Type.CATEGORY, distinct=2), Column("size", Type.NUMBER)]
    >>> encoder = Encoder.fit("trees", columns, table)
    >>> encoder.matrix(table).tolist()
    [[1.0, 1.0], [1.0, 2.0], [0.0, nan], [0.0, 4.0]]
    >>> encoder.row(("red", 2.0)).tolist()
    [1.0, 2.0]
    """

    blocks: Sequence[Block]
    positions: Sequence[int]

    @classmethod
    def fit(cls, family: str, columns: Sequence[Column], table: pl.DataFrame) -> Encoder:
        """Learn the encodings of a family, ``"trees"`` or ``"slopes"``, from conformed columns.

        The target is never looked at, so all training rows of a search may be used.
        """
        make = _FAMILIES[family]
        found = [
            (block, position)
            for position, column in enumerate(columns)
            for block in make(column, table[column.name])
        ]
        return cls([block for block, _ in found], [position for _, position in found])

    @cached_property
    def names(self) -> list[str]:
        """One name per output column."""
        return [name for block in self.blocks for name in block.names]

    @cached_property
    def sources(self) -> list[str]:
        """For each output column, the column of the table that it comes from."""
        return [block.column for block in self.blocks for _ in block.names]

    @cached_property
    def discrete(self) -> np.ndarray:
        """Which outputs are codes or indicators, (outputs,) bool."""
        return np.array([block.discrete for block in self.blocks for _ in block.names], dtype=bool)

    def matrix(self, table: pl.DataFrame) -> np.ndarray:
        """A conformed table as (rows, outputs) float32, C order."""
        out = np.empty((table.height, self._width), dtype=np.float32)
        for at in range(0, table.height, _ROWS):
            some, start = table[at : at + _ROWS], 0
            for block in self.blocks:
                part = block.matrix(some[block.column])
                out[at : at + _ROWS, start : start + part.shape[1]] = part
                start += part.shape[1]
        return out

    def row(self, values: Sequence[Any]) -> np.ndarray:
        """One conformed row, values in the order of the features, as (outputs,) float32."""
        row = np.zeros(self._width, dtype=np.float32)
        for write, position in self._writers:
            write(values[position], row)
        return row

    @cached_property
    def _width(self) -> int:
        return len(self.names)

    @cached_property
    def _writers(self) -> list[tuple[Callable[[Any, np.ndarray], None], int]]:
        writers, start = [], 0
        for block, position in zip(self.blocks, self.positions):
            writers.append((block.writer(start), position))
            start += len(block.names)
        return writers

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready state; `from_dict` reads it back."""
        return {"blocks": [block.to_dict() for block in self.blocks], "positions": list(self.positions)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Encoder:
        """The inverse of `to_dict`."""
        blocks = [BLOCKS[block["kind"]].from_dict(block) for block in fields["blocks"]]
        return cls(blocks, fields["positions"])
