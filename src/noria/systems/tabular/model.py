"""The fitted tabular system: encoders, members, calibration, intervals and the decision."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.core.schema import Role, Schema
from noria.core.signature import Signature
from noria.data.conform import RowConformer, conform
from noria.errors import ColumnError
from noria.systems.tabular import target as targets
from noria.systems.tabular._cores import pieces, spread
from noria.systems.tabular.attribution import attribute
from noria.systems.tabular.encode import Encoder
from noria.systems.tabular.finish import Finish
from noria.systems.tabular.predictors import KINDS, Predictor
from noria.systems.tabular.recode import Recode
from noria.systems.tabular.target import Target

__all__ = ["Member", "TabularModel"]

_PIECE, _LEAST = 16_384, 2_048  # rows; what each member works on at once is for it to say
_FEW = 4
_STATE = "model.json"


@dataclass(frozen=True)
class Member:
    """One fitted learner inside a model.

    Attributes
    ----------
    weight : float
        Its share of the outputs.
    family : str
        The encoding it reads.
    predictor : Predictor
    recode : Recode, optional
        Target means that replace category codes before it.
    """

    weight: float
    family: str
    predictor: Predictor
    recode: Recode | None = None

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """What it predicts for encoded rows."""
        return self.predictor.predict(X if self.recode is None else self.recode(X))

    def outputs_one(self, x: np.ndarray) -> np.ndarray:
        """What it predicts for one encoded row."""
        return self.predictor.predict_one(x if self.recode is None else self.recode(x))


class TabularModel:
    """A weighted mean of fitted learners over shared encodings.

    Parameters
    ----------
    schema : Schema
        Of the training table, target included.
    target : Target
    encoders : mapping of str to Encoder
        By family.
    members : sequence of Member
        Their weights add up to one.
    finish : Finish
    background : Table, optional
        A few conformed training rows that explanations are made against.
    example : mapping, optional
        One of them, JSON-ready, for the signature.
    """

    def __init__(
        self,
        schema: Schema,
        target: Target,
        encoders: Mapping[str, Encoder],
        members: Sequence[Member],
        finish: Finish | None = None,
        background: pl.DataFrame | None = None,
        example: Mapping[str, Any] | None = None,
    ) -> None:
        self.schema = schema
        self.target = target
        self.encoders = dict(encoders)
        self.members = list(members)
        self.finish = finish if finish is not None else Finish()
        self.background = background
        self.signature = Signature(replace(schema, columns=schema.features), target.fields, example)
        self._remembered: tuple[pl.DataFrame, np.ndarray] | None = None

    @property
    def size(self) -> int:
        """Bytes of its members on disk, nearly."""
        return sum(member.predictor.size for member in self.members)

    def remember(self, rows: pl.DataFrame, X: np.ndarray | None) -> None:
        """Keep the encoded form of rows that are about to be predicted; used inside a search."""
        self._remembered = None if X is None else (rows, X)

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row of predictions per row.

        Parameters
        ----------
        rows : Table
            With the feature columns of `signature`, raw or typed, in any order.

        Returns
        -------
        Table
            ``prediction``, and ``probability_<class>`` for each class with ``prediction_set``, or ``low`` and
            ``high``.

        Raises
        ------
        ColumnError
            If a column is missing or cannot be read as what it was in training.
        """
        if self._remembered is not None and rows is self._remembered[0]:
            _, encoded = self._remembered
            return self._finished(self._average(lambda _: encoded))
        few = self._read(rows) if 0 < rows.height <= _FEW else None
        if few is not None:
            return self._finished(np.stack([self._outputs_one(values) for values in few]))
        typed = conform(rows, self.schema, roles=(Role.FEATURE,))
        return self._finished(self._outputs(typed))

    def refined(self, predictions: pl.DataFrame) -> pl.DataFrame:
        """What its members predict, such as out of fold, with calibration, decision and intervals."""
        return self._finished(self.target.matrix(predictions))

    def predict_one(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The prediction of one row, as a mapping; equal to `predict` of a table with this row.

        A value that cannot be read as what it was in training counts as missing.

        Raises
        ------
        ColumnError
            If a column is missing, or holds a kind of value that it never can.
        """
        return self.target.answer(self._outputs_one(self._conformer(row)), self.finish)

    def explain(self, rows: pl.DataFrame, *, deadline: Deadline | None = None) -> Explanation:
        """What each feature added to each prediction: exact or sampled, as `attribute` says.

        Parameters
        ----------
        rows : Table
            As `predict` takes it.
        deadline : Deadline, optional
            After it, what is sampled becomes no finer, and OutOfTime is raised where nothing is.

        Raises
        ------
        ColumnError
            If a column is missing or cannot be read as what it was in training.
        """
        return attribute(self, conform(rows, self.schema, roles=(Role.FEATURE,)), deadline)

    def save(self, folder: Path) -> None:
        """Write state, members and background rows into an existing folder."""
        members = []
        for number, member in enumerate(self.members):
            name = f"member-{number:03d}.{member.predictor.suffix}"
            member.predictor.save(folder / name)
            entry = {
                "file": name, "kind": member.predictor.kind, "weight": member.weight, "family": member.family
            }  # fmt: skip
            if member.recode is not None:
                entry["recode"] = {
                    "columns": member.recode.columns.tolist(),
                    "tables": member.recode.tables.tolist(),
                }
            members.append(entry)
        state = {
            "target": self.target.to_dict(),
            "schema": self.schema.to_dict(),
            "encoders": {family: encoder.to_dict() for family, encoder in self.encoders.items()},
            "members": members,
            "finish": self.finish.to_dict(),
            "example": self.signature.example,
        }
        (folder / _STATE).write_text(json.dumps(state), encoding="utf-8")
        if self.background is not None:
            self.background.write_parquet(folder / "background.parquet")

    def to_onnx(self, path: Path) -> dict[str, Any]:
        """Write it as one ONNX graph, as `noria.systems.tabular.graph.write` says."""
        from noria.systems.tabular import graph

        return graph.write(self, path)

    @classmethod
    def load(cls, folder: Path) -> TabularModel:
        """The inverse of `save`."""
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        members = []
        for entry in state["members"]:
            predictor = KINDS[entry["kind"]].load(folder / entry["file"])
            recode = None
            if "recode" in entry:
                tables = np.array(entry["recode"]["tables"], dtype=np.float32)
                recode = Recode(np.array(entry["recode"]["columns"], dtype=np.int64), tables)
            members.append(Member(entry["weight"], entry["family"], predictor, recode))
        background = folder / "background.parquet"
        return cls(
            Schema.from_dict(state["schema"]),
            targets.from_dict(state["target"]),
            {family: Encoder.from_dict(fields) for family, fields in state["encoders"].items()},
            members,
            Finish.from_dict(state["finish"]),
            pl.read_parquet(background) if background.exists() else None,
            state["example"],
        )

    @cached_property
    def _conformer(self) -> RowConformer:
        return RowConformer(self.schema, roles=(Role.FEATURE,))

    @cached_property
    def _strict(self) -> RowConformer:
        return RowConformer(self.schema, roles=(Role.FEATURE,), strict=True)

    def _read(self, rows: pl.DataFrame) -> list[tuple[Any, ...]] | None:
        """Few rows one by one; None where one cannot be read, and the whole table says what is wrong."""
        try:
            return [self._strict(row) for row in rows.iter_rows(named=True)]
        except ColumnError:
            return None

    def _outputs(self, typed: pl.DataFrame) -> np.ndarray:
        """The members' weighted mean; pieces of a long table go to all cores, each with one thread."""
        parts = pieces(typed.height, _PIECE, _LEAST)
        return np.concatenate(spread(self._piece, [typed[part] for part in parts]))

    def _piece(self, typed: pl.DataFrame) -> np.ndarray:
        encoded = {family: encoder.matrix(typed) for family, encoder in self.encoders.items()}
        return self._average(encoded.__getitem__)

    def _average(self, encoded: Callable[[str], np.ndarray]) -> np.ndarray:
        total: Any = 0.0
        for member in self.members:
            total = total + member.weight * member.outputs(encoded(member.family))
        return total

    def _outputs_one(self, values: tuple[Any, ...]) -> np.ndarray:
        encoded = {family: encoder.row(values) for family, encoder in self.encoders.items()}
        total: Any = 0.0
        for member in self.members:
            total = total + member.weight * member.outputs_one(encoded[member.family])
        return total

    def _probabilities(self, typed: pl.DataFrame) -> np.ndarray:
        outputs = self._outputs(typed)
        calibrator = self.finish.calibrator
        return outputs if calibrator is None else calibrator.apply(outputs)

    def _finished(self, outputs: np.ndarray) -> pl.DataFrame:
        return self.target.answers(outputs, self.finish)
