"""Many decision trees as arrays, and as the text of a LightGBM model.

The text is as short as it can be without changing a prediction: what only training needs is left out, a
threshold is the shortest decimal that divides the float32 numbers in the same way, and a leaf keeps nine
digits. Trees with several values per leaf add a line ``leaf_vector`` of our own, which LightGBM skips; it
sees the first of the values.

Reference: `LightGBM <https://github.com/microsoft/LightGBM>`_, ``src/io/tree.cpp`` and
``src/boosting/gbdt_model_text.cpp``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from noria.errors import ParamError

__all__ = [
    "CATEGORICAL",
    "DEFAULT_LEFT",
    "NAN_MISSING",
    "ZERO_MISSING",
    "Header",
    "Trees",
    "blocks",
    "join",
    "most_leaves",
    "read",
    "read_header",
    "rescale",
    "split",
    "unstack",
    "vectors",
]

CATEGORICAL = 1
DEFAULT_LEFT = 2
ZERO_MISSING = 4
NAN_MISSING = 8

_LEAF_DIGITS = 9
_SPLIT_KEYS = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "internal_count")
_LEAF_KEYS = ("leaf_value", "leaf_count")


@dataclass(frozen=True)
class Trees:
    """T trees with I inner nodes and L leaves in all, one after the other, numbered from 0 within each tree.

    Attributes
    ----------
    leaves : array of int, shape (T,)
        Leaves per tree; a tree has one inner node fewer, and node 0 is its root.
    feature, threshold, decision : arrays, shape (I,)
        ``x[feature] <= threshold`` goes left; `decision` adds the flags CATEGORICAL, DEFAULT_LEFT and
        NAN_MISSING. For a categorical node, `threshold` is its number among those of its tree.
    left, right : arrays of int, shape (I,)
        An inner node, or ``~leaf``.
    count : array of int, shape (I,)
        Training rows that reached the node.
    value : array, shape (L,) or (L, K)
    leaf_count : array of int, shape (L,)
    cats : array of int, shape (T,)
        Categorical nodes per tree.
    words : array of int, shape (sum of cats,)
        32-bit words in the bit set of each categorical node.
    bits : array of uint32, shape (sum of words,)
        The categories that go left.
    """

    leaves: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    decision: np.ndarray
    left: np.ndarray
    right: np.ndarray
    count: np.ndarray
    value: np.ndarray
    leaf_count: np.ndarray
    cats: np.ndarray
    words: np.ndarray
    bits: np.ndarray


@dataclass(frozen=True)
class Header:
    """What the head of a model text says.

    Attributes
    ----------
    features : int
    per_iteration : int
        Trees per round of boosting, one for each raw output.
    trees : int
    vector : int
        Values per leaf.
    average : bool
        Whether the trees are averaged rather than summed.
    sigmoid : float
        The slope of the objective's logistic function.
    """

    features: int
    per_iteration: int
    trees: int
    vector: int = 1
    average: bool = False
    sigmoid: float = 1.0


def blocks(trees: Trees) -> list[str]:
    """One block of model text per tree, without its number."""
    numeric = (trees.decision & CATEGORICAL) == 0
    thresholds = trees.threshold.astype(np.float64)
    thresholds[numeric] = _short_thresholds(thresholds[numeric])
    splits = (trees.feature, thresholds, trees.decision, trees.left, trees.right, trees.count)
    values = trees.value.reshape(len(trees.value), -1)
    width = values.shape[1]
    short = _short_leaves(values.ravel(), trees.leaves * width)
    per_leaf = (short[::width], trees.leaf_count)
    columns = {
        key: _joined(column, trees.leaves - 1) for key, column in zip(_SPLIT_KEYS, splits, strict=True)
    }
    columns |= {key: _joined(column, trees.leaves) for key, column in zip(_LEAF_KEYS, per_leaf, strict=True)}
    if width > 1:
        columns["leaf_vector"] = _joined(short, trees.leaves * width)
    sets = _bit_sets(trees)
    return [
        f"num_leaves={leaves}\nnum_cat={cats}\n"
        + "".join(f"{key}={column[i]}\n" for key, column in columns.items())
        + f"{sets[i]}is_linear=0\nshrinkage=1\n\n\n"
        for i, (leaves, cats) in enumerate(zip(trees.leaves.tolist(), trees.cats.tolist(), strict=True))
    ]


def join(parts: list[str], *, features: int, per_iteration: int = 1, vector: int = 1) -> str:
    """A whole model text of blocks."""
    numbered = [f"Tree={i}\n{part}" for i, part in enumerate(parts)]
    head = [
        "tree",
        "version=v4",
        f"num_class={per_iteration}",
        f"num_tree_per_iteration={per_iteration}",
        f"leaf_vector_length={vector}",
        "label_index=0",
        f"max_feature_idx={features - 1}",
        "feature_names=" + " ".join(f"f{i}" for i in range(features)),
        "feature_infos=" + " ".join(["none"] * features),
        "tree_sizes=" + " ".join(str(len(text)) for text in numbered),
    ]
    return "\n".join(head) + "\n\n" + "".join(numbered) + "end of trees\n"


def read_header(text: str) -> Header:
    """The head of a model text."""
    head = text[: text.index("\n\n")]
    fields = dict(line.partition("=")[::2] for line in head.splitlines())
    slope = re.search(r"sigmoid:(\S+)", fields.get("objective", ""))
    return Header(
        features=int(fields["max_feature_idx"]) + 1,
        per_iteration=int(fields["num_tree_per_iteration"]),
        trees=len(fields["tree_sizes"].split()),
        vector=int(fields.get("leaf_vector_length", 1)),
        average="average_output" in fields,
        sigmoid=float(slope[1]) if slope else 1.0,
    )


def most_leaves(text: str) -> int:
    """The number of leaves of the largest tree."""
    return max(map(int, _lines(text, "num_leaves")))


def split(text: str) -> list[str]:
    """The inverse of `join`."""
    body = text[text.index("\n\n") + 2 : text.rindex("end of trees")]
    return [part.partition("\n")[2] for part in body.split("Tree=")[1:]]


def read(text: str) -> Trees:
    """The trees of a model text, by whomever it was written.

    Raises
    ------
    ParamError
        If its leaves hold linear models.
    """
    body = text[: text.rindex("end of trees")]
    if "\nis_linear=1" in body:
        raise ParamError(
            "Trees with linear models in their leaves are not supported.", do="Set linear_tree=false."
        )
    words = [np.diff(_numbers(line).astype(np.int64)) for line in _lines(body, "cat_boundaries")]
    feature, threshold, decision, left, right, count = (_column(body, key) for key in _SPLIT_KEYS)
    value, leaf_count = (_column(body, key) for key in _LEAF_KEYS)
    return Trees(
        leaves=_column(body, "num_leaves").astype(np.int64),
        feature=feature.astype(np.int64),
        threshold=threshold,
        decision=decision.astype(np.int64),
        left=left.astype(np.int64),
        right=right.astype(np.int64),
        count=count.astype(np.int64),
        value=value,
        leaf_count=leaf_count.astype(np.int64),
        cats=_column(body, "num_cat").astype(np.int64),
        words=np.concatenate(words) if words else np.zeros(0, np.int64),
        bits=_column(body, "cat_threshold").astype(np.uint32),
    )


def rescale(block: str, factor: float) -> str:
    """A tree's block with all leaves multiplied by a factor."""
    for key in ("leaf_value", "leaf_vector"):
        head, found, rest = block.partition(f"\n{key}=")
        if found:
            line, _, tail = rest.partition("\n")
            values = _numbers(line) * factor
            size = np.array([len(values)])
            block = f"{head}{found}{_joined(_short_leaves(values, size), size)[0]}\n{tail}"
    return block


def vectors(text: str) -> tuple[np.ndarray, np.ndarray]:
    """The values of leaves that have several, float32 (leaves, values), and where each tree's begin."""
    leaves = _column(text, "num_leaves").astype(np.int64)
    values = np.fromstring(" ".join(_lines(text, "leaf_vector")), dtype=np.float32, sep=" ")
    return values.reshape(leaves.sum(), -1), np.cumsum(leaves) - leaves


def unstack(text: str) -> str:
    """The same trees with one value per leaf: each tree once for each of its values, in turn."""
    header = read_header(text)
    parts = []
    for part in split(text):
        line = _lines(part, "leaf_vector")[0].split()
        columns = (" ".join(line[k :: header.vector]) for k in range(header.vector))
        parts += [re.sub(r"(?m)^leaf_value=.*$", f"leaf_value={column}", part) for column in columns]
    return join(parts, features=header.features, per_iteration=header.vector)


def _lines(body: str, key: str) -> list[str]:
    """What stands after ``key=``, tree by tree."""
    return re.findall(rf"^{key}=(.*)$", body, re.MULTILINE)


def _numbers(line: str) -> np.ndarray:
    """The numbers of a line, none of an empty one."""
    return np.array(line.split(), dtype=np.float64)


def _column(body: str, key: str) -> np.ndarray:
    """The numbers after ``key=`` in all trees, one after the other."""
    return _numbers(" ".join(_lines(body, key)))


def _joined(values: np.ndarray, sizes: np.ndarray) -> list[str]:
    """Consecutive values as text with blanks between them, one text for each size."""
    import polars as pl

    tree = np.repeat(np.arange(len(sizes)), sizes)
    text = pl.col("value").cast(pl.String).str.strip_suffix(".0").str.join(" ")
    frame = pl.DataFrame({"tree": tree, "value": values}).group_by("tree", maintain_order=True).agg(text)
    lines = dict(frame.iter_rows())
    return [lines.get(i, "") for i in range(len(sizes))]


def _bit_sets(trees: Trees) -> list[str]:
    """The lines on categorical nodes, one text per tree, empty where it has none."""
    texts, first_node, first_word = [], 0, 0
    for cats in trees.cats.tolist():
        if not cats:
            texts.append("")
            continue
        ends = np.cumsum(trees.words[first_node : first_node + cats])
        bits = trees.bits[first_word : first_word + ends[-1]]
        bounds = " ".join(map(str, [0, *ends.tolist()]))
        texts.append(f"cat_boundaries={bounds}\ncat_threshold={' '.join(map(str, bits.tolist()))}\n")
        first_node, first_word = first_node + cats, first_word + int(ends[-1])
    return texts


@np.errstate(over="ignore", invalid="ignore")
def _short_thresholds(thresholds: np.ndarray) -> np.ndarray:
    """The shortest decimals that no float32 number can tell from the thresholds."""
    limit = np.finfo(np.float32).max
    below = np.clip(thresholds, -limit, limit).astype(np.float32)
    below = np.where(below > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    low, high = below.astype(np.float64), np.nextafter(below, np.float32(np.inf)).astype(np.float64)
    found = low.copy()
    todo = np.flatnonzero(low != 0)
    for digits in (4, 6, 7, 8, 9):
        scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(low[todo]))))
        candidate = np.ceil(low[todo] * scale) / scale
        fits = (candidate >= low[todo]) & (candidate < high[todo])
        found[todo[fits]] = candidate[fits]
        todo = todo[~fits]
    return found


def _short_leaves(values: np.ndarray, leaves: np.ndarray) -> np.ndarray:
    """Values rounded to nine digits of themselves or of their tree's range, whichever is finer."""
    starts = np.cumsum(leaves) - leaves
    span = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    size = np.minimum(np.abs(values), np.repeat(span, leaves))
    short = values.astype(np.float64)
    some = np.flatnonzero(size > 0)
    places = _LEAF_DIGITS - 1 - np.floor(np.log10(size[some]))
    some, places = some[places <= 22], places[places <= 22]
    short[some] = np.rint(values[some] * 10.0**places) / 10.0**places
    return short
