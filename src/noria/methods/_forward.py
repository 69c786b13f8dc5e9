"""The predicting half of `noria.methods.mlp`: from prepared rows to the last layer's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from noria.methods._network import activate

__all__ = ["Forward"]

_CHUNK = 512  # rows predicted at once, so that their activations stay in the cache
_EMBEDDED = 16  # columns whose waves are made at once, for the same reason


class Forward:
    """From prepared rows (n, d), or one row (d,), to the last layer's outputs."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.embedded, self.mix = weights["embedded"], weights["mix"]
        self.frequency, self.phase = weights["frequency"], weights["phase"]
        depth = sum(name.startswith("weight_") for name in weights)
        self.layers = [(weights[f"weight_{i}"], weights[f"bias_{i}"]) for i in range(depth)]

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Many rows, some at a time, column by column: arrays are then long; biases are weights of ones."""
        most = max(1, min(_CHUNK, len(z)))
        units = [np.ones((matrix.shape[1], most), z.dtype) for matrix in self._matrices]
        room = np.empty((max(len(matrix) for matrix in self._matrices), most), z.dtype)
        some = min(_EMBEDDED, len(self.mix))
        line = np.ones((some, 2, most), z.dtype)
        angle = np.empty((some, self.mix.shape[1], most), z.dtype)
        outputs = np.empty((len(z), len(self._matrices[-1])), z.dtype)
        for at in range(0, len(z), most):
            x = z[at : at + most].T
            rows = x.shape[1]
            self._embed(x, units[0][:-1, :rows], line[..., :rows], angle[..., :rows])
            for matrix, h, following in zip(self._matrices, units, units[1:]):
                half = np.matmul(matrix, h[:, :rows], out=following[:-1, :rows])
                _activate_halves(half, room[: len(half), :rows])
            outputs[at : at + rows] = (self._matrices[-1] @ units[-1][:, :rows]).T
        return outputs

    def _embed(self, x: np.ndarray, inputs: np.ndarray, line: np.ndarray, angle: np.ndarray) -> None:
        """Columns (d, rows) and their mixed waves, to the rows of `inputs`."""
        columns, features = len(x), self.mix.shape[2]
        inputs[:columns] = x
        mixed = inputs[columns:].reshape(len(self.mix), features, x.shape[1])
        for at in range(0, len(self.mix), _EMBEDDED):
            some = slice(at, at + _EMBEDDED)
            count = len(self.mix[some])
            line[:count, 0] = inputs[self.embedded[some]]
            np.matmul(self._lines[some], line[:count], out=angle[:count])
            np.cos(angle[:count], out=angle[:count])
            np.matmul(self.mix[some].transpose(0, 2, 1), angle[:count], out=mixed[some])

    @cached_property
    def _lines(self) -> np.ndarray:
        """Frequencies and phases, (embedded, waves, 2)."""
        return np.stack([self.frequency, self.phase], axis=2)

    @cached_property
    def _matrices(self) -> list[np.ndarray]:
        """Of each layer the weights and the bias (units, inputs + 1), as `_activate_halves` wants them."""
        found = [np.vstack([weight, bias]).T for weight, bias in self.layers]
        for matrix in found[:-1]:
            matrix *= 0.5
        for matrix in found[1:]:
            matrix[:, :-1] *= 2.0
        return [np.ascontiguousarray(matrix) for matrix in found]

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


def _activate_halves(half: np.ndarray, t: np.ndarray) -> None:
    """Half of Mish of twice the numbers in `half`, in their place: the fewest steps; `t` is worked in.

    With t = tanh(x / 2) the factor of `activate`, tanh(log(1 + exp(x))), is 8 / (4 + (1 - t)^2) - 1.
    """
    np.tanh(half, out=t)
    t -= 1
    t *= t
    t += 4
    np.divide(8, t, out=t)
    t -= 1
    half *= t
