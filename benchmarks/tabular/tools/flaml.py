"""FLAML with its default estimators."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from benchmarks.tabular.tools import Tool

__all__ = ["TOOL"]


class Flaml(Tool):
    """``flaml.AutoML``; the variant ``ensemble`` stacks its best models."""

    packages = ("flaml", "scikit-learn", "lightgbm", "xgboost", "pandas", "numpy")

    def load(self) -> None:
        from flaml import AutoML

        self.model = AutoML()

    def fit(self, train: Any) -> None:
        job = self.job
        self.model.fit(
            self.features(train),
            train[job.target],
            task="regression" if job.task == "regression" else "classification",
            metric=job.metric,
            time_budget=job.budget,
            seed=job.seed,
            ensemble=job.variant == "ensemble",
            verbose=0,
        )

    def classes(self) -> list[str]:
        return [str(name) for name in self.model.classes_]

    def predict(self, frame: Any) -> Any:
        return self.model.predict(frame) if self.job.task == "regression" else self.model.predict_proba(frame)

    def save(self, folder: Path) -> None:
        folder.mkdir()
        with (folder / "model.pkl").open("wb") as file:
            pickle.dump(self.model, file, pickle.HIGHEST_PROTOCOL)

    def about(self) -> dict[str, Any]:
        return {"chosen": self.model.best_estimator}


TOOL = Flaml
