"""The tabular system: what the lifecycle asks of it, answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import BaseModel

from noria.core.protocol import Context, Evidence, Learner, Metric, Tags, Task, Trial
from noria.core.result import Evaluation, Figure
from noria.core.schema import Schema, Type
from noria.core.split import Split
from noria.data import split as splits
from noria.errors import ParamError
from noria.systems.tabular import assemble, figures, imbalance
from noria.systems.tabular.learners import available
from noria.systems.tabular.model import TabularModel
from noria.systems.tabular.options import TabularOptions
from noria.systems.tabular.target import ClassTarget, Target, target_for

__all__ = ["TabularSystem"]

_FEW_ROWS, _PLENTY = 100, 200_000
_FOLDS = 8
_JUDGED, _JUDGED_RARE = 4_000, 200  # rows to be predicted out of fold: of all, and outside the largest class
_TASKS = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
_TYPES = {Type.NUMBER, Type.CATEGORY, Type.BOOLEAN, Type.DATETIME, Type.TEXT}


class TabularSystem:
    """Classification and regression on tables of mixed columns.

    Parameters
    ----------
    schema : Schema
        With one target.
    task : Task
    options : TabularOptions, optional

    Examples
    --------
    >>> from noria.core.schema import Column, Role
    >>> schema = Schema((Column("x", Type.NUMBER), Column("y", Type.NUMBER, Role.TARGET)), rows=100)
    >>> [learner.name for learner in TabularSystem(schema, Task.REGRESSION).learners()][:2]
    ['baseline', 'neighbours']
    """

    name: ClassVar[str] = "tabular"
    tags: ClassVar[Tags] = Tags(explains=True)
    options: ClassVar[type[BaseModel]] = TabularOptions

    def __init__(self, schema: Schema, task: Task, options: BaseModel | None = None) -> None:
        self.schema = schema
        self.task = task
        self.chosen: TabularOptions = options if isinstance(options, TabularOptions) else TabularOptions()

    @classmethod
    def accepts(cls, schema: Schema, task: Task) -> bool:
        """A target, and features that a table can hold."""
        known = all(column.type in _TYPES for column in schema.features)
        return task in _TASKS and schema.target is not None and known

    @property
    def target(self) -> Target:
        """The target that schema, task and options describe."""
        column = self.schema.target
        if column is None:
            raise ParamError("A tabular system needs a target.", do="Name it under 'data: target:'.")
        return target_for(column, self.task, self.chosen.positive)

    def learners(self) -> list[Learner]:
        """The candidates, simple baseline first."""
        target = self.target
        self.chosen.check(target.classes)
        return [kind(target, self.chosen) for kind in available(self.task)]

    def holdout(self, table: pl.DataFrame, share: float, seed: int, how: str | None = None) -> Split:
        """Rows that no choice may see."""
        return splits.holdout(table, self.schema, share=share, how=how, seed=seed)

    def folds(self, table: pl.DataFrame, count: int, seed: int) -> list[Split]:
        """Splits of the training rows: unless told otherwise, as many of eight folds as judge enough rows.

        So each model learns from seven eighths, and of many rows there is time for more models. Very few rows
        are dealt twice, of very many only some are held out.
        """
        rows = table.height
        if count == 1 or (not count and rows > _PLENTY):
            return [splits.holdout(table, self.schema, share=min(0.2, 50_000 / rows), seed=seed)]
        if count:
            return splits.folds(table, self.schema, count, seed=seed)
        share = _JUDGED / rows
        if self.task is Task.CLASSIFICATION:
            rare = rows - int(table[self.target.name].unique_counts().to_numpy().max())
            share = max(share, _JUDGED_RARE / max(rare, 1))
        judged = max(2, math.ceil(_FOLDS * min(share, 1)))
        repeats = 1 if rows > _FEW_ROWS else 2
        return splits.folds(table, self.schema, _FOLDS, repeats=repeats, seed=seed, judged=judged)

    def metrics(self) -> list[Metric]:
        """What it is measured by."""
        return self.target.metrics()

    def figures(self, evidence: Evidence, evaluation: Evaluation) -> list[Figure]:
        """What a reader of the report looks at."""
        return figures.draw(self.target, self.chosen, evidence, evaluation)

    def experiments(self, evidence: Evidence, ctx: Context) -> list[Figure]:
        """What could have been done about a rare class."""
        target = self.target
        if not isinstance(target, ClassTarget):
            return []
        made = imbalance.compared(target, self.chosen, evidence.train, self.folds, ctx)
        return [] if made is None else [made]

    def weigh(
        self, trials: Sequence[Trial], truth: pl.DataFrame, metric: Metric, ctx: Context
    ) -> tuple[np.ndarray, pl.DataFrame]:
        """The share of each trial in the joint model, and the joint model's out-of-fold predictions."""
        return assemble.weigh(self.target, self.chosen, trials, truth, metric, ctx)

    def assemble(
        self,
        trials: Sequence[Trial],
        weights: np.ndarray,
        table: pl.DataFrame,
        truth: pl.DataFrame,
        ctx: Context,
    ) -> TabularModel:
        """The joint model, calibrated on the out-of-fold predictions."""
        return assemble.join(self.target, self.chosen, trials, weights, table, truth, ctx)

    @classmethod
    def load(cls, folder: Path) -> TabularModel:
        """The inverse of `TabularModel.save`."""
        return TabularModel.load(folder)
