"""The arrays that a learner is fitted on, encoded once per search and sliced per fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from noria.core.protocol import Context
from noria.core.schema import Role
from noria.data import split as splits
from noria.errors import DataError
from noria.systems.tabular.encode import Encoder
from noria.systems.tabular.target import Target

__all__ = ["Frame"]

_FEW, _FEW_RARE = 2_000, 300  # rows; rows of all classes but the commonest
_WATCHED = 1 / 8


@dataclass(frozen=True)
class Frame:
    """Encoded training and validation rows.

    Attributes
    ----------
    encoder : Encoder
    target : Target
    X, y, weight : array, (n, d) float32; (n,); (n,) float64 or None
    X_valid, y_valid, weight_valid : the same, or None without validation rows
    base : Frame, optional
        Inside a search, all its rows; `rows` and `rows_valid` say which of them these are.
    """

    encoder: Encoder
    target: Target
    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    X_valid: np.ndarray | None = None
    y_valid: np.ndarray | None = None
    weight_valid: np.ndarray | None = None
    base: Frame | None = None
    rows: np.ndarray | None = None
    rows_valid: np.ndarray | None = None

    @classmethod
    def whole(cls, table: pl.DataFrame, ctx: Context, family: str, target: Target) -> Frame:
        """All rows of a table, with an encoder fitted on them."""
        encoder = Encoder.fit(family, ctx.schema.features, table)
        weights = ctx.schema.with_role(Role.WEIGHT)
        weight = table[weights[0].name].cast(pl.Float64).to_numpy() if weights else None
        return cls(encoder, target, encoder.matrix(table), target.encode(table[target.name]), weight)

    @classmethod
    def of(
        cls, train: pl.DataFrame, valid: pl.DataFrame | None, ctx: Context, family: str, target: Target
    ) -> Frame:
        """The arrays of one fit: sliced out of the search's, or encoded now outside a search."""
        if ctx.fold is None:
            frame = cls.whole(train, ctx, family, target)
            return frame if valid is None else frame._with_valid(valid)
        fold = ctx.fold
        base = ctx.shared.get(("frame", family), lambda: cls.whole(fold.table, ctx, family, target))
        key = ("frame", family, fold.index)
        return ctx.shared.get(key, lambda: base._slice(fold.split.train, fold.split.valid))

    def _with_valid(self, valid: pl.DataFrame) -> Frame:
        y = self.target.encode(valid[self.target.name])
        return replace(self, X_valid=self.encoder.matrix(valid), y_valid=y)

    def _slice(self, train: np.ndarray, valid: np.ndarray) -> Frame:
        weight, weight_valid = (
            (None, None) if self.weight is None else (self.weight[train], self.weight[valid])
        )
        return Frame(
            self.encoder, self.target, self.X[train], self.y[train], weight,
            self.X[valid], self.y[valid], weight_valid, self, train, valid,
        )  # fmt: skip

    def apart(self, ctx: Context) -> Frame:
        """The frame of a fold; of few rows, with some training rows to watch in place of the judged ones.

        A learner that stops where it predicts the judged rows best is judged too well: by a twentieth to a
        third of the loss on 400 rows, which let it push out learners that watch nothing.
        """
        fold, base, rows = ctx.fold, self.base, self.rows
        if fold is None or base is None or rows is None or not self._few:
            return self
        make = partial(
            splits.holdout, fold.table[rows], ctx.schema, share=_WATCHED, seed=ctx.seed + fold.index
        )
        try:
            inner = ctx.shared.get(("watched", fold.index), make)
        except DataError:
            return self
        return base._slice(rows[inner.train], rows[inner.valid])

    @property
    def _few(self) -> bool:
        """Whether there are few rows, or many of which nearly all are of one class."""
        rows = len(self.y)
        if rows < _FEW or not self.target.classes:
            return rows < _FEW
        return rows - int(np.bincount(self.y.astype(np.int64)).max()) < _FEW_RARE

    def weighted(self, factor: np.ndarray) -> Frame:
        """The same rows, the training weights multiplied by `factor`, (n,)."""
        return replace(self, weight=factor if self.weight is None else self.weight * factor)

    def extended(self, X: np.ndarray, y: np.ndarray) -> Frame:
        """More training rows after these, of mean weight; validation stays."""
        weight = self.weight
        if weight is not None:
            weight = np.concatenate([weight, np.full(len(y), weight.mean())])
        return replace(
            self, X=np.concatenate([self.X, X]), y=np.concatenate([self.y, y]), weight=weight, base=None
        )

    def with_every_class(self) -> Frame:
        """The same rows, and for each class that is missing among them one row of next to no weight."""
        missing = np.setdiff1d(np.arange(self.target.classes), self.y)
        if not missing.size:
            return self
        weight = np.ones(len(self.y)) if self.weight is None else self.weight
        return replace(
            self,
            X=np.concatenate([self.X, np.repeat(self.X[:1], missing.size, axis=0)]),
            y=np.concatenate([self.y, missing]),
            weight=np.concatenate([weight, np.full(missing.size, 1e-6)]),
            base=None,
        )

    @property
    def valid(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Validation rows and targets, if there are any."""
        return None if self.X_valid is None or self.y_valid is None else (self.X_valid, self.y_valid)

    def one_hot(self) -> np.ndarray:
        """The training targets as (n, outputs): class indicators or the values."""
        if not self.target.classes:
            return self.y[:, None].astype(np.float64)
        return np.eye(self.target.classes)[self.y]

    def shared(self, ctx: Context, key: Any, make: Callable[[Frame], Any]) -> Any:
        """Something made of all rows of the search, once."""
        whole = self.base if self.base is not None else self
        return make(whole) if ctx.fold is None else ctx.shared.get(key, lambda: make(whole))
