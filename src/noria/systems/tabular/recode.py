"""Category codes replaced by the mean target of their level: fitted out of fold, applied by lookup."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from noria.systems.tabular.frame import Frame

__all__ = ["Recode", "target_means"]

_FOLDS = 5


@dataclass(frozen=True)
class Recode:
    """A lookup per code column.

    Attributes
    ----------
    columns : array of int, (code columns,)
    tables : array, (code columns, most levels + 1) float32
        The value of each code; the last one stands for missing, and for codes beyond all of them.
    """

    columns: np.ndarray
    tables: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """A copy of (n, d) rows, or of one (d,) row, with the codes replaced."""
        out = X.copy()
        unseen = self.tables.shape[1] - 1
        for column, table in zip(self.columns, self.tables):
            codes = X[..., column]
            out[..., column] = table[np.where(codes < unseen, codes, unseen).astype(np.int64)]
        return out


def target_means(frame: Frame, smoothing: float, seed: int) -> tuple[Frame, Recode]:
    """Means of the target by level, and the training rows recoded without their own targets.

    Parameters
    ----------
    frame : Frame
        Of the family "trees"; the target is a number or has two classes.
    smoothing : float
        Rows of the overall mean that are added to each level.

    Returns
    -------
    frame : Frame
        Each training row recoded by the other folds, the validation rows by all of them.
    recode : Recode
        Fitted on all training rows, for rows that are not among them.

    References
    ----------
    Micci-Barreca (2001), "A preprocessing scheme for high-cardinality categorical attributes".
    """
    columns = np.flatnonzero(frame.encoder.discrete)
    codes = np.nan_to_num(frame.X[:, columns], nan=-1.0).astype(np.int64)
    levels = int(codes.max(initial=0)) + 1
    y = frame.y.astype(np.float64)
    fold = np.random.default_rng(seed).permutation(len(y)) % _FOLDS
    X = frame.X.copy()
    for held_out in range(_FOLDS):
        rows = fold == held_out
        part = _fit(codes[~rows], y[~rows], columns, levels, smoothing)
        X[rows] = part(frame.X[rows])
    recode = _fit(codes, y, columns, levels, smoothing)
    X_valid = None if frame.X_valid is None else recode(frame.X_valid)
    return replace(frame, X=X, X_valid=X_valid, base=None), recode


def _fit(codes: np.ndarray, y: np.ndarray, columns: np.ndarray, levels: int, smoothing: float) -> Recode:
    prior = y.mean()
    tables = np.empty((len(columns), levels + 1), dtype=np.float32)
    for at, column in enumerate(codes.T):
        shifted = np.where(column < 0, levels, column)
        counts = np.bincount(shifted, minlength=levels + 1)
        sums = np.bincount(shifted, weights=y, minlength=levels + 1)
        tables[at] = (sums + smoothing * prior) / (counts + smoothing)
    return Recode(columns, tables)
