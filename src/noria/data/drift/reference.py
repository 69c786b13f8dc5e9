"""What a model was trained on and judged by, small enough to be kept with it and compared with for ever."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from noria.core.files import write_text
from noria.core.schema import Column, Role, Schema, Type
from noria.data.drift.sample import Sample
from noria.data.drift.sketch import Sketch, fit, from_dict, of_classes
from noria.errors import ArtifactError, StorageError

__all__ = ["FILES", "Reference", "Rows", "Window"]

FILES = FILE, ROWS = "reference.json", "reference.parquet"
"""What `Reference.save` writes."""
_VERSION = 2
_DECISION, _PROBABILITY = "prediction", "probability_"
_COMPARED = {Role.FEATURE, Role.SERIES, Role.USER, Role.ITEM}


class Rows(NamedTuple):
    """Sampled rows as numbers, NaN where there is none.

    Attributes
    ----------
    features : (n, f) array
    answer : (n,) array
        The value that the model predicts, or the code of the class that it decides on.
    probabilities : (n, K) array
    truth : (n,) array
    """

    features: np.ndarray
    answer: np.ndarray
    probabilities: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Reference:
    """A training table in counts, and a sample of the rows that its model was judged by.

    Attributes
    ----------
    features, outputs : mapping of str to Sketch
        Of the training table; of what the model said of the held-out rows.
    target : Sketch, optional
        How the truth is read.
    sampled : (n, f + o + 1) array
        Features, outputs and truth of at most 50,000 rows: held-out ones, or training rows if none were.
    drawn : (m, f) array
        Features of at most 50,000 rows of the training table: those that are held out may be unlike the
        others, later ones or whole groups.
    rows : int
        Of the training table.
    """

    features: Mapping[str, Sketch]
    outputs: Mapping[str, Sketch]
    target: Sketch | None
    sampled: np.ndarray
    drawn: np.ndarray
    rows: int

    @classmethod
    def of(
        cls,
        table: pl.DataFrame,
        schema: Schema,
        held_out: pl.DataFrame | None = None,
        predictions: pl.DataFrame | None = None,
        others: pl.DataFrame | None = None,
        *,
        seed: int = 0,
    ) -> Reference:
        """Take in a training table, and rows held out of it with what the model said of them.

        Parameters
        ----------
        table : Table
            Raw or typed.
        schema : Schema
            Of the columns that a caller sends, and of the target.
        held_out, predictions : Table, optional
            Rows that the model has not learned from, with the truth, and its answers, row by row.
        others : Table, optional
            Answers to the other rows of the table, by models that have not learned from them.
        seed : int
            Of what is drawn where there is too much.

        Examples
        --------
        >>> table = pl.DataFrame({"age": [20.0, 30.0, 40.0] * 40})
        >>> reference = Reference.of(table, Schema((Column("age", Type.NUMBER),)))
        >>> window = reference.window()
        >>> window.update(pl.DataFrame({"age": ["31", "x"]}))
        >>> window.rows, window.features["age"].unreadable
        (2, 1)
        """
        rows, answers = table, pl.DataFrame()
        if held_out is not None and predictions is not None:
            rows, answers = held_out, predictions
        columns = [column for column in schema if column.role in _COMPARED]
        features = {column.name: fit(column, table[column.name], seed=seed) for column in columns}
        outputs = _outputs(_both(answers, others), seed)
        target = _target(schema, outputs, rows)
        sampled = Sample(len(features) + len(outputs) + 1, seed=seed)

        def read(at: np.ndarray) -> np.ndarray:
            truth = (
                np.full(at.size, np.nan)
                if target is None
                else target.encode(rows[target.column.name][at], at.size)
            )
            return np.column_stack([encoded(features, rows, at), encoded(outputs, answers, at), truth])

        sampled.update(rows.height, read)
        drawn = Sample(len(features), seed=seed)
        drawn.update(table.height, lambda at: encoded(features, table, at))
        return cls(features, outputs, target, sampled.rows, drawn.rows, table.height)

    @property
    def schema(self) -> Schema:
        """What is compared, and the target: enough to name the metrics of the model."""
        known = [sketch.column for sketch in self.features.values()]
        return Schema((*known, *([self.target.column] if self.target else [])), self.rows)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the model gives probabilities of, in their order; none if it gives none."""
        return _classes(self.outputs)

    def without(self, names: Collection[str]) -> Reference:
        """The same without some features."""
        kept = [name for name in self.features if name not in names]
        at = [place for place, name in enumerate(self.features) if name in kept]
        rest = range(len(self.features), self.sampled.shape[1])
        features = {name: self.features[name] for name in kept}
        sampled, drawn = self.sampled[:, [*at, *rest]], self.drawn[:, at]
        return replace(self, features=features, sampled=sampled, drawn=drawn)

    def masked(self, names: Collection[str]) -> Reference:
        """The same with no text of some features."""
        known = self.features.items()
        return replace(
            self, features={name: sketch.masked() if name in names else sketch for name, sketch in known}
        )

    def read(self, sampled: np.ndarray) -> Rows:
        """The parts of sampled rows; those of a window have no truth."""
        first = len(self.features)
        last = first + len(self.outputs)
        truth = sampled[:, last] if sampled.shape[1] > last else np.full(len(sampled), np.nan)
        answer = sampled[:, first] if self.outputs else np.full(len(sampled), np.nan)
        return Rows(sampled[:, :first], answer, sampled[:, first + 1 : last], truth)

    def window(self, *, seed: int = 0) -> Window:
        """A window without rows."""
        return Window(self, seed=seed)

    def save(self, folder: Path) -> None:
        """Write ``reference.json`` and ``reference.parquet`` into an existing folder.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        fields = {
            "version": _VERSION,
            "rows": self.rows,
            "features": [sketch.to_dict() for sketch in self.features.values()],
            "outputs": [sketch.to_dict() for sketch in self.outputs.values()],
            "target": self.target.to_dict() if self.target else None,
        }
        names = [f"column_{at}" for at in range(self.sampled.shape[1])]
        beside = np.full((len(self.drawn), len(names) - self.drawn.shape[1]), np.nan)
        both = np.concatenate([self.sampled, np.column_stack([self.drawn, beside])])
        judged = np.arange(len(both)) < len(self.sampled)
        try:
            table = pl.DataFrame(both, schema=names).with_columns(judged=judged)
            table.write_parquet(folder / ROWS, compression_level=3)
        except OSError as error:
            raise StorageError(f"Cannot write {folder / ROWS}.", got=error.strerror or str(error)) from error
        write_text(folder / FILE, json.dumps(fields, allow_nan=False))

    @classmethod
    def load(cls, folder: Path) -> Reference:
        """The inverse of `save`.

        Raises
        ------
        ArtifactError
            If the files are not there, damaged, or of another version.
        """
        try:
            fields = json.loads((folder / FILE).read_text(encoding="utf-8"))
            if fields["version"] != _VERSION:
                raise ValueError(f"version {fields['version']}")
            features, outputs = (
                {sketch.column.name: sketch for sketch in map(from_dict, fields[part])}
                for part in ("features", "outputs")
            )
            target = from_dict(fields["target"]) if fields["target"] else None
            both = pl.read_parquet(folder / ROWS)
            judged = both["judged"].to_numpy()
            numbers = both.drop("judged").to_numpy()
        except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
            raise ArtifactError(
                "What new rows are compared with cannot be read.",
                got=f"{type(error).__name__} in {folder / FILE}: {error}",
                do="Train the model again.",
            ) from error
        drawn = numbers[~judged, : len(features)]
        return cls(features, outputs, target, numbers[judged], drawn, fields["rows"])


class Window:
    """New rows, taken in batch by batch, in bounded memory.

    Parameters
    ----------
    reference : Reference
    seed : int
        Of the sample.

    Attributes
    ----------
    rows : int
    features, outputs : mapping of str to Sketch
        Counts in the reference's cells.
    extra : set of str
        Columns that the reference does not have.
    """

    def __init__(self, reference: Reference, *, seed: int = 0) -> None:
        self.rows = 0
        self.features = {name: sketch.empty() for name, sketch in reference.features.items()}
        self.outputs = {name: sketch.empty() for name, sketch in reference.outputs.items()}
        self.extra: set[str] = set()
        self._known = {*self.features, *self.outputs}
        if reference.target is not None:
            self._known.add(reference.target.column.name)
        self._sample = Sample(len(self.features) + len(self.outputs), seed=seed)

    @property
    def sampled(self) -> np.ndarray:
        """Features and outputs (n, f + o) of at most 50,000 of the rows, as numbers."""
        return self._sample.rows

    def update(self, rows: pl.DataFrame, predictions: pl.DataFrame | None = None) -> None:
        """Take in a batch, raw or typed, and what the model said of it.

        A column that is not there, or holds another type, is counted as such and is no error.
        """
        answers = pl.DataFrame() if predictions is None else predictions
        self.rows += rows.height
        self.extra |= set(rows.columns) - self._known
        for table, sketches in ((rows, self.features), (answers, self.outputs)):
            for name, sketch in sketches.items():
                sketch.update(_column(table, name), rows.height)
        self._sample.update(
            rows.height,
            lambda at: np.column_stack(
                [encoded(self.features, rows, at), encoded(self.outputs, answers, at)]
            ),
        )


def encoded(sketches: Mapping[str, Sketch], table: pl.DataFrame, at: np.ndarray) -> np.ndarray:
    """The columns of these rows as numbers (rows, columns)."""
    read = [(sketch, _column(table, name)) for name, sketch in sketches.items()]
    parts = [sketch.encode(None if raw is None else raw[at], at.size) for sketch, raw in read]
    return np.column_stack(parts) if parts else np.zeros((at.size, 0))


def _column(table: pl.DataFrame, name: str) -> pl.Series | None:
    return table[name] if name in table.columns else None


def _both(answers: pl.DataFrame, others: pl.DataFrame | None) -> pl.DataFrame:
    """All answers: those to held-out rows alone may be unlike what the model usually says."""
    names = [name for name in answers.columns if name == _DECISION or name.startswith(_PROBABILITY)]
    if others is None or not set(names) <= set(others.columns):
        return answers
    return pl.concat([answers.select(names), others.select(names)], how="vertical_relaxed")


def _outputs(answers: pl.DataFrame, seed: int) -> dict[str, Sketch]:
    """Sketches of the decision and, of a classifier, of each class's probability."""
    if _DECISION not in answers.columns:
        return {}
    made = {
        name: fit(Column(name, Type.NUMBER), answers[name], seed=seed)
        for name in answers.columns
        if name.startswith(_PROBABILITY)
    }
    classes = _classes(made)
    raw = answers[_DECISION]
    if not classes:
        kind = Type.NUMBER if raw.dtype.is_numeric() else Type.CATEGORY
        return {_DECISION: fit(Column(_DECISION, kind), raw, seed=seed)}
    decision = of_classes(Column(_DECISION, Type.CATEGORY), classes)
    decision.update(raw, raw.len())
    return {_DECISION: decision, **made}


def _classes(outputs: Mapping[str, Sketch]) -> tuple[str, ...]:
    return tuple(name.removeprefix(_PROBABILITY) for name in outputs if name.startswith(_PROBABILITY))


def _target(schema: Schema, outputs: Mapping[str, Sketch], rows: pl.DataFrame) -> Sketch | None:
    """How the truth of held-out rows is read: codes of the classes, or numbers."""
    column = schema.target
    if column is None or column.name not in rows.columns:
        return None
    if not outputs and column.type is not Type.NUMBER:
        return None
    classes = _classes(outputs)
    if not classes:
        return fit(column, rows[column.name]).empty()
    return of_classes(column if column.type is Type.BOOLEAN else replace(column, type=Type.CATEGORY), classes)
