"""The retrieval system: what the lifecycle asks of it, answered."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl
from pydantic import BaseModel

from noria.core.protocol import Evidence, Learner, Metric, Tags, Task
from noria.core.result import Evaluation, Figure
from noria.core.schema import Role, Schema, Type
from noria.core.split import Split
from noria.data import split as splits
from noria.systems.retrieval import figures
from noria.systems.retrieval.embedder import usable
from noria.systems.retrieval.learners import LEARNERS
from noria.systems.retrieval.metrics import metrics
from noria.systems.retrieval.model import RetrievalModel
from noria.systems.retrieval.options import RetrievalOptions
from noria.systems.retrieval.target import NOWHERE, judged

__all__ = ["RetrievalSystem"]

_FOLDS = 5


class RetrievalSystem:
    """Questions answered from documents, with citations.

    A row is a question; its target names the relevant documents. The documents lie beside the table
    (`Context.documents`): no split divides them, and every fit indexes all of them.

    Parameters
    ----------
    schema : Schema
        With one feature of text and a target of text.
    task : Task
    options : RetrievalOptions, optional

    Examples
    --------
    >>> from noria.core.schema import Column, Role
    >>> asked, target = Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)
    >>> system = RetrievalSystem(Schema((asked, target), rows=100), Task.QUESTION_ANSWERING)
    >>> [learner.name for learner in system.learners()][:2]
    ['popular', 'bm25']
    """

    name: ClassVar[str] = "retrieval"
    tags: ClassVar[Tags] = Tags()
    options: ClassVar[type[BaseModel]] = RetrievalOptions

    def __init__(self, schema: Schema, task: Task, options: BaseModel | None = None) -> None:
        self.schema = schema
        self.task = task
        self.chosen = options if isinstance(options, RetrievalOptions) else RetrievalOptions()

    @classmethod
    def accepts(cls, schema: Schema, task: Task) -> bool:
        """Questions as text, and a target of text."""
        asked = [column for column in schema.features if column.type is Type.TEXT]
        target = schema.target
        return (
            task is Task.QUESTION_ANSWERING
            and len(asked) == 1
            and target is not None
            and target.type is Type.TEXT
        )

    def learners(self) -> list[Learner]:
        """The candidates, the blind one first; others where the packages and models that they need are."""
        embedder, reranks = self.chosen.embedder, self.chosen.reranker is not None
        embeds = usable() or (embedder is not None and embedder.endpoint is not None)
        writes = self.chosen.answer is not None
        return [
            kind(self.chosen)
            for kind in LEARNERS
            if (embeds or not kind.embeds) and (reranks or not kind.reranks) and (writes or not kind.queries)
        ]

    def holdout(self, table: pl.DataFrame, share: float, seed: int, how: str | None = None) -> Split:
        """Questions that no choice may see."""
        return splits.holdout(table, self.schema, share=share, how=how or self._how, seed=seed)

    def folds(self, table: pl.DataFrame, count: int, seed: int) -> list[Split]:
        """Splits of the training questions."""
        return splits.folds(table, self.schema, count or _FOLDS, how=self._how, seed=seed)

    def metrics(self) -> list[Metric]:
        """What it is measured by."""
        asked = next((column.name for column in self.schema.features if column.type is Type.TEXT), None)
        return metrics(self._target, asked, self.chosen.spans, self.chosen.judge)

    def figures(self, evidence: Evidence, evaluation: Evaluation) -> list[Figure]:  # noqa: ARG002
        """Where the relevant documents stand, how sure answers are, and which questions fail."""
        return figures.draw(evidence, self._target, next(iter(self.metrics())))

    def findings(self, table: pl.DataFrame) -> list[str]:
        """How many questions are there, and how many of them no document answers."""
        without = sum(not judged(relevant) for relevant in table[self._target].to_list())
        if not without:
            return []
        return [f"{without:,} of {table.height:,} questions have the answer {NOWHERE!r}"]

    @classmethod
    def load(cls, folder: Path) -> RetrievalModel:
        """The inverse of `RetrievalModel.save`."""
        return RetrievalModel.load(folder)

    @property
    def _how(self) -> str | None:
        """By group or by time where the questions have such; at random else."""
        bound = [*self.schema.with_role(Role.GROUP), *self.schema.with_role(Role.TIME)]
        return None if bound else "random"

    @property
    def _target(self) -> str:
        assert self.schema.target is not None
        return self.schema.target.name
