"""Exponential smoothing and the Theta method, on series without their season."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.core.params import Params, flag
from noria.methods import smoothing
from noria.systems.forecast.learners.base import ForecastLearner, Outlook
from noria.systems.forecast.panel import Panel

__all__ = ["DampedTrend", "SimpleSmoothing", "Theta"]

Adjusted = tuple[list[np.ndarray], list[np.ndarray], np.ndarray]


class SmoothingParams(Params):
    """Settings of the smoothing learners."""

    logarithm: bool = flag(False, doc="Whether positive series are smoothed on a logarithmic scale.")
    longest: bool = flag(False, doc="Whether the longest season is taken out, of several.")


class SimpleSmoothing(ForecastLearner[SmoothingParams]):
    """Simple exponential smoothing after the season was taken out."""

    name = "smoothing"
    settings = SmoothingParams

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """All settings of the grid over all values."""
        return 2e-6 * rows + 0.01

    def paths(self, outlook: Outlook) -> np.ndarray:
        """Smoothed without the season, which is then put back."""
        values, patterns, multiplies = self._shared(outlook)
        flat = self.smooth(values, outlook)
        pattern = np.array([np.resize(one, outlook.horizon) for one in patterns])
        whole = np.where(multiplies[:, None], flat * pattern, flat + pattern)
        logged = self._logged(outlook.panel)[:, None]
        return np.where(logged, np.expm1(np.clip(whole, -700, 700)), whole)

    def smooth(self, values: Sequence[np.ndarray], outlook: Outlook) -> np.ndarray:
        """The forecasts (series, horizon) of series without a season."""
        return smoothing.simple(smoothing.aligned(values), outlook.horizon)

    def taken_out(self, outlook: Outlook) -> int:
        """The season that is taken out first; 1 for none."""
        return outlook.season(longest=self.params.longest)

    def _shared(self, outlook: Outlook) -> Adjusted:
        """The series without their seasons, made once per fold."""
        season, fold = self.taken_out(outlook), outlook.ctx.fold
        key = ("adjusted", self.params.logarithm, season, None if fold is None else fold.index)
        return outlook.ctx.shared.get(key, lambda: self._adjusted(outlook.panel, season))

    def _logged(self, panel: Panel) -> np.ndarray:
        """Which series are smoothed on a logarithmic scale, (series,)."""
        return np.array([self.params.logarithm and one.min() >= 0 for one in panel.values], dtype=bool)

    def _adjusted(self, panel: Panel, season: int) -> Adjusted:
        logged = self._logged(panel)
        values = [np.log1p(one) if log else one for one, log in zip(panel.values, logged)]
        found = [smoothing.deseasonalise(one, season) for one in values]
        return [one[0] for one in found], [one[1] for one in found], np.array([one[2] for one in found])


class DampedTrend(SimpleSmoothing):
    """Holt's trend that fades, after the season was taken out."""

    name = "damped_trend"
    known = ({}, {"logarithm": True}, {"longest": True})

    def smooth(self, values: Sequence[np.ndarray], outlook: Outlook) -> np.ndarray:
        """The forecasts (series, horizon) of series without a season."""
        return smoothing.damped_trend(smoothing.aligned(values), outlook.horizon)

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """All settings of the grid over all values."""
        return 2e-5 * rows + 0.02


class Theta(SimpleSmoothing):
    """The Theta method, after the season was taken out."""

    name = "theta"
    known = ({}, {"logarithm": True}, {"longest": True})

    def smooth(self, values: Sequence[np.ndarray], outlook: Outlook) -> np.ndarray:
        """The forecasts (series, horizon) of series without a season."""
        return smoothing.theta(smoothing.aligned(values), outlook.horizon)
