"""Fewer units for the same answers: what a trained network of `noria.methods.mlp` can do without.

The units of a layer are nearly linear functions of some of them on the rows that occur, all the more so with
few columns. Those few are kept, and the next layer's weights are fitted anew, so that it receives what it
received before. The waves of the embeddings are thinned in the same way.

References
----------
Chee, Flynn, Damle and De Sa, Model preserving compression for neural networks, NeurIPS 2022.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping

import numpy as np

from noria.methods._forward import Forward
from noria.methods._network import activate, joined, waves

__all__ = ["prune"]

Weights = dict[str, np.ndarray]

_PARTS = 16  # counts of units that are tried: sixteenths of all
_RIDGE = 1e-5  # of the mean variance
_ROUNDING = 1e-12  # of the largest variance: less of it is an error of rounding
_TINY = 1e-30


def prune(
    weights: Mapping[str, np.ndarray], X: np.ndarray, judged: np.ndarray, apart: Callable[[np.ndarray], float]
) -> Weights:
    """The weights of a smaller network that answers nearly alike.

    Parameters
    ----------
    weights : mapping
        As `noria.methods.mlp.Mlp` holds them.
    X : (n, d) array
        Prepared rows, on which units are told apart.
    judged : (m, d) array
        Other prepared rows.
    apart : callable
        How far a network's outputs (m, outputs) of the judged rows lie from those of the whole one, as a
        share of what is allowed. The first layer may use up its part of it, and so on.
    """
    depth = sum(name.startswith("weight_") for name in weights)

    def smallest(whole: Weights, thinner: Callable[[int], Weights], share: float) -> Weights:
        def near(part: int) -> bool:
            return apart(Forward(thinner(part))(judged)) <= share

        least = bisect_left(range(1, _PARTS), True, key=near) + 1
        return thinner(least) if least < _PARTS else whole

    small = smallest(dict(weights), _fewer_waves(dict(weights), X), 1 / depth)
    h = joined(X, _waves(small, X) @ small["mix"])
    for layer in range(depth - 1):
        small = smallest(small, _fewer_units(small, h, layer), (layer + 2) / depth)
        h = _hidden(small, h, layer)
    return small


def _fewer_waves(weights: Weights, X: np.ndarray) -> Callable[[int], Weights]:
    """By the sixteenths that are to be left: the network with the waves that matter most, of each column."""
    mix = weights["mix"]
    if not len(mix):
        return lambda _: weights
    found = _waves(weights, X)
    mean = found.mean(axis=1)
    centred = found - mean[:, None]
    gram = (centred.transpose(0, 2, 1) @ centred).astype(np.float64)
    order = _order(gram, mix)
    block = weights["weight_0"][-mix.shape[0] * mix.shape[2] :]

    def thinner(part: int) -> Weights:
        kept = np.sort(order[:, : _count(mix.shape[1], part)], axis=1)
        fitted, shift = _refit(gram, mean, mix, kept)
        return weights | {
            "frequency": np.take_along_axis(weights["frequency"], kept, axis=1),
            "phase": np.take_along_axis(weights["phase"], kept, axis=1),
            "mix": fitted,
            "bias_0": weights["bias_0"] + shift.reshape(-1) @ block,
        }

    return thinner


def _fewer_units(weights: Weights, h: np.ndarray, layer: int) -> Callable[[int], Weights]:
    """By the sixteenths that are to be left: the network with the units of a layer that matter most."""
    this, following = (f"weight_{layer}", f"bias_{layer}"), (f"weight_{layer + 1}", f"bias_{layer + 1}")
    units = _hidden(weights, h, layer)
    mean = units.mean(axis=0, keepdims=True)
    units -= mean
    gram, onward = (units.T @ units)[None].astype(np.float64), weights[following[0]][None]
    order = _order(gram, onward)

    def thinner(part: int) -> Weights:
        kept = np.sort(order[:, : _count(order.shape[1], part)], axis=1)
        fitted, shift = _refit(gram, mean, onward, kept)
        return weights | {
            this[0]: np.ascontiguousarray(weights[this[0]][:, kept[0]]),
            this[1]: weights[this[1]][kept[0]],
            following[0]: fitted[0],
            following[1]: weights[following[1]] + shift[0],
        }

    return thinner


def _count(units: int, part: int) -> int:
    """So many sixteenths, but at least one."""
    return max(1, units * part // _PARTS)


def _order(gram: np.ndarray, onward: np.ndarray) -> np.ndarray:
    """Units (b, m) of b layers in the order in which they explain most of what is left: pivoted Cholesky.

    A unit counts as much as the weights (b, m, outputs) that it is given later.
    """
    size = np.sqrt(np.square(onward, dtype=np.float64).sum(axis=2))
    left = gram * size[:, :, None] * size[:, None, :]
    least = _ROUNDING * np.einsum("bii->bi", left).max(axis=1, initial=_TINY)
    layers, order = np.arange(len(left)), np.empty(left.shape[:2], dtype=np.intp)
    for at in range(left.shape[1]):
        diagonal = np.diagonal(left, axis1=1, axis2=2)
        pick = diagonal.argmax(axis=1)
        explains = np.where(diagonal[layers, pick] > least, diagonal[layers, pick], np.inf)
        column = left[layers, :, pick] / np.sqrt(explains)[:, None]
        left -= column[:, :, None] * column[:, None, :]
        left[layers, pick] = left[layers, :, pick] = 0
        left[layers, pick, pick] = -np.inf
        order[:, at] = pick
    return order


def _refit(
    gram: np.ndarray, mean: np.ndarray, onward: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (b, kept, outputs) and biases (b, outputs) that come nearest to the former sums."""
    among = np.take_along_axis(gram, kept[:, :, None], axis=1)
    inner = np.take_along_axis(among, kept[:, None, :], axis=2)
    diagonal = np.einsum("bii->bi", inner)
    diagonal += _RIDGE * diagonal.mean(axis=1, keepdims=True) + _TINY
    fitted = np.linalg.solve(inner, among @ onward)
    kept_mean = np.take_along_axis(mean, kept, axis=1)
    shift = np.einsum("bm,bmo->bo", mean, onward) - np.einsum("bm,bmo->bo", kept_mean, fitted)
    return fitted.astype(onward.dtype), shift.astype(onward.dtype)


def _waves(weights: Weights, X: np.ndarray) -> np.ndarray:
    """The waves (embedded columns, n, waves) of prepared rows."""
    return waves(X, weights["embedded"], weights["frequency"][:, None], weights["phase"][:, None])


def _hidden(weights: Weights, h: np.ndarray, layer: int) -> np.ndarray:
    """The activations (n, units) of a layer."""
    units = h @ weights[f"weight_{layer}"]
    units += weights[f"bias_{layer}"]
    activate(units)
    return units
