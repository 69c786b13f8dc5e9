"""The booster of an optional package that is kept in its own file format."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from noria._lazy import require
from noria.core.deadline import Deadline

__all__ = ["CatBoostTrees", "catboost_pool"]


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

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Outputs of (n, d) rows."""
        kind = "RawFormulaVal" if self._outputs == 1 else "Probability"
        pool = catboost_pool(X, self._codes)
        found = self._model.predict(pool, prediction_type=kind, thread_count=1)
        return np.asarray(found, dtype=np.float64).reshape(len(X), self._outputs)

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        """Outputs of one (d,) row."""
        return self.predict(x[None])[0]

    @property
    def link(self) -> str:
        """What makes predictions of its raw scores."""
        return {1: "identity", 2: "sigmoid"}.get(self._outputs, "softmax")

    def contributions(self, X: np.ndarray, deadline: Deadline | None = None) -> np.ndarray:
        """CatBoost's own SHAP values of the raw scores: (rows, columns + 1, raw outputs), the base last."""
        if deadline is not None:
            deadline.check()
        if not len(X):
            return np.zeros((0, X.shape[1] + 1, 1))
        pool = catboost_pool(X, self._codes)
        found = self._model.get_feature_importance(pool, type="ShapValues", thread_count=1)
        parts = np.atleast_3d(found) if found.ndim == 2 else found.swapaxes(1, 2)
        order = [*np.delete(np.arange(X.shape[1]), self._codes).tolist(), *self._codes.tolist(), X.shape[1]]
        return parts[:, np.argsort(order)]

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
    known = np.where(X[:, codes] >= 0, X[:, codes], -1).astype(np.int64) + 1
    words = _words(int(known.max(initial=1)).bit_length())[known]
    data = catboost.FeaturesData(
        num_feature_data=numbers if numbers.shape[1] else None,
        cat_feature_data=words if words.shape[1] else None,
    )
    return catboost.Pool(data, label=y, weight=weight, thread_count=1)


@functools.cache
def _words(bits: int) -> np.ndarray:
    """What CatBoost is told instead of the codes from -1 on: looking words up is quicker than making them."""
    return np.array([b"%d" % code for code in range(-1, (1 << bits) - 1)], dtype=object)
