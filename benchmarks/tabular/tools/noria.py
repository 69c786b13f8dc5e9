"""Noria itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.tabular.tools import Tool

__all__ = ["TOOL"]


class Noria(Tool):
    """``noria.train`` with Polars frames; the variant, where there is one, is the only learner it may use."""

    packages = ("noria", "scikit-learn", "lightgbm", "polars", "numpy")

    def load(self) -> None:
        import noria

        self._train = noria.train
        self._test = self.read(self.job.test)  # for Noria's own report; it may not choose by it

    def read(self, path: str) -> Any:
        import polars as pl

        return pl.read_parquet(path)

    def features(self, frame: Any) -> Any:
        return frame.drop(self.job.target)

    def fit(self, train: Any) -> None:
        job = self.job
        extra = {"learners": job.variant.split("+")} if job.variant else {}
        self.run = self._train(
            train,
            target=job.target,
            task="regression" if job.task == "regression" else "classification",
            test=self._test,
            budget=job.budget,
            metric=job.metric,
            seed=job.seed,
            resume=False,
            **extra,
        )
        self.model = self.run.model

    def left(self) -> Path:
        return self.run.folder

    def classes(self) -> list[str]:
        return self._classes

    def predict(self, frame: Any) -> Any:
        table = self.model.predict(frame)
        if self.job.task == "regression":
            return table["prediction"].to_numpy()
        names = [name for name in table.columns if name.startswith("probability_")]
        self._classes = [name.removeprefix("probability_") for name in names]
        return table.select(names).to_numpy()

    def repeat(self, frame: Any, rows: int) -> Any:
        import polars as pl

        return pl.concat([frame] * -(-rows // len(frame))).head(rows)

    def single(self, frame: Any, count: int) -> dict[str, list[tuple[Callable[[Any], object], Any]]]:
        indices = [index % len(frame) for index in range(count)]
        dicts = frame.to_dicts()
        return {
            "dict": [(self.model.predict_one, dicts[index]) for index in indices],
            "frame": [(self.predict, frame[index : index + 1]) for index in indices],
        }

    def save(self, folder: Path) -> None:
        from noria.core import artifact

        artifact.save(self.model, folder, system="tabular")

    def about(self) -> dict[str, Any]:
        board = self.run.evaluation.leaderboard
        chosen = {leader.learner: round(leader.weight, 3) for leader in board if leader.weight > 0}
        return {"chosen": chosen, "trials": self.run.trials, "notes": self.run.notes}


TOOL = Noria
