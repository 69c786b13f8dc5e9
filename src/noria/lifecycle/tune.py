"""The search for a good model under a strict wall-clock budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from noria.core.deadline import Deadline, FitFailed, OutOfTime
from noria.core.params import Params
from noria.core.ports import Executor
from noria.core.protocol import Context, Ensembles, Fold, Learner, Metric, Model, Shared, System, Trial
from noria.core.result import Leader
from noria.errors import BudgetError, InputError, Interrupted
from noria.lifecycle.journal import Journal
from noria.lifecycle.plan import Plan, Proposer, portfolio

__all__ = ["Attempt", "Member", "Search", "Tuned"]

_CHECK_EVERY = 10
_PATIENCE = 5
_SLACK = 1.5
_LONGEST = 0.35
_KEPT = 60
_ONCE = 0.5
_HELD_OUT = 0.3
_SCOUTS = 2
_USED_UP = "the budget was used up"
_NO_ROOM = "nothing more fitted into the time left"


@dataclass(frozen=True)
class Member:
    """A trial that has a share in the final model.

    Attributes
    ----------
    learner : str
    params : dict
    weight : float
        0 to 1; those of all members add up to 1.
    """

    learner: str
    params: dict[str, Any]
    weight: float


@dataclass(frozen=True)
class Attempt:
    """A finished trial, as little of it as its search is judged by.

    Attributes
    ----------
    learner : Learner
        With its parameters.
    score : float
    """

    learner: Learner
    score: float


@dataclass
class Tuned:
    """What a search found.

    Attributes
    ----------
    model, baseline : Model
    metric : Metric
    truth, predictions, baseline_predictions : Table
        The training rows that were validated on, each once, and what both models say of them out of fold.
    leaderboard : tuple of Leader
    pipeline : tuple of Member
        What the model is made of, in the order of the trials.
    trials : int
    why : str
        Why it ended.
    rejoin : callable
        Makes the joint model again of more rows, with the same learners and weights.
    attempts : tuple of Attempt
        Every finished trial, in their order.
    best : tuple of Trial
        Every learner's best trial, as in the leaderboard; their predictions begin with those of `truth`.
    folds : array, (rows of truth,)
        Which fold each row of `truth` was validated in.
    """

    model: Model
    baseline: Model
    metric: Metric
    truth: pl.DataFrame
    predictions: pl.DataFrame
    baseline_predictions: pl.DataFrame
    leaderboard: tuple[Leader, ...]
    pipeline: tuple[Member, ...]
    trials: int
    why: str
    rejoin: Callable[[pl.DataFrame], Model]
    attempts: tuple[Attempt, ...]
    best: tuple[Trial, ...]
    folds: np.ndarray

    @property
    def cut_short(self) -> bool:
        """Whether more would have been tried, had there been time."""
        return self.why in (_USED_UP, _NO_ROOM)


@dataclass
class _Pace:
    """How long fits really take, as a multiple of the learners' own guesses.

    What is done once per search, imports and encodings, falls into a learner's first fit; so a few tenths
    of a second are left out of the first measure.
    """

    workers: int
    ratio: dict[str, float] = field(default_factory=dict)

    def expected(self, learner: Learner, rows: int, columns: int, folds: int) -> float:
        """Seconds of wall-clock time that a trial will take."""
        known = self.ratio.get(learner.name, 1.0)
        return learner.seconds(rows, columns) * known * math.ceil(folds / self.workers)

    def learn(self, learner: Learner, rows: int, columns: int, seconds_per_fold: float) -> None:
        """Take note of a fit."""
        known = self.ratio.get(learner.name)
        once = _ONCE if known is None else 0.0
        seen = max(seconds_per_fold - once, 0.0) / learner.seconds(rows, columns)
        self.ratio[learner.name] = max(seen, 0.5 if known is None else 0.7 * known)


class Search:
    """Tries learners on the same folds, joins the best, and stops in time.

    The order of trials depends on the seed and on the results. The clock ends it, and leaves out a trial that
    would not fit into the time left: with `most_trials` reached well in time, the same seed gives the same
    model. What was finished before a Ctrl-C or a kill is read from the journal.

    Parameters
    ----------
    system : System
    folds : sequence of Fold
        All over the same table of conformed training rows.
    metric : Metric
    executor : Executor
    ctx : Context
        Its deadline is when the search, the joining included, must be over.
    journal : Journal
    plan : Plan
    """

    def __init__(
        self,
        system: System,
        folds: Sequence[Fold],
        metric: Metric,
        executor: Executor,
        ctx: Context,
        journal: Journal,
        plan: Plan,
    ) -> None:
        self.system, self.folds, self.metric = system, folds, metric
        self.executor, self.ctx, self.journal = executor, ctx, journal
        self.learners, self.most_trials, self.replay = plan.learners, plan.most_trials, plan.replay
        self._tuning = self._crowded = False
        self._failure = ""
        self._lost: list[Learner] = []
        self._tried: set[tuple[str, Params]] = set()
        self._known = len(journal)
        self.table = folds[0].table
        judged = np.concatenate([fold.split.valid for fold in folds])
        self.truth = self.table[judged]
        self._once = len(np.unique(judged))
        self.rows = max(len(fold.split.train) for fold in folds)
        self.columns = len(ctx.schema.features)
        self.trials: list[Trial] = []
        self._weights = np.zeros(0)
        self._joint = pl.DataFrame()
        self._score = self._reached = -math.inf if metric.greater_is_better else math.inf
        self._pace = _Pace(executor.workers)
        self._budget = ctx.deadline.budget

    def run(self) -> Tuned:
        """Search until time, trials or hope run out.

        Raises
        ------
        BudgetError
            If not even one learner could be fitted.
        Interrupted
            On Ctrl-C; the journal holds what was finished.
        """
        try:
            why = self._explore()
            return self._finish(why, replace(self.ctx, deadline=Deadline(), threads=self.executor.workers))
        except KeyboardInterrupt as error:
            self.ctx.deadline.cancel()
            raise Interrupted(
                f"Stopped after {len(self.trials)} trials.", do="Run the same command to go on from here."
            ) from error

    def _explore(self) -> str:
        for learner in self.replay:
            self._try(learner)
        if self.replay:
            return "all settings of the earlier run were fitted"
        number, stale = 0, 0
        for learner in self._proposals():
            if self.most_trials is not None and number >= self.most_trials:
                return f"all {self.most_trials} trials were done"
            if (learner.name, learner.params) in self._tried or not self._fits(learner):
                continue
            try:
                self._try(learner)
            except OutOfTime:
                return _USED_UP
            number += 1
            if number % _CHECK_EVERY == 0 or len(self.trials) == 3:
                stale = 0 if self._weigh() else stale + 1
                if stale >= _PATIENCE and self._tuning:
                    return f"{_PATIENCE * _CHECK_EVERY} trials had brought no gain"
        return _NO_ROOM if self._crowded or not self._room else "every setting was tried"

    @property
    def _room(self) -> bool:
        return self.ctx.deadline.remaining > 0.3

    def _proposals(self) -> Iterator[Learner]:
        """Known settings, then guided ones for as long as there is time, or trials are to be read again."""
        yield from portfolio(self.learners, self.rows, self.columns)
        self._tuning = True
        proposer = Proposer(self.learners, self.metric.greater_is_better, self.ctx.seed)
        idle = 0
        while (self._room or len(self._tried) < self._known) and idle < 50:
            weights = np.pad(self._weights, (0, len(self.trials) - len(self._weights)))
            learner = proposer.propose(self.trials, weights, self._lost)
            if learner is None:
                return
            before = len(self.trials)
            yield learner
            idle = 0 if len(self.trials) > before else idle + 1
            self._known = self._known if idle < 25 else 0  # what is drawn no more is not waited for

    def _fits(self, learner: Learner) -> bool:
        """Whether a trial was done before or, once all such are read again, is likely to end in time."""
        if self.journal.outcome(learner) is not None:
            return True
        if len(self._tried) < self._known:
            return False
        if len(self.trials) < 2:  # the first are tried at all events
            return True
        expected = self._pace.expected(learner, self.rows, self.columns, len(self.folds))
        fits = expected * _SLACK < self._allowance.remaining
        self._crowded |= not fits
        return fits

    @property
    def _allowance(self) -> Deadline:
        """How long the next trial may take: all the time left, or while there are known settings a share."""
        shared = len(self.trials) >= 2 and not self._tuning and not self.most_trials
        longest = max(_LONGEST * self.ctx.deadline.budget, 1.0) if shared else math.inf
        return Deadline(longest, within=self.ctx.deadline)

    def _try(self, learner: Learner) -> None:
        events, clock = self.ctx.events, Deadline()
        outcome, number = self.journal.outcome(learner), len(self.journal)
        self._tried.add((learner.name, learner.params))
        if outcome is not None:
            if outcome == "finished":
                self._keep(self.journal.read(learner))
                seconds = self.trials[-1].fit_seconds / len(self.folds)
                self._pace.learn(learner, self.rows, self.columns, seconds)
            else:
                self._lost.append(learner)
            return
        events.emit("trial.started", number=number, learner=learner.name, params=learner.params.to_dict())
        try:
            trial = self._fit(number, learner)
            outcome, why = "pruned", "far behind the best"
        except (FitFailed, OutOfTime) as error:
            if self.ctx.deadline.expired:
                raise OutOfTime from error
            trial, outcome = None, "failed"
            self._failure = why = str(error) or "takes more than its share of the time"
        if trial is None:
            self._lost.append(learner)
            nothing = Trial(number, learner, math.nan, pl.DataFrame())
            self.journal.write(nothing, self.ctx.deadline.elapsed, outcome)
            events.emit(f"trial.{outcome}", number=number, learner=learner.name, why=why)
            return
        self._keep(trial)
        self.journal.write(trial, self.ctx.deadline.elapsed)
        events.emit(
            "trial.finished", number=number, learner=learner.name, score=trial.score, seconds=clock.elapsed,
            best=self._best.score, elapsed=self.ctx.deadline.elapsed,
        )  # fmt: skip

    def _fit(self, number: int, learner: Learner) -> Trial | None:
        """The trial over all folds, or None when its first folds leave no hope."""
        allowance = self._allowance
        fit = partial(self._fit_fold, learner, replace(self.ctx, deadline=allowance))
        known = self.ctx.shared.common
        try:
            parts = list(self.executor.map(fit, self.folds[:_SCOUTS]))
        except OutOfTime:
            self._pace.learn(learner, self.rows, self.columns, allowance.elapsed)
            raise
        once = self.ctx.shared.common - known
        self._pace.learn(learner, self.rows, self.columns, max(part[2] for part in parts) - once)
        rest = len(self.folds) - _SCOUTS
        if (
            len(self.trials) >= 2
            and self._pace.expected(learner, self.rows, self.columns, rest) > allowance.remaining
        ):
            raise OutOfTime
        if self._hopeless(learner, pl.concat([part[1] for part in parts])):
            return None
        parts += self.executor.map(fit, self.folds[_SCOUTS:])
        predictions = pl.concat([part[1] for part in parts])
        score = self.metric.bind(self.truth, predictions)(None)
        if not math.isfinite(score):
            raise FitFailed(f"its {self.metric.name} is not a number")
        return Trial(
            number=number,
            learner=learner,
            score=score,
            predictions=predictions,
            models=[part[0] for part in parts],
            fit_seconds=sum(part[2] for part in parts),
            predict_seconds=sum(part[3] for part in parts),
            bytes=sum(part[0].size for part in parts),
        )

    def _fit_fold(
        self, learner: Learner, ctx: Context, fold: Fold
    ) -> tuple[Model, pl.DataFrame, float, float]:
        train, valid = self.ctx.shared.get(
            ("rows", fold.index), lambda: (self.table[fold.split.train], self.table[fold.split.valid])
        )
        started = time.monotonic()
        model = learner.fit(train, valid, ctx.within(fold))
        fitted = time.monotonic()
        predictions = model.predict(valid)
        return model, predictions, fitted - started, time.monotonic() - fitted

    def _hopeless(self, learner: Learner, predictions: pl.DataFrame) -> bool:
        """Whether the first folds lie further behind the best than half its lead over the baseline."""
        known = any(trial.learner.name == learner.name for trial in self.trials)
        if self.replay or not known or predictions.height == self.truth.height:
            return False
        part = self.truth.head(predictions.height)
        baseline, best = (
            self.metric.bind(part, trial.predictions.head(part.height))(None)
            for trial in (self.trials[0], self._best)
        )
        score = self.metric.bind(part, predictions)(None)
        return self.metric.better(best, score) and abs(score - best) > 0.5 * abs(baseline - best)

    def _keep(self, trial: Trial) -> None:
        """Add a trial; beyond the best sixty, and every learner's best, only its score is kept."""
        self.trials.append(trial)
        if len(self.trials) > _KEPT:
            leaders: set[str] = set()
            for place, other in enumerate(sorted(self.trials, key=self._rank)):
                if place >= _KEPT and other.learner.name in leaders:
                    other.models.clear()
                    other.predictions = other.predictions.clear()
                leaders.add(other.learner.name)

    def _rank(self, trial: Trial) -> float:
        return -trial.score if self.metric.greater_is_better else trial.score

    @property
    def _best(self) -> Trial:
        return min(self.trials, key=self._rank)

    def _weigh(self) -> bool:
        """Weigh the trials anew; whether the joint score is better than ever by more than a trifle."""
        clock = Deadline()
        if isinstance(self.system, Ensembles):
            self._weights, self._joint = self.system.weigh(self.trials, self.truth, self.metric, self.ctx)
            self._score = self.metric.bind(self.truth, self._joint)(None)
        else:
            best = self._best
            self._weights = np.array([float(trial is best) for trial in self.trials])
            self._joint, self._score = best.predictions, best.score
        self._set_aside(clock.elapsed)
        members = int(np.count_nonzero(self._weights))
        self.ctx.events.emit("ensemble.weighed", score=self._score, members=members)
        gain, better = abs(self._score - self._reached), self.metric.better(self._score, self._reached)
        self._reached = self._score if better else self._reached
        return better and gain > 2e-4 * abs(self._score)

    def _set_aside(self, weighing: float) -> None:
        """Let the search end early enough to weigh again, fit what is kept and predict held-out rows."""
        chosen = [trial for trial, weight in zip(self.trials, self._weights) if weight > 0]
        predicting = _HELD_OUT * len(self.folds) * sum(trial.predict_seconds for trial in chosen)
        lost = sum(trial.fit_seconds for trial in chosen if not trial.models) / self.executor.workers
        whole = sum(trial.fit_seconds for trial in chosen if not trial.learner.bags) / len(self.folds)
        if self.system.tags.needs_time_order:
            whole = 2 * (whole + self.ctx.shared.seconds / len(self.folds))
        needed = _SLACK * (weighing + predicting + lost + whole)
        self.ctx.deadline.budget = min(self.ctx.deadline.budget, self._budget - needed)

    def _finish(self, why: str, ctx: Context) -> Tuned:
        """Join the trials, in a context without a deadline: time for it was set aside."""
        if self._failure and not self.trials:
            raise InputError(
                "No learner could be fitted.",
                got=self._failure,
                do="Look at the target's values, or judge by another --metric.",
            )
        if len(self.trials) < 2 and not self._room:
            raise BudgetError(
                "The budget is too short for a single fit.",
                got=f"{self._budget:.3g}s of it for the search, on {self.rows:,} rows",
                do=f"Use at least --budget {max(math.ceil(self.ctx.deadline.budget * 4), 5)}s.",
            )
        self._weigh()
        chosen = [trial for trial, weight in zip(self.trials, self._weights) if weight > 0]
        self._restore([trial for trial in (self.trials[0], *chosen) if not trial.models], ctx)
        model = self._joined(self.trials, self._weights, ctx, self.table)
        baseline = self._joined(self.trials[:1], np.ones(1), ctx, self.table)
        tried = len(self.trials)
        self.ctx.events.emit("search.finished", trials=tried, seconds=self.ctx.deadline.elapsed, why=why)
        truth, joint, first = (
            rows.head(self._once) for rows in (self.truth, self._joint, self.trials[0].predictions)
        )
        sizes = [len(fold.split.valid) for fold in self.folds]
        return Tuned(
            model, baseline, self.metric, truth, joint, first, self._leaderboard(), self._pipeline(), tried,
            why, partial(self._rejoined, ctx), tuple(Attempt(one.learner, one.score) for one in self.trials),
            tuple(self._leaders()), np.repeat(np.arange(len(sizes)), sizes)[: self._once],
        )  # fmt: skip

    def _rejoined(self, ctx: Context, table: pl.DataFrame) -> Model:
        return self._joined(self.trials, self._weights, replace(ctx, shared=Shared()), table)

    def _joined(
        self, trials: Sequence[Trial], weights: np.ndarray, ctx: Context, table: pl.DataFrame
    ) -> Model:
        """One model of the trials with a weight, for the rows of a table: a task of the executor."""

        def join(rows: pl.DataFrame) -> Model:
            if isinstance(self.system, Ensembles):
                return self.system.assemble(trials, weights, rows, self.truth, ctx)
            return trials[int(weights.argmax())].learner.fit(rows, None, ctx)

        (model,) = self.executor.map(join, [table])
        return model

    def _restore(self, trials: Sequence[Trial], ctx: Context) -> None:
        """Fit again what the joint model needs of an earlier process."""
        for trial in trials:
            parts = self.executor.map(partial(self._fit_fold, trial.learner, ctx), self.folds)
            trial.models = [part[0] for part in parts]

    def _pipeline(self) -> tuple[Member, ...]:
        """Every trial with a weight."""
        return tuple(
            Member(trial.learner.name, trial.learner.params.to_dict(), float(weight))
            for trial, weight in zip(self.trials, self._weights)
            if weight > 0
        )

    def _leaders(self) -> list[Trial]:
        """Every learner's best trial, best first."""
        leaders: dict[str, Trial] = {}
        for trial in sorted(self.trials, key=self._rank):
            leaders.setdefault(trial.learner.name, trial)
        return list(leaders.values())

    def _leaderboard(self) -> tuple[Leader, ...]:
        """What the leaders reached, and what they cost."""
        board = []
        for best in self._leaders():
            mine = [at for at, trial in enumerate(self.trials) if trial.learner.name == best.learner.name]
            board.append(
                Leader(
                    learner=best.learner.name,
                    params=best.learner.params.to_dict(),
                    score=best.score,
                    weight=float(self._weights[mine].sum()),
                    fit_seconds=best.fit_seconds,
                    predict_seconds=1000 * best.predict_seconds / self.truth.height,
                    bytes=best.bytes,
                    trials=len(mine),
                )
            )
        return tuple(board)
