"""Boosted trees that live no longer than the question they answer, fitted by LightGBM's C library alone.

Importing LightGBM's Python package imports scikit-learn and pandas: 1.5 s of CPU and 60 MB, several times
what it takes to fit trees to the few thousand rows of a check.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping, Sequence

import numpy as np

from noria.methods.trees._library import _check, _library

__all__ = ["FittedTrees"]

_FLOAT64, _ROW_MAJOR, _LABEL_FLOAT32, _NORMAL, _RAW, _GAIN = 1, 1, 0, 0, 1, 1
_SAME = "num_threads=1 deterministic=true force_row_wise=true verbosity=-1"


class FittedTrees:
    """Gradient boosting of a numeric target, the same in every run.

    Parameters
    ----------
    X : (n, d) array
        NaN where missing.
    y : (n,) array
    settings : mapping of str to str or number
        LightGBM's parameters.
    rounds : int
    categorical : sequence of int
        Columns that hold codes.

    Examples
    --------
    >>> X = np.linspace(0, 1, 400)[:, None]
    >>> trees = FittedTrees(X, 3 * X[:, 0], {"objective": "regression"}, rounds=100)
    >>> trees.predict(np.array([[0.5]])).round(1)
    array([1.5])
    """

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        settings: Mapping[str, object],
        *,
        rounds: int,
        categorical: Sequence[int] = (),
    ) -> None:
        self._library = _library()
        X, label = np.ascontiguousarray(X, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float32)
        told = " ".join([*(f"{name}={value}" for name, value in settings.items()), _SAME])
        columns = f" categorical_feature={','.join(map(str, categorical))}" if len(categorical) else ""
        parameters = (told + columns).encode("ascii")
        data, self._handle = ctypes.c_void_p(), ctypes.c_void_p()
        _check(
            self._library.LGBM_DatasetCreateFromMat(
                *_matrix(X), _ROW_MAJOR, parameters, None, ctypes.byref(data)
            )
        )
        try:
            pointer = ctypes.c_void_p(label.ctypes.data)
            _check(self._library.LGBM_DatasetSetField(data, b"label", pointer, len(label), _LABEL_FLOAT32))
            _check(self._library.LGBM_BoosterCreate(data, parameters, ctypes.byref(self._handle)))
            weakref.finalize(self, self._library.LGBM_BoosterFree, self._handle)
            finished = ctypes.c_int(0)
            for _ in range(rounds):
                _check(self._library.LGBM_BoosterUpdateOneIter(self._handle, ctypes.byref(finished)))
                if finished.value:
                    break
        finally:
            self._library.LGBM_DatasetFree(data)
        self._columns = X.shape[1]

    def predict(self, X: np.ndarray, *, raw: bool = False) -> np.ndarray:
        """Predictions (n,), in the target's unit or as the trees add up."""
        X, result = np.ascontiguousarray(X, dtype=np.float64), np.empty(len(X))
        if len(X):
            _check(
                self._library.LGBM_BoosterPredictForMat(
                    self._handle,
                    *_matrix(X),
                    _ROW_MAJOR,
                    _RAW if raw else _NORMAL,
                    0,
                    -1,
                    _SAME.encode("ascii"),
                    ctypes.byref(ctypes.c_int64(0)),
                    ctypes.c_void_p(result.ctypes.data),
                )
            )
        return result

    @property
    def gain(self) -> np.ndarray:
        """How much each column's splits lowered the loss, (d,)."""
        result = np.empty(self._columns)
        _check(
            self._library.LGBM_BoosterFeatureImportance(
                self._handle, -1, _GAIN, ctypes.c_void_p(result.ctypes.data)
            )
        )
        return result


def _matrix(X: np.ndarray) -> tuple[ctypes.c_void_p, int, ctypes.c_int32, ctypes.c_int32]:
    """Data, type, rows and columns, as the library takes them."""
    rows, columns = X.shape
    return ctypes.c_void_p(X.ctypes.data), _FLOAT64, ctypes.c_int32(rows), ctypes.c_int32(columns)
