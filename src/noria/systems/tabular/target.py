"""The target of a table: classes or a number, and everything that follows from which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from noria.core.protocol import Metric, Task
from noria.core.schema import Column, Type
from noria.core.signature import Output
from noria.errors import ParamError, TargetError, suggestion
from noria.methods import metrics as arrays

if TYPE_CHECKING:
    from noria.core.protocol import Scorer
    from noria.systems.tabular.finish import Finish

__all__ = ["ClassTarget", "NumberTarget", "Target", "target_for"]

_HEADLINE = {
    2: (
        "roc_auc",
        "log_loss",
        "accuracy",
        "f1",
        "average_precision",
        "balanced_accuracy",
        "precision",
        "recall",
        "mcc",
        "brier",
    ),
    3: ("log_loss", "accuracy", "balanced_accuracy", "f1", "roc_auc", "mcc"),
}
_REGRESSION = ("rmse", "mae", "r2", "median_absolute_error", "mape")


@dataclass(frozen=True)
class Target:
    """What both kinds share.

    Attributes
    ----------
    name : str
        The target's column.
    """

    name: str
    loss: ClassVar[str]

    @property
    def classes(self) -> int:
        """How many classes; 0 for a number."""
        return 0

    @property
    def outputs(self) -> int:
        """How many numbers a learner predicts for a row."""
        return self.classes or 1

    def encode(self, values: pl.Series) -> np.ndarray:
        """The truth as an array: class codes or numbers."""
        raise NotImplementedError

    def table(self, outputs: np.ndarray) -> pl.DataFrame:
        """A learner's outputs as named columns."""
        raise NotImplementedError

    def matrix(self, predictions: pl.DataFrame) -> np.ndarray:
        """The inverse of `table`."""
        raise NotImplementedError

    def judged(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        """What the loss looks at, (n,): the probability of the true class, or the value."""
        raise NotImplementedError

    def mean_loss(self, judged: np.ndarray, y: np.ndarray) -> float:
        """The mean loss of what `judged` gave."""
        raise NotImplementedError

    def answers(self, outputs: np.ndarray, finish: Finish) -> pl.DataFrame:
        """Predictions from averaged outputs, (n, outputs)."""
        raise NotImplementedError

    def answer(self, outputs: np.ndarray, finish: Finish) -> dict[str, Any]:
        """The same for one row, (outputs,), without the cost of a table."""
        raise NotImplementedError

    def metrics(self) -> list[Metric]:
        """The task's measures, the usual one first."""
        raise NotImplementedError

    def covered(self, truth: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        """Whether each row's prediction set or interval holds the truth; NaN where there is none."""
        raise NotImplementedError

    def _coverage(self) -> Metric:
        def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
            held = self.covered(truth[self.name], predictions).astype(np.float64)
            return lambda rows: float(_rows(rows, held)[0].mean())

        def losses(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
            return 1.0 - self.covered(truth[self.name], predictions)

        doc = "Share of truths inside their prediction interval or set."
        return Metric("coverage", True, bind, doc, losses)

    @property
    def fields(self) -> tuple[Output, ...]:
        """The columns of a prediction."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready state."""
        raise NotImplementedError


@dataclass(frozen=True)
class ClassTarget(Target):
    """A target of two or more classes.

    Parameters
    ----------
    name : str
    labels : tuple of str
        In the order of the codes; of two, the second is the positive one.

    Examples
    --------
    >>> target = ClassTarget("left", ("no", "yes"))
    >>> target.encode(pl.Series(["yes", "no"])).tolist()
    [1, 0]
    """

    labels: tuple[str, ...]
    loss: ClassVar[str] = "log_loss"

    @property
    def classes(self) -> int:
        return len(self.labels)

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return self.classes == 2

    @cached_property
    def columns(self) -> list[str]:
        """The names of the probability columns."""
        return [f"probability_{label}" for label in self.labels]

    def encode(self, values: pl.Series) -> np.ndarray:
        codes = np.arange(len(self.labels), dtype=np.int64)
        text = values.cast(pl.String)
        return text.replace_strict(list(self.labels), codes, return_dtype=pl.Int64).to_numpy()

    def table(self, outputs: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame(dict(zip(self.columns, np.ascontiguousarray(outputs.T, dtype=np.float64))))

    def matrix(self, predictions: pl.DataFrame) -> np.ndarray:
        return predictions.select(self.columns).to_numpy()

    def judged(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
        return outputs[np.arange(len(y)), y]

    def mean_loss(self, judged: np.ndarray, y: np.ndarray) -> float:  # noqa: ARG002
        return float(-np.log(np.maximum(judged, 1e-15)).mean())

    def answers(self, outputs: np.ndarray, finish: Finish) -> pl.DataFrame:
        if finish.calibrator is not None:
            outputs = finish.calibrator.apply(outputs)
        labels = pl.Series("prediction", self.labels, dtype=pl.String)
        table = pl.DataFrame([labels[self._codes(outputs, finish)]]).hstack(self.table(outputs))
        if finish.classifier is None:
            return table
        inside = finish.classifier.sets(outputs)
        packed = np.packbits(inside, axis=1)  # as one text a row, which sorts fast
        _, first, which = np.unique(
            packed.view(f"S{packed.shape[1]}").ravel(), return_index=True, return_inverse=True
        )
        named = [[self.labels[at] for at in np.flatnonzero(pattern)] for pattern in inside[first]]
        sets = pl.Series("prediction_set", named, dtype=pl.List(pl.String))
        return table.with_columns(sets[which])

    def answer(self, outputs: np.ndarray, finish: Finish) -> dict[str, Any]:
        outputs = outputs[None] if finish.calibrator is None else finish.calibrator.apply(outputs[None])
        answer: dict[str, Any] = {"prediction": self.labels[self._codes(outputs, finish)[0]]}
        answer.update(zip(self.columns, outputs[0].tolist()))
        if finish.classifier is not None:
            inside = finish.classifier.sets(outputs)[0].tolist()
            answer["prediction_set"] = [label for label, held in zip(self.labels, inside) if held]
        return answer

    def _codes(self, outputs: np.ndarray, finish: Finish) -> np.ndarray:
        return outputs.argmax(axis=1) if finish.decision is None else finish.decision.labels(outputs)

    def metrics(self) -> list[Metric]:
        names = _HEADLINE[min(self.classes, 3)]
        return [*(self._metric(arrays.CLASSIFICATION[name]) for name in names), self._coverage()]

    def _metric(self, measure: arrays.ArrayMetric) -> Metric:
        def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
            y, p = self.encode(truth[self.name]), self.matrix(predictions)
            if measure.needs == "labels" and "prediction" in predictions.columns:
                labels = self.encode(predictions["prediction"])
                return lambda rows: measure.function(*_rows(rows, y, p), labels=_rows(rows, labels)[0])
            return lambda rows: measure.function(*_rows(rows, y, p))

        def losses(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
            y, p = self.encode(truth[self.name]), self.matrix(predictions)
            if measure.needs == "probabilities":
                return -np.log(np.maximum(self.judged(p, y), 1e-15))
            known = "prediction" in predictions.columns
            return (y != (self.encode(predictions["prediction"]) if known else p.argmax(axis=1))).astype(
                float
            )

        return Metric(measure.name, measure.greater_is_better, bind, measure.doc, losses)

    def covered(self, truth: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        if "prediction_set" not in predictions.columns:
            return np.full(len(truth), np.nan)
        pairs = pl.DataFrame({"truth": truth.cast(pl.String), "held": predictions["prediction_set"]})
        return pairs.select(pl.col("held").list.contains(pl.col("truth"))).to_series().to_numpy()

    @property
    def fields(self) -> tuple[Output, ...]:
        probabilities = (Output(name, Type.NUMBER, "probability, 0 to 1") for name in self.columns)
        sets = Output("prediction_set", Type.TEXT, "the classes that cannot be ruled out")
        return (Output("prediction", Type.CATEGORY, "the decision"), *probabilities, sets)

    def to_dict(self) -> dict[str, Any]:
        return {"task": Task.CLASSIFICATION.value, "name": self.name, "labels": list(self.labels)}


@dataclass(frozen=True)
class NumberTarget(Target):
    """A target that is a quantity."""

    loss: ClassVar[str] = "squared_error"

    def encode(self, values: pl.Series) -> np.ndarray:
        return values.cast(pl.Float64).to_numpy()

    def table(self, outputs: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame({"prediction": np.asarray(outputs, dtype=np.float64).reshape(-1)})

    def matrix(self, predictions: pl.DataFrame) -> np.ndarray:
        return predictions.select("prediction").to_numpy()

    def judged(self, outputs: np.ndarray, y: np.ndarray) -> np.ndarray:  # noqa: ARG002
        return outputs[:, 0]

    def mean_loss(self, judged: np.ndarray, y: np.ndarray) -> float:
        return float(((judged - y) ** 2).mean())

    def answers(self, outputs: np.ndarray, finish: Finish) -> pl.DataFrame:
        table = self.table(outputs)
        if finish.regressor is None:
            return table
        low, high = finish.regressor.interval(table["prediction"].to_numpy())
        return table.with_columns(low=pl.Series(low), high=pl.Series(high))

    def answer(self, outputs: np.ndarray, finish: Finish) -> dict[str, Any]:
        value = float(outputs[0])
        if finish.regressor is None:
            return {"prediction": value}
        low, high = finish.regressor.interval(np.array([value]))
        return {"prediction": value, "low": float(low[0]), "high": float(high[0])}

    def metrics(self) -> list[Metric]:
        return [*(self._metric(arrays.REGRESSION[name]) for name in _REGRESSION), self._coverage()]

    def _metric(self, measure: arrays.ArrayMetric) -> Metric:
        def bind(truth: pl.DataFrame, predictions: pl.DataFrame) -> Scorer:
            y, p = self.encode(truth[self.name]), predictions["prediction"].to_numpy()
            return lambda rows: measure.function(*_rows(rows, y, p))

        def losses(truth: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
            y, p = self.encode(truth[self.name]), predictions["prediction"].to_numpy()
            return _ROW_LOSS.get(measure.name, _squared)(y, p)

        return Metric(measure.name, measure.greater_is_better, bind, measure.doc, losses)

    def covered(self, truth: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
        if "low" not in predictions.columns:
            return np.full(len(truth), np.nan)
        y = self.encode(truth)
        return (predictions["low"].to_numpy() <= y) & (y <= predictions["high"].to_numpy())

    @property
    def fields(self) -> tuple[Output, ...]:
        return (
            Output("prediction", Type.NUMBER, f"the expected {self.name}"),
            Output("low", Type.NUMBER, "lower end of the prediction interval"),
            Output("high", Type.NUMBER, "upper end of the prediction interval"),
        )

    def to_dict(self) -> dict[str, Any]:
        return {"task": Task.REGRESSION.value, "name": self.name}


def _squared(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (y - p) ** 2


_ROW_LOSS = {
    "mae": lambda y, p: np.abs(y - p),
    "median_absolute_error": lambda y, p: np.abs(y - p),
    "mape": lambda y, p: np.abs(y - p) / np.maximum(np.abs(y), np.finfo(np.float64).eps),
}
"""What one row adds to a measure; of the others, its squared error."""


def _rows(rows: np.ndarray | None, *columns: np.ndarray) -> Sequence[np.ndarray]:
    return columns if rows is None else [column[rows] for column in columns]


def _class_target(column: Column, positive: str | None) -> ClassTarget:
    levels = ["false", "true"] if column.type is Type.BOOLEAN else sorted(column.levels, key=_natural)
    if column.distinct > len(levels):
        raise TargetError(
            f"The target {column.name!r} has too many classes.",
            got=f"{column.distinct:,} distinct values, such as {levels[0]!r}",
            do="Join the rare classes, or name another target.",
        )
    if positive is not None and positive not in levels:
        raise ParamError(
            f"Option 'positive' is not a class of {column.name!r}.", got=repr(positive),
            do=suggestion(positive, levels),
        )  # fmt: skip
    if len(levels) == 2 and levels[0] == positive:
        levels.reverse()
    return ClassTarget(column.name, tuple(levels))


def _natural(level: str) -> tuple[bool, float, str]:
    """Numbers in the order of their value, before words in the order of the alphabet."""
    try:
        return (False, float(level), level)
    except ValueError:
        return (True, 0.0, level)


def target_for(column: Column, task: Task, positive: str | None = None) -> Target:
    """The target that a column and a task describe."""
    makers = {
        Task.CLASSIFICATION: lambda: _class_target(column, positive),
        Task.REGRESSION: lambda: NumberTarget(column.name),
    }
    return makers[task]()


def from_dict(fields: Mapping[str, Any]) -> Target:
    """The inverse of `Target.to_dict`."""
    if "labels" in fields:
        return ClassTarget(fields["name"], tuple(fields["labels"]))
    return NumberTarget(fields["name"])
