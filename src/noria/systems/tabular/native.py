"""Boosters of optional packages, kept in their own file formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from noria._lazy import require

__all__ = ["CatBoostTrees", "XgboostTrees", "catboost_pool", "xgboost_matrix"]


class XgboostTrees:
    """A fitted XGBoost booster.

    Parameters
    ----------
    booster : xgboost.Booster
        Its feature types say which columns are codes; two classes give one probability.
    outputs : int
    """

    kind: ClassVar[str] = "xgboost"
    suffix: ClassVar[str] = "ubj"

    def __init__(self, booster: Any, outputs: int) -> None:
        self._booster = booster
        self._outputs = outputs

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return len(self._booster.save_raw("ubj"))

    def predict(self, X: np.ndarray, threads: int = 1) -> np.ndarray:
        """Outputs of (n, d) rows."""
        self._booster.set_param({"nthread": threads})
        raw = self._booster.predict(xgboost_matrix(X, self._booster.feature_types)).astype(np.float64)
        if self._outputs == 2:
            return np.stack([1 - raw, raw], axis=1)
        return raw.reshape(len(X), self._outputs)

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        """Outputs of one (d,) row."""
        return self.predict(x[None])[0]

    def save(self, path: Path) -> None:
        """Write XGBoost's binary JSON."""
        self._booster.set_attr(noria_outputs=str(self._outputs))
        self._booster.save_model(path)

    @classmethod
    def load(cls, path: Path) -> XgboostTrees:
        """The inverse of `save`."""
        booster = require("xgboost", extra="boost").Booster(model_file=str(path))
        return cls(booster, int(booster.attr("noria_outputs")))


def xgboost_matrix(X: np.ndarray, types: list[str], y: np.ndarray | None = None, weight: Any = None) -> Any:
    """Rows as XGBoost takes them; `types` holds ``"c"`` for a column of codes and ``"q"`` for a quantity."""
    xgboost = require("xgboost", extra="boost")
    return xgboost.DMatrix(X, label=y, weight=weight, feature_types=types, enable_categorical=True, nthread=1)


class CatBoostTrees:
    """A fitted CatBoost model.

    Parameters
    ----------
    model : catboost.CatBoost
    codes : array of int
        The columns that are category codes.
    outputs : int
    """

    kind: ClassVar[str] = "catboost"
    suffix: ClassVar[str] = "cbm"

    def __init__(self, model: Any, codes: np.ndarray, outputs: int) -> None:
        self._model = model
        self._codes = codes
        self._outputs = outputs

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        return len(self._model._serialize_model())

    def predict(self, X: np.ndarray, threads: int = 1) -> np.ndarray:
        """Outputs of (n, d) rows."""
        kind = "RawFormulaVal" if self._outputs == 1 else "Probability"
        pool = catboost_pool(X, self._codes)
        found = self._model.predict(pool, prediction_type=kind, thread_count=threads)
        return np.asarray(found, dtype=np.float64).reshape(len(X), self._outputs)

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        """Outputs of one (d,) row."""
        return self.predict(x[None])[0]

    def save(self, path: Path) -> None:
        """Write CatBoost's binary format."""
        metadata = self._model.get_metadata()
        metadata["noria_codes"] = ",".join(map(str, self._codes.tolist()))
        metadata["noria_outputs"] = str(self._outputs)
        self._model.save_model(str(path))

    @classmethod
    def load(cls, path: Path) -> CatBoostTrees:
        """The inverse of `save`."""
        model = require("catboost", extra="boost").CatBoost().load_model(str(path))
        metadata = model.get_metadata()
        codes = [int(code) for code in metadata["noria_codes"].split(",") if code]
        return cls(model, np.array(codes, dtype=np.int64), int(metadata["noria_outputs"]))


def catboost_pool(X: np.ndarray, codes: np.ndarray, y: np.ndarray | None = None, weight: Any = None) -> Any:
    """Rows as CatBoost takes them: numbers, and codes as words."""
    catboost = require("catboost", extra="boost")
    numbers = np.ascontiguousarray(np.delete(X, codes, axis=1))
    words = np.where(np.isnan(X[:, codes]), -1, X[:, codes]).astype(np.int64).astype("S").astype(object)
    data = catboost.FeaturesData(
        num_feature_data=numbers if numbers.shape[1] else None,
        cat_feature_data=words if words.shape[1] else None,
    )
    return catboost.Pool(data, label=y, weight=weight, thread_count=1)
