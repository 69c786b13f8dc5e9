"""Fitted trees of other libraries as the arrays of `Trees`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.errors import ParamError
from noria.methods.trees._text import CATEGORICAL, DEFAULT_LEFT, NAN_MISSING, Trees

__all__ = ["Nodes", "compile_nodes", "forest_nodes", "hist_nodes", "xgboost_nodes"]

_WORD = 32
_MOST = 1 << 30  # of rows in a tree; LightGBM counts in 32 bits


@dataclass(frozen=True)
class Nodes:
    """T trees with N nodes in all, leaves and inner ones mixed, numbered through.

    Attributes
    ----------
    roots : array of int, shape (T,)
    left, right : arrays of int, shape (N,)
        -1 in a leaf.
    feature, threshold, missing_left : arrays, shape (N,)
    count : array, shape (N,)
        The weight of the training rows that reached the node.
    value : array, shape (N,) or (N, K)
    sets : dict of int to sequence of int
        For a categorical node, the categories that go left; a missing or unknown one goes right.
    """

    roots: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    count: np.ndarray
    value: np.ndarray
    sets: dict[int, Sequence[int]]


def compile_nodes(nodes: Nodes) -> Trees:
    """Number inner nodes and leaves apart, having pruned splits between equal leaves."""
    split, levels = _prune(nodes)
    used = np.zeros(len(split), bool)
    tree = np.zeros(len(split), np.int64)
    used[nodes.roots], tree[nodes.roots] = True, np.arange(len(nodes.roots))
    for level in levels:
        parents = level[split[level] & used[level]]
        for children in (nodes.left[parents], nodes.right[parents]):
            used[children], tree[children] = True, tree[parents]
    inner = np.flatnonzero(split & used)
    leaf = np.flatnonzero(~split & used)
    trees = len(nodes.roots)
    inners, leaves = (np.bincount(tree[part], minlength=trees) for part in (inner, leaf))
    number = np.zeros(len(split), np.int64)
    number[inner] = np.arange(len(inner)) - np.repeat(np.cumsum(inners) - inners, inners)
    number[leaf] = ~(np.arange(len(leaf)) - np.repeat(np.cumsum(leaves) - leaves, leaves))
    count = _whole(nodes, leaf, tree)
    for level in reversed(levels):
        parents = level[split[level]]
        count[parents] = count[nodes.left[parents]] + count[nodes.right[parents]]
    threshold = nodes.threshold[inner].astype(np.float64)
    decision = NAN_MISSING + DEFAULT_LEFT * nodes.missing_left[inner].astype(np.int64)
    cats, words, bits = _bit_sets(nodes, inner, tree, trees, threshold, decision)
    return Trees(
        leaves=leaves,
        feature=nodes.feature[inner],
        threshold=threshold,
        decision=decision,
        left=number[nodes.left[inner]],
        right=number[nodes.right[inner]],
        count=count[inner],
        value=nodes.value[leaf],
        leaf_count=count[leaf],
        cats=cats,
        words=words,
        bits=bits,
    )


def _whole(nodes: Nodes, leaf: np.ndarray, tree: np.ndarray) -> np.ndarray:
    """The weights of leaves as whole numbers, which is all that the text holds; 0 elsewhere.

    Weights that are none are scaled, tree by tree: only their ratios matter.
    """
    weight = nodes.count[leaf].astype(np.float64)
    if (weight != np.rint(weight)).any():
        weight *= (_MOST / nodes.count[nodes.roots])[tree[leaf]]
    count = np.zeros(len(nodes.left), np.int64)
    count[leaf] = np.maximum(np.rint(weight), 1)
    return count


def forest_nodes(forest: Any) -> tuple[Nodes, int]:
    """The trees of a scikit-learn tree or forest, and the number of outputs.

    A leaf holds the share of each class, of the last one only if there are two; or the mean.
    """
    if getattr(forest, "n_outputs_", 1) != 1:
        raise ParamError("A forest has one target.", got=f"{forest.n_outputs_} targets")
    estimators = getattr(forest, "estimators_", [forest])
    states = [estimator.tree_.__getstate__() for estimator in estimators]
    sizes = np.array([len(state["nodes"]) for state in states])
    roots = np.cumsum(sizes) - sizes
    table = np.concatenate([state["nodes"] for state in states])
    values = np.concatenate([state["values"][:, 0, :] for state in states])
    shift = np.repeat(roots, sizes)
    inner = table["left_child"] >= 0
    classes = values.shape[1] if hasattr(forest, "classes_") else 0
    if classes:
        values = values / values.sum(axis=1, keepdims=True)
    nodes = Nodes(
        roots=roots,
        left=np.where(inner, table["left_child"] + shift, -1),
        right=np.where(inner, table["right_child"] + shift, -1),
        feature=table["feature"],
        threshold=table["threshold"],
        missing_left=table["missing_go_to_left"],
        count=table["weighted_n_node_samples"],
        value=np.ascontiguousarray(values if classes > 2 else values[:, -1]),
        sets={},
    )
    return nodes, max(classes, 1)


def hist_nodes(model: Any) -> list[Nodes]:
    """The trees of a scikit-learn histogram boosting, for each raw output, baseline included."""
    outputs = model.n_trees_per_iteration_
    order, categories = _hist_columns(model)
    result = []
    for k in range(outputs):
        predictors = [group[k] for group in model._predictors]
        sizes = np.array([len(predictor.nodes) for predictor in predictors])
        roots = np.cumsum(sizes) - sizes
        table = np.concatenate([predictor.nodes for predictor in predictors])
        inner = table["is_leaf"] == 0
        shift = np.repeat(roots, sizes)
        left = np.where(inner, table["left"].astype(np.int64) + shift, -1)
        right = np.where(inner, table["right"].astype(np.int64) + shift, -1)
        value = table["value"].copy()
        value[: sizes[0]] += float(model._baseline_prediction[0, k])
        feature, missing_left, sets = (
            order[table["feature_idx"]],
            table["missing_go_to_left"].astype(bool),
            {},
        )
        of_tree = np.repeat(np.arange(len(sizes)), sizes)
        for node in np.flatnonzero(inner & (table["is_categorical"] == 1)):
            words = predictors[of_tree[node]].raw_left_cat_bitsets[table["bitset_idx"][node]]
            goes_left = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little").astype(bool)
            codes = categories[feature[node]]
            goes_left = goes_left[: len(codes)]
            if missing_left[node]:
                left[node], right[node], goes_left = right[node], left[node], ~goes_left
            sets[int(node)] = codes[goes_left]
        result.append(
            Nodes(
                roots, left, right, feature, table["num_threshold"], missing_left, table["count"], value, sets
            )
        )
    return result


def xgboost_nodes(booster: Any, bases: Sequence[float], levels: int) -> list[Nodes]:
    """The trees of an XGBoost booster up to its last round, for each raw output, with its base added.

    Parameters
    ----------
    booster : xgboost.Booster
    bases : sequence of float
        The raw score of each output before the first tree.
    levels : int
        Category codes are below it.
    """
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    trees: list[list[dict[str, Any]]] = [[] for _ in bases]
    for output, tree in zip(model["tree_info"], model["trees"], strict=True):
        trees[output].append(tree)
    return [_xgboost_output(group, base, levels) for group, base in zip(trees, bases, strict=True)]


def _xgboost_output(trees: Sequence[Mapping[str, Any]], base: float, levels: int) -> Nodes:
    sizes = np.array([len(tree["left_children"]) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    shift = np.repeat(roots, sizes)

    def column(name: str, kind: type) -> np.ndarray:
        return np.concatenate([np.asarray(tree[name], dtype=kind) for tree in trees])

    left, right = column("left_children", np.int64), column("right_children", np.int64)
    inner = left >= 0
    left, right = np.where(inner, left + shift, -1), np.where(inner, right + shift, -1)
    condition = column("split_conditions", np.float32)
    value = condition.astype(np.float64)
    value[: sizes[0]] += base
    missing_left = column("default_left", bool)
    sets: dict[int, Sequence[int]] = {}
    for root, tree in zip(roots, trees):
        codes = np.asarray(tree["categories"], dtype=np.int64)
        places = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"])
        for place, start, count in places:
            node, goes_right = int(root + place), codes[start : start + count]
            if missing_left[node]:
                left[node], right[node], sets[node] = right[node], left[node], goes_right.tolist()
            else:
                sets[node] = np.setdiff1d(np.arange(levels), goes_right).tolist()
    # XGBoost goes left below the threshold, LightGBM up to it.
    threshold = np.nextafter(condition, np.float32(-np.inf))
    feature, hessian = column("split_indices", np.int64), column("sum_hessian", np.float64)
    return Nodes(roots, left, right, feature, threshold, missing_left, hessian, value, sets)


def _hist_columns(model: Any) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """The original number of each internal column; the codes behind the ordinals of each category."""
    chosen = model.is_categorical_
    if chosen is None:
        return np.arange(model.n_features_in_), {}
    places = np.flatnonzero(chosen)
    known = model._preprocessor.named_transformers_["encoder"].categories_
    categories = {}
    for place, levels in zip(places.tolist(), known, strict=True):
        codes = np.asarray(levels, dtype=np.float64)
        codes = codes[~np.isnan(codes)]
        if np.any(codes < 0) or np.any(codes != np.floor(codes)):
            raise ParamError(f"The categories of column {place} are not codes from 0 up.", got=codes[:5])
        categories[place] = codes.astype(np.int64)
    return np.concatenate([places, np.flatnonzero(~chosen)]), categories


def _prune(nodes: Nodes) -> tuple[np.ndarray, list[np.ndarray]]:
    """Which nodes still split once equal leaves are one (their `value` is set), and inner nodes by depth."""
    levels, level = [], nodes.roots[nodes.left[nodes.roots] >= 0]
    while len(level):
        levels.append(level)
        children = np.concatenate([nodes.left[level], nodes.right[level]])
        level = children[nodes.left[children] >= 0]
    split = nodes.left >= 0
    for level in reversed(levels):
        left, right = nodes.left[level], nodes.right[level]
        same = nodes.value[left] == nodes.value[right]
        equal = ~split[left] & ~split[right] & same.reshape(len(level), -1).all(axis=1)
        split[level[equal]] = False
        nodes.value[level[equal]] = nodes.value[left[equal]]
    return split, levels


def _bit_sets(
    nodes: Nodes, inner: np.ndarray, tree: np.ndarray, trees: int, threshold: np.ndarray, decision: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Categorical nodes per tree, words per node, words; their threshold and decision are set in place."""
    cats = np.zeros(trees, np.int64)
    words: list[np.ndarray] = []
    for place, node in enumerate(inner.tolist()) if nodes.sets else ():
        if node not in nodes.sets:
            continue
        codes = np.asarray(nodes.sets[node], dtype=np.int64)
        mask = np.zeros(codes.max(initial=0) // _WORD + 1, np.uint32)
        np.bitwise_or.at(mask, codes // _WORD, np.uint32(1) << (codes % _WORD).astype(np.uint32))
        threshold[place], decision[place] = cats[tree[node]], CATEGORICAL + NAN_MISSING
        cats[tree[node]] += 1
        words.append(mask)
    sizes = np.array([len(mask) for mask in words], dtype=np.int64)
    return cats, sizes, np.concatenate(words) if words else np.zeros(0, np.uint32)
