"""Forecasts that need no fit: what every other one is compared with."""

from __future__ import annotations

import numpy as np

from noria.core.params import Params, choice, flag
from noria.methods import smoothing
from noria.systems.forecast.learners.base import ForecastLearner, Outlook

__all__ = ["Drift", "Intermittent", "Mean", "Naive", "SeasonalNaive"]


class Naive(ForecastLearner[Params]):
    """The last value, again and again."""

    name = "naive"

    def paths(self, outlook: Outlook) -> np.ndarray:
        """Flat from the last value on."""
        return np.repeat([[one[-1]] for one in outlook.panel.values], outlook.horizon, axis=1)


class SeasonalNaiveParams(Params):
    """Settings of `SeasonalNaive`."""

    longest: bool = flag(False, doc="Whether the longest season is repeated, of several.")


class SeasonalNaive(ForecastLearner[SeasonalNaiveParams]):
    """The last season, again and again."""

    name = "seasonal_naive"
    settings = SeasonalNaiveParams
    known = ({}, {"longest": True})

    def paths(self, outlook: Outlook) -> np.ndarray:
        """The last season repeated; of a series shorter than that, the last value."""
        season = outlook.season(longest=self.params.longest)
        lasts = [one[-season:] if len(one) >= season else one[-1:] for one in outlook.panel.values]
        return np.array([np.resize(last, outlook.horizon) for last in lasts])


class Drift(ForecastLearner[Params]):
    """On along the line from the first value to the last."""

    name = "drift"

    def paths(self, outlook: Outlook) -> np.ndarray:
        """The last value plus the mean change."""
        slopes = np.array([(one[-1] - one[0]) / max(len(one) - 1, 1) for one in outlook.panel.values])
        lasts = np.array([one[-1] for one in outlook.panel.values])
        return lasts[:, None] + slopes[:, None] * np.arange(1, outlook.horizon + 1)


class Mean(ForecastLearner[Params]):
    """The mean of all values."""

    name = "mean"

    def paths(self, outlook: Outlook) -> np.ndarray:
        """Flat at the mean."""
        return np.repeat([[one.mean()] for one in outlook.panel.values], outlook.horizon, axis=1)


class IntermittentParams(Params):
    """Settings of `Intermittent`."""

    method: str = choice("croston", "tsb", doc="Croston with Syntetos and Boylan's correction, or TSB.")


class Intermittent(ForecastLearner[IntermittentParams]):
    """The mean demand of series that are mostly zero."""

    name = "intermittent"
    turn = 1
    settings = IntermittentParams
    known = ({}, {"method": "tsb"})

    def paths(self, outlook: Outlook) -> np.ndarray:
        """Flat at the demand per step."""
        demand = {"croston": smoothing.croston, "tsb": smoothing.tsb}[self.params.method]
        return np.repeat([[demand(one)] for one in outlook.panel.values], outlook.horizon, axis=1)
