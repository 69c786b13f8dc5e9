"""Gradient boosting of optional packages (extra ``boost``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from noria._lazy import require
from noria.core.deadline import Deadline, FitFailed, OutOfTime
from noria.core.params import Params, integer, real
from noria.core.protocol import Context
from noria.methods.trees import TreePredictor
from noria.systems.tabular.encode.blocks import Codes
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners.base import TabularLearner
from noria.systems.tabular.native import CatBoostTrees, catboost_pool

__all__ = ["CatBoost", "Xgboost"]

_ROUNDS = 3_000


class XgboostParams(Params):
    """Settings of `Xgboost`."""

    learning_rate: float = real(
        0.05, low=0.01, high=0.3, least=0.02, log=True, doc="Share of each tree that is added."
    )
    depth: int = integer(6, low=2, high=12, doc="Deepest level of a tree.")
    least_weight: float = real(
        1.0, low=0.1, high=30.0, log=True, doc="Least curvature of the loss in a leaf."
    )
    rows: float = real(0.9, low=0.5, high=1.0, doc="Share of the rows that each tree sees.")
    columns: float = real(0.8, low=0.3, high=1.0, doc="Share of the columns that each tree sees.")
    l2: float = real(1.0, low=1e-3, high=100.0, log=True, doc="Penalty on squared leaf values.")


class Xgboost(TabularLearner[XgboostParams]):
    """XGBoost with early stopping (Chen and Guestrin 2016)."""

    name = "xgboost"
    family = "trees"
    watches = True
    settings = XgboostParams
    package = "xgboost"
    most_rows = 1_000_000

    def seconds(self, rows: int, columns: int) -> float:
        """Trees times rows times columns."""
        tree = 4e-9 * rows * columns * self.params.depth + 1e-3
        return max(self.target.classes - 1, 1) * 15 / self.params.learning_rate * tree + 0.1

    def fit_arrays(self, frame: Frame, ctx: Context) -> TreePredictor:
        """Add trees until the validation rows stop gaining."""
        xgboost = require("xgboost", extra="boost")
        p, classes = self.params, self.target.classes
        base = 0.0 if classes else float(np.float32(np.mean(frame.y)))
        settings = {
            **self._objective(base), "eta": p.learning_rate, "max_depth": p.depth, "subsample": p.rows,
            "colsample_bytree": p.columns, "lambda": p.l2, "min_child_weight": p.least_weight,
            "nthread": ctx.threads, "seed": ctx.seed, "tree_method": "hist", "verbosity": 0,
        }  # fmt: skip

        class Clock(xgboost.callback.TrainingCallback):  # type: ignore[name-defined]
            def after_iteration(self, *_: Any) -> bool:
                return ctx.deadline.expired

        train = self._matrix(frame, frame.X, frame.y, frame.weight)
        watched: dict[str, Any] = {"num_boost_round": int(8 / p.learning_rate)}
        if frame.valid is not None:
            patience = int(20 + 2 / p.learning_rate)
            stop = xgboost.callback.EarlyStopping(rounds=patience, save_best=True)
            valid = self._matrix(frame, frame.X_valid, frame.y_valid, frame.weight_valid)
            watched = {"num_boost_round": _ROUNDS, "evals": [(valid, "valid")]}
            watched["callbacks"] = [Clock(), stop]
        booster = xgboost.train(settings, train, verbose_eval=False, **{"callbacks": [Clock()], **watched})
        if ctx.deadline.expired:
            raise OutOfTime
        link = {0: "identity", 2: "sigmoid"}.get(classes, "softmax")
        bases = [base] * (classes if classes > 2 else 1)
        levels = max([2, *(len(block.levels) for block in frame.encoder.blocks if isinstance(block, Codes))])
        return TreePredictor.from_xgboost(
            booster, bases=bases, link=link, outputs=self.target.outputs, levels=levels
        )

    def _objective(self, base: float) -> dict[str, Any]:
        """What is minimised, from a base that is stated, so that it need not be read back."""
        classes = self.target.classes
        if classes > 2:
            return {"objective": "multi:softprob", "num_class": classes, "base_score": 0.0}
        if classes:
            return {"objective": "binary:logistic", "base_score": 0.5}
        return {"objective": "reg:squarederror", "base_score": base}

    @staticmethod
    def _matrix(frame: Frame, X: Any, y: Any, weight: Any) -> Any:
        """Rows as XGBoost takes them, with the columns of codes marked as such."""
        types = np.where(frame.encoder.discrete, "c", "q").tolist()
        return require("xgboost", extra="boost").DMatrix(
            X, label=y, weight=weight, feature_types=types, enable_categorical=True, nthread=1
        )


class CatBoostParams(Params):
    """Settings of `CatBoost`."""

    learning_rate: float = real(
        0.06, low=0.01, high=0.3, least=0.03, log=True, doc="Share of each tree that is added."
    )
    depth: int = integer(6, low=3, high=9, doc="Depth of the symmetric trees.")
    l2: float = real(3.0, low=0.1, high=100.0, log=True, doc="Penalty on squared leaf values.")
    randomness: float = real(1.0, low=0.1, high=10.0, log=True, doc="Noise on the scores of splits.")


class CatBoost(TabularLearner[CatBoostParams]):
    """CatBoost with ordered target statistics and early stopping (Prokhorenkova et al. 2018)."""

    name = "catboost"
    family = "trees"
    watches = True
    settings = CatBoostParams
    package = "catboost"
    heaviness = 8.0
    most_rows = 500_000

    def seconds(self, rows: int, columns: int) -> float:
        """Trees times rows times columns."""
        tree = 8e-9 * rows * columns * self.params.depth + 2e-3
        return max(self.target.classes - 1, 1) * 20 / self.params.learning_rate * tree + 0.1

    def fit_arrays(self, frame: Frame, ctx: Context) -> CatBoostTrees:
        """Add trees until the validation rows stop gaining."""
        catboost = require("catboost", extra="boost")
        p, classes = self.params, self.target.classes
        frame = frame.with_every_class()
        codes = np.flatnonzero(frame.encoder.discrete)
        loss = {0: "RMSE", 2: "Logloss"}.get(classes, "MultiClass")
        valid = frame.valid
        model = catboost.CatBoost(
            {
                "loss_function": loss,
                "learning_rate": p.learning_rate,
                "depth": p.depth,
                "l2_leaf_reg": p.l2,
                "random_strength": p.randomness,
                "max_ctr_complexity": 1,
                "one_hot_max_size": 10,
                "iterations": _ROUNDS if valid else int(15 / p.learning_rate),
                "random_seed": ctx.seed,
                "thread_count": ctx.threads,
                "allow_writing_files": False,
                "verbose": False,
            }
        )
        watched: dict[str, Any] = {}
        if valid is not None:
            watched["eval_set"] = catboost_pool(valid[0], codes, valid[1], frame.weight_valid)
            watched["early_stopping_rounds"] = int(20 + 2 / p.learning_rate)
        train = catboost_pool(frame.X, codes, frame.y, frame.weight)
        try:
            model.fit(train, callbacks=[_Clock(ctx.deadline)], **watched)
        except catboost.CatBoostError as error:
            raise FitFailed(str(error)) from error
        if ctx.deadline.expired:
            raise OutOfTime
        return CatBoostTrees(model, codes, self.target.outputs)


class _Clock:
    """Ends a CatBoost fit when its deadline has passed."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def after_iteration(self, info: Any) -> bool:  # noqa: ARG002
        return not self._deadline.expired
