"""AutoGluon's TabularPredictor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.tabular.tools import Tool

__all__ = ["TOOL"]

_METRICS = {"log_loss": "log_loss", "rmse": "root_mean_squared_error"}


class AutoGluon(Tool):
    """The variant is the preset; predictions are timed after ``persist()``, which is its fastest way."""

    packages = (
        "autogluon.tabular",
        "scikit-learn",
        "lightgbm",
        "xgboost",
        "catboost",
        "torch",
        "ray",
        "pandas",
        "numpy",
    )

    def load(self) -> None:
        from autogluon.tabular import TabularPredictor

        self._predictor = TabularPredictor

    def fit(self, train: Any) -> None:
        job = self.job
        self.model = self._predictor(
            label=job.target,
            path=str(Path(job.work) / "autogluon"),
            problem_type=job.task,
            eval_metric=_METRICS[job.metric],
            verbosity=1,
            learner_kwargs={"random_state": job.seed},
        )
        self.model.fit(train, time_limit=job.budget, presets=job.variant)

    def left(self) -> Path:
        return Path(self.model.path)

    def ready(self) -> None:
        self.model.persist()

    def classes(self) -> list[str]:
        return [str(name) for name in self.model.class_labels]

    def predict(self, frame: Any) -> Any:
        if self.job.task == "regression":
            return self.model.predict(frame).to_numpy()
        return self.model.predict_proba(frame)[self.model.class_labels].to_numpy()

    def save(self, folder: Path) -> None:
        self.model.clone_for_deployment(str(folder))

    def about(self) -> dict[str, Any]:
        return {"chosen": self.model.model_best, "models": len(self.model.model_names())}


TOOL = AutoGluon
