"""From a recipe to a registered model: read, infer, split, search, evaluate, keep."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from noria._version import __version__
from noria.core import artifact, files, keep, memory, registry
from noria.core.deadline import Deadline
from noria.core.events import Events
from noria.core.features import FeaturedModel
from noria.core.insight import Finding
from noria.core.ports import Executor
from noria.core.protocol import Completes, Context, Evidence, Fold, Inspects, Learner, Metric, Model, System
from noria.core.recipe import Recipe, validated
from noria.core.result import Evaluation
from noria.core.runs import Condition, RunEntry, RunQuery
from noria.core.split import Split
from noria.data.conform import conform
from noria.data.drift import Reference
from noria.errors import (
    BudgetError,
    InputError,
    Interrupted,
    MissingExtraError,
    RecipeError,
    StorageError,
    suggestion,
)
from noria.lifecycle import _columns as columns
from noria.lifecycle import evaluate, leaderboard, lineage, report, reuse
from noria.lifecycle._attempt import attempt
from noria.lifecycle.diagnose import check_silence
from noria.lifecycle.examine import Case, examine
from noria.lifecycle.journal import EventLog, Journal
from noria.lifecycle.learned import Learned
from noria.lifecycle.plan import Plan
from noria.lifecycle.prepare import Preparation, Prepared
from noria.lifecycle.promote import Judged, Verdict, verdict
from noria.lifecycle.register import Registry
from noria.lifecycle.reuse import Found
from noria.lifecycle.tune import Search, Tuned
from noria.settings import Settings

__all__ = ["Training", "Walk"]


_RESERVE = 0.04
_INTERVALS = 0.02
_INSIGHT = 0.06
_COPIES = 6


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
    source, test, documents : object
        Tables or addresses that stand in for the recipe's own.
    resume : bool
        Whether an unfinished run of the same recipe and data is taken up again, and what has not changed
        since the last run is taken from it.
    replay : sequence of dict, optional
        Learners and settings, as ``{"learner": ..., "params": ...}``, that are fitted instead of searching.
    register : bool
        Whether the model becomes a version of its name.
    judge : callable, optional
        Says, in place of the recipe's rule, whether a model and its evaluation beat one version of its name.
    learned : Learned, optional
        Which rows of the log are among the data.
    """

    recipe: Recipe
    settings: Settings
    registry: Registry
    executor: Executor
    events: Events
    source: Any = None
    test: Any = None
    documents: Any = None
    resume: bool = True
    replay: Sequence[Mapping[str, Any]] = ()
    register: bool = True
    judge: Callable[[Model | FeaturedModel, Evaluation], Judged] | None = None
    learned: Learned | None = None
    _origin: lineage.Origin = field(init=False, repr=False)
    _log: EventLog = field(init=False, repr=False)

    def __call__(self) -> Walk:
        """Walk.

        Raises
        ------
        NoriaError
            Of the kind that fits; nothing half-made is registered.
        """
        deadline = Deadline(self.recipe.search.budget)
        self._origin = lineage.Origin(self.recipe.folder)
        self._log = EventLog(self.events)
        try:
            walk = self._run(deadline)
        except KeyboardInterrupt as error:
            raise Interrupted("Stopped.", do="Run the same command to go on from here.") from error
        finally:
            self._log.close()
        walk.folder = self.registry.artefacts.folder(walk.run_id)
        return walk

    def _run(self, deadline: Deadline) -> Walk:
        check_silence(self.recipe.silence)
        with self._stage("read"):
            data = Preparation(
                self.recipe, self.settings, self.events, self.source, self.test, self.documents,
                fresh=not self.resume or bool(self.replay),
            )()  # fmt: skip
            system = self._system(data)
            self._metric(system)
            learners = self._learners(system)
        packages = self._origin.environment["packages"]
        key = reuse.key(self.recipe, data, system, learners, self.replay, self.register, packages)
        earlier = self._finished(key) if self.resume else None
        found = reuse.taken(self.registry.artefacts, earlier, self.recipe, data) if earlier else None
        if earlier and found and found.recipe == self.recipe.to_dict():
            return self._unchanged(earlier, found, system)
        run_id, resumed = self._claim(data, key)
        folder = self.registry.artefacts.folder(run_id)
        journal = Journal(folder)
        try:
            keep.unseal(folder)
            self._log.open(folder)
            self.events.emit(
                "run.started", run=run_id, name=self.recipe.name, folder=str(folder), budget=deadline.budget
            )
            if resumed:
                self.events.emit("run.resumed", run=run_id, trials=len(journal))
                deadline.started -= journal.seconds
                deadline.budget = max(deadline.budget, deadline.elapsed + 1.0)
            if earlier is None or found is None:
                found = self._find(data, system, folder, deadline, journal)
            else:
                reuse.link(self.registry.artefacts.folder(earlier.id), folder)
            with self._stage("keep"):
                return self._keep(data, system, found, run_id, journal)
        except (BudgetError, InputError, Interrupted, MissingExtraError, StorageError) as error:
            worthless = not isinstance(error, Interrupted | StorageError) or not len(journal)
            if worthless and not (folder / "run.json").exists():  # what is kept may be registered by now
                self.registry.discard(run_id)
            raise
        finally:
            self.registry.artefacts.release(run_id)

    def _find(
        self, data: Prepared, system: System, folder: Path, deadline: Deadline, journal: Journal
    ) -> Found:
        """Search, evaluate, and where time has an order, go on to the last row."""
        metrics, metric = system.metrics(), self._metric(system)
        self._inspect(system, data)
        train, held_out, how = self._split(system, data)
        with self._stage("search"):
            tuned = self._search(system, data, train, metric, deadline, journal)
        with self._stage("evaluate"):
            evaluation, evidence = self._evaluate(tuned, train, held_out, metrics, how)
            compared = leaderboard.draw(evaluation, metric)
            drawn = attempt("Figures of the result", partial(system.figures, evidence, evaluation), ())
            report.draw([*drawn, compared], folder)
        with self._stage("examine"):
            until = Deadline(_INSIGHT * self.recipe.search.budget)
            attempt(
                "What new rows are compared with", partial(self._refer, system, data, evidence, folder), None
            )
            case = Case(
                self.recipe, data, system, self._learners(system), tuned, evidence, evaluation, self.executor,
                until, again=bool(self.replay),
            )  # fmt: skip
            insight, figures = examine(case)
            report.draw(figures, folder)
        if system.tags.needs_time_order and train.height < data.table.height:
            with self._stage("catching up"):
                tuned = replace(tuned, model=tuned.rejoin(data.table))
        model: Any = tuned.model
        if data.function is not None:
            inputs = columns.inputs(data.raw_schema, self.recipe.data.target)
            model = FeaturedModel(model, data.function, inputs, conform, data.example)
        notes = [*data.notes, *evaluation.notes]
        return Found(
            model=model,
            evaluation=evaluation,
            insight=insight,
            trials=tuned.trials,
            until=tuned.why,
            pipeline=[asdict(member) for member in tuned.pipeline],
            seconds=deadline.elapsed,
            notes=notes,
            recipe=self.recipe.to_dict(),
        )

    def _refer(self, system: System, data: Prepared, evidence: Evidence, folder: Path) -> None:
        """Keep what the rows of callers will be compared with; forecasts move on with time, and are not."""
        assert evidence.model is not None
        asked = (*evidence.model.signature.inputs.names, data.schema.target and data.schema.target.name)
        schema = replace(data.schema, columns=tuple(one for one in data.schema if one.name in asked))
        said, others, seed = evidence.predictions, evidence.fold_predictions, self.recipe.search.seed
        held_out = (
            () if system.tags.needs_time_order else (evidence.truth, said, None if others is said else others)
        )
        made = Reference.of(data.table, schema, *held_out, seed=seed)
        made.masked(self.recipe.monitor.masked).save(folder)

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

    def _finished(self, key: str) -> RunEntry | None:
        """The newest finished run of this recipe's name with this key."""
        asked = (Condition("key", "=", key),)
        known = self.registry.runs(RunQuery(self.recipe.name, finished=True, where=asked, limit=1))
        return known[0] if known else None

    def _unchanged(self, earlier: RunEntry, found: Found, system: System) -> Walk:
        """The earlier run itself, whose version is registered and judged if it was cut off before that."""
        self.events.emit("run.unchanged", run=earlier.id, ended=earlier.ended)
        folder = self.registry.artefacts.folder(earlier.id)
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        version, judged = self._register(earlier.id, system, found)
        return Walk(earlier.id, folder, version, judged, found.evaluation, found.model, record)

    def _claim(self, data: Prepared, key: str) -> tuple[str, bool]:
        """A run to work on: one of this key that was cut off, or a new one."""
        name, artefacts = self.recipe.name, self.registry.artefacts
        cut_off = RunQuery(name, finished=False, where=(Condition("key", "=", key),))
        for entry in self.registry.runs(cut_off) if self.resume else ():
            if artefacts.claim(entry.id):
                now = self.registry.run(entry.id)  # another process may have finished it meanwhile
                if now is not None and not now.finished:
                    return entry.id, True
                artefacts.release(entry.id)
        run_id = artefacts.create(name)
        started = {
            "id": run_id,
            "name": name,
            "started": time.time(),
            "key": key,
            "recipe": self.recipe.to_dict(),
            "recipe_folder": str(self.recipe.folder.resolve()) if self.recipe.folder else None,
            "snapshot": data.snapshot.hash,
            "noria": __version__,
        }
        files.write_text(artefacts.folder(run_id) / "started.json", json.dumps(started, indent=1))
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

    def _replayed(self, learners: Sequence[Learner]) -> list[Learner]:
        """The settings of an earlier run, the baseline first."""
        known = {learner.name: learner for learner in learners}
        made = []
        for setting in self.replay:
            name, params = setting["learner"], setting["params"]
            if name not in known:
                raise RecipeError(
                    f"The earlier run had the learner {name!r}, which is not at hand.",
                    do="Install the extra that brings it, or search again.",
                )
            made.append(known[name].with_params(known[name].params.replace(**params)))
        if made and made[0].name != learners[0].name:
            made.insert(0, learners[0].with_params(learners[0].portfolio(1)[0]))
        return made

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
        replay = self._replayed(learners)
        reserve = min((_RESERVE + _INSIGHT) * deadline.budget + 0.2, 0.5 * deadline.budget)
        until = Deadline() if replay else deadline.earlier(reserve)
        ctx = Context(
            data.schema, data.task, wish.seed, until, 1, self.events,
            documents=data.documents, settings=data.settings,
        )  # fmt: skip
        if len(folds) < self.executor.workers:
            ctx = replace(ctx, threads=self.executor.workers)
        self.events.emit(
            "search.started", budget=None if replay else deadline.budget, metric=metric.name,
            rows=train.height, folds=len(folds), learners=[learner.name for learner in learners],
        )  # fmt: skip
        search = Search(
            system,
            [Fold(train, split, index) for index, split in enumerate(folds)],
            metric,
            self.executor,
            ctx,
            journal,
            Plan(learners, wish.trials, replay),
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
            predictions = evaluate.refined(tuned.model, tuned.predictions)
            baseline = tuned.baseline_predictions
        else:
            predictions, baseline = tuned.model.predict(rows), tuned.baseline.predict(rows)
        evaluation = Evaluation(
            rows=rows.height,
            how=how,
            metric=tuned.metric.name,
            scores=evaluate.score(predictions, rows, metrics, budget=0.5 * time, seed=seed),
            baseline=evaluate.score(baseline, rows, metrics, budget=0.1 * time, seed=seed),
            goals=self.recipe.goals,
            leaderboard=leaderboard.compared(tuned, budget=0.4 * time, seed=seed),
            notes=(f"{train.height:,} rows to train, {rows.height:,} to evaluate: {how}.",),
        )
        folds = predictions if held_out is None else tuned.predictions
        return evaluation, Evidence(train, rows, predictions, baseline, tuned.truth, folds, tuned.model)

    def _keep(self, data: Prepared, system: System, found: Found, run_id: str, journal: Journal) -> Walk:
        """Save model, report, record and manifest, in this order; a run counts once it is registered."""
        folder, model, evaluation = self.registry.artefacts.folder(run_id), found.model, found.evaluation
        if not (folder / "model").exists():
            about = {"run": run_id, "name": self.recipe.name}
            artifact.save(model, folder / "model", system=system.name, about=about)
        origin = self._origin
        begun = json.loads((folder / "started.json").read_text(encoding="utf-8"))
        record = {
            **begun,
            "recipe": self.recipe.to_dict(),
            "task": data.task.value,
            "ended": time.time(),
            "seconds": found.seconds,
            "trials": found.trials,
            "until": found.until,
            "earlier": found.earlier,
            "tested": data.tested,
            "documents": data.corpus,
            "rows": data.table.height,
            "learned_until": self.learned.until if self.learned else None,
            "notes": found.notes,
            "evaluation": evaluation.to_dict(),
            "insight": found.insight.to_dict(),
            "python": platform.python_version(),
            "features": data.function.sha256 if data.function else None,
            "commit": origin.code.commit if origin.code else None,
            "measures": {
                metric.name: {"doc": metric.doc, "greater_is_better": metric.greater_is_better}
                for metric in system.metrics()
            },
            "lineage": lineage.lineage(
                self.recipe, system.name, data, evaluation.metric, found.pipeline, origin
            ),
        }
        findings = found.insight.without(self.recipe.silence).findings
        files.write_text(folder / "report.md", self._report(data, evaluation, record, findings))
        files.write_text(folder / report.PAGE, report.page(report.story(folder, record)))
        if origin.code and origin.code.diff:
            files.write_text(folder / lineage.DIFF, origin.code.diff)
        if self.learned:
            self.learned.save(folder)
        files.write_text(folder / "run.json", json.dumps(record, indent=1))
        self.events.emit("run.kept", run=run_id, seconds=found.seconds)
        self._log.close()
        keep.seal(folder, run_id)
        version, judged = self._register(run_id, system, found)
        journal.clear()
        self.events.emit("run.finished", run=run_id, seconds=found.seconds, folder=str(folder))
        return Walk(run_id, folder, version, judged, evaluation, model, record)

    def _register(self, run_id: str, system: System, found: Found) -> tuple[int, Verdict]:
        """Make the model a version of its name, and the champion if the recipe's rule says so."""
        name, rule, evaluation = self.recipe.name, self.recipe.promote, found.evaluation
        self.registry.artefacts.publish(run_id)
        self.registry.record(run_id)
        if not self.register:
            return 0, Verdict(False, "made to compare, not to be used")
        version = self.registry.register(name, run_id)
        if self.judge is not None:
            judged = self.judge(found.model, evaluation)  # it takes time: before anybody is kept waiting
            return version, self.registry.judge(name, version, lambda _: judged.verdict, judged.champion)
        wanted = rule.metric or evaluation.metric
        metric = next(metric for metric in system.metrics() if metric.name == wanted)
        return version, self.registry.judge(
            name, version, lambda champion: verdict(rule, metric, evaluation, champion)
        )

    def _report(
        self, data: Prepared, evaluation: Evaluation, record: dict[str, Any], findings: Sequence[Finding]
    ) -> str:
        facts = {
            "run": record["id"],
            "task": record["task"],
            "rows, columns": f"{record['rows']:,}, {len(data.schema.features)} features",
            "search": f"{record['trials']} trials in {record['seconds']:.1f} s, until {record['until']}",
            **({"taken from run": record["earlier"]} if record["earlier"] else {}),
            "metric of the search": evaluation.metric,
            "seed": str(self.recipe.search.seed),
            "data (fingerprint)": record["snapshot"][:16],
            "Noria, Python": f"{record['noria']}, {record['python']}",
        }
        figures = report.drawn(self.registry.artefacts.folder(record["id"]))
        return report.markdown(
            self.recipe, evaluation, data.schema, record["notes"], facts, figures, findings
        )

    def _stage(self, name: str) -> AbstractContextManager[None]:
        return self.events.stage(name)
