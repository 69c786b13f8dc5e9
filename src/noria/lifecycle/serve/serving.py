"""A version of a model that is loaded, and answers row by row."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.core.features import FeaturedModel
from noria.core.protocol import Conversational, Model, Rowwise, Turn
from noria.errors import ColumnError, NoriaError, ParamError
from noria.lifecycle.serve.check import RowCheck

__all__ = ["Answer", "Loaded", "Pace", "Row", "Serving"]

Row: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]
Loaded: TypeAlias = Model | FeaturedModel
_TRIED = 64  # rows of the table that is measured
_QUICK = 0.002  # seconds that the event loop may be kept from other requests
_FOREVER = float("inf")
_logger = logging.getLogger("noria.serve")


@dataclass(frozen=True)
class Pace:
    """What a model's answers cost, in seconds, as measured when it was loaded.

    Attributes
    ----------
    row : float
        One row by itself; infinite if the model has no such way.
    table : float
        A table of 64 rows.
    """

    row: float
    table: float

    @classmethod
    def of(cls, model: Loaded, typed: pl.DataFrame) -> Pace:
        """Measure a model on a row of its training."""
        one, many = typed.row(0, named=True), pl.concat([typed] * _TRIED)
        single = partial(model.predict_one, one) if isinstance(model, Rowwise) else None
        try:
            return cls(_best(single) if single else _FOREVER, _best(lambda: model.predict(many)))
        except Exception:  # noqa: BLE001 - it may fail on this row in any way; callers are told which rows do
            return cls(_FOREVER, 1.0)

    @property
    def few(self) -> int:
        """The rows up to which single answers cost less than a table."""
        return min(_TRIED, int(self.table / self.row)) if self.row > 0 else _TRIED

    def quick(self, rows: int) -> bool:
        """Whether so many rows are answered in less time than others should wait."""
        return rows <= self.few and rows * self.row <= _QUICK

    def seconds(self, rows: int) -> float:
        """What so many rows will take, nearly."""
        return min(rows * self.row, self.table * max(1.0, rows / _TRIED))


@dataclass(frozen=True, eq=False)
class Serving:
    """A version that is loaded and answers.

    Attributes
    ----------
    name : str
    version : int
    role : str
        The alias that it answers to.
    folder : Path
        Of its run.
    model : Model
    also : tuple of str
        Fields that callers may send beside those of the signature.
    text : int
        Characters that one value may have.
    """

    name: str
    version: int
    role: str
    folder: Path
    model: Loaded
    also: tuple[str, ...] = ()
    text: int = 100_000
    check: RowCheck = field(init=False, repr=False)
    pace: Pace = field(init=False)
    _one: Callable[[Row], Answer] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the check of rows, and try the model on its own example."""
        check = RowCheck(self.model.signature, self.also, self.text)
        object.__setattr__(self, "check", check)
        try:
            example = self.example
            pace = Pace.of(self.model, check.table([check(example)])) if example else Pace(_FOREVER, 1.0)
        except NoriaError:
            pace = Pace(_FOREVER, 1.0)
        object.__setattr__(self, "pace", pace)
        one = self.model.predict_one if isinstance(self.model, Rowwise) else None
        object.__setattr__(self, "_one", one)

    @property
    def example(self) -> Answer | None:
        """A real row of the training, as callers send them."""
        known = self.model.signature.example
        return {name: known[name] for name in self.check.names if name in known} if known else None

    def answers(self, rows: Sequence[Row]) -> list[Answer]:
        """The outputs of each row, or its ``error``: a bad row does not spoil the others."""
        if len(rows) <= self.pace.few:
            return [self._single(row) for row in rows]
        answers, good = self._checked(rows)
        if good:
            for at, answer in zip(good, self._predicted([good[at] for at in good])):
                answers[at] = answer
        return answers

    @property
    def talker(self) -> Conversational:
        """The model as one that takes questions. ParamError if it does not."""
        if not isinstance(self.model, Conversational):
            raise ParamError(
                f"The model {self.name!r} does not take a question.", do=f"Send rows with: {_fields(self)}"
            )
        return self.model

    def converse(
        self,
        row: Row,
        history: Sequence[Turn],
        within: Sequence[str],
        tell: Callable[[str], None] | None,
    ) -> Answer:
        """The answer to a question, or its ``error``, which names no document; `tell` hears its sentences."""
        talker = self.talker

        def answer(question: Any) -> Answer:
            try:
                return talker.converse(question or "", history=history, within=within, tell=tell)
            except ParamError as error:
                error.do = None
                raise

        try:
            question, *_ = self.check(row)
        except NoriaError as error:
            return {"error": error.to_dict()}
        return self._guarded(answer, question)

    def explanations(self, rows: Sequence[Row], deadline: Deadline | None = None) -> list[Answer | None]:
        """What each field added to the answer; None for rows that cannot be answered.

        After the deadline, what is sampled becomes no finer.
        """
        answers, good = self._checked(rows)
        told: list[Answer | None] = [None] * len(answers)
        if good:
            explained = self.model.explain(self.check.table(list(good.values())), deadline=deadline)
            for at, one in zip(good, _attributed(explained)):
                told[at] = one
        return told

    def _checked(self, rows: Sequence[Row]) -> tuple[list[Answer], dict[int, tuple[Any, ...]]]:
        """Errors of the rows that are refused, and the typed values of the others by their places."""
        answers: list[Answer] = [{}] * len(rows)
        good = {}
        for at, row in enumerate(rows):
            try:
                good[at] = self.check(row)
            except NoriaError as error:
                answers[at] = {"error": error.to_dict()}
        return answers, good

    def _predicted(self, typed: Sequence[tuple[Any, ...]]) -> list[Answer]:
        """Answers to rows that were checked; where the table fails, each half by itself."""
        if len(typed) == 1:
            return [self._guarded(self._by_table, typed[0])]
        try:
            return self.model.predict(self.check.table(typed)).to_dicts()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - one row must not spoil the others, whatever the model raises
            half = len(typed) // 2
            return self._predicted(typed[:half]) + self._predicted(typed[half:])

    def _by_table(self, row: tuple[Any, ...]) -> Answer:
        return self.model.predict(self.check.table([row])).row(0, named=True)

    def _single(self, row: Row) -> Answer:
        try:
            typed = self.check(row)
        except NoriaError as error:
            return {"error": error.to_dict()}
        if self._one is not None:
            return self._guarded(self._one, dict(zip(self.check.names, typed)))
        return self._guarded(self._by_table, typed)

    def _guarded(self, answer: Callable[[Any], Answer], row: Any) -> Answer:
        try:
            return answer(row)
        except NoriaError as error:
            return {"error": error.to_dict()}
        except MemoryError:
            raise
        except Exception:  # one row must not spoil the others, whatever the model raises
            _logger.exception("Version %d of %r failed on a row.", self.version, self.name)
            failed = ColumnError("The model failed on this row.", do="See the log of the service.")
            return {"error": failed.to_dict()}


def _attributed(explained: Explanation) -> list[Answer]:
    """The explanation of each row, JSON-ready."""
    told = explained.to_dict()
    rows = told.pop("rows")
    return [{**told, **row} for row in rows]


def _fields(serving: Serving) -> str:
    return ", ".join(serving.check.names[:8])


def _best(work: Callable[[], Any]) -> float:
    """The least seconds of a few tries."""
    best = _FOREVER
    for _ in range(3):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best
