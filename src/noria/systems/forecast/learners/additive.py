"""Trend with changes, seasons as waves, holidays as steps: a linear model of time, one per series."""

from __future__ import annotations

import numpy as np

from noria.core.params import Params, flag, integer, real
from noria.methods import smoothing
from noria.systems.forecast.learners.base import ForecastLearner, Outlook

__all__ = ["Additive"]

_CHANGES, _RECENT, _EVENT, _FADING = 20, 0.8, 0.5, 0.9


class AdditiveParams(Params):
    """Settings of `Additive`."""

    waves: int = integer(6, low=1, high=20, doc="Most sine and cosine pairs of a season.")
    stiffness: float = real(3.0, low=0.01, high=1000.0, log=True, doc="Penalty on changes of the trend.")
    logarithm: bool = flag(False, doc="Whether positive series are fitted on a logarithmic scale.")
    carried: bool = flag(True, doc="Whether what the fit misses of the last values is carried on.")


class Additive(ForecastLearner[AdditiveParams]):
    """Piecewise linear trend, waves and holidays, by penalised least squares (Taylor and Letham 2018)."""

    name = "additive"
    turn = 1
    settings = AdditiveParams
    known = ({}, {"logarithm": True}, {"carried": False}, {"stiffness": 100.0})

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """A small least-squares problem per series."""
        return 5e-6 * rows + 0.02

    def paths(self, outlook: Outlook) -> np.ndarray:
        """Each series fitted and continued, with what the fit missed of its last values."""
        wholes, misses, logged = [], [], []
        for at, one in enumerate(outlook.panel.values):
            outlook.ctx.deadline.check()
            log = self.params.logarithm and one.min() >= 0
            y = np.log1p(one) if log else one
            events = outlook.knowledge.events(at, len(one) + outlook.horizon)
            whole = self._fitted(y, outlook.seasons, outlook.horizon, events)
            wholes.append(whole[len(one) :])
            misses.append(y - whole[: len(one)])
            logged.append(log)
        paths = np.array(wholes)
        if self.params.carried:
            paths += smoothing.simple(smoothing.aligned(misses), outlook.horizon)
        return np.where(np.array(logged)[:, None], np.expm1(np.clip(paths, -700, 700)), paths)

    def _fitted(
        self, y: np.ndarray, seasons: tuple[int, ...], horizon: int, events: np.ndarray
    ) -> np.ndarray:
        """The fit of the values and of the steps ahead, (n + horizon,); ahead, the trend fades."""
        n = len(y)
        at = np.arange(n + horizon, dtype=np.float64)
        faded = np.r_[at[:n], n - 1 + np.cumsum(_FADING ** np.arange(1, horizon + 1))]
        bends = np.linspace(0, _RECENT * n, min(_CHANGES, n // 4) + 1)[1:]
        trend = np.column_stack(
            [np.ones(n + horizon), faded / n, *(np.maximum(faded - bend, 0) / n for bend in bends)]
        )
        rhythms = [
            np.arange(1, min(self.params.waves, season // 2) + 1) / season
            for season in seasons
            if n >= 2 * season
        ]
        angles = 2 * np.pi * np.outer(at, np.unique(np.concatenate([[], *rhythms]).round(9)))
        X = np.column_stack([trend, np.cos(angles), np.sin(angles), events])
        penalty = np.full(X.shape[1], 1e-3)
        penalty[2 : 2 + len(bends)] = self.params.stiffness
        penalty[X.shape[1] - events.shape[1] :] = _EVENT
        spread = float(y.std()) or 1.0
        gram = X[:n].T @ X[:n] + np.diag(penalty)
        return X @ np.linalg.solve(gram, X[:n].T @ (y / spread)) * spread
