"""How good a model probably is on rows whose truth is not known: CBPE and DLE.

On rows that the model has not learned from, both learn how its errors go with what it says; then they
simulate the truth of the new rows, and measure. Both presume that what the features say of the target has not
changed: where it has (concept drift), only labels tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from noria.methods.metrics import ArrayMetric
from noria.methods.trees import FittedTrees

__all__ = ["MOST_CLASSES", "Estimated", "estimate_classification", "estimate_regression"]

_BINS = 2_000
_LEARNED = 20_000
_FOLDS = 3
_DRAWS = 100
_STACKED = 20_000_000  # probabilities of the new rows, which stand there once for each class
_FEWEST = 100  # of those rows, however many classes there are
_SMALLEST = 1e-3  # of the mean error: an error of zero has no logarithm
_SETTINGS: dict[str, object] = {
    "objective": "gamma",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
}
_ROUNDS = 100
MOST_CLASSES = math.isqrt(_STACKED // _FEWEST)
"""Of which metrics can be estimated in bounded memory."""


class Estimated(NamedTuple):
    """A metric of rows without a truth, and the 95% interval in which it will lie once the truth is known."""

    value: float
    low: float
    high: float


def estimate_classification(
    known: np.ndarray,
    y: np.ndarray,
    p: np.ndarray,
    metrics: Sequence[ArrayMetric],
    *,
    labels: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Estimated]:
    """Confidence-based performance estimation.

    Probabilities are made honest by isotonic regression on the known rows, class by class. A row then counts
    for each class by its honest probability: the expected confusion matrix, ROC curve, and so on. The
    interval comes from 100 repetitions, each with the regression fitted to resampled rows and with a
    truth drawn for every new row. Of many classes, some of the new rows stand for all.

    Parameters
    ----------
    known : (n, K) array
        What the model said of rows with a truth.
    y : (n,) array of codes
        That truth.
    p : (m, K) array
        What it says of the new rows.
    metrics : sequence of ArrayMetric
        Of `CLASSIFICATION`.
    labels : (m,) array of codes, optional
        Its decisions on them, where they are not the most probable class.
    weight : (n,) array, optional
        How many times as frequent rows like each known one are among the new ones, as a classifier
        two-sample test tells: known rows that are like the new ones then count for more.

    References
    ----------
    NannyML, "Estimation of performance of the monitored model"; with weights, Białek, Kuberski, Perrakis and
    Bifet (2024), "Estimating model performance under covariate shift without labels".

    Examples
    --------
    >>> from noria.methods.metrics import CLASSIFICATION
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(4_000)
    >>> y = (rng.random(4_000) < p).astype(int)
    >>> both = np.column_stack([1 - p, p])
    >>> auc, old, new = CLASSIFICATION["roc_auc"], slice(2_000), slice(2_000, None)
    >>> found = estimate_classification(both[old], y[old], both[new], [auc])["roc_auc"]
    >>> bool(found.low < auc.function(y[new], both[new]) < found.high)
    True
    """
    m, classes = p.shape
    rng = np.random.default_rng(seed)
    most = max(_FEWEST, _STACKED // classes**2)
    if m > most:
        rows = np.sort(rng.permutation(m)[:most])
        m, p, labels = most, p[rows], None if labels is None else labels[rows]
    weight = np.ones(len(y)) if weight is None else weight
    maps = _Honest(known, y)
    code, stacked = np.repeat(np.arange(classes), m), np.tile(p, (classes, 1))
    decided = np.tile(p.argmax(axis=1) if labels is None else labels, classes)
    evaluate = {
        metric.name: metric.prepare(code, stacked, *([decided] if metric.needs == "labels" else []))
        for metric in metrics
    }
    honest = maps(p, weight)
    values = {name: float(each(honest.T.reshape(1, -1))[0]) for name, each in evaluate.items()}
    drawn = {name: np.empty(_DRAWS) for name in evaluate}
    for at in range(_DRAWS):
        truth = np.zeros((classes, m))
        truth[_draw(maps(p, weight * rng.poisson(1.0, len(y))), rng), np.arange(m)] = 1.0
        for name, each in evaluate.items():  # one at a time: of several, `ranked` pools neighbouring scores
            drawn[name][at] = each(truth.reshape(1, -1))[0]
    return {
        metric.name: _summary(values[metric.name], drawn[metric.name], metric.range) for metric in metrics
    }


class _Honest:
    """Isotonic regression of each class on its probability, over bins of equally many rows."""

    def __init__(self, known: np.ndarray, y: np.ndarray) -> None:
        binary = known.shape[1] == 2
        self.parts = [self._bins(known[:, at], y == at) for at in ([1] if binary else range(known.shape[1]))]

    @staticmethod
    def _bins(score: np.ndarray, hit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        edges = np.unique(np.quantile(score, np.linspace(0, 1, _BINS + 1)[1:-1], method="lower"))
        return np.searchsorted(edges, score, side="left"), score, hit

    def __call__(self, p: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Honest probabilities (m, K), from known rows that count by `weight`."""
        from scipy.optimize import isotonic_regression

        columns = []
        for (place, score, hit), q in zip(self.parts, p[:, 1:].T if len(self.parts) == 1 else p.T):
            rows = np.bincount(place, weight)
            used = rows > 0
            middle = (np.bincount(place, weight * score)[used]) / rows[used]
            share = np.bincount(place, weight * hit)[used] / rows[used]
            columns.append(np.interp(q, middle, isotonic_regression(share, weights=rows[used]).x))
        if len(columns) == 1:
            return np.column_stack([1 - columns[0], columns[0]])
        found = np.column_stack(columns)
        total = found.sum(axis=1, keepdims=True)
        return np.where(total > 0, found / np.where(total > 0, total, 1.0), p)


def _draw(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A class (m,) for each row of probabilities (m, K)."""
    below = np.cumsum(p, axis=1)
    return np.minimum((below < rng.random((len(p), 1))).sum(axis=1), p.shape[1] - 1)


def estimate_regression(
    known: np.ndarray,
    answer: np.ndarray,
    y: np.ndarray,
    rows: np.ndarray,
    answers: np.ndarray,
    metrics: Sequence[ArrayMetric],
    *,
    categorical: Sequence[int] = (),
    seed: int = 0,
) -> dict[str, Estimated]:
    """Direct loss estimation.

    Boosted trees learn how large the model's errors are, from the features and the prediction. What they
    miss, the ratio of the actual to the expected error, is taken from rows that they have not seen; so one
    model gives every metric. The estimate is the mean, and the interval the middle 95%, of 100 repetitions
    with resampled known rows. In each of them the truth of known rows is simulated too: by how much their
    metric comes out wrong, that of the new rows is put right.

    Parameters
    ----------
    known : (n, d) array
        Features of rows with a truth.
    answer, y : (n,) arrays
        What the model said of them, and the truth.
    rows : (m, d) array
        Features of the new rows.
    answers : (m,) array
        What the model says of them.
    metrics : sequence of ArrayMetric
        Of `REGRESSION`.
    categorical : sequence of int
        Columns that hold codes.

    References
    ----------
    NannyML, "Direct loss estimation".

    Examples
    --------
    >>> from noria.methods.metrics import REGRESSION
    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.random((4_000, 1)), rng.normal(size=4_000)
    >>> y = 5 * x[:, 0] + x[:, 0] * noise
    >>> wild = x[:, 0] > 0.7
    >>> found = estimate_regression(x, 5 * x[:, 0], y, x[wild], 5 * x[wild, 0], [REGRESSION["mae"]])["mae"]
    >>> bool(found.low < np.abs(x[wild, 0] * noise[wild]).mean() < found.high)
    True
    """
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(y))[:_LEARNED]
    said, truth = answer[some], y[some]
    unit = float(np.abs(truth - said).mean()) or 1.0
    inputs, new = np.column_stack([known[some], said]), np.column_stack([rows, answers])
    ratios, expected, sizes = _sizes(inputs, (truth - said) / unit, new, categorical)
    n, share = len(some), expected / expected.sum()  # ratios times sizes add up to the errors that were seen
    drawn: dict[str, list[float]] = {metric.name: [] for metric in metrics}
    for number in range(_DRAWS):
        resampled = ratios[rng.choice(n, n, p=share)]
        there = answers + unit * sizes[number % _FOLDS] * resampled[rng.integers(0, n, len(answers))]
        again = rng.integers(0, n, n)
        here = said[again] + unit * expected[again] * resampled[rng.integers(0, n, n)]
        for metric in metrics:
            value, simulated = metric.function(there, answers), metric.function(here, said[again])
            real = metric.function(truth[again], said[again])
            error = math.isinf(metric.range[1])
            right = value * real / simulated if error and simulated else value + real - simulated
            drawn[metric.name].append(right)
    return {metric.name: _summary(math.nan, np.array(drawn[metric.name]), metric.range) for metric in metrics}


def _sizes(
    inputs: np.ndarray, error: np.ndarray, new: np.ndarray, categorical: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Errors (n,) over the size that models of other folds expect, and what each model expects (m,)."""
    size, fold = np.maximum(np.abs(error), _SMALLEST), np.arange(len(error)) % _FOLDS
    expected, sizes = np.empty(len(error)), []
    for at in range(_FOLDS):
        learned = fold != at
        trees = FittedTrees(
            inputs[learned], size[learned], _SETTINGS, rounds=_ROUNDS, categorical=categorical
        )
        expected[~learned] = trees.predict(inputs[~learned])
        sizes.append(trees.predict(new))
    return error / expected, expected, sizes


def _summary(value: float, drawn: np.ndarray, limits: tuple[float, float]) -> Estimated:
    """A value, less the bias that drawing shows it to have, with the middle 95% of what was drawn around it.

    The regression on resampled rows is to the one on all rows as that one is to the truth (Efron and
    Tibshirani, An introduction to the bootstrap, 1993, chapter 10). Without a value, it is the mean.
    What the correction takes beyond the limits of the metric is cut off.
    """
    finite = drawn[np.isfinite(drawn)]
    if not finite.size:
        return Estimated(value, math.nan, math.nan)
    centre = float(finite.mean())
    best = centre if math.isnan(value) else 2 * value - centre
    low, high = np.quantile(finite, [0.025, 0.975]) - centre + best
    return Estimated(*np.clip([best, low, high], *limits).tolist())
