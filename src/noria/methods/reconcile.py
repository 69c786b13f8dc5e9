"""Forecasts of sums that equal the sums of the forecasts."""

from __future__ import annotations

import numpy as np

from noria.errors import ParamError

__all__ = ["reconciled"]


def reconciled(parts: np.ndarray, sums: np.ndarray, belongs: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """The parts (m, h), moved least where they are surest, so that they agree with the forecasts of sums.

    Generalised least squares with a diagonal covariance of the errors (MinT with variance scaling). The
    sums that agree with them are ``belongs @ result``.

    Parameters
    ----------
    parts : (m, h) array
        Forecasts of the series at the bottom.
    sums : (a, h) array
        Forecasts of sums of them, made by themselves.
    belongs : (a, m) array of bool
        Which parts each sum adds up.
    variances : (a + m,) array
        Of the errors of the sums, then of the parts; above 0.

    Raises
    ------
    ParamError
        If the shapes do not fit each other or a variance is not above 0.

    References
    ----------
    Wickramasuriya, Athanasopoulos and Hyndman, Optimal forecast reconciliation for hierarchical and grouped
    time series through trace minimization, Journal of the American Statistical Association 2019.

    Examples
    --------
    >>> both = np.array([[True, True]])
    >>> reconciled(np.array([[1.0], [2.0]]), np.array([[6.0]]), both, np.ones(3)).ravel().tolist()
    [2.0, 3.0]
    """
    a, m = belongs.shape
    if parts.shape[:1] != (m,) or sums.shape[:1] != (a,) or variances.shape != (a + m,):
        raise ParamError(
            "The forecasts do not fit the hierarchy.",
            got=f"{parts.shape[0]} parts, {sums.shape[0]} sums, {variances.shape[0]} variances",
            do=f"Give {m} parts, {a} sums and {a + m} variances.",
        )
    if not (variances > 0).all():
        raise ParamError("A variance is not above 0.", got=float(variances.min()), do="Give positive ones.")
    weighted = belongs * variances[a:]
    gap = np.linalg.solve(np.diag(variances[:a]) + weighted @ belongs.T, sums - belongs @ parts)
    return parts + weighted.T @ gap
