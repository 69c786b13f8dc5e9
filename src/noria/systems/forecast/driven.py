"""A forecast that depends on what is known of the asked moment: trees over the origin and the covariates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from noria.methods.trees import TreePredictor

__all__ = ["Driven"]


@dataclass(frozen=True)
class Driven:
    """Trees that predict a value relative to its series' last level.

    Attributes
    ----------
    trees : TreePredictor
    known : array, (series, horizon, features) float32
        What the origin says of each step ahead; the row's covariates follow.
    levels : array, (series, 2)
        Level and scale at the origin.
    weight : float
    names : tuple of str
        What the last columns of `known` come from.
    """

    trees: TreePredictor
    known: np.ndarray
    levels: np.ndarray
    weight: float = 1.0
    names: tuple[str, ...] = ()

    def __call__(self, series: np.ndarray, ahead: np.ndarray, covariates: np.ndarray) -> np.ndarray:
        """The weighted forecasts (n,) of rows by their series, steps ahead and covariates (n, c)."""
        level, scale = self.levels[series].T
        return self.weight * (level + scale * self.trees.predict(self._rows(series, ahead, covariates))[:, 0])

    def contributions(self, series: np.ndarray, ahead: np.ndarray, covariates: np.ndarray) -> np.ndarray:
        """What the named columns, then the covariates, add to the weighted forecasts, (n, c): SHAP values."""
        added = self.trees.contributions(self._rows(series, ahead, covariates))[:, :-1, 0]
        mine = added[:, self.known.shape[2] - len(self.names) :]
        return self.weight * self.levels[series, 1:] * mine

    def _rows(self, series: np.ndarray, ahead: np.ndarray, covariates: np.ndarray) -> np.ndarray:
        return np.concatenate([self.known[series, ahead - 1], covariates], axis=1)

    def weighted(self, weight: float) -> Self:
        """The same with another weight."""
        return replace(self, weight=weight * self.weight)

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        return self.trees.size + self.known.nbytes

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The arrays to save beside the trees."""
        return {"known": self.known, "levels": self.levels, "weight": np.array([self.weight])}

    @classmethod
    def from_arrays(
        cls, trees: TreePredictor, arrays: Mapping[str, np.ndarray], names: tuple[str, ...] = ()
    ) -> Self:
        """The inverse of `to_arrays`."""
        return cls(trees, arrays["known"], arrays["levels"], float(arrays["weight"][0]), names)
