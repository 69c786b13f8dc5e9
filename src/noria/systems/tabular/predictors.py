"""Fitted learners reduced to arrays: what is left of them to predict with."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from noria.methods.mlp import Mlp
from noria.methods.trees import TreePredictor
from noria.systems.tabular.native import CatBoostTrees

__all__ = ["KINDS", "Constant", "Kernel", "Linear", "NaiveBayes", "Neighbours", "Network", "Predictor"]

_CELLS = 1 << 17  # of a matrix that the cache holds
_LARGE_DUAL = 10.0  # with larger ones, rounding to single precision would show in the fifth digit


class Predictor(Protocol):
    """Maps encoded rows to outputs: probabilities (rows, classes) or values (rows, 1)."""

    kind: ClassVar[str]
    suffix: ClassVar[str]

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        ...

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Outputs of (n, d) float32 rows."""
        ...

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        """Outputs of one (d,) float32 row."""
        ...

    def save(self, path: Path) -> None:
        """Write one file, which the caller has named with the kind's suffix."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """The inverse of `save`."""
        ...


class _Arrays:
    """Saving and loading of predictors that are a handful of arrays and a few settings.

    A name that begins with an underscore is not saved.
    """

    suffix: ClassVar[str] = "safetensors.gz"

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays: dict[str, np.ndarray] = {}
        settings: dict[str, Any] = {}
        for name, value in vars(self).items():
            if not name.startswith("_"):
                (arrays if isinstance(value, np.ndarray) else settings)[name] = value
        return arrays, settings

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        return sum(array.nbytes for array in self._state()[0].values())

    def save(self, path: Path) -> None:
        """Write arrays and settings as safetensors, gzip-compressed: support vectors are mostly zeros."""
        from safetensors.numpy import save

        arrays, settings = self._state()
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        data = save(contiguous, metadata={"settings": json.dumps(settings)})
        path.write_bytes(gzip.compress(data, mtime=0))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The inverse of `save`, and of saving in the days when nothing was compressed."""
        from safetensors.numpy import load

        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        return cls._restore(load(data), json.loads(metadata["settings"]))

    @classmethod
    def _restore(cls, arrays: dict[str, np.ndarray], settings: Mapping[str, Any]) -> Self:
        return cls(**arrays, **settings)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Outputs of (n, d) rows."""
        raise NotImplementedError

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        """Outputs of one (d,) row."""
        return self.predict(x[None])[0]


def _chunks(X: np.ndarray, width: int, *kinds: type) -> Iterator[tuple[np.ndarray, ...]]:
    """Some rows at a time, each time with the same matrices of so many columns, which the cache holds.

    New memory for each would cost more than the work.
    """
    rows = max(1, min(_CELLS // max(width, 1), len(X)))
    room: list[np.ndarray] = [np.empty((rows, width), kind) for kind in kinds]
    for at in range(0, max(len(X), 1), rows):
        chunk = X[at : at + rows]
        yield chunk, *(matrix[: len(chunk)] for matrix in room)


def softmax(raw: np.ndarray) -> np.ndarray:
    """Rows of scores to rows of probabilities, in place."""
    raw -= raw.max(axis=1, keepdims=True)
    np.exp(raw, out=raw)
    raw /= raw.sum(axis=1, keepdims=True)
    return raw


@dataclass
class Constant(_Arrays):
    """The same outputs for every row: the baseline."""

    outputs: np.ndarray
    kind: ClassVar[str] = "constant"

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.repeat(self.outputs[None], len(X), axis=0)


@dataclass
class Linear(_Arrays):
    """``X @ weights + bias``; softmax of it for classes, its exponential minus one for a logged target."""

    weights: np.ndarray
    bias: np.ndarray
    link: str
    kind: ClassVar[str] = "linear"

    def predict(self, X: np.ndarray) -> np.ndarray:
        raw = X @ self.weights + self.bias
        return LINKS[self.link](raw)


LINKS = {
    "identity": lambda raw: raw,
    "softmax": softmax,
    "expm1": lambda raw: np.expm1(np.clip(raw, -20, 40)),
}


@dataclass
class NaiveBayes(_Arrays):
    """Independent normal and Bernoulli features given the class.

    Attributes
    ----------
    prior : array, (classes,)
        Log share of each class.
    mean, precision : array, (classes, quantities)
    on, off : array, (classes, indicators)
        Log probability of an indicator being 1 and 0.
    discrete : array of bool, (d,)
    temper : float
        Divides the evidence, which dependent features count twice.
    """

    prior: np.ndarray
    mean: np.ndarray
    precision: np.ndarray
    on: np.ndarray
    off: np.ndarray
    discrete: np.ndarray
    temper: float
    kind: ClassVar[str] = "bayes"

    def predict(self, X: np.ndarray) -> np.ndarray:
        quantities, indicators = X[:, ~self.discrete], X[:, self.discrete]
        half = 0.5 * self.precision
        evidence = (
            2 * quantities @ (half * self.mean).T
            - quantities**2 @ half.T
            - (half * self.mean**2).sum(axis=1)
            + 0.5 * np.log(self.precision).sum(axis=1)
        )
        evidence = evidence + indicators @ (self.on - self.off).T + self.off.sum(axis=1)
        return softmax(self.prior + evidence / self.temper)


@dataclass
class Neighbours(_Arrays):
    """The mean of the nearest training rows, weighted by distance.

    Attributes
    ----------
    points : array, (rows, d)
    outputs : array, (rows, outputs)
        One-hot classes or values.
    shrink : array, (outputs,)
        What the mean is drawn to, with the weight of one neighbour.
    """

    points: np.ndarray
    outputs: np.ndarray
    shrink: np.ndarray
    neighbours: int
    by_distance: bool
    kind: ClassVar[str] = "neighbours"

    def __post_init__(self) -> None:
        self._turned = -2 * self.points.T
        self._norms = (self.points**2).sum(axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        chunks = _chunks(X, len(self.points), np.float32, np.int64)
        return np.concatenate([self._near(*chunk) for chunk in chunks])

    def _near(self, X: np.ndarray, distance: np.ndarray, keys: np.ndarray) -> np.ndarray:
        np.matmul(X, self._turned, out=distance)
        distance += self._norms
        distance += (X**2).sum(axis=1, keepdims=True)
        distance, near = _smallest(distance, self.neighbours, keys)
        weight = np.ones(near.shape)
        if self.by_distance:
            weight = 1 / (np.sqrt(np.maximum(distance, 0)) + 1e-3)
            weight *= self.neighbours / weight.sum(axis=1, keepdims=True)
        total = np.einsum("nk,nko->no", weight, self.outputs[near]) + self.shrink
        return total / (self.neighbours + 1)


def _smallest(values: np.ndarray, count: int, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest float32 values of each row and their columns, the first ones of equal values.

    The bits of a float sort as those of an integer. With the column in the lower half of a longer integer, of
    the array `keys`, one partition, which is several times as fast as `argpartition`, yields both.
    """
    keys[:] = values.view(np.int32)
    keys <<= 32
    keys |= np.arange(values.shape[1])
    keys.partition(count - 1, axis=1)
    keys = keys[:, :count]
    return (keys >> 32).astype(np.int32).view(np.float32), keys & 0xFFFFFFFF


@dataclass
class Kernel(_Arrays):
    """A support vector machine: kernel distances to the support vectors, scaled to outputs.

    Attributes
    ----------
    vectors : array of float32, (support vectors, d)
    dual : array, (support vectors, outputs)
    bias, slope, shift : array, (outputs,)
        Raw scores ``k(x, vectors) @ dual + bias`` are turned into ``slope * raw + shift`` before the link.
    """

    vectors: np.ndarray
    dual: np.ndarray
    bias: np.ndarray
    slope: np.ndarray
    shift: np.ndarray
    gamma: float
    link: str
    kind: ClassVar[str] = "kernel"

    def __post_init__(self) -> None:
        large = np.abs(self.dual).max(initial=0) > _LARGE_DUAL
        self._real = np.float64 if large else np.float32
        vectors = self.vectors.astype(np.float64)
        self._turned = (2 * self.gamma * vectors.T).astype(self._real)
        self._norms = (self.gamma * (vectors**2).sum(axis=1)).astype(self._real)

    def raw(self, X: np.ndarray) -> np.ndarray:
        """Scores before scaling, (n, outputs)."""
        X = X.astype(self._real, copy=False)
        chunks = _chunks(X, len(self.vectors), self._real, np.float64)
        return np.concatenate([self._scores(*chunk) for chunk in chunks]) + self.bias

    def _scores(self, X: np.ndarray, near: np.ndarray, wide: np.ndarray) -> np.ndarray:
        np.matmul(X, self._turned, out=near)
        near -= self._norms
        near -= self._real(self.gamma) * (X**2).sum(axis=1, keepdims=True)
        np.exp(np.minimum(near, 0, out=near), out=near)
        wide[:] = near
        return wide @ self.dual

    def predict(self, X: np.ndarray) -> np.ndarray:
        return LINKS[self.link](self.slope * self.raw(X) + self.shift)


@dataclass
class Network(_Arrays):
    """A multilayer perceptron (`noria.methods.mlp`)."""

    mlp: Mlp
    kind: ClassVar[str] = "network"

    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return self.mlp.to_arrays(), {}

    @classmethod
    def _restore(cls, arrays: dict[str, np.ndarray], settings: Mapping[str, Any]) -> Self:  # noqa: ARG003
        return cls(Mlp.from_arrays(arrays))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.mlp.predict(X)

    def predict_one(self, x: np.ndarray) -> np.ndarray:
        return self.mlp.predict_one(x)


KINDS: dict[str, type[Predictor]] = {
    "trees": TreePredictor,
    "catboost": CatBoostTrees,
    "constant": Constant,
    "linear": Linear,
    "bayes": NaiveBayes,
    "neighbours": Neighbours,
    "kernel": Kernel,
    "network": Network,
}
