"""The usual metrics of classification and regression, weighted, on plain arrays.

Classification metrics take codes ``y`` (n,), probabilities ``p`` (n, K) and optional row weights (n,). Those
that judge decisions take the most probable class, or explicit `labels` (n,). Regression metrics take true and
predicted values (n,). Each is NaN where it is not defined (no rows; a ranking with one class), without a
warning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, ModuleType

from noria.errors import ParamError, nearest, suggestion
from noria.methods import _classification as classification
from noria.methods import _regression as regression
from noria.methods._classification import (
    accuracy,
    average_precision,
    balanced_accuracy,
    brier,
    expected_calibration_error,
    f1,
    log_loss,
    mcc,
    precision,
    recall,
    roc_auc,
)
from noria.methods._regression import mae, mape, median_absolute_error, pinball, r2, rmse, rmsle
from noria.methods._weighted import Evaluator

__all__ = [
    "CLASSIFICATION",
    "REGRESSION",
    "ArrayMetric",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "expected_calibration_error",
    "f1",
    "find",
    "log_loss",
    "mae",
    "mape",
    "mcc",
    "median_absolute_error",
    "pinball",
    "precision",
    "r2",
    "recall",
    "rmse",
    "rmsle",
    "roc_auc",
]


@dataclass(frozen=True)
class ArrayMetric:
    """A metric and what others need to know of it.

    Attributes
    ----------
    name : str
    function : callable
        ``function(y, p, weight=None) -> float``; metrics with ``needs="labels"`` also take `labels`.
    prepare : callable
        ``prepare(y, p) -> evaluate`` where ``evaluate(weights (b, n)) -> values (b,)``: the same metric for
        many weightings of the same rows; metrics with ``needs="labels"`` take `labels` as a third argument.
    greater_is_better : bool
    doc : str
        One line for people.
    needs : {"probabilities", "labels", "values"}
        What it judges.
    range : (float, float)
        Lowest and highest value that it can take.
    aliases : tuple of str
        Other names in use.

    Examples
    --------
    >>> find("auc", CLASSIFICATION).greater_is_better
    True
    """

    name: str
    function: Callable[..., float]
    prepare: Callable[..., Evaluator]
    greater_is_better: bool
    doc: str
    needs: str
    range: tuple[float, float]
    aliases: tuple[str, ...] = ()

    def better(self, a: float, b: float) -> bool:
        """Whether value `a` is better than value `b`."""
        return a > b if self.greater_is_better else a < b


def find(name: str, table: Mapping[str, ArrayMetric]) -> ArrayMetric:
    """The metric called `name`, or known by that alias; case, blanks and hyphens do not matter.

    Raises
    ------
    ParamError
        If there is none; it offers the nearest name.

    Examples
    --------
    >>> find("AUC", CLASSIFICATION).name, find("log-loss", CLASSIFICATION).name
    ('roc_auc', 'log_loss')
    """
    folded = name.strip().casefold().replace("-", "_").replace(" ", "_")
    known = {alias: metric for metric in table.values() for alias in (metric.name, *metric.aliases)}
    if folded in known:
        return known[folded]
    close = nearest(folded, known)
    do = suggestion(folded, [known[close].name] if close else table)
    raise ParamError("There is no such metric for this task.", got=repr(name), do=do)


_ALIASES = {
    "accuracy": ("acc",),
    "average_precision": ("ap", "auprc", "pr_auc"),
    "balanced_accuracy": ("bacc",),
    "brier": ("brier_loss", "brier_score"),
    "expected_calibration_error": ("calibration", "ece"),
    "f1": ("f1_macro", "f1_score"),
    "log_loss": ("cross_entropy", "logloss", "nll"),
    "mae": ("l1", "mean_absolute_error"),
    "mape": ("mean_absolute_percentage_error",),
    "mcc": ("matthews", "matthews_corrcoef"),
    "median_absolute_error": ("medae", "median_ae"),
    "pinball": ("quantile_loss",),
    "r2": ("r2_score", "r_squared"),
    "recall": ("sensitivity", "tpr"),
    "rmse": ("root_mean_squared_error",),
    "rmsle": ("root_mean_squared_log_error",),
    "roc_auc": ("auc", "auroc", "rocauc"),
}


def _describe(
    module: ModuleType, needs: str, name: str, greater: bool, limits: tuple[float, float], doc: str
) -> ArrayMetric:
    function, prepare = getattr(module, name), getattr(module, f"prepare_{name}")
    return ArrayMetric(name, function, prepare, greater, doc, needs, limits, _ALIASES.get(name, ()))


def _table(*metrics: ArrayMetric) -> Mapping[str, ArrayMetric]:
    return MappingProxyType({metric.name: metric for metric in metrics})


_probabilities = partial(_describe, classification, "probabilities")
_labels = partial(_describe, classification, "labels")
_values = partial(_describe, regression, "values")
_SHARE, _ERROR = (0.0, 1.0), (0.0, math.inf)

CLASSIFICATION: Mapping[str, ArrayMetric] = _table(
    _probabilities("log_loss", False, (0.0, -math.log(1e-15)), "Surprise at the true class, in nats."),
    _probabilities("roc_auc", True, _SHARE, "How often a positive ranks above a negative."),
    _probabilities("average_precision", True, _SHARE, "Area under the precision-recall curve."),
    _probabilities("brier", False, (0.0, 2.0), "Squared error of the probabilities."),
    _probabilities("expected_calibration_error", False, _SHARE, "Gap between stated and observed frequency."),
    _labels("accuracy", True, _SHARE, "Share of rows whose class is right."),
    _labels("balanced_accuracy", True, _SHARE, "Mean recall over the classes."),
    _labels("f1", True, _SHARE, "Harmonic mean of precision and recall."),
    _labels("precision", True, _SHARE, "Share of positive decisions that are right."),
    _labels("recall", True, _SHARE, "Share of positives that are found."),
    _labels("mcc", True, (-1.0, 1.0), "Correlation of truth and decision."),
)
"""The metrics of classification by name."""

REGRESSION: Mapping[str, ArrayMetric] = _table(
    _values("rmse", False, _ERROR, "Root mean squared error."),
    _values("mae", False, _ERROR, "Mean absolute error."),
    _values("r2", True, (-math.inf, 1.0), "Share of the variance that is explained."),
    _values("mape", False, _ERROR, "Mean absolute error as a share of the truth."),
    _values("rmsle", False, _ERROR, "Root mean squared error of log(1 + value)."),
    _values("median_absolute_error", False, _ERROR, "Median absolute error."),
    _values("pinball", False, _ERROR, "Loss of a predicted quantile (the median by default)."),
)
"""The metrics of regression by name."""
