"""LightGBM's C library without its Python package, which takes a second to import."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import ArtifactError
from noria.methods.trees import _text as model_text
from noria.methods.trees._masks import MaskedTrees

__all__ = ["NativeBooster", "VectorBooster"]

_FLOAT32, _ROW_MAJOR = 0, 1
_RAW, _LEAF = 1, 2
_SMALL_STEP, _LARGE_STEP, _STEP_ROUNDS = 64 << 10, 1 << 20, 16
_FEW_ROWS, _MANY_ROWS = 256, 2048
_LARGEST = 252  # leaves; a larger tree is walked faster than it is masked
_SETTINGS = b"verbosity=-1 num_threads=1"


@functools.cache
def _library() -> ctypes.CDLL:
    """The shared library inside the installed package."""
    spec = importlib.util.find_spec("lightgbm")
    folders = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
    for folder in folders:
        for path in (*folder.glob("lib/lib_lightgbm.*"), *folder.glob("bin/lib_lightgbm.*")):
            library = ctypes.CDLL(str(path))
            library.LGBM_GetLastError.restype = ctypes.c_char_p
            return library
    import lightgbm.basic

    return lightgbm.basic._LIB


def _check(status: int) -> None:
    """Turn a failed call into an error."""
    if status != 0:
        message = _library().LGBM_GetLastError().decode("utf-8", "replace")
        raise ArtifactError("LightGBM cannot use this model.", got=message, do="Train the model again.")


class NativeBooster:
    """A model text, loaded and ready to predict from any number of threads.

    The library keeps the range of trees that it walks in the loaded model, so that two threads that ask for
    unlike ranges spoil each other's answers. Here a model is always walked whole; one too large for the
    processor's cache is loaded a second time in parts, and many rows are walked through one part at a time.
    Very many rows do not walk at all where no tree is large (`MaskedTrees`).

    Parameters
    ----------
    text : str
        As `_text.join` writes it.
    """

    def __init__(self, text: str) -> None:
        self._text, self._header = text, model_text.read_header(text)
        self.features, self.outputs = self._header.features, self._header.per_iteration
        self.rounds = self._header.trees // self.outputs
        self._library = _library()
        self._handle = ctypes.c_void_p()
        data, loaded = text.encode("ascii"), ctypes.c_int(0)
        load = self._library.LGBM_BoosterLoadModelFromString
        _check(load(ctypes.c_char_p(data), ctypes.byref(loaded), ctypes.byref(self._handle)))
        weakref.finalize(self, self._library.LGBM_BoosterFree, self._handle)
        self._rows = threading.local()

    def raw(self, X: np.ndarray) -> np.ndarray:
        """Raw scores, float64, (rows, outputs)."""
        if len(X) >= _MANY_ROWS and self._masked is not None:
            return self._masked.raw(X)
        parts = [self] if len(X) < _FEW_ROWS else self.parts
        total = parts[0]._predict(X, _RAW, self.outputs)
        for part in parts[1:]:
            total += part._predict(X, _RAW, self.outputs)
        return total

    def leaves(self, X: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Some trees at a time: the number of the first, and the leaf of each row in each, (rows, trees)."""
        first = 0
        for part in [self] if len(X) < _FEW_ROWS else self.parts:
            yield first, part._predict(X, _LEAF, part.rounds).astype(np.intp)
            first += part.rounds

    def raw_row(self, x: np.ndarray) -> np.ndarray:
        """Raw scores of one row, float64, (outputs,); this thread's own array, overwritten next time."""
        return self._row(x, _RAW, self.outputs)

    def leaf_row(self, x: np.ndarray) -> np.ndarray:
        """The leaf of one row in each tree, as float64; this thread's own array, overwritten next time."""
        return self._row(x, _LEAF, self.rounds)

    @functools.cached_property
    def parts(self) -> list[NativeBooster]:
        """The same trees as models that a cache holds, or this one if it is small enough."""
        small, large = (size * self.rounds // len(self._text) for size in (_SMALL_STEP, _LARGE_STEP))
        step = max(1, small, min(_STEP_ROUNDS, large)) * self.outputs
        if step >= self._header.trees:
            return [self]
        head, blocks = self._header, model_text.split(self._text)
        join = functools.partial(
            model_text.join, features=self.features, per_iteration=self.outputs, vector=head.vector
        )
        return [NativeBooster(join(blocks[at : at + step])) for at in range(0, len(blocks), step)]

    @functools.cached_property
    def _masked(self) -> MaskedTrees | None:
        """The same trees as masks, if they are small and none takes a zero for a missing value."""
        if model_text.most_leaves(self._text) > _LARGEST:
            return None
        trees = model_text.read(self._text)
        return None if (trees.decision & model_text.ZERO_MISSING).any() else MaskedTrees(trees, self.outputs)

    def _row(self, x: np.ndarray, kind: int, width: int) -> np.ndarray:
        """One row, by this thread's own prepared call."""
        ready: dict[Any, Callable[[np.ndarray], np.ndarray]] = self._rows.__dict__
        if kind not in ready:
            ready[kind] = _row_predictor(self, kind, width)
        return ready[kind](x)

    def _predict(self, X: np.ndarray, kind: int, width: int) -> np.ndarray:
        """One call of the library over all rows."""
        result = np.empty((len(X), width))
        if not len(X):
            return result
        status = self._library.LGBM_BoosterPredictForMat(
            self._handle,
            ctypes.c_void_p(X.ctypes.data),
            _FLOAT32,
            ctypes.c_int32(X.shape[0]),
            ctypes.c_int32(X.shape[1]),
            _ROW_MAJOR,
            kind,
            0,
            -1,
            _SETTINGS,
            ctypes.byref(ctypes.c_int64(0)),
            ctypes.c_void_p(result.ctypes.data),
        )
        _check(status)
        return result


class VectorBooster:
    """Trees with several values per leaf: each is walked once, and the values are looked up.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._walker = NativeBooster(text)
        self._values, self._starts = model_text.vectors(text)

    def raw(self, X: np.ndarray) -> np.ndarray:
        """Raw scores, float64, (rows, values)."""
        total = np.zeros((len(X), self._values.shape[1]))
        for first, leaves in self._walker.leaves(X):
            for tree, leaf in enumerate(leaves.T, first):
                total += self._values[self._starts[tree] + leaf]
        return total

    def raw_row(self, x: np.ndarray) -> np.ndarray:
        """Raw scores of one row, float64, (values,)."""
        leaves = self._walker.leaf_row(x).astype(np.intp)
        return self._values[self._starts + leaves].sum(axis=0, dtype=np.float64)


def _row_predictor(booster: NativeBooster, kind: int, width: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function for one row at a time in one thread, with everything that can be prepared prepared."""
    library, row, scores = booster._library, np.empty(booster.features, np.float32), np.empty(width)
    config = ctypes.c_void_p()
    _check(
        library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,
            kind,
            0,
            -1,
            _FLOAT32,
            ctypes.c_int32(booster.features),
            _SETTINGS,
            ctypes.byref(config),
        )
    )
    call = library.LGBM_BoosterPredictForMatSingleRowFast
    arguments = (
        config,
        ctypes.c_void_p(row.ctypes.data),
        ctypes.byref(ctypes.c_int64(0)),
        ctypes.c_void_p(scores.ctypes.data),
    )

    def predict(x: np.ndarray) -> np.ndarray:
        row[:] = x
        _check(call(*arguments))
        return scores

    weakref.finalize(predict, library.LGBM_FastConfigFree, config)
    return predict
