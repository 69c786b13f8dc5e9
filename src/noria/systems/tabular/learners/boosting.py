"""Gradient boosted trees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from noria.core.deadline import FitFailed, OutOfTime
from noria.core.params import Params, choice, integer, real
from noria.core.protocol import Context
from noria.methods import resample
from noria.methods.trees import TreePredictor
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners.base import TabularLearner

__all__ = ["HistBoosting", "LightGbm"]

_TRIFLE = 1e-4


class LightGbmParams(Params):
    """Settings of `LightGbm`."""

    learning_rate: float = real(
        0.05, low=0.005, high=0.3, least=0.02, log=True, doc="Share of each tree that is added."
    )
    leaves: int = integer(31, low=3, high=255, log=True, doc="Most leaves of a tree.")
    least_rows: int = integer(20, low=1, high=200, log=True, doc="Fewest rows in a leaf.")
    columns: float = real(0.9, low=0.3, high=1.0, doc="Share of the columns that each tree sees.")
    rows: float = real(1.0, low=0.5, high=1.0, doc="Share of the rows that each tree sees.")
    l2: float = real(1.0, low=1e-3, high=100.0, log=True, doc="Penalty on squared leaf values.")
    category_l2: float = real(10.0, low=0.1, high=100.0, log=True, doc="The same, for splits by category.")
    extra: str = choice("no", "yes", doc="Whether thresholds are drawn at random (extremely randomised).")
    categories: str = choice("native", "target", doc="Split on sets of levels, or on target means.")
    rounds: int = integer(
        4000, low=10, high=20_000, doc="Most trees; early stopping ends before.", tune=False
    )


class LightGbm(TabularLearner[LightGbmParams]):
    """LightGBM with early stopping (Ke et al. 2017)."""

    name = "lightgbm"
    turn = 0
    family = "trees"
    watches = True
    settings = LightGbmParams
    known = (
        {"learning_rate": 0.15, "leaves": 15, "rounds": 60},
        {},
        {"learning_rate": 0.03, "leaves": 12, "least_rows": 5, "columns": 0.5, "rows": 0.8},
        {"extra": "yes", "leaves": 47, "least_rows": 5, "columns": 0.7},
        {"learning_rate": 0.03, "leaves": 95, "least_rows": 4, "columns": 0.8, "category_l2": 30.0},
        {"learning_rate": 0.03, "leaves": 5, "least_rows": 10, "columns": 0.6, "l2": 5.0},
        {"learning_rate": 0.04, "leaves": 24, "least_rows": 10, "columns": 0.6, "categories": "target"},
    )

    def seconds(self, rows: int, columns: int) -> float:
        """Trees times rows times columns, with the overhead of a tree."""
        trees = min(self.params.rounds, 15 / self.params.learning_rate)
        depth = math.log2(self.params.leaves + 1)
        tree = 1.2e-9 * rows * columns * depth + 4e-6 * self.params.leaves * columns**0.5 + 1e-4
        return max(self.target.classes - 1, 1) * trees * tree + 0.02

    def fit_arrays(self, frame: Frame, ctx: Context) -> TreePredictor:
        """Add trees until the validation rows stop gaining."""
        import lightgbm

        settings = self._settings(ctx)
        try:
            train, valid = self._datasets(frame, settings, ctx)
            booster = lightgbm.Booster(settings, train)
            if valid is not None:
                booster.add_valid(valid, "valid")
            best = self._grow(booster, valid is not None, ctx)
        except lightgbm.basic.LightGBMError as error:
            raise FitFailed(str(error)) from error
        booster.best_iteration = best
        link = {0: "identity", 2: "focal" if self._focal else "sigmoid"}.get(self.target.classes, "softmax")
        return TreePredictor.from_lightgbm(booster, link=link, outputs=self.target.outputs)

    @property
    def _focal(self) -> bool:
        return self.options.imbalance == "focal" and self.target.classes == 2

    def recodes(self, frame: Frame) -> bool:
        """Whether categories are replaced by target means: not for more than two classes."""
        wanted = self.params.categories == "target" and self.target.classes <= 2
        return wanted and bool(frame.encoder.discrete.any())

    def _settings(self, ctx: Context) -> dict[str, Any]:
        p = self.params
        settings: dict[str, Any] = {
            "learning_rate": p.learning_rate, "num_leaves": p.leaves, "min_data_in_leaf": p.least_rows,
            "feature_fraction": p.columns, "bagging_fraction": p.rows, "bagging_freq": int(p.rows < 1),
            "lambda_l2": p.l2, "cat_l2": p.category_l2, "cat_smooth": p.category_l2,
            "extra_trees": p.extra == "yes",
            "min_data_per_group": 20, "max_cat_to_onehot": 4, "seed": ctx.seed, "num_threads": ctx.threads,
            "deterministic": True, "force_row_wise": True, "verbosity": -1, "feature_pre_filter": False,
        }  # fmt: skip
        classes = self.target.classes
        kind = {0: ("regression", "rmse"), 2: ("binary", "binary_logloss")}.get(
            classes, ("multiclass", "multi_logloss")
        )
        settings["objective"], settings["metric"] = kind
        if self._focal:
            settings["metric"] = "auc"
        if classes > 2:
            settings["num_class"] = classes
        return settings

    def _datasets(self, frame: Frame, settings: dict[str, Any], ctx: Context) -> tuple[Any, Any]:
        """LightGBM's binned forms of the rows; binned once per search where the columns allow it."""
        codes = [] if self.recodes(frame) else np.flatnonzero(frame.encoder.discrete).tolist()
        if frame.base is not None:
            whole = frame.shared(
                ctx, ("lightgbm",), lambda all_rows: _bin(all_rows.X, all_rows.y, codes, settings)
            )
            train, valid = whole.subset(frame.rows, settings), whole.subset(frame.rows_valid, settings)
            for part, weight in ((train, frame.weight), (valid, frame.weight_valid)):
                if weight is not None:
                    part.construct().set_weight(weight)
            return train.construct(), valid.construct()
        train = _bin(frame.X, frame.y, codes, settings, frame.weight)
        if frame.X_valid is None:
            return train, None
        return train, train.create_valid(frame.X_valid, label=frame.y_valid, params=settings).construct()

    def _grow(self, booster: Any, watched: bool, ctx: Context) -> int:
        """Boost until the rounds, the patience or the time are used up; the best number of trees."""
        objective = resample.FocalLoss().objective if self._focal else None
        patience = int(20 + 2.0 / self.params.learning_rate)
        rounds = (
            self.params.rounds if watched else min(self.params.rounds, int(8 / self.params.learning_rate))
        )
        best, best_loss, trifle = 0, math.inf, 0.0
        for trees in range(1, rounds + 1):
            if ctx.deadline.expired:
                raise OutOfTime
            finished = booster.update(fobj=objective)
            if watched:
                _, _, value, greater_is_better = booster.eval_valid()[0]
                loss = -value if greater_is_better else value
                if trees == 1:
                    trifle = _TRIFLE * abs(loss)
                if loss < best_loss - trifle:
                    best, best_loss = trees, loss
                elif trees - best >= patience:
                    break
            if finished:
                break
        return best or booster.current_iteration()


def _bin(
    X: np.ndarray, y: np.ndarray, codes: list[int], settings: dict[str, Any], weight: np.ndarray | None = None
) -> Any:
    import lightgbm

    return lightgbm.Dataset(X, y, weight=weight, categorical_feature=codes, params=settings).construct()


class HistBoostingParams(Params):
    """Settings of `HistBoosting`."""

    learning_rate: float = real(
        0.08, low=0.01, high=0.3, least=0.03, log=True, doc="Share of each tree that is added."
    )
    leaves: int = integer(31, low=3, high=127, log=True, doc="Most leaves of a tree.")
    least_rows: int = integer(20, low=2, high=200, log=True, doc="Fewest rows in a leaf.")
    l2: float = real(1.0, low=1e-3, high=100.0, log=True, doc="Penalty on squared leaf values.")
    columns: float = real(0.8, low=0.3, high=1.0, doc="Share of the columns that each split sees.")


class HistBoosting(TabularLearner[HistBoostingParams]):
    """scikit-learn's histogram gradient boosting."""

    name = "hist_boosting"
    family = "trees"
    watches = True
    settings = HistBoostingParams

    def seconds(self, rows: int, columns: int) -> float:
        """As `LightGbm`, with a larger overhead."""
        tree = 2.5e-9 * rows * columns * math.log2(self.params.leaves + 1) + 2e-3
        return max(self.target.classes, 1) * 8 / self.params.learning_rate * tree + 0.05

    def fit_arrays(self, frame: Frame, ctx: Context) -> TreePredictor:
        """Boost with scikit-learn's own early stopping on the validation rows."""
        from sklearn import ensemble
        from threadpoolctl import threadpool_limits

        frame = frame.with_every_class()
        classes = self.target.classes
        kind = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
        p = self.params
        model = kind(
            learning_rate=p.learning_rate, max_leaf_nodes=p.leaves, min_samples_leaf=p.least_rows,
            l2_regularization=p.l2, max_features=p.columns, max_iter=int(40 / p.learning_rate),
            categorical_features=np.flatnonzero(frame.encoder.discrete).tolist() or None,
            early_stopping=frame.X_valid is not None, n_iter_no_change=int(10 + 1 / p.learning_rate),
            random_state=ctx.seed,
        )  # fmt: skip
        watched: dict[str, Any] = {}
        if frame.X_valid is None:
            model.set_params(max_iter=int(10 / p.learning_rate))
        else:
            watched = {"X_val": frame.X_valid, "y_val": frame.y_valid}
            if frame.weight is not None:
                watched["sample_weight_val"] = frame.weight_valid
        with threadpool_limits(ctx.threads, "openmp"):
            model.fit(frame.X, frame.y, sample_weight=frame.weight, **watched)
        ctx.deadline.check()
        return TreePredictor.from_hist_boosting(model)
