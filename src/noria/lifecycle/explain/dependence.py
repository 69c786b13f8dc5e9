"""Partial dependence: what a model predicts on average as one column, or two, take given values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.schema import Column
from noria.lifecycle.explain.view import View, grid

__all__ = ["Dependence", "Interaction", "Surface", "dependence", "interactions", "surface"]

_SPREAD = (0.1, 0.9)


@dataclass(frozen=True)
class Dependence:
    """What is predicted along one column.

    Attributes
    ----------
    column : Column
    points : Series
        The values that it was set to.
    mean : array, (points, outputs)
        Over the rows.
    low, high : array, (points, outputs)
        Between which 80% of the rows' own curves lie, once each has been moved to the mean of all: where the
        band is wide, the column does other things in other rows.
    """

    column: Column
    points: pl.Series
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Surface:
    """What is predicted on average over a grid of two columns.

    Attributes
    ----------
    columns : pair of Column
    first, second : Series
        Their values at each point of the grid.
    mean : array, (points, outputs)
    """

    columns: tuple[Column, Column]
    first: pl.Series
    second: pl.Series
    mean: np.ndarray


@dataclass(frozen=True)
class Interaction:
    """How much two columns do together that neither does alone.

    Attributes
    ----------
    columns : pair of Column
    strength : float
        The standard deviation, in the unit of the prediction, of what is left of their joint partial
        dependence once their own ones are taken away.
    share : float
        Friedman's H: this in relation to that of the joint partial dependence, 0 to 1 and seldom above.
    """

    columns: tuple[Column, Column]
    strength: float
    share: float


def dependence(view: View, column: Column, points: int = 20) -> Dependence | None:
    """Partial dependence on one column, with the spread of the rows' own curves; None if it does not vary.

    References
    ----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine"; Goldstein et al. (2015),
    "Peeking inside the black box: visualizing statistical learning with plots of individual conditional
    expectation".
    """
    asked = grid(column, view.rows[column.name], points)
    if asked is None:
        return None
    found = view.at([asked])
    mean = found.mean(axis=1)
    low, high = np.quantile(found - found.mean(axis=0) + mean.mean(axis=0), _SPREAD, axis=1)
    if view.classes:
        low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    return Dependence(column, asked, mean, np.minimum(low, mean), np.maximum(high, mean))


def surface(view: View, columns: tuple[Column, Column], points: int = 12) -> Surface | None:
    """Partial dependence over a grid of two columns; None if one of them does not vary."""
    axes = [grid(column, view.rows[column.name], points, even=True) for column in columns]
    if axes[0] is None or axes[1] is None:
        return None
    one, two = (part.ravel() for part in np.meshgrid(range(len(axes[0])), range(len(axes[1])), indexing="ij"))
    first, second = axes[0].gather(one), axes[1].gather(two)
    return Surface(columns, first, second, view.at([first, second]).mean(axis=1))


def interactions(view: View, columns: Sequence[Column], *, deadline: Deadline) -> tuple[Interaction, ...]:
    """The pairs of some columns, strongest interaction first; those that the deadline leaves time for.

    Each partial dependence is taken at the rows themselves, so that values which do not occur together are
    asked about less; classes count together.

    References
    ----------
    Friedman and Popescu (2008), "Predictive learning via rule ensembles", section 8.1.
    """
    columns = [column for column in columns if view.rows[column.name].drop_nulls().n_unique() > 1]
    alone: dict[str, np.ndarray] = {}
    for column in columns:
        if deadline.expired:
            return ()
        alone[column.name] = _centred(view, [column])
    found = []
    for a, b in combinations(columns, 2):
        if deadline.expired:
            break
        both = _centred(view, [a, b])
        left = both - alone[a.name] - alone[b.name]
        strength, whole = (float(np.sqrt((part**2).sum(axis=1).mean())) for part in (left, both))
        found.append(Interaction((a, b), strength, strength / whole if whole > 0 else 0.0))
    return tuple(sorted(found, key=lambda one: -one.strength))


def _centred(view: View, columns: Sequence[Column]) -> np.ndarray:
    """Partial dependence at the values of each row, less its mean: (rows, outputs)."""
    mean = view.at([view.rows[column.name] for column in columns]).mean(axis=1)
    return mean - mean.mean(axis=0)
