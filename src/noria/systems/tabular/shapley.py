"""Shapley values by sampling, for any function of a table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from noria.core.result import Explanation

__all__ = ["shapley"]


def shapley(
    outputs: Callable[[pl.DataFrame], np.ndarray],
    rows: pl.DataFrame,
    background: pl.DataFrame,
    *,
    rounds: int = 16,
    seed: int = 0,
) -> Explanation:
    """What each column added to each row's output, against a background.

    Each round replaces a background row by the row itself, column by column, in a random order and then in
    the reverse of it; what the output changes by is what the column added.

    Parameters
    ----------
    outputs : callable
        Table of n rows to (n, outputs).
    rows, background : Table
        The same columns; background rows are drawn with replacement.
    rounds : int
        Pairs of orders; the error falls with its square root.

    Returns
    -------
    Explanation
        Of the last of two outputs, of the one output, or of the largest output of each row.

    References
    ----------
    Strumbelj and Kononenko (2014), "Explaining prediction models and individual predictions with feature
    contributions".
    """
    rng = np.random.default_rng(seed)
    names = rows.columns
    whole = outputs(rows)
    picked = whole.argmax(axis=1) if whole.shape[1] > 2 else np.full(len(whole), whole.shape[1] - 1)
    at = np.arange(rows.height)
    total = np.zeros((rows.height, len(names)))
    for _ in range(rounds):
        drawn = background[rng.integers(0, background.height, rows.height)]
        order = rng.permutation(len(names))
        for path in (order, order[::-1]):
            steps = [drawn]
            for column in path:
                steps.append(steps[-1].with_columns(rows[names[column]]))
            values = outputs(pl.concat(steps)).reshape(len(steps), rows.height, -1)[:, at, picked]
            total[:, path] += np.diff(values, axis=0).T
    attributions = total / (2 * rounds)
    base = float(np.mean(outputs(background)[:, -1]))
    return Explanation(base, pl.DataFrame(dict(zip(names, attributions.T))))
