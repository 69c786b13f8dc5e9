"""What all learners of forecasts share: series in, a path per series out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import polars as pl

from noria.core.deadline import FitFailed
from noria.core.params import Params
from noria.core.protocol import Context
from noria.systems.forecast.driven import Driven
from noria.systems.forecast.hierarchy import coherent
from noria.systems.forecast.knowledge import Knowledge, asked
from noria.systems.forecast.model import ForecastModel
from noria.systems.forecast.options import ForecastOptions
from noria.systems.forecast.panel import Panel

__all__ = ["ForecastLearner", "Outlook"]

P = TypeVar("P", bound=Params)


@dataclass(frozen=True)
class Outlook:
    """What a learner is to continue, and how far.

    Attributes
    ----------
    panel : Panel
    knowledge : Knowledge
    seasons : tuple of int
        Steps of each season, shortest first; (1,) for none.
    horizon : int
    ctx : Context
    """

    panel: Panel
    knowledge: Knowledge
    seasons: tuple[int, ...]
    horizon: int
    ctx: Context

    def season(self, *, longest: bool) -> int:
        """Steps of the shortest season, or of the longest.

        Raises
        ------
        FitFailed
            If the longest is wanted and there is only one, so that the same would be tried twice.
        """
        if longest and len(self.seasons) == 1:
            raise FitFailed("there is only one season")
        return self.seasons[-1 if longest else 0]


class ForecastLearner(Generic[P]):
    """An unfitted algorithm for series. Subclasses declare facts and give paths.

    Attributes
    ----------
    name : str
    turn : int
        The round of the portfolio in which its first setting is tried.
    bags : bool
        No: one model of all rows takes the place of the folds' models.
    package : str, optional
        The optional package without which it is left out.
    settings : type of Params
    known : sequence of dict
        Settings known to work, best first.
    """

    name: ClassVar[str]
    turn: ClassVar[int] = 0
    bags: ClassVar[bool] = False
    package: ClassVar[str | None] = None
    settings: ClassVar[type[Params]] = Params
    known: ClassVar[Sequence[dict[str, Any]]] = ({},)

    def __init__(self, options: ForecastOptions, params: P | None = None) -> None:
        self.options = options
        self.params: P = params if params is not None else self.settings()  # type: ignore[assignment]

    def with_params(self, params: P) -> ForecastLearner[P]:
        """A copy with other parameters."""
        return type(self)(self.options, params)

    def portfolio(self, rows: int) -> Sequence[P]:  # noqa: ARG002
        """The settings in `known`."""
        return [self.settings(**values) for values in self.known]  # type: ignore[misc]

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """A rough guess of one fit's time on one core."""
        return 1e-7 * rows + 0.005

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame | None, ctx: Context) -> ForecastModel:  # noqa: ARG002
        """Continue the series of `train`; `valid` is not looked at.

        Raises
        ------
        OutOfTime
            If the context's deadline passes first.
        """
        panel, schema = self._panel(train, ctx), asked(ctx.schema, self.options)
        seasons, horizon = self.options.seasons(panel.frequency), self.options.steps(panel.frequency)
        knowledge = ctx.shared.get(
            ("knowledge", None if ctx.fold is None else ctx.fold.index),
            lambda: Knowledge.of(train, panel, ctx.schema, self.options, season=seasons[0], horizon=horizon),
        )
        outlook = Outlook(panel, knowledge, seasons, horizon, ctx)
        ctx.deadline.check()
        paths, driven = self.continued(outlook)
        paths = np.nan_to_num(paths)
        if self.options.hierarchy:
            paths = coherent(paths, panel, schema, self.options.hierarchy, seasons[0])
        return ForecastModel.of(schema, panel, paths, seasons[0], driven)

    def continued(self, outlook: Outlook) -> tuple[np.ndarray, list[Driven]]:
        """The forecasts of all series, and what must be added that depends on the rows that are asked."""
        return self.paths(outlook), []

    def paths(self, outlook: Outlook) -> np.ndarray:
        """The forecasts of all series, (series, horizon). To be written by each learner."""
        raise NotImplementedError

    def _panel(self, train: pl.DataFrame, ctx: Context) -> Panel:
        """The series of a fold, laid out once for all learners."""
        schema = asked(ctx.schema, self.options)
        if ctx.fold is None:
            return ctx.shared.get(("panel", None), lambda: Panel.of(train, schema))
        whole = ctx.fold.table
        frequency = ctx.shared.get("frequency", lambda: Panel.of(whole, schema).frequency)
        key = ("panel", ctx.fold.index)
        return ctx.shared.get(key, lambda: Panel.of(train, schema, frequency))
