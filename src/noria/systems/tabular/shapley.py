"""Shapley values by sampling, for any function of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from noria.core.deadline import Deadline

__all__ = ["Sampled", "shapley"]

_FEWEST, _MOST = 4, 64  # pairs of orders
_BATCH = 8_192  # rows predicted at once, roughly
_PREDICTED = 400_000  # rows in all, unless the fewest pairs need more
_FINE = 0.01  # of the spread of the outputs: an error that is small enough
_GOLDEN = 0.618_033_988_749_895


class Sampled(NamedTuple):
    """Attributions (rows, columns), their standard errors, bases (rows,) and the number of orders behind."""

    attributions: np.ndarray
    errors: np.ndarray
    base: np.ndarray
    orders: int


def shapley(
    outputs: Callable[[pl.DataFrame], np.ndarray],
    rows: pl.DataFrame,
    background: pl.DataFrame,
    picked: np.ndarray,
    *,
    most: int = _MOST,
    seed: int = 0,
    deadline: Deadline | None = None,
) -> Sampled:
    """What each column added to one output of each row, against a background.

    A background row becomes the row itself, column by column, in a random order and then in the reverse of
    it; what the output changes by is what the column added. Such pairs go on until the errors are small.
    What the mean over the drawn background rows lacks to that over all is then shared out among the columns
    by their variances, so that base and attributions add up to the output, and the base is the same for all.

    Parameters
    ----------
    outputs : callable
        Table of n rows to (n, outputs).
    rows, background : Table
        The same columns.
    picked : array of int, (rows,)
        Which output is explained.
    most : int
        Pairs of orders at most; the error falls with the square root of their number.
    deadline : Deadline, optional
        After it no further pair begins.

    References
    ----------
    Strumbelj and Kononenko (2014), "Explaining prediction models and individual predictions with feature
    contributions"; Mitchell et al. (2022), "Sampling permutations for Shapley value estimation" (the pairs).

    Examples
    --------
    >>> ground = pl.DataFrame({"a": [0.0, 2.0], "b": [0.0, 0.0]})
    >>> def double(table):
    ...     return 2 * table["a"].to_numpy()[:, None]
    >>> found = shapley(double, pl.DataFrame({"a": [3.0], "b": [9.0]}), ground, np.array([0]))
    >>> found.base.tolist(), found.attributions.tolist()
    ([2.0], [[4.0, 0.0]])
    """
    ground, whole = outputs(background), outputs(rows)
    at = np.arange(rows.height)
    target = whole[at, picked]
    base = ground.mean(axis=0)[picked]
    drawn = _drawn(ground[:, -1], most)
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(rows.width) for _ in range(most)]).reshape(most, rows.width)
    each = max(1, 2 * (rows.width - 1) * rows.height)
    most = int(np.clip(_PREDICTED // each, min(_FEWEST, most), most))
    fine = _FINE * float(np.concatenate([ground, whole]).std(axis=0).max())
    parts: list[np.ndarray] = []
    step = max(1, min((_BATCH if deadline is None else _BATCH // 8) // each, most))
    for first in range(0, most, step):
        pairs = slice(first, min(first + step, most))
        parts.append(_pairs(outputs, rows, background, orders[pairs], drawn[pairs], ground, target, picked))
        found = np.concatenate(parts)
        errors = _errors(found, ground[drawn[: len(found)], -1])
        small = len(found) >= _FEWEST and errors.max(initial=0.0) <= fine
        if small or (deadline is not None and deadline.expired):
            break
    attributions = found.mean(axis=0)
    share = np.where(np.isnan(errors), attributions, errors) ** 2
    total = share.sum(axis=1, keepdims=True)
    lacking = (target - base - attributions.sum(axis=1))[:, None]
    attributions += lacking * np.divide(share, total, out=np.zeros_like(share), where=total > 0)
    return Sampled(attributions, errors, base, 2 * len(found))


def _drawn(ground: np.ndarray, most: int) -> np.ndarray:
    """Background rows for each pair, spread evenly over their outputs, however many pairs there will be."""
    ranks = ((np.arange(most) + 0.5) * _GOLDEN) % 1.0 * len(ground)
    return np.argsort(ground, kind="stable")[ranks.astype(np.int64)]


def _errors(found: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Standard errors of the mean over pairs, (rows, columns), whose background outputs are `ranked`.

    The background is drawn evenly, not independently, so it is pairs with nearly the same outputs that tell
    how far the others may lie off (Wolter 2007, "Introduction to variance estimation", chapter 8).
    """
    if len(found) < 2:
        return np.full(found.shape[1:], np.nan)
    steps = np.diff(found[np.argsort(ranked, kind="stable")], axis=0)
    return np.sqrt((steps**2).mean(axis=0) / (2 * len(found)))


def _pairs(
    outputs: Callable[[pl.DataFrame], np.ndarray],
    rows: pl.DataFrame,
    background: pl.DataFrame,
    orders: np.ndarray,
    drawn: np.ndarray,
    ground: np.ndarray,
    target: np.ndarray,
    picked: np.ndarray,
) -> np.ndarray:
    """What each column added along each order and its reverse, on average: (pairs, rows, columns)."""
    pairs, width, height = *orders.shape, rows.height
    paths = np.stack([orders, orders[:, ::-1]], axis=1).reshape(2 * pairs, width)
    before = np.repeat(ground[drawn][:, picked], 2, axis=0)[:, None]
    after = np.broadcast_to(target, (2 * pairs, 1, height))
    middle = np.empty((2 * pairs, 0, height))
    if width > 1:
        place = np.argsort(paths, axis=1)  # when each column is replaced
        known = place[:, :, None] < np.arange(1, width)  # (paths, columns, steps)
        own = background.height + np.arange(height)
        columns = []
        for number, name in enumerate(rows.columns):
            which = np.where(known[:, number, :, None], own, np.repeat(drawn, 2)[:, None, None])
            both = pl.concat([background[name], rows[name].cast(background[name].dtype)])
            columns.append(both.gather(which.ravel()))
        values = outputs(pl.DataFrame(columns)).reshape(2 * pairs, width - 1, height, ground.shape[1])
        middle = np.take_along_axis(values, picked[None, None, :, None], axis=3)[..., 0]
    gains = np.diff(np.concatenate([before, middle, after], axis=1), axis=1)
    added = np.empty_like(gains)
    np.put_along_axis(added, paths[:, :, None], gains, axis=1)
    return added.reshape(pairs, 2, width, height).mean(axis=1).swapaxes(1, 2)
