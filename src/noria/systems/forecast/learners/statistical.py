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
        model = self.model(outlook)
        found = []
        for one in values:
            outlook.ctx.deadline.check()
            found.append(_continued(model, one, outlook.horizon))
        return np.array(found)

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


def _continued(model: Any, values: np.ndarray, horizon: int) -> np.ndarray:
    """The model's forecast, or the last value, which the package falls back to where a fit fails."""
    if np.ptp(values) > 0:
        one = require("statsforecast.core", extra="forecast").GroupedArray(values, np.array([0, len(values)]))
        found = one.forecast(models=[model], h=horizon, fallback_model=_models().Naive())
        path = np.asarray(found["forecasts"], dtype=np.float64).reshape(-1)
        if np.isfinite(path).all():
            return path
    return np.repeat(values[-1], horizon)
