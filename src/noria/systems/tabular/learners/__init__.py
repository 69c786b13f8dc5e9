"""Every learner of tables, simple first."""

from __future__ import annotations

from noria._lazy import installed
from noria.core.protocol import Task
from noria.systems.tabular.learners.base import TabularLearner
from noria.systems.tabular.learners.boosting import HistBoosting, LightGbm
from noria.systems.tabular.learners.extra import CatBoost, Xgboost
from noria.systems.tabular.learners.forest import DecisionTree, ExtraTrees, RandomForest
from noria.systems.tabular.learners.kernel import Svm
from noria.systems.tabular.learners.linear import (
    ElasticNet,
    Lasso,
    LeastSquares,
    LinearDiscriminant,
    Logistic,
    Ridge,
)
from noria.systems.tabular.learners.network import NeuralNetwork
from noria.systems.tabular.learners.simple import Baseline, NaiveBayesLearner, NeighboursLearner

__all__ = ["LEARNERS", "TabularLearner", "available"]

LEARNERS: tuple[type[TabularLearner], ...] = (
    Baseline,
    NeighboursLearner,
    NaiveBayesLearner,
    DecisionTree,
    LeastSquares,
    LinearDiscriminant,
    Logistic,
    Ridge,
    Lasso,
    ElasticNet,
    Svm,
    RandomForest,
    ExtraTrees,
    HistBoosting,
    LightGbm,
    Xgboost,
    CatBoost,
    NeuralNetwork,
)


def available(task: Task) -> list[type[TabularLearner]]:
    """The learners that solve a task and whose packages are installed."""
    return [kind for kind in LEARNERS if task in kind.tasks and (not kind.package or installed(kind.package))]
