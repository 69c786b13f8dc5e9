"""From a recipe to a registered model: read, infer, split, search, evaluate, keep."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from noria._version import __version__
from noria.core import artifact, memory, registry
from noria.core.deadline import Deadline
from noria.core.events import Events
from noria.core.features import FeaturedModel
from noria.core.ports import Executor
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
)
from noria.core.recipe import Recipe, validated
from noria.core.result import Evaluation
from noria.core.schema import Role, Type
from noria.core.split import Split
from noria.data.conform import conform
from noria.errors import (
    BudgetError,
    InputError,
    Interrupted,
    RecipeError,
    StorageError,
    suggestion,
)
from noria.lifecycle import _columns as columns
from noria.lifecycle import evaluate, lineage, report
from noria.lifecycle.journal import Journal
from noria.lifecycle.prepare import Preparation, Prepared
from noria.lifecycle.promote import Verdict, verdict
from noria.lifecycle.register import Registry
from noria.lifecycle.tune import Search, Tuned
from noria.settings import Settings

__all__ = ["Training", "Walk"]

_RESERVE = 0.04
_INTERVALS = 0.02
_COPIES = 6
_ROLES = set(Role) - set(Type)
_BESIDE = (Role.GROUP, Role.TIME, Role.SERIES, Role.WEIGHT)


@dataclass
class Walk:
    """What came out of a run."""

    run_id: str
    folder: Path
    version: int
    promotion: Verdict
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
    registry : Registry
    executor : Executor
    events : Events
    source, test : object
        Tables or addresses that stand in for the recipe's own.
    resume : bool
        Whether an unfinished run of the same recipe and data is taken up again.
    """

    recipe: Recipe
    settings: Settings
    registry: Registry
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
            walk = self._run(deadline)
        except KeyboardInterrupt as error:
            raise Interrupted("Stopped.", do="Run the same command to go on from here.") from error
        walk.folder = self.registry.artefacts.folder(walk.run_id)
        return walk

    def _run(self, deadline: Deadline) -> Walk:
        with self._stage("read"):
            data = Preparation(self.recipe, self.settings, self.events, self.source, self.test)()
            system = self._system(data)
            self._metric(system)
            self._learners(system)
        run_id, resumed = self._claim(data)
        folder = self.registry.artefacts.folder(run_id)
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
            self.registry.discard(run_id)
            raise
        except (Interrupted, StorageError):
            if not len(journal):
                self.registry.discard(run_id)
            raise
        finally:
            self.registry.artefacts.release(run_id)

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
            return self._keep(data, tuned, metrics, evaluation, run_id, deadline, journal)

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

    def _claim(self, data: Prepared) -> tuple[str, bool]:
        """A run to work on: the unfinished one of this recipe and these data, or a new one."""
        name = self.recipe.name
        wish = json.dumps(self.recipe.to_dict(), sort_keys=True)
        source = data.function.source if data.function else ""
        key = hashlib.sha256(f"{__version__}{wish}{data.snapshot.hash}{source}".encode()).hexdigest()
        artefacts = self.registry.artefacts
        if self.resume:
            for found in self.registry.unfinished(name, key):
                return found, True
        run_id = artefacts.create(name)
        started = {
            "id": run_id,
            "name": name,
            "started": time.time(),
            "key": key,
            "recipe": self.recipe.to_dict(),
            "snapshot": data.snapshot.hash,
            "noria": __version__,
        }
        artifact.write_text(artefacts.folder(run_id) / "started.json", json.dumps(started, indent=1))
        self.registry.record(run_id)
        return run_id, False

    def _system(self, data: Prepared) -> System:
        chosen = self.recipe.system
        kind = registry.system(chosen) if chosen else registry.pick(data.schema, data.task)
        options = validated(kind.options, self.recipe.options, "options")
        return kind(data.schema, data.task, options)

    def _metric(self, system: System) -> Metric:
        metrics = {metric.name: metric for metric in system.metrics()}
        wanted = self.recipe.search.metric
        for name in (wanted, self.recipe.promote.metric, *self.recipe.goal):
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
        metrics: Sequence[Metric],
        evaluation: Evaluation,
        run_id: str,
        deadline: Deadline,
        journal: Journal,
    ) -> Walk:
        """Save model, report and record, in this order; a run counts once its record stands."""
        folder = self.registry.artefacts.folder(run_id)
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
            "ended": time.time(),
            "seconds": seconds,
            "trials": tuned.trials,
            "until": tuned.why,
            "snapshot": data.snapshot.hash,
            "rows": data.table.height,
            "notes": [*data.notes, *evaluation.notes],
            "evaluation": evaluation.to_dict(),
            "noria": __version__,
            "python": platform.python_version(),
            "features": data.function.sha256 if data.function else None,
            "commit": lineage.commit(self.recipe.folder),
        }
        artifact.write_text(folder / "report.md", self._report(data, evaluation, record))
        begun = json.loads((folder / "started.json").read_text(encoding="utf-8"))
        artifact.write_text(folder / "run.json", json.dumps({**begun, **record}, indent=1))
        version, judged = self._register(run_id, metrics, evaluation)
        journal.clear()
        self.events.emit("run.finished", run=run_id, seconds=seconds, folder=str(folder))
        return Walk(run_id, folder, version, judged, evaluation, model, record)

    def _register(
        self, run_id: str, metrics: Sequence[Metric], evaluation: Evaluation
    ) -> tuple[int, Verdict]:
        """Make the model a version of its name, and the champion if the recipe's rule says so."""
        name, rule = self.recipe.name, self.recipe.promote
        self.registry.artefacts.publish(run_id)
        self.registry.record(run_id)
        version = self.registry.register(name, run_id)
        compared = next(one for one in metrics if one.name == (rule.metric or evaluation.metric))
        champion = self.registry.champion(name)
        judged = verdict(rule, compared, evaluation, champion)
        if champion is None or champion.id != run_id:
            alias = "champion" if judged.promoted else "challenger"
            self.registry.promote(name, version, alias, judged.why)
        return version, judged

    def _report(self, data: Prepared, evaluation: Evaluation, record: dict[str, Any]) -> str:
        facts = {
            "run": record["id"],
            "task": record["task"],
            "rows, columns": f"{record['rows']:,}, {len(data.schema.features)} features",
            "search": f"{record['trials']} trials in {record['seconds']:.1f} s, until {record['until']}",
            "metric of the search": evaluation.metric,
            "seed": str(self.recipe.search.seed),
            "data (fingerprint)": record["snapshot"][:16],
            "Noria, Python": f"{record['noria']}, {record['python']}",
        }
        figures = report.drawn(self.registry.artefacts.folder(record["id"]))
        return report.markdown(self.recipe, evaluation, data.schema, record["notes"], facts, figures)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        clock = Deadline()
        self.events.emit("stage.started", stage=name)
        yield
        self.events.emit("stage.finished", stage=name, seconds=clock.elapsed)
