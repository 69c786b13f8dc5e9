"""The predicting half of `noria.methods.mlp`: from prepared rows to the last layer's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from noria.methods._network import activate

__all__ = ["Forward"]

_CHUNK = 512  # rows predicted at once, so that their activations stay in the cache


class Forward:
    """From prepared rows (n, d), or one row (d,), to the last layer's outputs."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.embedded, self.mix = weights["embedded"], weights["mix"]
        self.frequency, self.phase = weights["frequency"], weights["phase"]
        depth = sum(name.startswith("weight_") for name in weights)
        self.layers = [(weights[f"weight_{i}"], weights[f"bias_{i}"]) for i in range(depth)]

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Many rows, some at a time: first column by column, as the waves are then long."""
        rows = max(1, min(_CHUNK, len(z)))
        k, waves, _ = self.mix.shape
        widths = [weight.shape[1] for weight, _ in self.layers]
        inputs = np.empty((len(self.layers[0][0]), rows), z.dtype)
        angle = np.empty((k, waves, rows), z.dtype)
        room = [np.empty((3, rows, width), z.dtype) for width in widths[:-1]]
        outputs = np.empty((len(z), widths[-1]), z.dtype)
        for at in range(0, len(z), rows):
            x = z[at : at + rows].T
            self._embed(x, inputs[:, : x.shape[1]], angle[..., : x.shape[1]])
            h = inputs[:, : x.shape[1]].T
            for (weight, bias), arrays in zip(self.layers, room):
                units, first, second = arrays[:, : len(h)]
                h = np.matmul(h, weight, out=units)
                h += bias
                activate(h, room=(first, second))
            weight, bias = self.layers[-1]
            np.matmul(h, weight, out=outputs[at : at + rows])
            outputs[at : at + rows] += bias
        return outputs

    def _embed(self, x: np.ndarray, inputs: np.ndarray, angle: np.ndarray) -> None:
        """Columns (d, rows) and their mixed waves, to the rows of `inputs`."""
        columns, (k, _, features) = len(x), self.mix.shape
        inputs[:columns] = x
        if k:
            np.multiply(inputs[self.embedded, None], self.frequency[:, :, None], out=angle)
            angle += self.phase[:, :, None]
            np.cos(angle, out=angle)
            mixed = inputs[columns:].reshape(k, features, -1)
            np.matmul(self.mix.transpose(0, 2, 1), angle, out=mixed)

    def one(self, z: np.ndarray) -> np.ndarray:
        """One row: the fewest operations, with the mix of the waves as part of the first layer."""
        if self.embedded.size:
            angle = z[self.embedded, None] * self.frequency
            angle += self.phase
            np.cos(angle, out=angle)
            z = np.concatenate([z, angle.reshape(-1)])
        z = z @ self._fused + self.layers[0][1]
        for weight, bias in self.layers[1:]:
            activate(z)
            z = z @ weight
            z += bias
        return z

    @cached_property
    def _fused(self) -> np.ndarray:
        """The first layer, from columns and waves."""
        k, waves, features = self.mix.shape
        weight = self.layers[0][0]
        columns, units = len(weight) - k * features, weight.shape[1]
        mixed = self.mix @ weight[columns:].reshape(k, features, units)
        return np.concatenate([weight[:columns], mixed.reshape(k * waves, units)])
