"""What a model is probably worth on new rows whose truth is not known."""

from __future__ import annotations

import numpy as np

from noria.core.drift import Estimate
from noria.core.result import Score
from noria.data.drift.reference import Reference, Rows, Window
from noria.methods.estimation import MOST_CLASSES, Estimated, estimate_classification, estimate_regression
from noria.methods.metrics import CLASSIFICATION, REGRESSION, ArrayMetric

__all__ = ["estimates"]

_FEWEST = 100  # rows with a truth
_CLASSES = ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "balanced_accuracy", "precision",
            "recall", "f1")  # fmt: skip
_VALUES = ("rmse", "mae", "r2", "median_absolute_error")


def estimates(
    reference: Reference, window: Window, ratio: np.ndarray | None = None, seed: int = 0
) -> tuple[list[Estimate], list[str]]:
    """Estimated metrics, by CBPE of classes and by DLE of numbers, and why there are none.

    Parameters
    ----------
    ratio : (n,) array, optional
        How many times as frequent rows like each sampled one of the reference are in the window.
    """
    if len(reference.classes) > MOST_CLASSES:
        why = f"the model knows {len(reference.classes):,} classes, more than {MOST_CLASSES}"
        return [], [f"No metric is estimated: {why}."]
    known, new = reference.read(reference.sampled), reference.read(window.sampled)
    told, answered = np.isfinite(known.truth) & np.isfinite(known.answer), np.isfinite(new.answer)
    if reference.classes:
        told &= known.truth < len(reference.classes)
        answered &= np.isfinite(new.probabilities).all(axis=1)
    here, there = (Rows(*(part[mask] for part in rows)) for rows, mask in ((known, told), (new, answered)))
    if min(told.sum(), answered.sum()) < _FEWEST:
        why = f"{told.sum():,} known answers with a truth, and {answered.sum():,} new ones"
        return [], [f"No metric is estimated: there are {why}; at least {_FEWEST} of both are needed."]
    if reference.classes:
        return _of_classes(here, there, None if ratio is None else ratio[told], seed), []
    if here.answer.size and reference.outputs["prediction"].kind == "number":
        return _of_values(reference, here, there, seed), []
    return [], ["No metric is estimated: the model gives no probabilities."]


def _of_classes(here: Rows, there: Rows, ratio: np.ndarray | None, seed: int) -> list[Estimate]:
    metrics = [CLASSIFICATION[name] for name in _CLASSES]
    y, decided, labels = (codes.astype(np.intp) for codes in (here.truth, here.answer, there.answer))
    p = here.probabilities
    found = estimate_classification(
        p, y, there.probabilities, metrics, labels=labels, weight=ratio, seed=seed
    )
    known = {
        metric.name: metric.function(y, p, labels=decided)
        if metric.needs == "labels"
        else metric.function(y, p)
        for metric in metrics
    }
    return [_estimate(metric, found[metric.name], known[metric.name]) for metric in metrics]


def _of_values(reference: Reference, here: Rows, there: Rows, seed: int) -> list[Estimate]:
    metrics = [REGRESSION[name] for name in _VALUES]
    classes = [
        at for at, sketch in enumerate(reference.features.values()) if sketch.kind in ("category", "hashed")
    ]
    found = estimate_regression(
        here.features, here.answer, here.truth, there.features, there.answer, metrics,
        categorical=classes, seed=seed,
    )  # fmt: skip
    known = {metric.name: metric.function(here.truth, here.answer) for metric in metrics}
    return [_estimate(metric, found[metric.name], known[metric.name]) for metric in metrics]


def _estimate(metric: ArrayMetric, found: Estimated, known: float) -> Estimate:
    nearest = found.high if metric.greater_is_better else found.low
    return Estimate(Score(metric.name, *found), float(known), bool(metric.better(known, nearest)))
