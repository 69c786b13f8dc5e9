"""Statistical models of one series at a time, chosen by information criteria (extra ``forecast``)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from noria._lazy import require
from noria.systems.forecast.learners.base import Outlook
from noria.systems.forecast.learners.smoothing import SimpleSmoothing

__all__ = ["Arima", "Ets", "Mstl"]

_LONGEST = 24


class Ets(SimpleSmoothing):
    """Exponential smoothing with error, trend and season of the best kind (Hyndman and Khandakar 2008).

    A season of more than 24 steps, which the model cannot hold, is taken out first.
    """

    name = "ets"
    package = "statsforecast"
    turn = 1
    known = ({}, {"longest": True})
    slowness = 2e-3

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """Many models for every series."""
        return self.slowness * rows + 1.0

    def taken_out(self, outlook: Outlook) -> int:
        """A season that is too long for the model."""
        season = super().taken_out(outlook)
        return season if season > _LONGEST else 1

    def smooth(self, values: Sequence[np.ndarray], outlook: Outlook) -> np.ndarray:
        """The model's forecasts (series, horizon); of a series that it cannot fit, its last value."""
        model, naive = self.model(outlook), _models().Naive()
        grouped = require("statsforecast.core", extra="forecast").GroupedArray
        paths = np.repeat([one[-1] for one in values], outlook.horizon).reshape(len(values), -1)
        for at, one in enumerate(values):
            outlook.ctx.deadline.check()
            if np.ptp(one) > 0:
                series = grouped(one, np.array([0, len(one)]))
                found = series.forecast(models=[model], h=outlook.horizon, fallback_model=naive)["forecasts"]
                paths[at] = np.where(np.isfinite(found).all(), found.reshape(-1), paths[at])
        return paths

    def model(self, outlook: Outlook) -> Any:
        """The unfitted model of the package."""
        return _models().AutoETS(season_length=self.held(outlook))

    def held(self, outlook: Outlook) -> int:
        """The season that is left to the model; 1 for none."""
        return super().taken_out(outlook) if self.taken_out(outlook) == 1 else 1


class Arima(Ets):
    """Seasonal ARIMA with orders found stepwise (Hyndman and Khandakar 2008)."""

    name = "arima"
    turn = 2
    slowness = 8e-3

    def model(self, outlook: Outlook) -> Any:
        """The unfitted model of the package."""
        return _models().AutoARIMA(season_length=self.held(outlook), approximation=True)


class Mstl(Ets):
    """All seasons taken apart by local regression, the trend continued by smoothing (Bandara et al. 2021)."""

    name = "mstl"
    known = ({}, {"logarithm": True})
    slowness = 3e-4

    def taken_out(self, outlook: Outlook) -> int:  # noqa: ARG002
        """None: the model holds them all."""
        return 1

    def model(self, outlook: Outlook) -> Any:
        """The unfitted model of the package."""
        models = _models()
        return models.MSTL(list(outlook.seasons), models.AutoETS(model="ZZN"))


def _models() -> Any:
    """The package's models, with its warnings about single fits silenced in all threads."""
    warnings.filterwarnings("ignore", module="statsforecast")
    return require("statsforecast.models", extra="forecast")
