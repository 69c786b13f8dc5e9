"""How far the truth lies from a forecast, by the steps ahead: calibrated on rolling origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from noria.methods.conformal import half_widths

__all__ = ["Spread"]

_FEW_SERIES, _LARGEST, _TINY = 10, 4.0, 1e-12


@dataclass(frozen=True)
class Spread:
    """Conformal prediction intervals whose width grows with the steps ahead.

    Errors in units of their series' scale are divided by their growth with the horizon, which never falls;
    the quantiles of what is left hold for all steps.

    Attributes
    ----------
    growth : array, (horizon,)
    below, above : float
        Half-widths in units of scale and growth.

    References
    ----------
    Stankeviciute, Alaa and van der Schaar, Conformal time-series forecasting, NeurIPS 2021.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ahead = np.tile([1, 2], 500)
    >>> spread = Spread.fit(rng.normal(size=1000) * ahead, ahead, 2, coverage=0.9)
    >>> bool(1.7 < spread.growth[1] / spread.growth[0] < 2.3)
    True
    """

    growth: np.ndarray
    below: float
    above: float

    @classmethod
    def fit(cls, errors: np.ndarray, ahead: np.ndarray, horizon: int, *, coverage: float) -> Self:
        """From scaled errors, truth less forecast, (n,), and their steps ahead, from 1, (n,)."""
        growth = _rising(np.abs(errors), ahead, horizon)
        left = errors / growth[np.clip(ahead, 1, horizon) - 1]
        return cls(growth, *half_widths(left, coverage))

    @classmethod
    def of_series(
        cls,
        errors: np.ndarray,
        ahead: np.ndarray,
        series: np.ndarray,
        shape: tuple[int, int],
        coverage: float,
    ) -> tuple[Self, np.ndarray]:
        """The same from errors of many series, and how many times wider each one's intervals are, (series,).

        Before its errors are pooled with the others', a series' errors of one window are divided by their
        usual size in its other windows. Where many series tell that errors become smaller from window to
        window, as a growing history makes them, or larger, those of the earlier windows are brought half of
        the way to the size of the last one's.

        Parameters
        ----------
        errors, ahead, series : (n,) arrays
            Scaled errors, steps ahead from 1, and numbers of the series, window after window.
        shape : tuple of int
            Series, and the horizon.
        coverage : float
        """
        count, horizon = shape
        window = _repetition(series * (horizon + 1) + np.minimum(ahead, horizon))
        errors = errors * _drift(np.abs(errors), window, count)[window]
        size, wider = np.abs(errors), np.ones(len(errors))
        if window.any():
            for one in np.unique(window):
                others = window != one
                wider[~others] = _usual(size[others], series[others], shape)[series[~others]]
        whole = _usual(size, series, shape) if window.any() else np.ones(count)
        return cls.fit(errors / wider, ahead, horizon, coverage=coverage), whole

    def interval(
        self, forecast: np.ndarray, ahead: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends (n,) around forecasts (n,)."""
        width = self.growth[ahead - 1] * scale
        return forecast - self.below * width, forecast + self.above * width

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {"growth": self.growth.tolist(), "below": self.below, "above": self.above}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(np.array(fields["growth"]), fields["below"], fields["above"])


def _repetition(labels: np.ndarray) -> np.ndarray:
    """How often each label stood before, (n,)."""
    order = np.argsort(labels, kind="stable")
    ranked = labels[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    found = np.empty(len(labels), dtype=np.int64)
    found[order] = np.arange(len(labels)) - np.repeat(starts, np.diff(np.r_[starts, len(labels)]))
    return found


def _drift(size: np.ndarray, window: np.ndarray, series: int) -> np.ndarray:
    """What brings each window's sizes half of the way to the last one's, (windows,); of few series, less."""
    means = np.maximum(np.bincount(window, weights=size) / np.bincount(window), _TINY)
    return np.clip(means[-1] / means, 1 / _LARGEST, _LARGEST) ** (0.5 * series / (series + _FEW_SERIES))


def _usual(size: np.ndarray, series: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The mean size of each series, (series,), drawn to that of all as by one more window of it."""
    count, horizon = shape
    mean = max(float(size.mean()), _TINY)
    sums = np.bincount(series, weights=size, minlength=count)
    return (sums + horizon * mean) / (np.bincount(series, minlength=count) + horizon)


def _rising(size: np.ndarray, ahead: np.ndarray, horizon: int) -> np.ndarray:
    """The mean error by step, made monotone by pooling neighbours (isotonic regression), (horizon,)."""
    counts = np.bincount(ahead, minlength=horizon + 1)[1 : horizon + 1].astype(float)
    sums = np.bincount(ahead, weights=size, minlength=horizon + 1)[1 : horizon + 1]
    blocks: list[list[float]] = []
    for total, count in zip(sums, counts):
        blocks.append([total, count, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            total_last, count_last, width = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total_last, blocks[-1][1] + count_last, blocks[-1][2] + width]
    growth = np.concatenate([np.full(int(width), total / max(count, 1)) for total, count, width in blocks])
    return np.maximum(growth, max(float(growth.max(initial=0.0)) * 1e-6, 1e-12))
