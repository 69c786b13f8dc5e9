"""What anyone gets without a search: a linear model, default histogram boosting, default LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tabular.tools import Tool

__all__ = ["TOOL"]

_MOST_LEVELS = 255  # of scikit-learn's histogram boosting: wider columns stay ordinal numbers there


@dataclass(frozen=True)
class _Columns:
    """Names of text and number columns, and which of the text ones (by position) are narrow enough."""

    text: list[str]
    numbers: list[str]
    narrow: list[int]


class Floor(Tool):
    """A scikit-learn pipeline on Polars frames; text is encoded, numbers are passed as they are."""

    packages = ("scikit-learn", "lightgbm", "polars", "numpy")

    def load(self) -> None:
        import lightgbm
        import sklearn.compose
        import sklearn.pipeline

        self._lightgbm, self._sklearn = lightgbm, sklearn

    def read(self, path: str) -> Any:
        import polars as pl

        return pl.read_parquet(path).with_columns(pl.col(pl.Boolean).cast(pl.Int8))

    def features(self, frame: Any) -> Any:
        return frame.drop(self.job.target)

    def fit(self, train: Any) -> None:
        import numpy as np
        import polars as pl

        x, y = self.features(train), train[self.job.target].to_numpy()
        text = [name for name, kind in x.schema.items() if kind == pl.String]
        numbers = [name for name in x.columns if name not in text]
        narrow = [index for index, name in enumerate(text) if x[name].n_unique() <= _MOST_LEVELS]
        builders = {"linear": self._linear, "hgb": self._hgb, "lightgbm": self._boosted}
        encoder, estimator, fit_args = builders[self.job.tool](_Columns(text, numbers, narrow))
        self.model = self._sklearn.pipeline.make_pipeline(encoder, estimator)
        self.model.fit(x, np.asarray(y), **fit_args)

    def _linear(self, columns: _Columns) -> tuple[Any, Any, dict[str, Any]]:
        import numpy as np
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression, RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        onehot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5)
        encoder = make_column_transformer((scaled, columns.numbers), (onehot, columns.text))
        if self.job.task == "regression":
            return encoder, RidgeCV(np.logspace(-3, 3, 13)), {}
        return encoder, LogisticRegression(max_iter=2000), {}

    def _ordinal(self, columns: _Columns) -> Any:
        import numpy as np
        from sklearn.compose import make_column_transformer
        from sklearn.preprocessing import OrdinalEncoder

        unknown = {
            "handle_unknown": "use_encoded_value",
            "unknown_value": np.nan,
            "encoded_missing_value": np.nan,
        }
        return make_column_transformer(
            (OrdinalEncoder(**unknown), columns.text), ("passthrough", columns.numbers)
        )

    def _hgb(self, columns: _Columns) -> tuple[Any, Any, dict[str, Any]]:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = (
            HistGradientBoostingRegressor if self.job.task == "regression" else HistGradientBoostingClassifier
        )
        estimator = kind(categorical_features=columns.narrow or None, random_state=self.job.seed)
        return self._ordinal(columns), estimator, {}

    def _boosted(self, columns: _Columns) -> tuple[Any, Any, dict[str, Any]]:
        module = self._lightgbm
        kind = module.LGBMRegressor if self.job.task == "regression" else module.LGBMClassifier
        estimator = kind(random_state=self.job.seed, verbose=-1, **self.job.options)
        fit_args = (
            {f"{kind.__name__.lower()}__categorical_feature": list(range(len(columns.text)))}
            if columns.text
            else {}
        )
        return self._ordinal(columns), estimator, fit_args

    def classes(self) -> list[str]:
        return [str(name) for name in self.model.classes_]

    def predict(self, frame: Any) -> Any:
        return self.model.predict(frame) if self.job.task == "regression" else self.model.predict_proba(frame)

    def repeat(self, frame: Any, rows: int) -> Any:
        import polars as pl

        return pl.concat([frame] * -(-rows // len(frame))).head(rows)

    def single(self, frame: Any, count: int) -> dict[str, list[tuple[Callable[[Any], object], Any]]]:
        rows = [frame[index % len(frame)] for index in range(count)]
        return {"frame": [(self.predict, row) for row in rows]}

    def save(self, folder: Path) -> None:
        import joblib

        folder.mkdir()
        joblib.dump(self.model, folder / "model.joblib")


TOOL = Floor
