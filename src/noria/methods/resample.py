"""Rare classes: balanced weights, synthetic rows, and the focal loss for boosting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from noria._lazy import require
from noria.errors import ParamError, suggestion

__all__ = ["FocalLoss", "balanced_weights", "oversample"]

_SMALLEST_CURVATURE = 1e-6


def balanced_weights(y: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Row weights (n,) with which all classes that occur weigh the same; they sum to that of `weight`, or n.

    The same as scikit-learn's ``class_weight="balanced"``.

    Examples
    --------
    >>> balanced_weights(np.array([0, 0, 0, 1]))
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    _, codes = np.unique(np.asarray(y), return_inverse=True)
    rows = np.ones(len(codes)) if weight is None else np.asarray(weight, dtype=np.float64)
    totals = np.bincount(codes, weights=rows)
    if not len(totals):
        return rows
    with np.errstate(divide="ignore"):
        shares = np.where(totals > 0, rows.sum() / ((totals > 0).sum() * totals), 0.0)
    return rows * shares[codes]


def oversample(
    X: np.ndarray,
    y: np.ndarray,
    *,
    method: str = "smote",
    neighbors: int = 5,
    categorical: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Add synthetic rows until every class has as many as the largest, by imbalanced-learn.

    Only for training rows, within each fold. Classes of a single row are left as they are. ADASYN falls back
    to SMOTE where no rare row has a neighbour of another class, for then it has nothing to add.

    Parameters
    ----------
    X : (n, d) array of numbers
        Without missing values.
    y : (n,) array of codes
    method : {"smote", "adasyn"}
    neighbors : int
        Lowered to what the smallest class allows.
    categorical : array of int, optional
        Columns of codes, which are drawn from the neighbours instead of interpolated: by SMOTE-NC, or by
        SMOTE-N where there are no others. ADASYN cannot, and gives way to them.
    seed : int

    Returns
    -------
    X : (n + added, d) array
    y : (n + added,) array
        The given rows first.

    Raises
    ------
    MissingExtraError
        If imbalanced-learn is not installed.

    References
    ----------
    Chawla et al., SMOTE: synthetic minority over-sampling technique, JAIR 2002. He et al., ADASYN: adaptive
    synthetic sampling approach for imbalanced learning, IJCNN 2008.

    Examples
    --------
    >>> X, y = np.random.default_rng(0).normal(size=(30, 2)), np.array([0] * 20 + [1] * 10)
    >>> np.bincount(oversample(X, y)[1])  # doctest: +SKIP
    array([20, 20])
    """
    if method not in ("adasyn", "smote"):
        raise ParamError(
            "There is no such way to add rows.", got=repr(method), do=suggestion(method, ["adasyn", "smote"])
        )
    X, y = np.asarray(X), np.asarray(y)
    if np.isnan(X).any():
        raise ParamError("Synthetic rows need complete rows.", got="missing values", do="Impute them first.")
    samplers = require("imblearn.over_sampling", extra="imbalance")
    codes, counts = np.unique(y, return_counts=True)
    wanted = {code: int(counts.max()) for code, count in zip(codes, counts) if 1 < count < counts.max()}
    if not wanted:
        return X, y
    k = max(1, min(neighbors, int(counts[counts > 1].min()) - 1))
    smote: dict[str, Any] = {"sampling_strategy": wanted, "random_state": seed, "k_neighbors": k}
    codes_at = [] if categorical is None else [int(column) for column in categorical]
    if method == "adasyn" and not codes_at:
        adasyn = samplers.ADASYN(sampling_strategy=wanted, random_state=seed, n_neighbors=k)
        try:
            return adasyn.fit_resample(X, y)
        except (RuntimeError, ValueError):
            return samplers.SMOTE(**smote).fit_resample(X, y)
    if len(codes_at) == X.shape[1]:
        return samplers.SMOTEN(**smote).fit_resample(X, y)
    sampler = samplers.SMOTENC(codes_at, **smote) if codes_at else samplers.SMOTE(**smote)
    return sampler.fit_resample(X, y)


@dataclass(frozen=True)
class FocalLoss:
    """The focal loss of two classes as a function of raw scores, for boosting.

    With t the probability ``sigmoid(raw)`` of the true class, a row loses ``-a (1 - t)**gamma log(t)``, where
    a is `alpha` for class 1 and ``1 - alpha`` for class 0, doubled. It makes a model care less for rows that
    are easy. It is not a proper loss: `probability` is the link that turns raw scores back into
    probabilities.

    Parameters
    ----------
    gamma : float
        0 is the log-loss; 2 is usual.
    alpha : float
        Weight of class 1, between 0 and 1; 0.5 weights both by one.

    References
    ----------
    Lin et al., Focal loss for dense object detection, ICCV 2017. Charoenphakdee et al., On focal loss for
    class-posterior probability estimation: a theoretical perspective, CVPR 2021 (the link).

    Examples
    --------
    >>> focal = FocalLoss(gamma=2.0)
    >>> gradient, curvature = focal.gradient(np.array([1, 0]), np.array([0.0, 0.0]))
    >>> gradient.round(3)
    array([-0.298,  0.298])
    """

    gamma: float = 2.0
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if not self.gamma >= 0:
            raise ParamError("gamma of the focal loss is not negative.", got=self.gamma, do="Use 2.")
        if not 0 < self.alpha < 1:
            raise ParamError("alpha of the focal loss lies between 0 and 1.", got=self.alpha, do="Use 0.5.")

    def loss(self, y: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """Loss per row (n,) of codes (n,) and raw scores (n,)."""
        scale, signed = self._rows(y, raw)
        return scale * _sigmoid(-signed) ** self.gamma * np.logaddexp(0.0, -signed)

    def gradient(self, y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivative (n,) of the loss by the raw score; the second is kept above 1e-6."""
        scale, signed = self._rows(y, raw)
        t, rest, log_t = _sigmoid(signed), _sigmoid(-signed), -np.logaddexp(0.0, -signed)
        inner, power = self.gamma * t * log_t - rest, rest**self.gamma
        slope = np.where(np.asarray(y) == 1, 1.0, -1.0) * scale * power * inner
        curve = scale * t * power * (rest * (self.gamma * log_t + self.gamma + 1.0) - self.gamma * inner)
        return slope, np.maximum(curve, _SMALLEST_CURVATURE)

    def objective(self, raw: np.ndarray, data: Any) -> tuple[np.ndarray, np.ndarray]:
        """The same as a custom objective of LightGBM or XGBoost; rows are weighted as `data` says."""
        slope, curve = self.gradient(data.get_label(), raw)
        weight = data.get_weight()
        return (slope, curve) if weight is None or not len(weight) else (slope * weight, curve * weight)

    def probability(self, raw: np.ndarray) -> np.ndarray:
        """Probability (n,) of class 1: the link under which the minimiser of the loss is the true one."""
        raw = np.clip(np.asarray(raw, dtype=np.float64), -500.0, 500.0)
        odds = self._log_slope(-raw) - self._log_slope(raw)
        return _sigmoid(odds - np.log(self.alpha / (1.0 - self.alpha)))

    def start(self, share: float) -> float:
        """The constant raw score at which `probability` is `share`: where boosting should start."""
        low, high = -40.0, 40.0
        for _ in range(80):
            middle = (low + high) / 2
            below = float(self.probability(np.array([middle]))[0]) < share
            low, high = (middle, high) if below else (low, middle)
        return (low + high) / 2

    def _rows(self, y: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each row's weight, and its raw score signed so that more is better."""
        positive = np.asarray(y) == 1
        scale = 2.0 * np.where(positive, self.alpha, 1.0 - self.alpha)
        return scale, np.where(positive, raw, -np.asarray(raw, dtype=np.float64))

    def _log_slope(self, score: np.ndarray) -> np.ndarray:
        """Log of ``-d loss / d score`` of a row of class 1 with this score, with alpha left out."""
        t, rest, log_t = _sigmoid(score), _sigmoid(-score), -np.logaddexp(0.0, -score)
        return -self.gamma * np.logaddexp(0.0, score) + np.log(rest - self.gamma * t * log_t)


def _sigmoid(score: np.ndarray) -> np.ndarray:
    """The logistic function without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(score, dtype=np.float64)))
