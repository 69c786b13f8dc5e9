"""One file per tool, each importable only in its own environment; here is what they have in common."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ENVIRONMENTS", "FLOORS", "Job", "Tool", "make", "probe"]

FLOORS = ("linear", "hgb", "lightgbm")
# Tool -> the folder of its environment under --envs; the floors share Noria's, which has what they need.
ENVIRONMENTS = {
    "noria": "noria",
    "flaml": "flaml",
    "autogluon": "autogluon",
    **dict.fromkeys(FLOORS, "noria"),
}
_PROBES = {
    "noria": "from noria import train",
    "flaml": "from flaml import AutoML",
    "autogluon": "from autogluon.tabular import TabularPredictor",
    **dict.fromkeys(FLOORS, "import polars, sklearn, lightgbm"),
}


@dataclass(frozen=True)
class Job:
    """One fit: what to learn, from which files, within how long.

    `task` is binary, multiclass or regression; `metric` is log_loss or rmse; `budget` is in seconds;
    `variant` is AutoGluon's preset, or the learners that Noria may use joined by plus signs; `work` is an
    empty folder that is thrown away; `options` are parameters of LightGBM as a floor.
    """

    tool: str
    variant: str
    target: str
    task: str
    metric: str
    budget: float
    seed: int
    train: str
    test: str
    out: str
    work: str
    one_row: int = 200
    options: dict[str, Any] = field(default_factory=dict)


class Tool:
    """What a worker asks of each tool; frames are pandas unless a tool says otherwise."""

    packages: tuple[str, ...] = ()

    def __init__(self, job: Job) -> None:
        self.job = job

    def load(self) -> None:
        """Import the tool, before the clock of the fit starts."""

    def read(self, path: str) -> Any:
        """One Parquet file as the kind of frame that the tool likes best."""
        import pandas as pd

        return pd.read_parquet(path)

    def features(self, frame: Any) -> Any:
        """The frame less its target."""
        return frame.drop(columns=[self.job.target])

    def fit(self, train: Any) -> None:
        """Learn; the only part on the clock of the budget."""
        raise NotImplementedError

    def left(self) -> Path | None:
        """The folder that the fit has written by itself."""
        return None

    def ready(self) -> None:
        """What one would do before serving the model (load it into memory), outside the clock of the fit."""

    def classes(self) -> list[str]:
        """Class names in the order of the columns of `predict`."""
        raise NotImplementedError

    def predict(self, frame: Any) -> Any:
        """Array of values (n,) or of probabilities (n, classes)."""
        raise NotImplementedError

    def repeat(self, frame: Any, rows: int) -> Any:
        """The frame repeated up to `rows` rows."""
        import pandas as pd

        return pd.concat([frame] * -(-rows // len(frame)), ignore_index=True).iloc[:rows]

    def single(self, frame: Any, count: int) -> dict[str, list[tuple[Callable[[Any], object], Any]]]:
        """Ways to predict one row, by name: calls on `count` rows of the frame in turn."""
        rows = [frame.iloc[[index % len(frame)]] for index in range(count)]
        return {"frame": [(self.predict, row) for row in rows]}

    def save(self, folder: Path) -> None:
        """Write what is needed to predict, and no more."""
        raise NotImplementedError

    def about(self) -> dict[str, Any]:
        """What the tool chose, in its own words."""
        return {}


def make(job: Job) -> Tool:
    """The tool of a job, from its own file."""
    file = "floors" if job.tool in FLOORS else job.tool
    return importlib.import_module(f"benchmarks.tabular.tools.{file}").TOOL(job)


def probe(tool: str) -> str:
    """A line of Python that fails where the tool is not installed."""
    return _PROBES[tool]
