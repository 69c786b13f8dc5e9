"""The metrics of classification; `metrics` is their public face."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from noria.methods import _weighted as weighted
from noria.methods._weighted import Evaluator

__all__ = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "expected_calibration_error",
    "f1",
    "log_loss",
    "mcc",
    "precision",
    "prepare_accuracy",
    "prepare_average_precision",
    "prepare_balanced_accuracy",
    "prepare_brier",
    "prepare_expected_calibration_error",
    "prepare_f1",
    "prepare_log_loss",
    "prepare_mcc",
    "prepare_precision",
    "prepare_recall",
    "prepare_roc_auc",
    "recall",
    "roc_auc",
]

_EPSILON = (
    1e-15  # a probability below it counts as this much, so that one certain mistake costs 34.5, not infinity
)
_BINS = 15


def prepare_log_loss(y: np.ndarray, p: np.ndarray) -> Evaluator:
    y, p = weighted.check_classification(y, p)
    return weighted.means(-np.log(np.clip(weighted.truth_probability(y, p), _EPSILON, 1.0)))


def log_loss(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean negative logarithm of the true class's probability, which is clipped at 1e-15; in nats.

    Examples
    --------
    >>> round(log_loss(np.array([0, 1]), np.array([[0.9, 0.1], [0.5, 0.5]])), 4)
    0.3993
    """
    return weighted.once(prepare_log_loss(y, p), len(y), weight)


def prepare_brier(y: np.ndarray, p: np.ndarray) -> Evaluator:
    y, p = weighted.check_classification(y, p)
    truth = y[:, None] == np.arange(p.shape[1])
    scale = 0.5 if p.shape[1] == 2 else 1.0
    return weighted.means(scale * ((p - truth) ** 2).sum(axis=1))


def brier(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean squared error of the probabilities: of class 1 if there are two (0 to 1), else summed (0 to 2).

    Examples
    --------
    >>> round(brier(np.array([0, 1]), np.array([[0.9, 0.1], [0.5, 0.5]])), 4)
    0.13
    """
    return weighted.once(prepare_brier(y, p), len(y), weight)


def prepare_expected_calibration_error(y: np.ndarray, p: np.ndarray) -> Evaluator:
    y, p = weighted.check_classification(y, p)
    top = p.argmax(axis=1)
    confidence = p.max(axis=1, initial=0.0)
    bins = np.minimum((confidence * _BINS).astype(np.intp), _BINS - 1)
    return weighted.gaps(confidence - (top == y), bins, _BINS)


def expected_calibration_error(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean gap between the top class's probability and how often it is right, over 15 bins of equal width.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([0, 0]), np.array([[0.9, 0.1], [0.9, 0.1]])), 4)
    0.1
    """
    return weighted.once(prepare_expected_calibration_error(y, p), len(y), weight)


def _roc_area(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Area under (false, true) cumulated counts by the trapezoid rule, so that ties count one half."""
    below = np.diff(true, axis=1, prepend=0.0)
    wide = np.diff(false, axis=1, prepend=0.0)
    return (wide * (true - below / 2)).sum(axis=1) / (true[:, -1] * false[:, -1])


def prepare_roc_auc(y: np.ndarray, p: np.ndarray) -> Evaluator:
    return weighted.ranked(*weighted.check_classification(y, p), _roc_area)


def roc_auc(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve, ties counting one half; more than two classes one against the rest, averaged.

    Classes that do not occur are left out of the average; NaN if there is only one.

    Examples
    --------
    >>> y, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> roc_auc(y, np.column_stack([1 - score, score]))
    0.75
    """
    return weighted.once(prepare_roc_auc(y, p), len(y), weight)


def _average_precision(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Precision at each distinct score, weighted by the recall that it adds."""
    seen = true + false
    gained = np.diff(true, axis=1, prepend=0.0)
    return (gained * np.where(seen > 0, true / seen, 0.0)).sum(axis=1) / true[:, -1]


def prepare_average_precision(y: np.ndarray, p: np.ndarray) -> Evaluator:
    return weighted.ranked(*weighted.check_classification(y, p), _average_precision)


def average_precision(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the precision-recall curve, not interpolated; several classes averaged as for `roc_auc`.

    Examples
    --------
    >>> y, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> round(average_precision(y, np.column_stack([1 - score, score])), 4)
    0.8333
    """
    return weighted.once(prepare_average_precision(y, p), len(y), weight)


def _decided(finish: Callable[[np.ndarray, bool], np.ndarray]) -> Callable[..., Evaluator]:
    """`prepare` from a function of the confusion matrices (b, k, k) and whether there are two classes."""

    def prepare(y: np.ndarray, p: np.ndarray, labels: np.ndarray | None = None) -> Evaluator:
        y, p = weighted.check_classification(y, p)
        return weighted.confusions(y, weighted.labels_of(p, labels), p.shape[1], finish)

    return prepare


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=1, axis2=2)


def _mean_over(values: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the values in use; NaN if none is."""
    return np.where(use, values, 0.0).sum(axis=1) / use.sum(axis=1)


def _per_class(ratio: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., Evaluator]:
    """Class 1's ratio of (hits, decided, true), or the mean over classes that occur; 0 / 0 is 0."""

    def finish(confusion: np.ndarray, binary: bool) -> np.ndarray:
        hits, decided, true = _hits(confusion), confusion.sum(axis=1), confusion.sum(axis=2)
        values = np.nan_to_num(ratio(hits, decided, true), nan=0.0)
        if binary:
            return np.where(true.sum(axis=1) > 0, values[:, 1], np.nan)
        return _mean_over(values, (decided > 0) | (true > 0))

    return _decided(finish)


def _finish_balanced(confusion: np.ndarray, binary: bool) -> np.ndarray:  # noqa: ARG001 - one face for all finishes
    true = confusion.sum(axis=2)
    return _mean_over(_hits(confusion) / true, true > 0)


def _finish_mcc(confusion: np.ndarray, binary: bool) -> np.ndarray:  # noqa: ARG001 - one face for all finishes
    total, hits = confusion.sum(axis=(1, 2)), _hits(confusion).sum(axis=1)
    decided, true = confusion.sum(axis=1), confusion.sum(axis=2)
    covariance = hits * total - (decided * true).sum(axis=1)
    spread = (total**2 - (decided**2).sum(axis=1)) * (total**2 - (true**2).sum(axis=1))
    value = np.where(spread > 0, covariance / np.sqrt(spread), 0.0)
    return np.where(total > 0, value, np.nan)


prepare_balanced_accuracy = _decided(_finish_balanced)
prepare_mcc = _decided(_finish_mcc)
prepare_precision = _per_class(lambda hits, decided, true: hits / decided)  # noqa: ARG005
prepare_recall = _per_class(lambda hits, decided, true: hits / true)  # noqa: ARG005
prepare_f1 = _per_class(lambda hits, decided, true: 2 * hits / (decided + true))


def prepare_accuracy(y: np.ndarray, p: np.ndarray, labels: np.ndarray | None = None) -> Evaluator:
    y, p = weighted.check_classification(y, p)
    return weighted.means((weighted.labels_of(p, labels) == y).astype(np.float64))


def accuracy(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, labels: np.ndarray | None = None
) -> float:
    """Share of rows whose class is right.

    Examples
    --------
    >>> accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    0.5
    """
    return weighted.once(prepare_accuracy(y, p, labels), len(y), weight)


def balanced_accuracy(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, labels: np.ndarray | None = None
) -> float:
    """Mean recall over the classes that occur.

    Examples
    --------
    >>> balanced_accuracy(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]))
    0.5
    """
    return weighted.once(prepare_balanced_accuracy(y, p, labels), len(y), weight)


def precision(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, labels: np.ndarray | None = None
) -> float:
    """Share of decisions for class 1 that are right, 0 if there are none; several classes averaged (macro).

    Examples
    --------
    >>> precision(np.array([0, 1]), np.array([[0.4, 0.6], [0.2, 0.8]]))
    0.5
    """
    return weighted.once(prepare_precision(y, p, labels), len(y), weight)


def recall(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, labels: np.ndarray | None = None
) -> float:
    """Share of the rows of class 1 that are found, 0 if there are none; several classes averaged (macro).

    Examples
    --------
    >>> recall(np.array([1, 1]), np.array([[0.6, 0.4], [0.2, 0.8]]))
    0.5
    """
    return weighted.once(prepare_recall(y, p, labels), len(y), weight)


def f1(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, labels: np.ndarray | None = None
) -> float:
    """Harmonic mean of precision and recall of class 1; several classes averaged (macro).

    Examples
    --------
    >>> round(f1(np.array([0, 1]), np.array([[0.4, 0.6], [0.2, 0.8]])), 4)
    0.6667
    """
    return weighted.once(prepare_f1(y, p, labels), len(y), weight)


def mcc(
    y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, *, labels: np.ndarray | None = None
) -> float:
    """Matthews' correlation between truth and decision, for any number of classes; 0 if either is constant.

    References
    ----------
    Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient, 2004.

    Examples
    --------
    >>> mcc(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    1.0
    """
    return weighted.once(prepare_mcc(y, p, labels), len(y), weight)
