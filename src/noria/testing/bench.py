"""A system and a problem on the workbench: everything that the checks need, made once."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from weakref import finalize

import numpy as np
import polars as pl

from noria.api import Run, Session, train
from noria.backends.executor_local import LocalExecutor
from noria.core.deadline import Deadline
from noria.core.protocol import Context, Fold, Learner, Model, System
from noria.core.recipe import validated
from noria.core.schema import Schema
from noria.data import documents
from noria.data.conform import conform
from noria.data.infer import infer
from noria.data.validate import prepare
from noria.lifecycle.journal import Journal
from noria.lifecycle.plan import Plan
from noria.lifecycle.tune import Search, Tuned
from noria.settings import Settings
from noria.testing.toy import Problem

__all__ = ["Bench"]

_TRIALS = 7
_SECONDS = 60.0


class Bench:
    """A system class applied to a problem.

    Parameters
    ----------
    system : type of System
    problem : Problem
    """

    def __init__(self, system: type[System], problem: Problem) -> None:
        self.kind = system
        self.problem = problem

    @cached_property
    def schema(self) -> Schema:
        """Inferred from the problem's table."""
        return self._prepared[1]

    @cached_property
    def table(self) -> pl.DataFrame:
        """The problem's rows with their types."""
        return conform(self._prepared[0], self.schema)

    @cached_property
    def documents(self) -> pl.DataFrame | None:
        """What the rows are asked of, with all columns of documents."""
        given = self.problem.documents
        return None if given is None else documents.read(given, settings=Settings())[0]

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The raw feature columns, as a caller would send them."""
        asked = self.problem.asked
        return self.problem.table.drop(self.problem.target) if asked is None else asked

    @cached_property
    def system(self) -> System:
        """The system, made for the schema."""
        options = validated(self.kind.options, self.problem.options, "options")
        return self.kind(self.schema, self.problem.task, options)

    @cached_property
    def tuned(self) -> Tuned:
        """A short search on the whole table."""
        return self.search(self.table)

    @cached_property
    def held_out(self) -> tuple[Tuned, pl.DataFrame]:
        """A short search on some of the rows, and the others."""
        split = self.system.holdout(self.table, 0.3, 0)
        return self.search(self.table[split.train]), self.table[split.valid]

    @cached_property
    def session(self) -> Session:
        """A home of its own, removed with the bench."""
        home = mkdtemp(prefix="noria-checks-")
        finalize(self, shutil.rmtree, home, ignore_errors=True)
        return Session(Settings(home=Path(home)))

    @cached_property
    def run(self) -> Run:
        """The whole walk on embedded defaults, which registers the first version of ``checked``."""
        problem = self.problem
        return train(
            problem.table, problem.target, documents=problem.documents, name="checked",
            system=self.kind.name, task=problem.task.value,
            options=problem.options, columns=problem.columns, budget="30s", trials=4, folds=3,
            session=self.session,
        )  # fmt: skip

    @property
    def model(self) -> Model:
        """The model of the short search."""
        return self.tuned.model

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """The model's predictions of all rows."""
        return self.model.predict(self.rows)

    def context(self, seed: int = 0) -> Context:
        """A context of a fit outside a search."""
        return Context(self.schema, self.problem.task, seed, Deadline(_SECONDS), documents=self.documents)

    def fit(self, learner: Learner, table: pl.DataFrame | None = None, seed: int = 0) -> Model:
        """One learner on one table."""
        return learner.fit(self.table if table is None else table, None, self.context(seed))

    def search(self, table: pl.DataFrame, *, seed: int = 0, workers: int = 2, trials: int = _TRIALS) -> Tuned:
        """A search of a few trials."""
        system = self.system
        folds = [Fold(table, split, at) for at, split in enumerate(system.folds(table, 3, seed))]
        with TemporaryDirectory() as folder:
            return Search(
                system, folds, system.metrics()[0], LocalExecutor(workers),
                self.context(seed), Journal(Path(folder)), Plan(system.learners(), trials),
            ).run()  # fmt: skip

    def shuffled(self, seed: int = 0) -> pl.DataFrame:
        """The table with its target in random order; over time, with the target's changes in random order.

        That is a random walk, of which nothing is better known than its last value.
        """
        rng, target = np.random.default_rng(seed), self.table[self.problem.target]
        if not self.system.tags.needs_time_order:
            return self.table.with_columns(target[rng.permutation(self.table.height)])
        changes = np.diff(target.to_numpy(), prepend=target[0])
        walk = target[0] + np.cumsum(rng.permutation(changes - changes.mean()))
        return self.table.with_columns(pl.Series(target.name, walk))

    @cached_property
    def _prepared(self) -> tuple[pl.DataFrame, Schema]:
        problem = self.problem
        schema = infer(problem.table, target=problem.target, overrides=problem.columns)
        table, schema, _ = prepare(problem.table, schema, problem.task)
        return table, schema
