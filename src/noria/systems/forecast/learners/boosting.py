"""Gradient boosting on lags, windows and the calendar, one model for all series and all steps ahead."""

from __future__ import annotations

from typing import Any

import numpy as np

from noria.core.deadline import FitFailed, OutOfTime
from noria.core.params import Params, integer, real
from noria.core.protocol import Context
from noria.methods import technical
from noria.methods.trees import TreePredictor
from noria.systems.forecast.driven import Driven
from noria.systems.forecast.learners.base import ForecastLearner, Outlook

__all__ = ["Boosting"]

_ROWS = 150_000
_LAGS = 12


class BoostingParams(Params):
    """Settings of `Boosting`."""

    learning_rate: float = real(0.05, low=0.01, high=0.3, log=True, doc="Share of each tree that is added.")
    leaves: int = integer(31, low=4, high=127, log=True, doc="Most leaves of a tree.")
    least_rows: int = integer(20, low=2, high=200, log=True, doc="Fewest rows in a leaf.")
    rounds: int = integer(200, low=50, high=600, log=True, doc="Trees.")


class Boosting(ForecastLearner[BoostingParams]):
    """LightGBM on what is known at the origin, for any step ahead (Makridakis et al. 2022, on the M5)."""

    name = "boosting"
    turn = 1
    settings = BoostingParams
    known = ({}, {"leaves": 8, "rounds": 150}, {"learning_rate": 0.03, "leaves": 63, "rounds": 400})

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """Trees times rows, several rows to a value."""
        return self.params.rounds * (3e-8 * min(8 * rows, _ROWS) * np.log2(self.params.leaves) + 1e-3) + 0.1

    def continued(self, outlook: Outlook) -> tuple[np.ndarray, list[Driven]]:
        """Each series' next steps, in units of its scale around its last level."""
        panel, horizon = outlook.panel, outlook.horizon
        trees = self._trees(*self._examples(outlook), outlook.ctx)
        ahead = np.arange(1, horizon + 1)
        origins = [np.full(horizon, length - 1) for length in panel.lengths]
        known = np.array([self._known(outlook, at, origin, ahead) for at, origin in enumerate(origins)])
        last = [_level(one, np.array([len(one) - 1]), outlook.seasons[0])[:, 0] for one in panel.values]
        driven = Driven(trees, known, np.array(last), names=outlook.knowledge.names)
        if panel.covariates is not None or (driven.names and not self.options.hierarchy):
            return np.zeros((len(panel.values), horizon)), [driven]
        series = np.repeat(np.arange(len(panel.values)), horizon)
        none = np.empty((len(series), 0), dtype=np.float32)
        return driven(series, np.tile(ahead, len(panel.values)), none).reshape(-1, horizon), []

    def _examples(self, outlook: Outlook) -> tuple[np.ndarray, np.ndarray]:
        """Origins in every series' past with the steps that followed, at most so many."""
        panel, horizon, seasons = outlook.panel, outlook.horizon, outlook.seasons
        rng = np.random.default_rng(outlook.ctx.seed)
        wanted = max(int(panel.lengths.sum()) * min(horizon, 8), 1)
        share = min(1.0, _ROWS / wanted)
        X, y = [], []
        for at, one in enumerate(panel.values):
            first = min(max(seasons[0], 2), len(one) - 2)
            if first < 1:
                continue
            count = max(int(share * (len(one) - first) * min(horizon, 8)), 4)
            origins = rng.integers(first, len(one) - 1, count)
            ahead = rng.integers(1, np.minimum(horizon, len(one) - 1 - origins) + 1)
            level, scale = _level(one, origins, seasons[0])
            rows = self._known(outlook, at, origins, ahead)
            if panel.covariates is not None:
                rows = np.concatenate([rows, panel.covariates[at][origins + ahead]], axis=1)
            X.append(rows)
            y.append((one[origins + ahead] - level) / scale)
        if not X:
            raise FitFailed("no series has three values")
        return np.concatenate(X), np.clip(np.concatenate(y), -20, 20)

    def _known(self, outlook: Outlook, at: int, origins: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """What is known of places in a series and of the steps ahead of them, (n, features) float32."""
        values, start = outlook.panel.values[at], outlook.panel.starts[at]
        columns = [_features(values, origins, ahead, outlook.seasons, start)]
        if self.options.indicators:
            columns.append(technical.indicators(values)[origins])
        return np.concatenate(
            [*columns, outlook.knowledge.rows(at, origins, ahead)], axis=1, dtype=np.float32
        )

    def _trees(self, X: np.ndarray, y: np.ndarray, ctx: Context) -> TreePredictor:
        import lightgbm

        p = self.params
        settings: dict[str, Any] = {
            "objective": "regression_l1", "learning_rate": p.learning_rate, "num_leaves": p.leaves,
            "min_data_in_leaf": p.least_rows, "feature_fraction": 0.8, "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "seed": ctx.seed, "num_threads": ctx.threads, "deterministic": True, "force_row_wise": True,
            "verbosity": -1,
        }  # fmt: skip
        booster = lightgbm.Booster(settings, lightgbm.Dataset(X, y, params=settings))
        for _ in range(p.rounds):
            if ctx.deadline.expired:
                raise OutOfTime
            if booster.update():
                break
        return TreePredictor.from_lightgbm(booster, link="identity", outputs=1)


def _level(values: np.ndarray, origins: np.ndarray, season: int) -> np.ndarray:
    """Level and scale at each origin, (2, origins): the last season's mean, and mean change."""
    window = max(season, 4)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    changes = np.concatenate([[0.0, 0.0], np.cumsum(np.abs(np.diff(values)))])
    low = np.maximum(origins + 1 - window, 0)
    level = (sums[origins + 1] - sums[low]) / (origins + 1 - low)
    change = (changes[origins + 1] - changes[low + 1]) / np.maximum(origins - low, 1)
    floor = 1e-3 * max(float(np.abs(values).mean()), 1e-9)
    return np.stack([level, np.maximum(change, floor)])


def _features(
    values: np.ndarray, origins: np.ndarray, ahead: np.ndarray, seasons: tuple[int, ...], start: int
) -> np.ndarray:
    """What is known of each origin and of the step ahead of it, (origins, features) float32."""
    first, target = seasons[0], origins + ahead
    level, scale = _level(values, origins, first)
    lags = [values[np.maximum(origins - lag, 0)] for lag in range(min(_LAGS, max(first, 4)))]
    same, phases = [], []
    for season in seasons:
        at = target - season * np.ceil(ahead / season).astype(np.int64)
        places = (at, at - season, at - 2 * season, at - 1, at + 1)
        same += [np.where(p >= 0, values[np.clip(p, 0, origins)], np.nan) for p in places]
        phases.append((start + target) % max(season, 2))
    relative = [(one - level) / scale for one in (*lags, *same)]
    older = _level(values, np.maximum(origins - max(first, 4), 0), first)
    columns = [
        *relative,
        (level - older[0]) / scale,
        older[1] / scale,
        ahead,
        *phases,
        np.minimum(origins, 500),
    ]
    return np.column_stack(columns).astype(np.float32)
