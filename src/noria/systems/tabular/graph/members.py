"""Fitted learners in ONNX: encoded rows (n, d) in float64 to outputs (n, k) in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from noria.errors import ParamError
from noria.methods.resample import FocalLoss
from noria.methods.trees import CATEGORICAL, DEFAULT_LEFT, NAN_MISSING, TreePredictor, Trees, arrays
from noria.systems.tabular import predictors
from noria.systems.tabular.graph.values import Value
from noria.systems.tabular.predictors import Predictor
from noria.systems.tabular.recode import Recode

__all__ = ["outputs", "recoded", "softmax"]

_LEQ, _MEMBER = 0, 6
_LARGEST = 700.0


def outputs(predictor: Predictor, X: Value) -> Value:
    """What a member predicts.

    Raises
    ------
    ParamError
        If it has no form in ONNX.
    """
    if predictor.kind not in _WRITERS:
        raise ParamError(
            "The model cannot be written as ONNX: one of its members cannot be expressed there.",
            got=f"a member of the kind {predictor.kind!r}",
            do="Use --to docker or --to mlflow, or train with --learners that ONNX can express: lightgbm, "
            "random_forest, ridge, logistic, network and others.",
        )
    return _WRITERS[predictor.kind](predictor, X)


def recoded(recode: Recode, X: Value, columns: int) -> Value:
    """The matrix with target means in place of category codes."""
    unseen = float(recode.tables.shape[1] - 1)
    others = np.setdiff1d(np.arange(columns), recode.columns)
    parts = [X.take(others)] if len(others) else []
    for column, table in zip(recode.columns, recode.tables):
        codes = X.take([column])
        place = (codes < unseen).where(codes, unseen).cast(np.int64)
        parts.append(X.graph.node("Gather", table.astype(np.float64), place))
    first, *rest = parts
    return first.beside(*rest).take(np.argsort(np.concatenate([others, recode.columns])))


def softmax(raw: Value) -> Value:
    """Scores to probabilities that sum to one over the columns."""
    return raw.apply("Softmax", axis=1)


def _constant(member: predictors.Constant, X: Value) -> Value:
    zero = X.take([0]).apply("IsNaN").cast(np.float64) * 0.0
    return zero + _wide(member.outputs)


def _linear(member: predictors.Linear, X: Value) -> Value:
    return _LINKS[member.link](X @ _wide(member.weights) + _wide(member.bias))


def _sigmoid(raw: Value) -> Value:
    return 1.0 / ((raw * -1.0).apply("Min", _LARGEST).apply("Exp") + 1.0)


def _focal(raw: Value) -> Value:
    """`FocalLoss.probability`, where log(1 + exp(raw)) is minus the log of the other class's sigmoid."""
    raw = raw.clip(-500.0, 500.0)
    p, q = _sigmoid(raw), _sigmoid(raw * -1.0)
    gamma = FocalLoss().gamma
    up, down = q - p * p.apply("Log") * gamma, p - q * q.apply("Log") * gamma
    return _sigmoid(raw * gamma + (down / up).apply("Log"))


_LINKS: Mapping[str, Callable[[Value], Value]] = {
    "identity": lambda raw: raw,
    "softmax": softmax,
    "expm1": lambda raw: raw.clip(-20.0, 40.0).apply("Exp") - 1.0,
    "exp": lambda raw: raw.apply("Min", _LARGEST).apply("Exp"),
    "sigmoid": _sigmoid,
    "focal": _focal,
}


def _bayes(member: predictors.NaiveBayes, X: Value) -> Value:
    evidence: Any = member.off.sum(axis=1) + 0.5 * np.log(member.precision).sum(axis=1)
    half = 0.5 * member.precision
    evidence = _wide(evidence - (half * member.mean**2).sum(axis=1))
    numbers, flags = np.flatnonzero(~member.discrete), np.flatnonzero(member.discrete)
    if len(numbers):
        x = X.take(numbers)
        evidence = x @ _wide(2 * (half * member.mean).T) - x * x @ _wide(half.T) + evidence
    if len(flags):
        evidence = X.take(flags) @ _wide((member.on - member.off).T) + evidence
    return softmax(evidence / member.temper + _wide(member.prior))


def _kernel(member: predictors.Kernel, X: Value) -> Value:
    points = _wide(member.vectors)
    squared = ((X * X).sum() + (points**2).sum(axis=1)) - X @ (2 * points.T)
    near = (squared * -member.gamma).apply("Min", 0.0).apply("Exp")
    raw = near @ _wide(member.dual) + _wide(member.bias)
    return _LINKS[member.link](raw * _wide(member.slope) + _wide(member.shift))


def _network(member: predictors.Network, X: Value) -> Value:
    weights = {
        name: array if array.dtype.kind == "i" else _wide(array) for name, array in member.mlp.weights.items()
    }
    z = (X - weights["center"]) * weights["factor"]
    z = z / (z * z / 9.0 + 1.0).apply("Sqrt")
    embedded = weights["embedded"]
    parts = [z]
    for at, column in enumerate(embedded):
        waves = (z.take([column]) * weights["frequency"][at] + weights["phase"][at]).apply("Cos")
        parts.append(waves @ weights["mix"][at])
    h = parts[0].beside(*parts[1:])
    depth = sum(name.startswith("weight_") for name in weights)
    for layer in range(depth):
        if layer:
            e = h.apply("Min", 20.0).apply("Exp")
            grown = e * (e + 2.0)
            h = h * (grown / (grown + 2.0))
        h = h @ weights[f"weight_{layer}"] + weights[f"bias_{layer}"]
    if member.mlp.link == "identity":
        return h * weights["spread"] + weights["location"]
    return softmax(h)


def _trees(member: TreePredictor, X: Value) -> Value:
    trees, turns, scale = arrays(member)
    raw = X.apply("TreeEnsemble", domain="ai.onnx.ml", **_ensemble(trees, turns, X.graph.tensor))
    values = _LINKS[member.link](raw * scale)
    if member.outputs > 1:
        values = values.clip(0.0, 1.0)
    return (1.0 - values).beside(values) if member.outputs == 2 and turns == 1 else values


def _ensemble(trees: Trees, turns: int, tensor: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """The attributes of the operator TreeEnsemble; a tree of one leaf gets a node that leads nowhere else."""
    inner = trees.leaves - 1
    alone = inner == 0
    size = np.maximum(inner, 1)
    node, leaf = np.cumsum(size) - size, np.cumsum(trees.leaves) - trees.leaves
    tree = np.repeat(np.arange(len(inner)), inner)
    real = np.flatnonzero(np.repeat(~alone, size))
    total = int(size.sum())

    def laid(values: np.ndarray, kind: type, lone: Any = 0) -> np.ndarray:
        out: np.ndarray = np.full(total, lone, dtype=kind)
        out[real] = values
        return out

    category = (trees.decision & CATEGORICAL) != 0
    missing = np.where(
        trees.decision & NAN_MISSING, (trees.decision & DEFAULT_LEFT) != 0, trees.threshold >= 0
    )
    lone = np.repeat(leaf, size)

    def side(child: np.ndarray) -> tuple[list[int], list[int]]:
        ids = np.where(child < 0, leaf[tree] + ~child, node[tree] + child)
        out = lone.copy()
        out[real] = ids
        return out.tolist(), laid(child < 0, np.int64, 1).tolist()

    left, left_leaf = side(trees.left)
    right, right_leaf = side(trees.right)
    attributes = {
        "n_targets": turns,
        "tree_roots": node.tolist(),
        "nodes_featureids": laid(trees.feature, np.int64).tolist(),
        "nodes_splits": tensor(laid(np.where(category, 0.0, trees.threshold), np.float64)),
        "nodes_modes": tensor(laid(np.where(category, _MEMBER, _LEQ), np.uint8)),
        "nodes_missing_value_tracks_true": laid(missing & ~category, np.int64).tolist(),
        "nodes_truenodeids": left,
        "nodes_trueleafs": left_leaf,
        "nodes_falsenodeids": right,
        "nodes_falseleafs": right_leaf,
        "leaf_targetids": np.repeat(np.arange(len(inner)) % turns, trees.leaves).tolist(),
        "leaf_weights": tensor(trees.value.astype(np.float64)),
    }
    if category.any():
        attributes["membership_values"] = tensor(_sets(trees, category, tree))
    return attributes


def _sets(trees: Trees, category: np.ndarray, tree: np.ndarray) -> np.ndarray:
    """The categories that go left, node by node with NaN between them."""
    bits = np.unpackbits(trees.bits.astype("<u4").view(np.uint8), bitorder="little")
    ends = 32 * np.cumsum(trees.words)
    starts = ends - 32 * trees.words
    first = (np.cumsum(trees.cats) - trees.cats)[tree]
    parts: list[np.ndarray] = []
    for at in np.flatnonzero(category):
        number = first[at] + int(trees.threshold[at])
        parts += [np.flatnonzero(bits[starts[number] : ends[number]]).astype(np.float64), np.array([np.nan])]
    return np.concatenate(parts)


def _wide(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, dtype=np.float64)


_WRITERS: Mapping[str, Callable[..., Value]] = {
    "trees": _trees,
    "constant": _constant,
    "linear": _linear,
    "bayes": _bayes,
    "kernel": _kernel,
    "network": _network,
}
