"""A recurrent network over windows of all series, with the optional package torch (extra ``deep``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from noria._lazy import require
from noria.core.deadline import FitFailed
from noria.core.params import Params, integer, real
from noria.methods import technical
from noria.systems.forecast.learners.base import ForecastLearner, Outlook

__all__ = ["Recurrent"]

_WINDOWS = 2_048  # of one pass
_BATCHES, _LEAST_BATCH, _MOST_BATCH = 16, 16, 256
_PATIENCE = 5  # passes without a gain
_HELD_SEASONS, _LONGEST_SEASON = 2, 60
_CLIP, _NORM = 10.0, 1.0
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class RecurrentParams(Params):
    """Settings of `Recurrent`."""

    hidden: int = integer(32, low=8, high=64, log=True, doc="Units of each layer.")
    layers: int = integer(1, low=1, high=2, doc="Layers.")
    dropout: float = real(0.1, low=0.0, high=0.5, doc="Share of the last layer's units left out of a step.")
    learning_rate: float = real(5e-3, low=5e-4, high=2e-2, log=True, doc="Size of the optimiser's steps.")
    epochs: int = integer(30, low=5, high=100, log=True, doc="Most passes over the windows.")
    window: int = integer(40, low=10, high=120, log=True, doc="Past steps that are read; a season at least.")


class Recurrent(ForecastLearner[RecurrentParams]):
    """An LSTM beside a linear model of the same window, all steps ahead at once (Lai et al. 2018).

    One network for all series. It is trained on the mean absolute error, and stops by that on the last
    windows of every series.
    """

    name = "lstm"
    turn = 2
    settings = RecurrentParams
    package = "torch"
    known = ({}, {"learning_rate": 2e-3}, {"hidden": 16, "learning_rate": 1e-2})

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """Half of the passes, each batch step by step; and the first time an import that takes a while."""
        p = self.params
        products = min(rows, _WINDOWS) * p.hidden * (p.hidden + 30)
        return 1.0 + 0.5 * p.epochs * p.window * p.layers * (1e-9 * products + 5e-5 * _BATCHES)

    def paths(self, outlook: Outlook) -> np.ndarray:
        """Each series' next steps, from its last value in units of its deviation from it."""
        torch = require("torch", extra="deep")
        from threadpoolctl import threadpool_limits

        windows = _Windows.of(outlook, self.params.window, self.options.indicators)
        torch.get_num_threads()  # torch limits a thread when it first asks, which would undo the next line
        with threadpool_limits(outlook.ctx.threads, user_api="openmp"):
            network = _trained(windows, self.params, outlook)
            inputs, level, scale = windows.inputs(windows.lasts)
            with torch.no_grad():
                return level + scale * network(inputs).double().numpy()


@dataclass(frozen=True)
class _Windows:
    """All series end to end, and what the network reads of them.

    Attributes
    ----------
    values : array, (n,)
    known : array, (n, features) float32
        Calendar and indicators of each step.
    lengths : array of int, (series,)
    size, season : int
        Steps of a window and of the shortest season.
    """

    values: np.ndarray
    known: np.ndarray
    lengths: np.ndarray
    size: int
    season: int

    @classmethod
    def of(cls, outlook: Outlook, size: int, indicators: bool) -> Self:
        """The series of a panel, read in windows of so many steps, or of a season if that is longer."""
        panel, seasons = outlook.panel, outlook.seasons
        steps = np.concatenate([start + np.arange(n) for start, n in zip(panel.starts, panel.lengths)])
        angles = 2 * np.pi * np.divide.outer(steps, [season for season in seasons if season > 1])
        known = [np.sin(angles), np.cos(angles)]
        if indicators:
            known.append(_standardised(np.concatenate([technical.indicators(one) for one in panel.values])))
        size = max(size, *(season for season in (1, *seasons) if season <= _LONGEST_SEASON))
        features = np.concatenate(known, axis=1, dtype=np.float32)
        return cls(np.concatenate(panel.values), features, panel.lengths, size, seasons[0])

    @cached_property
    def lasts(self) -> np.ndarray:
        """The last step of each series, (series,)."""
        return np.cumsum(self.lengths) - 1

    @cached_property
    def firsts(self) -> np.ndarray:
        """The first step of each step's series, (n,)."""
        return np.repeat(self.lasts - self.lengths + 1, self.lengths)

    def inputs(self, origins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is read at each origin, (origins, size, 1 + features) float32; its level and its scale."""
        at = np.maximum(origins[:, None] + np.arange(1 - self.size, 1), self.firsts[origins][:, None])
        values = self.values[at]
        level = values[:, -1:]
        floor = np.maximum(1e-3 * np.abs(values).mean(axis=1, keepdims=True), 1e-9)
        scale = np.maximum(np.abs(values - level).mean(axis=1, keepdims=True), floor)
        relative = np.clip((values - level) / scale, -_CLIP, _CLIP)
        return np.concatenate([relative[:, :, None], self.known[at]], axis=2, dtype=np.float32), level, scale

    def examples(self, origins: np.ndarray, ends: np.ndarray, horizon: int) -> tuple[np.ndarray, ...]:
        """What is read at each origin; what followed, (origins, horizon); and whether it was by the end."""
        inputs, level, scale = self.inputs(origins)
        at = origins[:, None] + np.arange(1, horizon + 1)
        target = (self.values[np.minimum(at, ends[:, None])] - level) / scale
        return inputs, np.clip(target, -_CLIP, _CLIP), at <= ends[:, None]


class _Network:
    """An LSTM whose last state, and a linear model of the window, give all steps ahead.

    Weights and dropout are drawn by `rng`: torch's own generator is shared by all threads.
    """

    def __init__(self, params: RecurrentParams, windows: _Windows, horizon: int, rng: np.random.Generator):
        hidden, features = params.hidden, 1 + windows.known.shape[1]
        inputs = [features, *[hidden] * (params.layers - 1)]
        shapes = [
            shape for n in inputs for shape in ((4 * hidden, n), (4 * hidden, hidden), 4 * hidden, 4 * hidden)
        ]
        drawn = [
            _tensor(rng.uniform(-1, 1, shape) / math.sqrt(hidden))
            for shape in (*shapes, (hidden, horizon), horizon)
        ]
        self.weights = [one.requires_grad_() for one in (*drawn, _tensor(np.zeros((windows.size, horizon))))]
        self.params, self.rng = params, rng

    def __call__(self, inputs: np.ndarray, *, train: bool = False) -> Any:
        """The steps ahead of each window, (windows, horizon), in units of its scale around its level."""
        import torch

        *recurrent, head, bias, linear = self.weights
        layers, window = self.params.layers, _tensor(inputs)
        start = window.new_zeros(layers, len(inputs), self.params.hidden)
        # The last arguments: biases, layers, dropout between them, training, both directions, batch first.
        states, *_ = torch.lstm(window, (start, start), recurrent, True, layers, 0.0, train, False, True)
        last = states[:, -1]
        if train:
            kept = 1 - self.params.dropout
            last = last * _tensor((self.rng.random(last.shape) < kept) / kept)
        return last @ head + bias + window[:, :, 0] @ linear

    def loss(self, examples: tuple[np.ndarray, ...], *, train: bool = False) -> Any:
        """The mean absolute error of the steps that are known."""
        inputs, target, known = examples
        errors = (self(inputs, train=train) - _tensor(target)).abs() * _tensor(known)
        return errors.sum() / float(known.sum())


class _Adam:
    """Adam (Kingma and Ba 2015) on gradients of bounded norm.

    Torch's own optimisers import its compiler and SymPy at their first step, which takes longer than a fit.
    """

    def __init__(self, weights: list[Any], rate: float) -> None:
        self.weights, self.rate, self.steps = weights, rate, 0
        self.means, self.squares = ([one.detach() * 0 for one in weights] for _ in range(2))

    def step(self, gradients: Sequence[Any]) -> None:
        """Move the weights against their gradients."""
        self.steps += 1
        norm = math.sqrt(sum(float((one * one).sum()) for one in gradients))
        shrink, unbiased = _NORM / max(norm, _NORM), 1 - _BETA_1**self.steps
        for weight, gradient, mean, square in zip(self.weights, gradients, self.means, self.squares):
            mean.lerp_(shrink * gradient, 1 - _BETA_1)
            square.mul_(_BETA_2).addcmul_(shrink * gradient, shrink * gradient, value=1 - _BETA_2)
            size = (square / (1 - _BETA_2**self.steps)).sqrt() + _EPSILON
            weight.data.addcdiv_(mean, size, value=-self.rate / unbiased)


def _trained(windows: _Windows, params: RecurrentParams, outlook: Outlook) -> _Network:
    """The network as it was after its best pass.

    Raises
    ------
    FitFailed
        If no series is long enough.
    OutOfTime
        If the deadline passes.
    """
    import torch

    horizon, rng = outlook.horizon, np.random.default_rng(outlook.ctx.seed)
    train, valid, ends = _origins(windows, horizon, rng)
    network = _Network(params, windows, horizon, rng)
    weights = network.weights
    optimiser = _Adam(weights, params.learning_rate)
    size = int(np.clip(len(train) // _BATCHES, _LEAST_BATCH, _MOST_BATCH))
    best, least, waited = [one.detach().clone() for one in weights], np.inf, 0
    for _ in range(params.epochs):
        drawn = rng.permutation(train)[:_WINDOWS]
        for batch in np.split(drawn, range(size, len(drawn), size)):
            outlook.ctx.deadline.check()
            loss = network.loss(windows.examples(batch, ends[batch], horizon), train=True)
            optimiser.step(torch.autograd.grad(loss, weights))
        with torch.no_grad():
            error = float(network.loss(valid))
        waited += 1
        if error < least:
            best, least, waited = [one.detach().clone() for one in weights], error, 0
        if waited == _PATIENCE:
            break
    for one, kept in zip(weights, best):
        one.data.copy_(kept)
    return network


def _origins(
    windows: _Windows, horizon: int, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray]:
    """Origins to learn from; examples to stop by; and the last step of each step's series that is learned."""
    lengths = windows.lengths
    held = np.clip(lengths // 10, 1, _HELD_SEASONS * (windows.season + horizon))
    ends, lasts = (np.repeat(last, lengths) for last in (windows.lasts - held, windows.lasts))
    least = np.repeat(np.clip(windows.season, 1, lengths // 2), lengths)
    at = np.arange(len(lasts))
    train = np.flatnonzero((at >= windows.firsts + least) & (at < ends))
    if (ends - at)[train].max(initial=0) < horizon:
        raise FitFailed(f"no series is long enough to learn {horizon} steps ahead from")
    valid = np.flatnonzero((at >= ends) & (at < lasts))
    valid = rng.choice(valid, min(len(valid), _WINDOWS), replace=False)
    return train, windows.examples(valid, lasts[valid], horizon), ends


def _standardised(columns: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1, (n, columns); 0 where they are not defined."""
    known = np.isfinite(columns)
    counts = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, columns - np.where(known, columns, 0).sum(axis=0) / counts, 0)
    deviation = np.sqrt((centred**2).sum(axis=0) / counts)
    return np.clip(centred / np.where(deviation > 0, deviation, 1), -_CLIP, _CLIP)


def _tensor(array: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(array.astype(np.float32))
