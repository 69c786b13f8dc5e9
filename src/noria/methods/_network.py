"""The training half of `noria.methods.mlp`: a network's weights, its gradient, and Adam."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

__all__ = ["FEATURES", "FREQUENCIES", "Adam", "Network", "activate", "joined", "waves"]

FREQUENCIES, FEATURES = 16, 3  # of one continuous column's periodic embedding
_FREQUENCY_SPREAD = 0.3
_INITIAL_ROWS, _LEAST_SPREAD = 1_000, 0.05
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.95, 1e-8
_RATES = {
    "scale": 6.0,
    "bias": 0.1,
    "frequency": 0.1,
    "phase": 0.1,
}  # learning rates relative to the weights'


Room = tuple[np.ndarray | None, np.ndarray | None]


def activate(x: np.ndarray, slope: np.ndarray | None = None, room: Room = (None, None)) -> None:
    """Mish, ``x * tanh(log(1 + exp(x)))``, in place; its derivative goes to `slope`.

    The two arrays of `room`, shaped as `x`, are worked in: new memory costs as much as the arithmetic.
    With e = exp(x) and n = e (e + 2) the hyperbolic tangent is n / (n + 2): one exponential for both.

    References
    ----------
    Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020.
    """
    e = np.minimum(x, 20, out=room[0])
    np.exp(e, out=e)
    t = np.add(e, 2, out=room[1])
    t *= e
    t /= np.add(t, 2, out=e if slope is None else slope)
    if slope is not None:
        e /= e + 1
        e *= x
        np.multiply(t, t, out=slope)
        np.subtract(1, slope, out=slope)
        slope *= e
        slope += t
    x *= t


def waves(x: np.ndarray, embedded: np.ndarray, frequency: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """The waves (k, n, waves) of the k embedded columns of x (n, d), by frequencies (k, 1, waves)."""
    return np.cos(x.T[embedded][:, :, None] * frequency + phase)


def joined(x: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """The first layer's inputs: columns (n, d) and mixed waves (k, n, features)."""
    return np.concatenate([x, mixed.transpose(1, 0, 2).reshape(len(x), -1)], axis=1)


class Network:
    """Weights in one flat array, and the loss with its gradient on one batch, in buffers made once.

    Parameters
    ----------
    sizes : tuple of int
        Columns, units of each hidden layer, outputs.
    embedded : (k,) array of int
        The columns with a periodic embedding.
    rows : int
        Rows of a batch.
    """

    def __init__(
        self, sizes: tuple[int, ...], embedded: np.ndarray, rows: int, dtype: type[np.floating] = np.float32
    ) -> None:
        self.columns, self.embedded, self.rows = sizes[0], embedded, rows
        self.depth = len(sizes) - 1
        k = len(embedded)
        sizes = (sizes[0] + k * FEATURES, *sizes[1:])
        shapes: dict[str, tuple[int, ...]] = {
            "frequency": (k, 1, FREQUENCIES),
            "phase": (k, 1, FREQUENCIES),
            "mix": (k, FREQUENCIES, FEATURES),
            "scale": (sizes[0],),
        }
        for i, (fan_in, units) in enumerate(pairwise(sizes)):
            shapes |= {f"weight_{i}": (fan_in, units), f"bias_{i}": (units,)}
        self.flat = np.zeros(sum(map(math.prod, shapes.values())), dtype)
        self.flat_gradient = np.zeros_like(self.flat)
        self.spans: dict[str, slice] = {}
        self.weights: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        at = 0
        for name, shape in shapes.items():
            span = slice(at, at + math.prod(shape))
            at = span.stop
            self.spans[name] = span
            self.weights[name] = self.flat[span].reshape(shape)
            self.gradients[name] = self.flat_gradient[span].reshape(shape)
        self._inputs = np.empty((rows, sizes[0]), dtype)
        self._first = np.empty(sizes[:2], dtype)
        self._outputs = [np.empty((rows, units), dtype) for units in sizes[1:]]
        self._slopes = [np.empty_like(output) for output in self._outputs[:-1]]
        self._room = [(np.empty_like(output), np.empty_like(output)) for output in self._outputs[:-1]]
        self._deltas = [np.empty_like(output) for output in self._outputs[:-1]]
        self._cosines = np.empty((k, rows, FREQUENCIES), dtype)
        self._sines = np.empty_like(self._cosines)
        self._columns = np.ones((k, 2, rows), dtype)  # ones, and the embedded columns

    def initialise(self, x: np.ndarray, rng: np.random.Generator) -> None:
        """Draw weights under which each unit has unit variance on the rows x (m, columns)."""
        w = self.weights
        x = x[rng.permutation(len(x))[:_INITIAL_ROWS]]
        w["frequency"][:] = rng.normal(0, 2 * math.pi * _FREQUENCY_SPREAD, w["frequency"].shape)
        w["phase"][:] = rng.uniform(-math.pi, math.pi, w["phase"].shape)
        w["mix"][:] = rng.uniform(-1, 1, w["mix"].shape) / math.sqrt(FREQUENCIES)
        w["scale"][:] = 1
        h = joined(x, waves(x, self.embedded, w["frequency"], w["phase"]) @ w["mix"])
        for i in range(self.depth):
            weight, bias = w[f"weight_{i}"], w[f"bias_{i}"]
            weight[:] = rng.standard_normal(weight.shape) / math.sqrt(len(weight))
            if i < self.depth - 1:
                weight /= np.maximum((h @ weight).std(axis=0), _LEAST_SPREAD)
                bias[:] = rng.standard_normal(bias.shape)
                h = h @ weight + bias
                activate(h)

    def gradient(
        self, x: np.ndarray, target: np.ndarray, weight: np.ndarray, dropout: float, rng: np.random.Generator
    ) -> None:
        """Set `flat_gradient` to that of the mean loss.

        Both losses, cross-entropy after a softmax and half the squared error, have the same derivative with
        regard to the last layer: prediction minus target.

        Parameters
        ----------
        x : (rows, columns) array
        target : (rows, outputs) array
            Probabilities that sum to one, of several outputs; a value, of a single one.
        weight : (rows, 1) array
        dropout : float
        rng : numpy.random.Generator
            Draws the units that are left out.
        """
        delta = self._forward(x, dropout, rng)
        if delta.shape[1] > 1:
            delta -= delta.max(axis=1, keepdims=True)
            np.exp(delta, out=delta)
            delta /= delta.sum(axis=1, keepdims=True)
        delta -= target
        delta *= weight
        delta /= len(x)
        self._backward(delta)

    def _forward(self, x: np.ndarray, dropout: float, rng: np.random.Generator) -> np.ndarray:
        """The last layer's outputs (rows, outputs)."""
        w, inputs = self.weights, self._inputs
        inputs[:, : self.columns] = x
        if len(self.embedded):
            np.take(x.T, self.embedded, axis=0, out=self._columns[:, 1], mode="clip")
            np.multiply(self._columns[:, 1, :, None], w["frequency"], out=self._sines)
            self._sines += w["phase"]
            np.cos(self._sines, out=self._cosines)
            np.sin(self._sines, out=self._sines)
            np.matmul(self._cosines, w["mix"], out=self._embedding(inputs[:, self.columns :]))
        np.multiply(w["scale"][:, None], w["weight_0"], out=self._first)
        h = inputs
        for i, output in enumerate(self._outputs):
            np.matmul(h, w[f"weight_{i}"] if i else self._first, out=output)
            output += w[f"bias_{i}"]
            if i < self.depth - 1:
                activate(output, self._slopes[i], self._room[i])
                self._drop(output, self._slopes[i], round(dropout * 256), rng)
            h = output
        return h

    def _embedding(self, block: np.ndarray) -> np.ndarray:
        """A block (rows, k * features) seen as (k, rows, features)."""
        return block.reshape(self.rows, -1, FEATURES).transpose(1, 0, 2)

    def _drop(self, h: np.ndarray, slope: np.ndarray, of_256: int, rng: np.random.Generator) -> None:
        """Leave out that many of 256 units at random, and make up for them with the others."""
        if of_256:
            keep = np.frombuffer(rng.bytes(h.size), np.uint8).reshape(h.shape) >= of_256
            factor = keep * h.dtype.type(256 / (256 - of_256))
            h *= factor
            slope *= factor

    def _backward(self, delta: np.ndarray) -> None:
        """From the derivative with regard to the last layer's outputs to `flat_gradient`."""
        w, g = self.weights, self.gradients
        for i in range(self.depth - 1, -1, -1):
            np.matmul((self._outputs[i - 1] if i else self._inputs).T, delta, out=g[f"weight_{i}"])
            np.sum(delta, axis=0, out=g[f"bias_{i}"])
            if i:
                delta = np.matmul(delta, w[f"weight_{i}"].T, out=self._deltas[i - 1])
                delta *= self._slopes[i - 1]
        np.einsum("ij,ij->i", g["weight_0"], w["weight_0"], out=g["scale"])
        g["weight_0"] *= w["scale"][:, None]
        if len(self.embedded):
            block = self._embedding(delta @ self._first[self.columns :].T)
            np.matmul(self._cosines.transpose(0, 2, 1), block, out=g["mix"])
            waves = np.matmul(block, w["mix"].transpose(0, 2, 1), out=self._cosines)
            waves *= self._sines
            sums = self._columns @ waves
            np.negative(sums[:, :1], out=g["phase"])
            np.negative(sums[:, 1:], out=g["frequency"])

    def fitted(self) -> dict[str, np.ndarray]:
        """The weights for prediction: the scales multiplied into the first layer."""
        w = self.weights
        named = {name: w[name].copy() for name in w if name.startswith(("weight_", "bias_"))}
        return named | {
            "embedded": self.embedded,
            "frequency": w["frequency"][:, 0].copy(),
            "phase": w["phase"][:, 0].copy(),
            "mix": w["mix"].copy(),
            "weight_0": w["scale"][:, None] * w["weight_0"],
        }


class Adam:
    """Adam with decoupled weight decay over a network's flat weights.

    Weights move by the learning rate over the square root of their fan-in, which equals the neural tangent
    parametrisation with unit-variance weights.

    References
    ----------
    Kingma and Ba, Adam, ICLR 2015; Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.mean = np.zeros_like(network.flat)
        self.square = np.zeros_like(network.flat)
        self._move = np.zeros_like(network.flat)
        self.steps = 0
        self._groups = []
        for name, span in network.spans.items():
            kind = name.partition("_")[0]
            rate = _RATES.get(kind, 1.0)
            if kind in ("weight", "mix"):
                rate /= math.sqrt(max(network.weights[name].shape[-2], 1))
            self._groups.append((network.flat[span], self._move[span], rate, kind == "weight"))

    def step(self, lr: float, decay: float) -> None:
        """Move against the network's gradient, which is overwritten."""
        self.steps += 1
        gradient, move = self.network.flat_gradient, self._move
        np.multiply(gradient, gradient, out=move)
        move *= 1 - _BETA_2
        self.square *= _BETA_2
        self.square += move
        gradient *= 1 - _BETA_1
        self.mean *= _BETA_1
        self.mean += gradient
        unbiased = math.sqrt(1 - _BETA_2**self.steps)
        np.sqrt(self.square, out=move)
        move += _EPSILON * unbiased
        np.divide(self.mean, move, out=move)
        lr_now = lr * unbiased / (1 - _BETA_1**self.steps)
        for weights, moves, rate, decays in self._groups:
            if decays:
                weights *= 1 - lr * decay
            moves *= lr_now * rate
            weights -= moves
