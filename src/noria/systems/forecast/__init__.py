"""Forecasting: many series on one grid of time, each continued with calibrated intervals."""

from noria.systems.forecast.system import ForecastSystem

__all__ = ["ForecastSystem"]
