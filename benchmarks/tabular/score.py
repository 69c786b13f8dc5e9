"""One scorer for all tools: log-loss or RMSE per row, and paired bootstrap intervals of differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["METRICS", "Losses", "losses", "mean_metric", "paired", "read_losses", "write_losses"]

METRICS = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}
_RESAMPLES = 1000
_CHUNK = 50
_DROPPED = 13  # of the 23 bits behind a float32's point

# Per seed: which rows of the set were tested, and each one's loss (log-loss, or squared error).
Losses = dict[int, tuple["NDArray[np.int64]", "NDArray[np.float64]"]]


def losses(
    truth: NDArray[Any], predicted: NDArray[np.float64], classes: NDArray[Any], task: str
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Loss of each test row, and the scores that follow from them.

    Parameters
    ----------
    truth : array (n,)
        Labels as text, or values.
    predicted : array (n,) or (n, classes)
    classes : array (classes,)
        Names of the columns of `predicted`.
    task : str
        binary, multiclass or regression.

    Returns
    -------
    array (n,), dict
        Squared errors and rmse, mae, r2; or log-losses and log_loss, auc, accuracy.

    Raises
    ------
    ValueError
        If a prediction is missing, or a class of the test rows has no column.
    """
    if len(predicted) != len(truth) or not np.isfinite(predicted).all():
        raise ValueError(f"{len(predicted)} predictions for {len(truth)} rows, or some of them not finite")
    if task == "regression":
        values = truth.astype(float)
        squares = (values - predicted) ** 2
        return squares, {
            "rmse": float(np.sqrt(squares.mean())),
            "mae": float(np.abs(values - predicted).mean()),
            "r2": float(1 - squares.sum() / ((values - values.mean()) ** 2).sum()),
        }
    return _class_losses(truth.astype(str), predicted, classes.astype(str))


def _class_losses(
    truth: NDArray[Any], predicted: NDArray[np.float64], classes: NDArray[Any]
) -> tuple[NDArray[np.float64], dict[str, float]]:
    from sklearn.metrics import roc_auc_score

    missing = set(truth) - set(classes)
    if missing:
        raise ValueError(f"no column for the classes {sorted(missing)}; the columns are {classes.tolist()}")
    order = np.argsort(classes)
    classes, shares = classes[order], predicted[:, order]
    shares = shares / shares.sum(axis=1, keepdims=True)
    codes = np.searchsorted(classes, truth)
    true_share = np.clip(shares[np.arange(len(codes)), codes], np.finfo(float).eps, 1.0)
    per_row = -np.log(true_share)
    if len(classes) == 2:
        auc = roc_auc_score(codes, shares[:, 1])
    else:
        auc = roc_auc_score(codes, shares, multi_class="ovr", labels=np.arange(len(classes)))
    accuracy = float((shares.argmax(axis=1) == codes).mean())
    return per_row, {"log_loss": float(per_row.mean()), "auc": float(auc), "accuracy": accuracy}


def write_losses(path: Path, rows: Sequence[int], per_row: NDArray[np.float64]) -> None:
    """Rows of the set and their losses, rounded to three digits, which compresses to a few bytes a row."""
    bits = per_row.astype(np.float32).view(np.uint32)
    coarse = (bits + (1 << _DROPPED - 1)) >> _DROPPED << _DROPPED
    small = np.min_scalar_type(max(rows))
    np.savez_compressed(path, rows=np.asarray(rows, small), losses=coarse.view(np.float32))


def read_losses(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows and losses of one fit, as `run` saved them."""
    with np.load(path) as saved:
        return saved["rows"].astype(np.int64), saved["losses"].astype(float)


def mean_metric(found: Losses, task: str) -> float:
    """The metric (log-loss or RMSE), mean over seeds."""
    return float(np.mean([_finish(np.asarray(values.mean()), task) for _, values in found.values()]))


def paired(ours: Losses, theirs: Losses, task: str) -> tuple[float, float, float]:
    """Difference of the metric, mean over common seeds, with its 95% interval; below zero `ours` is better.

    The rows of the *set* are resampled (Poisson bootstrap), not those of one split: a row that several seeds
    test moves in all of them at once, and both tools see the same rows. What another seed of the tools
    themselves would change is not in the interval.

    Returns
    -------
    tuple of float
        Difference, lower end, upper end.
    """
    seeds = sorted(set(ours) & set(theirs))
    for seed in seeds:
        if not np.array_equal(ours[seed][0], theirs[seed][0]):
            raise ValueError(f"the two tools were tested on different rows at seed {seed}")
    size = 1 + max(int(ours[seed][0].max()) for seed in seeds)
    random = np.random.default_rng(0)
    draws = []
    for _ in range(_RESAMPLES // _CHUNK):
        weights = random.poisson(1.0, (_CHUNK, size)).astype(np.float32)
        draws.append(np.mean([_difference(ours[s], theirs[s], weights, task) for s in seeds], axis=0))
    low, high = np.nanpercentile(np.concatenate(draws), [2.5, 97.5])
    both = [{seed: found[seed] for seed in seeds} for found in (ours, theirs)]
    return mean_metric(both[0], task) - mean_metric(both[1], task), float(low), float(high)


def _difference(ours: Any, theirs: Any, weights: NDArray[np.float32], task: str) -> NDArray[np.float64]:
    """Metric of ours less that of theirs, once per resample."""
    chosen = weights[:, ours[0]].astype(float)
    total = np.maximum(chosen.sum(axis=1), 1.0)
    return _finish(chosen @ ours[1] / total, task) - _finish(chosen @ theirs[1] / total, task)


def _finish(mean_loss: NDArray[np.float64], task: str) -> NDArray[np.float64]:
    return np.sqrt(mean_loss) if METRICS[task] == "rmse" else mean_loss
