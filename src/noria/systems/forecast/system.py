"""The forecast system: what the lifecycle asks of it, answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import BaseModel

from noria._lazy import installed
from noria.core.protocol import Context, Evidence, Learner, Metric, Tags, Task, Trial
from noria.core.result import Evaluation, Figure
from noria.core.schema import Role, Schema, Type
from noria.core.split import Split
from noria.core.words import times
from noria.errors import DataError
from noria.methods.ensemble import greedy_selection
from noria.methods.smoothing import unusual
from noria.systems.forecast import figures
from noria.systems.forecast.hierarchy import completed
from noria.systems.forecast.knowledge import Knowledge
from noria.systems.forecast.learners import LEARNERS
from noria.systems.forecast.metrics import metrics
from noria.systems.forecast.model import ForecastModel
from noria.systems.forecast.options import ForecastOptions
from noria.systems.forecast.panel import Panel, keys, label
from noria.systems.forecast.spread import Spread

__all__ = ["ForecastSystem"]

_WINDOWS, _MOST_WINDOWS, _JUDGED = 3, 5, 100
_LEAST_HISTORY = 3
_CANDIDATES, _ROWS, _TRIFLE = 30, 20_000, 2e-3
_HOPELESS, _PEERS = 1.5, 1.15  # errors, as a multiple of the least


class ForecastSystem:
    """Forecasting of one or many series on a regular grid.

    Parameters
    ----------
    schema : Schema
        With a number as target, a column of role time, and any columns of role series.
    task : Task
    options : ForecastOptions, optional

    Examples
    --------
    >>> from noria.core.schema import Column
    >>> time, sold = Column("day", Type.DATETIME, Role.TIME), Column("sold", Type.NUMBER, Role.TARGET)
    >>> system = ForecastSystem(Schema((time, sold), rows=100), Task.FORECASTING)
    >>> [learner.name for learner in system.learners()][:2]
    ['naive', 'seasonal_naive']
    """

    name: ClassVar[str] = "forecast"
    tags: ClassVar[Tags] = Tags(needs_time_order=True, explains=True)
    options: ClassVar[type[BaseModel]] = ForecastOptions

    def __init__(self, schema: Schema, task: Task, options: BaseModel | None = None) -> None:
        self.schema = schema
        self.task = task
        self.chosen = options if isinstance(options, ForecastOptions) else ForecastOptions()

    @classmethod
    def accepts(cls, schema: Schema, task: Task) -> bool:
        """A number over time."""
        target, times = schema.target, schema.with_role(Role.TIME)
        timed = len(times) == 1 and times[0].type in (Type.DATETIME, Type.NUMBER)
        return task is Task.FORECASTING and timed and target is not None and target.type is Type.NUMBER

    def learners(self) -> list[Learner]:
        """The candidates, the naive forecast first."""
        usable = [kind for kind in LEARNERS if kind.package is None or installed(kind.package)]
        return [kind(self.chosen) for kind in usable]

    def completed(self, table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
        """The table, with sums of its series where the options ask for a hierarchy."""
        levels = self.chosen.hierarchy
        return completed(table, self.schema, levels) if levels else (table, [])

    def findings(self, table: pl.DataFrame) -> list[str]:
        """How many series on which grid, what was repaired to lay them out, and which values stand out."""
        panel = Panel.of(table, self.schema)
        tried = self._steps(panel, 2)
        notes, wanted = list(panel.notes), self.chosen.steps(panel.frequency)
        Knowledge.of(table, panel, self.schema, self.chosen, season=1, horizon=wanted)
        if tried < wanted:
            notes.append(
                f"{wanted} steps are forecast, and the history is long enough to judge {tried} of them: "
                "intervals further ahead are as wide as there"
            )
        return [*notes, *self._unusual(panel)]

    def _unusual(self, panel: Panel) -> list[str]:
        """How many values stand out from their series, and which does most."""
        season, count, furthest, words = self.chosen.seasons(panel.frequency)[0], 0, 0.0, ""
        for name, start, values, scale in zip(panel.names, panel.starts, panel.values, panel.scales(season)):
            found, expected = unusual(values, season)
            count += int(found.sum())
            far = np.where(found, np.abs(values - expected) / scale, 0.0)
            at = int(far.argmax())
            if far[at] > furthest:
                furthest = float(far[at])
                moment = str(panel.frequency.moment(int(start) + at)).removesuffix(" 00:00:00")
                whose = label(name, len(self.schema.with_role(Role.SERIES)))
                words = f"{whose!r} at {moment}: {values[at]:,.4g}, where {expected[at]:,.4g} was usual"
        total = int(panel.lengths.sum())
        note = f"{count:,} of {total:,} values stand out from trend and season, most of all {words}"
        return [note] if count else []

    def holdout(self, table: pl.DataFrame, share: float, seed: int, how: str | None = None) -> Split:  # noqa: ARG002
        """The last steps of every series, as many as are to be forecast."""
        panel = Panel.of(table, self.schema)
        back, horizon = self._back(table, panel), self._steps(panel, 2)
        return self._window(table, back, 0, horizon, f"the last {horizon} steps of every series")

    def folds(self, table: pl.DataFrame, count: int, seed: int) -> list[Split]:  # noqa: ARG002
        """Rolling origins: windows of as many steps as are to be forecast, each after all it learns from."""
        panel = Panel.of(table, self.schema)
        windows = count or self._windows(panel)
        back, horizon = self._back(table, panel), self._steps(panel, windows + 1)
        words = f"{windows} rolling origins, {horizon} steps each"
        splits = [self._window(table, back, at * horizon, horizon, words) for at in reversed(range(windows))]
        usable = [split for split in splits if len(split.train) and len(split.valid)]
        if not usable:
            raise DataError(
                "The series are too short to try a forecast on their past.",
                got=times(table.height, "row"),
                do="Give a longer history, or ask for fewer steps: options: {horizon: 1}.",
            )
        return usable

    def _windows(self, panel: Panel) -> int:
        """How many rolling origins: the fewer values each judges, the more, within half of the history."""
        steps = self.chosen.steps(panel.frequency)
        wanted = -(-_JUDGED // (steps * len(panel.names)))
        possible = int(np.median(panel.lengths)) // (2 * steps)
        return int(np.clip(min(wanted, possible), _WINDOWS, _MOST_WINDOWS))

    def metrics(self) -> list[Metric]:
        """What it is measured by."""
        return metrics(self._target, self.chosen.coverage)

    def figures(self, evidence: Evidence, evaluation: Evaluation) -> list[Figure]:  # noqa: ARG002
        """The forecasts beside what came, and their errors by the steps ahead and by the level."""
        panel = Panel.of(evidence.train, self.schema)
        season = self.chosen.seasons(panel.frequency)[0]
        return figures.draw(self.schema, evidence, panel, season, self.chosen.hierarchy)

    def weigh(
        self,
        trials: Sequence[Trial],
        truth: pl.DataFrame,
        metric: Metric,
        ctx: Context,  # noqa: ARG002
    ) -> tuple[np.ndarray, pl.DataFrame]:
        """The share of each trial in the joint forecast, and the joint forecast of the windows."""
        weights = np.zeros(len(trials))
        order = sorted(range(len(trials)), key=lambda at: trials[at].score, reverse=metric.greater_is_better)
        if not self.chosen.ensemble or len(trials) == 1:
            weights[order[0]] = 1.0
            return weights, trials[order[0]].predictions
        candidates = order[:_CANDIDATES]
        scale = trials[order[0]].predictions["scale"].to_numpy()
        some = slice(None, None, len(scale) // _ROWS + 1)
        y = (truth[self._target].cast(pl.Float64).to_numpy() / scale)[some]
        stack = np.stack([trials[at].predictions["prediction"].to_numpy() / scale for at in candidates])
        names = [trials[at].learner.name for at in candidates]
        weights[candidates] = _shares(stack[:, some], y, names)
        parts = [trials[at].predictions["prediction"] * weights[at] for at in candidates if weights[at]]
        joint = trials[order[0]].predictions.with_columns(prediction=sum(parts[1:], parts[0]))
        return weights, joint

    def assemble(
        self,
        trials: Sequence[Trial],
        weights: np.ndarray,
        table: pl.DataFrame,
        truth: pl.DataFrame,
        ctx: Context,
    ) -> ForecastModel:
        """The chosen learners fitted on all of `table`, with intervals from the errors of the windows."""
        chosen = [(trial, weight) for trial, weight in zip(trials, weights) if weight]
        models: list[ForecastModel] = [trial.learner.fit(table, None, ctx) for trial, _ in chosen]  # type: ignore[misc]
        joint = np.sum([w * trial.predictions["prediction"].to_numpy() for trial, w in chosen], axis=0)
        known = trials[0].predictions
        errors = (truth[self._target].cast(pl.Float64).to_numpy() - joint) / known["scale"].to_numpy()
        names = pl.Series(models[0].names)
        series = keys(truth, self.schema).replace_strict(names, range(len(names)), return_dtype=pl.Int64)
        spread, widths = Spread.of_series(
            errors,
            known["ahead"].to_numpy(),
            series.to_numpy(),
            (len(names), models[0].horizon),
            self.chosen.coverage,
        )
        return ForecastModel.joined(models, [weight for _, weight in chosen], spread, widths)

    @classmethod
    def load(cls, folder: Path) -> ForecastModel:
        """The inverse of `ForecastModel.save`."""
        return ForecastModel.load(folder)

    @property
    def _target(self) -> str:
        assert self.schema.target is not None
        return self.schema.target.name

    def _back(self, table: pl.DataFrame, panel: Panel) -> np.ndarray:
        """How many steps each row lies before the end of its series."""
        time = self.schema.with_role(Role.TIME)[0].name
        series = keys(table, self.schema).replace_strict(panel.number, return_dtype=pl.Int64).to_numpy()
        return panel.ends[series] - panel.frequency.steps(table[time])

    def _steps(self, panel: Panel, parts: int) -> int:
        """How many steps a window has, where the history is to hold so many of them."""
        most = int(np.median(panel.lengths)) - _LEAST_HISTORY
        return max(1, min(self.chosen.steps(panel.frequency), most // parts))

    def _window(self, table: pl.DataFrame, back: np.ndarray, first: int, steps: int, how: str) -> Split:
        """Rows before a window of steps, and the rows in it that can be reached from there.

        Series with hardly any row before the window are left out, and so are rows behind a gap at its edge,
        which lie further ahead than a forecast goes.
        """
        rows = pl.DataFrame({"series": keys(table, self.schema), "back": back, "past": back >= first + steps})
        seen = pl.col("past").sum().over("series")
        last = pl.col("back").filter("past").min().over("series")
        rows = rows.with_columns(old=seen >= _LEAST_HISTORY, ahead=(last - pl.col("back")).fill_null(0))
        reach = max(steps, self.chosen.horizon or steps)
        train = rows.select(pl.col("past") & pl.col("old")).to_series()
        inside = ~pl.col("past") & (pl.col("back") >= first) & (pl.col("ahead") <= reach)
        valid = rows.select(inside & pl.col("old")).to_series()
        return Split(np.flatnonzero(train), np.flatnonzero(valid), how)


def _shares(stack: np.ndarray, y: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The share of each of some forecasts (trials, n) of y, by learners of these names.

    Half is chosen greedily, half is shared alike by the best of each learner that comes near the best of all:
    a few windows say little about weights (the forecast combination puzzle: Claeskens et al. 2016).
    """
    misses = np.abs(stack - y).mean(axis=1)
    shares = np.zeros(len(stack))
    able = np.flatnonzero(misses <= _HOPELESS * misses.min())
    trifle = _TRIFLE * float(misses.min())
    shares[able] = 0.5 * greedy_selection(
        stack[able], y, _absolute, tolerance=trifle, costs=np.ones(len(able))
    )
    best: dict[str, int] = {}
    for at in np.argsort(misses, kind="stable"):
        best.setdefault(names[at], int(at))
    peers = [at for at in best.values() if misses[at] <= _PEERS * misses.min()]
    shares[peers] += 0.5 / len(peers)
    return shares


def _absolute(y: np.ndarray, blend: np.ndarray) -> float:
    return float(np.abs(y - blend).mean())
