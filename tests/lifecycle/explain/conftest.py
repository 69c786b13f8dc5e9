"""Models whose explanation is known: a formula of the columns behind the protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest

from noria.core.explanation import Explanation
from noria.core.protocol import Metric
from noria.core.schema import Column, Schema, Type
from noria.core.signature import Output, Signature
from noria.lifecycle.explain import View

KINDS = {pl.Float64: Type.NUMBER, pl.String: Type.CATEGORY, pl.Boolean: Type.BOOLEAN}


@dataclass
class Formula:
    """Predicts a number, or classes by the probabilities of all but the first."""

    function: Callable[[pl.DataFrame], np.ndarray]
    columns: tuple[Column, ...]
    labels: tuple[str, ...] = ()
    asked: list[int] = field(default_factory=list)

    @property
    def signature(self) -> Signature:
        if not self.labels:
            return Signature(Schema(self.columns), (Output("prediction", Type.NUMBER, "the expected price"),))
        shares = (Output(f"probability_{label}", Type.NUMBER) for label in self.labels)
        return Signature(Schema(self.columns), (Output("prediction", Type.CATEGORY), *shares))

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        self.asked.append(rows.height)
        found = np.asarray(self.function(rows), dtype=float).reshape(rows.height, -1)
        if not self.labels:
            return pl.DataFrame({"prediction": found[:, 0]})
        p = np.hstack([1 - found.sum(axis=1, keepdims=True), found])
        shares = {f"probability_{label}": one for label, one in zip(self.labels, p.T, strict=True)}
        chosen = pl.Series("prediction", self.labels, pl.String).gather(p.argmax(axis=1))
        return pl.DataFrame([chosen]).with_columns(**{name: pl.Series(one) for name, one in shares.items()})

    def explain(self, rows, *, deadline=None) -> Explanation:
        self.explained = rows.height, deadline
        output = self.predict(rows).to_series(-1)
        zero = pl.Series(np.zeros(rows.height))
        return Explanation(zero, pl.DataFrame({self.columns[0].name: output}), output, "price")


@pytest.fixture
def view():
    """A view of a formula on rows whose columns tell their types."""

    def make(function, rows: pl.DataFrame, labels=(), target: str | None = None) -> View:
        columns = tuple(
            Column(name, KINDS[type(kind)]) for name, kind in rows.schema.items() if name != target
        )
        return View(Formula(function, columns, tuple(labels)), rows)

    return make


@pytest.fixture
def numbers() -> pl.DataFrame:
    """Three independent columns of 300 rows."""
    rng = np.random.default_rng(0)
    return pl.DataFrame({name: rng.normal(size=300).round(3) for name in "abc"})


@pytest.fixture
def mse() -> Metric:
    """The mean squared error against the column y."""

    def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Callable[[np.ndarray | None], float]:
        squared = (truth["y"].to_numpy() - predictions["prediction"].to_numpy()) ** 2
        return lambda rows: float(squared.mean() if rows is None else squared[rows].mean())

    return Metric("mse", False, bind)
