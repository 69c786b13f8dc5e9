"""From a recipe to a registered model: read, infer, split, search, evaluate, keep."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from noria._version import __version__
from noria.core import artifact, memory, registry
from noria.core.deadline import Deadline
from noria.core.events import Events
from noria.core.features import FeaturedModel, FeatureFunction
from noria.core.ports import Executor, RunStore
from noria.core.protocol import (
    Completes,
    Context,
    Evidence,
    Fold,
    Inspects,
    Learner,
    Metric,
    Model,
    System,
    Task,
)
from noria.core.recipe import Recipe, validated
from noria.core.result import Evaluation
from noria.core.schema import Role, Schema, Type
from noria.core.split import Split
from noria.data import sources
from noria.data.conform import conform
from noria.data.infer import infer, infer_task
from noria.data.snapshot import Snapshot
from noria.data.snapshot import save as save_snapshot
from noria.data.validate import prepare
from noria.errors import (
    BudgetError,
    ColumnError,
    InputError,
    Interrupted,
    RecipeError,
    StorageError,
    suggestion,
)
from noria.lifecycle import _columns as columns
from noria.lifecycle import evaluate, report
from noria.lifecycle.journal import Journal
from noria.lifecycle.tune import Search, Tuned
from noria.settings import Settings

__all__ = ["Training", "Walk"]

_RESERVE = 0.04
_INTERVALS = 0.02
_COPIES = 6
_ROLES = set(Role) - set(Type)
_BESIDE = (Role.GROUP, Role.TIME, Role.SERIES, Role.WEIGHT)


@dataclass
class Prepared:
    """The data of a run, ready to learn from.

    Attributes
    ----------
    table, test : Table
        Typed rows to learn from (held-out rows included), and rows given for testing.
    raw_schema : Schema
        Of the columns as they came; what a caller of the model sends.
    schema : Schema
        Of the columns after the feature function.
    """

    table: pl.DataFrame
    test: pl.DataFrame | None
    raw_schema: Schema
    schema: Schema
    task: Task
    snapshot: Snapshot
    function: FeatureFunction | None
    example: dict[str, Any]
    notes: list[str]


@dataclass
class Walk:
    """What came out of a run."""

    run_id: str
    folder: Path
    version: int
    evaluation: Evaluation
    model: Model | FeaturedModel
    record: dict[str, Any]


@dataclass
class Training:
    """One walk from a recipe to a registered model.

    Parameters
    ----------
    recipe : Recipe
    settings : Settings
    store : RunStore
    executor : Executor
    events : Events
    source, test : object
        Tables or addresses that stand in for the recipe's own.
    resume : bool
        Whether an unfinished run of the same recipe and data is taken up again.
    """

    recipe: Recipe
    settings: Settings
    store: RunStore
    executor: Executor
    events: Events
    source: Any = None
    test: Any = None
    resume: bool = True
    notes: list[str] = field(default_factory=list)

    def __call__(self) -> Walk:
        """Walk.

        Raises
        ------
        NoriaError
            Of the kind that fits; nothing half-made is registered.
        """
        deadline = Deadline(self.recipe.search.budget)
        try:
            return self._run(deadline)
        except KeyboardInterrupt as error:
            raise Interrupted("Stopped.", do="Run the same command to go on from here.") from error

    def _run(self, deadline: Deadline) -> Walk:
        with self._stage("read"):
            data = self._prepare()
            system = self._system(data)
            self._metric(system)
            self._learners(system)
        run_id, resumed = self._claim(data)
        folder = self.store.folder(run_id)
        journal = Journal(folder)
        try:
            self.events.emit(
                "run.started", run=run_id, name=self.recipe.name, folder=str(folder), budget=deadline.budget
            )
            if resumed:
                self.events.emit("run.resumed", run=run_id, trials=len(journal))
                deadline.started -= journal.seconds
                deadline.budget = max(deadline.budget, deadline.elapsed + 1.0)
            return self._walk(data, system, run_id, folder, deadline, journal)
        except (BudgetError, InputError):
            self.store.discard(run_id)
            raise
        except (Interrupted, StorageError):
            if not len(journal):
                self.store.discard(run_id)
            raise
        finally:
            self.store.release(run_id)

    def _walk(
        self, data: Prepared, system: System, run_id: str, folder: Path, deadline: Deadline, journal: Journal
    ) -> Walk:
        metrics, metric = system.metrics(), self._metric(system)
        self._inspect(system, data)
        train, held_out, how = self._split(system, data)
        with self._stage("search"):
            tuned = self._search(system, data, train, metric, deadline, journal)
        with self._stage("evaluate"):
            evaluation, evidence = self._evaluate(tuned, train, held_out, metrics, how)
            report.draw(system.figures(evidence, evaluation), folder)
        if system.tags.needs_time_order and train.height < data.table.height:
            with self._stage("catching up"):
                tuned = replace(tuned, model=tuned.rejoin(data.table))
        with self._stage("keep"):
            return self._keep(data, tuned, evaluation, run_id, folder, deadline, journal)

    def _inspect(self, system: System, data: Prepared) -> None:
        """Draw rows where they are too many, let the system add some, and say what was done and found."""
        notes: list[str] = []
        if not system.tags.needs_time_order:
            free, seed = memory.available(), self.recipe.search.seed
            data.table, notes = columns.drawn(data.table, data.schema, free, seed)
        if isinstance(system, Completes):
            data.table, added = system.completed(data.table)
            notes += added
        if isinstance(system, Inspects):
            notes = [*system.findings(data.table), *notes]
        for note in notes:
            data.notes.append(note)
            self.events.emit("note", text=note)

    def _prepare(self) -> Prepared:
        recipe, given = self.recipe, self.recipe.data
        if self.source is None and not given.source:
            raise RecipeError("There are no data to learn from.", do="Name them under 'data: source:'.")
        raw = self._read(self.source if self.source is not None else given.source)
        test = self.test if self.test is not None else given.test
        test = None if test is None else self._read(test)
        snapshot = save_snapshot(raw, self.settings)
        where = str(given.source or type(self.source).__name__)
        self.events.emit("data.read", rows=raw.height, columns=raw.width, source=where)
        function = FeatureFunction.read(recipe.features, recipe.folder) if recipe.features else None
        made_later = set() if function is None else set(self._overrides()) - set(raw.columns)
        raw_schema = infer(raw, target=given.target, overrides=self._overrides(made_later))
        table, schema = raw, raw_schema
        if function is not None:
            table = self._featured(function, raw, raw_schema)
            test = None if test is None else self._featured(function, test, raw_schema)
            schema = infer(
                table, target=given.target, overrides=self._overrides(set(raw.columns) - set(table.columns))
            )
        task = recipe.task or Task(infer_task(schema[given.target], table))
        schema = self._typed_target(schema, table, task)
        found = columns.findings(schema)
        usable, schema, notes = prepare(table, schema, task)
        typed = conform(usable, schema)
        columns.check_weights(typed, schema)
        if test is not None:
            test = columns.judged(conform(test, schema), schema)
        for note in (*found, *notes):
            self.events.emit("note", text=note)
        return Prepared(
            typed,
            test,
            raw_schema,
            schema,
            task,
            snapshot,
            function,
            columns.example(raw),
            [*self.notes, *found, *notes],
        )

    def _read(self, source: Any) -> pl.DataFrame:
        data = self.recipe.data
        table = sources.read(
            self._located(source),
            settings=self.settings,
            query=data.query,
            table=data.table,
            events=self._repairs,
        )
        if data.names is not None:
            table = columns.named(table, data.names)
        unknown = [name for name in data.drop if name not in table.columns]
        if unknown:
            raise RecipeError(
                f"There is no column {unknown[0]!r} to drop.", do=suggestion(unknown[0], table.columns)
            )
        return table.drop(data.drop)

    def _located(self, source: Any) -> Any:
        """A file that is named relative to the recipe, or what came."""
        beside = self.recipe.folder / source if self.recipe.folder and isinstance(source, str) else None
        return beside if beside is not None and beside.exists() else source

    @cached_property
    def _repairs(self) -> Events:
        """The run's events, with repairs of the data kept as notes."""
        events = Events()

        def pass_on(event: Any) -> None:
            if event.kind == "data.repaired":
                self.notes.append(event.data["what"])
            self.events.emit(event.kind, **event.data)

        events.listen(pass_on)
        return events

    def _overrides(self, without: Collection[str] = ()) -> dict[str, Any]:
        """The recipe's types and roles, with its short keys for group, time, weight and task."""
        data = self.recipe.data
        overrides: dict[str, Any] = {
            name: {"role" if wish in _ROLES else "type": wish} if isinstance(wish, str) else dict(wish)
            for name, wish in data.columns.items()
        }
        for role in (Role.GROUP, Role.TIME, Role.WEIGHT):
            name = getattr(data, role.value)
            if name is not None:
                overrides.setdefault(name, {})["role"] = role.value
        for name in data.series:
            overrides.setdefault(name, {})["role"] = Role.SERIES.value
        if self.recipe.task is not None and self.recipe.task.numeric:
            overrides.setdefault(data.target, {}).setdefault("type", "number")
        return {name: wish for name, wish in overrides.items() if name not in without}

    def _featured(self, function: FeatureFunction, raw: pl.DataFrame, schema: Schema) -> pl.DataFrame:
        """The function's columns beside the raw target, which it never sees, and what splits or weighs."""
        target = self.recipe.data.target
        if target not in raw.columns:
            raise ColumnError(f"There is no target column {target!r}.", do=suggestion(target, raw.columns))
        made = function(conform(raw, columns.inputs(schema, target)))
        kept = [target, *(c.name for c in schema if c.role in _BESIDE and c.name in raw.columns)]
        return made.drop(kept, strict=False).with_columns(raw[kept])

    def _typed_target(self, schema: Schema, table: pl.DataFrame, task: Task) -> Schema:
        """The schema with a target of a type that suits the task; classes keep the labels that came."""
        target = schema[self.recipe.data.target]
        if target.type is Type.BOOLEAN and table[target.name].dtype != pl.Boolean:
            gone = set(self._overrides()) - set(table.columns)
            wish = {**self._overrides(gone), target.name: "category"}
            return infer(table, target=target.name, overrides=wish)
        columns.check_target(target, task)
        return schema

    def _claim(self, data: Prepared) -> tuple[str, bool]:
        """A run to work on: the unfinished one of this recipe and these data, or a new one."""
        name = self.recipe.name
        wish = json.dumps(self.recipe.to_dict(), sort_keys=True)
        source = data.function.source if data.function else ""
        key = hashlib.sha256(f"{__version__}{wish}{data.snapshot.hash}{source}".encode()).hexdigest()
        found = self.store.unfinished(name, key) if self.resume else None
        if found is not None:
            return found, True
        run_id = self.store.create(name)
        started = {"name": name, "key": key, "recipe": self.recipe.to_dict(), "snapshot": data.snapshot.hash}
        artifact.write_text(self.store.folder(run_id) / "started.json", json.dumps(started, indent=1))
        return run_id, False

    def _system(self, data: Prepared) -> System:
        chosen = self.recipe.system
        kind = registry.system(chosen) if chosen else registry.pick(data.schema, data.task)
        options = validated(kind.options, self.recipe.options, "options")
        return kind(data.schema, data.task, options)

    def _metric(self, system: System) -> Metric:
        metrics = {metric.name: metric for metric in system.metrics()}
        wanted = self.recipe.search.metric
        for name in (wanted, *self.recipe.goal):
            if name is not None and name not in metrics:
                raise RecipeError(f"There is no metric {name!r} for this task.", do=suggestion(name, metrics))
        return metrics[wanted] if wanted else next(iter(metrics.values()))

    def _learners(self, system: System) -> list[Learner]:
        """The wanted learners, always with the baseline, which everything is compared to."""
        learners = system.learners()
        wanted = self.recipe.search.learners
        if wanted is None:
            return learners
        known = {learner.name: learner for learner in learners}
        for name in wanted:
            if name not in known:
                raise RecipeError(f"There is no learner {name!r} for this task.", do=suggestion(name, known))
        return [learner for learner in learners if learner.name in wanted or learner is learners[0]]

    def _split(self, system: System, data: Prepared) -> tuple[pl.DataFrame, pl.DataFrame | None, str]:
        """Training rows, held-out rows if there are any, and in words how they were chosen."""
        wish = self.recipe.split
        if data.test is not None:
            return data.table, data.test, "a table given for testing"
        if wish.holdout == 0:
            return data.table, None, "cross-validated, which flatters a little: no rows were held out"
        split: Split = system.holdout(data.table, wish.holdout, self.recipe.search.seed, wish.how)
        return data.table[split.train], data.table[split.valid], split.how

    def _search(
        self,
        system: System,
        data: Prepared,
        train: pl.DataFrame,
        metric: Metric,
        deadline: Deadline,
        journal: Journal,
    ) -> Tuned:
        memory.require(_COPIES * train.estimated_size(), f"Training on {train.height:,} rows")
        wish = self.recipe.search
        folds = system.folds(train, wish.folds, wish.seed)
        learners = self._learners(system)
        reserve = min(_RESERVE * deadline.budget + 0.2, 0.5 * deadline.budget)
        ctx = Context(data.schema, data.task, wish.seed, deadline.earlier(reserve), 1, self.events)
        if len(folds) < self.executor.workers:
            ctx = Context(**{**vars(ctx), "threads": self.executor.workers})
        self.events.emit(
            "search.started", budget=deadline.budget, metric=metric.name, rows=train.height,
            folds=len(folds), learners=[learner.name for learner in learners],
        )  # fmt: skip
        search = Search(
            system,
            [Fold(train, split, index) for index, split in enumerate(folds)],
            metric,
            self.executor,
            ctx,
            journal,
            learners=learners,
            most_trials=wish.trials,
        )
        return search.run()

    def _evaluate(
        self,
        tuned: Tuned,
        train: pl.DataFrame,
        held_out: pl.DataFrame | None,
        metrics: list[Metric],
        how: str,
    ) -> tuple[Evaluation, Evidence]:
        rows = tuned.truth if held_out is None else held_out
        time, seed = _INTERVALS * self.recipe.search.budget, self.recipe.search.seed
        if held_out is None:
            predictions, baseline = tuned.predictions, tuned.baseline_predictions
        else:
            predictions, baseline = tuned.model.predict(rows), tuned.baseline.predict(rows)
        evaluation = Evaluation(
            rows=rows.height,
            how=how,
            metric=tuned.metric.name,
            scores=evaluate.score(predictions, rows, metrics, budget=0.8 * time, seed=seed),
            baseline=evaluate.score(baseline, rows, metrics, budget=0.2 * time, seed=seed),
            goals=self.recipe.goals,
            leaderboard=tuned.leaderboard,
            notes=(f"{train.height:,} rows to train, {rows.height:,} to evaluate: {how}.",),
        )
        return evaluation, Evidence(train, rows, predictions, tuned.truth, tuned.predictions)

    def _keep(
        self,
        data: Prepared,
        tuned: Tuned,
        evaluation: Evaluation,
        run_id: str,
        folder: Path,
        deadline: Deadline,
        journal: Journal,
    ) -> Walk:
        """Save model, report and record, in this order; a run counts once its record stands."""
        model: Any = tuned.model
        if data.function is not None:
            inputs = columns.inputs(data.raw_schema, self.recipe.data.target)
            model = FeaturedModel(tuned.model, data.function, inputs, conform, data.example)
        system = self.recipe.system or registry.pick(data.schema, data.task).name
        if not (folder / "model").exists():
            artifact.save(
                model, folder / "model", system=system, about={"run": run_id, "name": self.recipe.name}
            )
        seconds = deadline.elapsed
        record = {
            "id": run_id,
            "name": self.recipe.name,
            "recipe": self.recipe.to_dict(),
            "task": data.task.value,
            "seconds": seconds,
            "trials": tuned.trials,
            "ended": tuned.why,
            "snapshot": data.snapshot.hash,
            "rows": data.table.height,
            "notes": [*data.notes, *evaluation.notes],
            "evaluation": evaluation.to_dict(),
            "noria": __version__,
            "python": platform.python_version(),
            "features": data.function.sha256 if data.function else None,
        }
        artifact.write_text(folder / "report.md", self._report(data, evaluation, record))
        artifact.write_text(folder / "run.json", json.dumps(record, indent=1))
        version = self.store.register(self.recipe.name, run_id)
        journal.clear()
        self.events.emit("run.finished", run=run_id, seconds=seconds, folder=str(folder))
        return Walk(run_id, folder, version, evaluation, model, {**record, "version": version})

    def _report(self, data: Prepared, evaluation: Evaluation, record: dict[str, Any]) -> str:
        facts = {
            "run": record["id"],
            "task": record["task"],
            "rows, columns": f"{record['rows']:,}, {len(data.schema.features)} features",
            "search": f"{record['trials']} trials in {record['seconds']:.1f} s, until {record['ended']}",
            "metric of the search": evaluation.metric,
            "seed": str(self.recipe.search.seed),
            "data (fingerprint)": record["snapshot"][:16],
            "Noria, Python": f"{record['noria']}, {record['python']}",
        }
        figures = report.drawn(self.store.folder(record["id"]))
        return report.markdown(self.recipe, evaluation, data.schema, record["notes"], facts, figures)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        clock = Deadline()
        self.events.emit("stage.started", stage=name)
        yield
        self.events.emit("stage.finished", stage=name, seconds=clock.elapsed)
