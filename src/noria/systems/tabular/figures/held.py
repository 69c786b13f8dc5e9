"""The held-out rows of a classification as arrays, and what all its pictures share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from noria.core.protocol import Evidence
from noria.pages import charts
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.target import ClassTarget

__all__ = ["POINTS", "SHARE", "Held", "picked"]

POINTS = 300
"""Of a curve, at most."""
SHARE = {"scale": {"domain": [0, 1]}, "axis": charts.PERCENT}
"""A channel that goes from 0 to 100%."""

_CURVES = 6


class Held(NamedTuple):
    """What came true, and what the model said.

    Attributes
    ----------
    target : ClassTarget
    y, decided : (n,) arrays of codes
    p : (n, K) array
    threshold : float, optional
        Of two classes, from which probability on the second is decided.
    """

    target: ClassTarget
    y: np.ndarray
    decided: np.ndarray
    p: np.ndarray
    threshold: float | None

    @classmethod
    def of(cls, target: ClassTarget, options: TabularOptions, evidence: Evidence) -> Held:
        """Out-of-fold predictions are probabilities only: the most probable class is decided.

        A threshold that was learned is the model's; where that is not at hand, it lies where the decision
        changes, if it does.
        """
        predictions = evidence.predictions
        y, p = target.encode(evidence.truth[target.name]), target.matrix(predictions)
        fixed = 0.5 if target.binary and options.decision is None else None
        if "prediction" not in predictions.columns:
            return cls(target, y, p.argmax(axis=1), p, fixed)
        decided = target.encode(predictions["prediction"])
        if options.decision is None or not target.binary:
            return cls(target, y, decided, p, fixed)
        finish = getattr(evidence.model, "finish", None)
        if finish is not None and finish.decision is not None and finish.decision.kind == "threshold":
            return cls(target, y, decided, p, min(finish.decision.threshold, 1.0))
        if len(np.unique(decided)) < 2:
            return cls(target, y, decided, p, None)
        middle = float(p[decided == 1, 1].min() + p[decided == 0, 1].max()) / 2
        return cls(target, y, decided, p, middle)

    @property
    def positive(self) -> str:
        """The class that binary pictures are about."""
        return self.target.labels[1]

    @property
    def drawn(self) -> list[int]:
        """The classes to draw curves of: the positive one of two, else the most frequent that occur."""
        rows = np.bincount(self.y, minlength=self.target.classes)
        wanted = [1] if self.target.binary else np.argsort(-rows, kind="stable")[:_CURVES].tolist()
        return sorted(at for at in wanted if 0 < rows[at] < len(self.y))

    @property
    def among(self) -> str:
        """Which classes the curves are of, in words, where not of all."""
        few = self.target.classes > _CURVES
        return f" The {_CURVES} most frequent of {self.target.classes} classes are drawn." if few else ""

    def layers(self, x: charts.Channel, y: charts.Channel, tips: Sequence[charts.Tip]) -> list[charts.Layer]:
        """One curve with its band, or one of each class, told apart by colour."""
        if self.target.binary:
            return [charts.band(x, y), *charts.line(x, y, tips)]
        return charts.line(x, y, [("class", "class"), *tips], color=charts.colour("class", columns=2))

    def here(
        self, frame: pl.DataFrame, x: charts.Channel, y: charts.Channel, tips: Sequence[charts.Tip]
    ) -> list[charts.Layer]:
        """The point of the model's threshold on a curve, if it has one."""
        if self.threshold is None:
            return []
        at = frame.select((pl.col("threshold") - self.threshold).abs().arg_min()).item()
        made = charts.mark({"type": "point", "filled": True, "size": 120, "opacity": 1}, tips, x=x, y=y)
        return [{"data": {"values": frame[at].to_dicts()}, **made}]


def picked(fields: Mapping[str, Any], rows: np.ndarray, **same: str) -> pl.DataFrame:
    """Some rows of arrays as a table, with columns that hold the same in each."""
    columns = {name: np.asarray(values)[rows] for name, values in fields.items()}
    return pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in same.items())
