"""Single trees and forests of independent ones."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from noria.core.params import Params, choice, integer, real
from noria.core.protocol import Context
from noria.methods.trees import TreePredictor
from noria.systems.tabular.frame import Frame
from noria.systems.tabular.learners.base import TabularLearner

__all__ = ["DecisionTree", "ExtraTrees", "RandomForest"]

_MOST_LEAVES = 5_000


class DecisionTreeParams(Params):
    """Settings of `DecisionTree`."""

    depth: int = integer(6, low=1, high=20, doc="Deepest level.")
    least_rows: int = integer(10, low=1, high=200, log=True, doc="Fewest rows in a leaf.")


class DecisionTree(TabularLearner[DecisionTreeParams]):
    """One tree that people can read (Breiman et al. 1984)."""

    name = "decision_tree"
    turn = 0
    heaviness = 0.1
    family = "trees"
    settings = DecisionTreeParams
    known = ({}, {"depth": 3})

    def seconds(self, rows: int, columns: int) -> float:
        """Sorting every column at every level."""
        return 2e-8 * rows * columns * self.params.depth + 0.01

    def fit_arrays(self, frame: Frame, ctx: Context) -> TreePredictor:
        """Grow the tree."""
        from sklearn import tree

        frame = frame.with_every_class()
        kind = tree.DecisionTreeClassifier if self.target.classes else tree.DecisionTreeRegressor
        p = self.params
        model = kind(max_depth=p.depth, min_samples_leaf=p.least_rows, random_state=ctx.seed)
        return TreePredictor.from_forest(model.fit(frame.X, frame.y, sample_weight=frame.weight))


class ForestParams(Params):
    """Settings of `RandomForest` and `ExtraTrees`."""

    trees: int = integer(100, low=10, high=1000, log=True, doc="How many trees.", tune=False)
    columns: float = real(0.4, low=0.05, high=1.0, doc="Share of the columns that each split looks at.")
    least_rows: int = integer(2, low=1, high=50, log=True, doc="Fewest rows in a leaf; more of many rows.")
    criterion: str = choice("gini", "entropy", doc="Measure of a split's purity; classification only.")


class RandomForest(TabularLearner[ForestParams]):
    """Trees on bootstrap samples (Breiman 2001)."""

    name = "random_forest"
    turn = 2
    heaviness = 3.0
    family = "trees"
    settings = ForestParams
    most_rows = 30_000
    sklearn_name: ClassVar[str] = "RandomForest"
    cost: ClassVar[float] = 1.0

    def seconds(self, rows: int, columns: int) -> float:
        """Trees times rows times columns looked at, per level."""
        looked = max(columns * self.params.columns, 1)
        depth = math.log2(rows / self.params.least_rows + 2)
        return self.cost * self.params.trees * (2e-8 * rows * looked * depth + 3e-4) + 0.05

    def fit_arrays(self, frame: Frame, ctx: Context) -> TreePredictor:
        """Grow the trees in batches, so that the deadline is kept."""
        from sklearn import ensemble

        frame = frame.with_every_class()
        suffix = "Classifier" if self.target.classes else "Regressor"
        p, options = self.params, self._options()
        if self.target.classes:
            options["criterion"] = p.criterion
        model: Any = getattr(ensemble, self.sklearn_name + suffix)(
            n_estimators=1, warm_start=True, max_features=p.columns,
            min_samples_leaf=max(p.least_rows, len(frame.y) // _MOST_LEAVES),
            random_state=ctx.seed, n_jobs=1, **options,
        )  # fmt: skip
        for trees in self._steps(p.trees):
            ctx.deadline.check()
            model.set_params(n_estimators=trees).fit(frame.X, frame.y, sample_weight=frame.weight)
        return TreePredictor.from_forest(model)

    def _options(self) -> dict[str, Any]:
        return {"bootstrap": True}

    @staticmethod
    def _steps(trees: int) -> list[int]:
        return sorted({*np.linspace(1, trees, num=min(trees, 12)).astype(int).tolist(), trees})


class ExtraTrees(RandomForest):
    """Trees with random thresholds on all rows (Geurts, Ernst and Wehenkel 2006)."""

    name = "extra_trees"
    known = ({}, {"least_rows": 5, "columns": 0.6})
    sklearn_name = "ExtraTrees"
    cost = 0.6

    def _options(self) -> dict[str, Any]:
        return {"bootstrap": False}
