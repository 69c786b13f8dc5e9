"""What a run's model goes by, found out once it was judged and within the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.insight import Importance
from noria.core.protocol import Metric, Model
from noria.core.result import Figure
from noria.core.schema import Column, Type
from noria.lifecycle._attempt import attempt
from noria.lifecycle.explain import curves, figures
from noria.lifecycle.explain.dependence import dependence, interactions, surface
from noria.lifecycle.explain.importance import permute
from noria.lifecycle.explain.view import View

__all__ = ["insights"]

_SHARES = {"importance": 0.6, "attributions": 0.4, "dependence": 0.4, "interactions": 0.6, "boundary": 0.9}
"""Of the time that is left when each begins."""
_TOP, _PAIRED = 4, 5
_ROWS, _EXPLAINED = 200, 150
_LINE, _GRID, _FINE, _POINTS = 20, 12, 24, 30
_ORDERS = 8
_FEW, _PROBE, _SAFE, _TICK = 10, 0.5, 0.8, 1e-4  # rows that are timed, and shares of the time


def insights(
    model: Model,
    rows: pl.DataFrame,
    metric: Metric,
    *,
    target: str | None = None,
    explains: bool = True,
    held_out: bool = True,
    deadline: Deadline,
    seed: int = 0,
) -> tuple[tuple[Importance, ...], list[Figure]]:
    """Importance, attributions, dependence, interactions and boundary, as far as time goes, in this order.

    Parameters
    ----------
    model : Model
    rows : Table
        That it is judged by, typed, with the target.
    metric : Metric
        Of the search.
    target : str, optional
        The column of classes to be shown in the boundary.
    explains : bool
        Whether the model gives attributions.
    held_out : bool
        Whether it has not learned from the rows.
    deadline : Deadline
    """
    view = View(model, rows)
    if not view.counts or not view.columns or not rows.height:
        return (), []
    if deadline.expired or not view.quick(deadline):
        return (), []
    permuted = permute(view, metric, deadline=_part("importance", deadline), seed=seed)
    by_name = {column.name: column for column in view.columns}
    ranked = [by_name[one.feature] for one in permuted.importance]
    drawn = [figures.importance(permuted, metric, held_out=held_out)] if ranked else []
    steps: dict[str, Callable[[Deadline], list[Figure]]] = {
        "dependence": lambda until: list(_dependence(view, ranked, until, seed)),
        "interactions": lambda until: list(_interactions(view, ranked, until, seed)),
        "boundary": lambda until: list(_boundary(view, ranked, target, until, seed)),
    }
    if explains:
        steps = {"attributions": lambda until: list(_attributions(view, until, seed)), **steps}
    for name, step in steps.items():
        if not deadline.expired:
            drawn += attempt(name, partial(step, _part(name, deadline)), ())
    return permuted.importance, drawn


def _part(name: str, deadline: Deadline) -> Deadline:
    return Deadline(_SHARES[name] * deadline.remaining, within=deadline)


def _attributions(view: View, deadline: Deadline, seed: int) -> Iterator[Figure]:
    """The strips, of as many rows as a few show that there is time for; sampling itself goes by the clock."""
    some = view.fitting(2 * _ORDERS * len(view.columns), deadline.remaining, _EXPLAINED, seed)
    if some is None:
        return
    few, clock = some.sample(_FEW, seed), Deadline(_PROBE * deadline.remaining, within=deadline)
    found = few.model.explain(few.rows, deadline=clock)
    if found.errors is None:
        room = _SAFE * deadline.remaining * few.rows.height / max(clock.elapsed, _TICK)
        some = some.sample(int(np.clip(room, 1, _EXPLAINED)), seed)
    if some.rows.height > few.rows.height:
        found = some.model.explain(some.rows, deadline=deadline)
    yield figures.summary(found, {column.name: column.type for column in view.columns})


def _dependence(view: View, ranked: Sequence[Column], deadline: Deadline, seed: int) -> Iterator[Figure]:
    top = ranked[:_TOP]
    some = view.fitting(_LINE * len(top), deadline.remaining, _ROWS, seed)
    for number, column in enumerate(top if some is not None else (), start=1):
        found = None if some is None or deadline.expired else dependence(some, column, _LINE)
        if some is not None and found is not None:
            yield curves.partial(some, found, f"explanation-3-dependence-{number}")


def _interactions(view: View, ranked: Sequence[Column], deadline: Deadline, seed: int) -> Iterator[Figure]:
    """The strongest pairs, and the strongest of all over a grid."""
    top = ranked[:_PAIRED]
    pairs = len(top) * (len(top) - 1) // 2 + len(top)
    some = view.fitting(pairs * _POINTS, 0.7 * deadline.remaining, _POINTS, seed)
    if some is None or len(top) < 2:
        return
    found = interactions(some, top, deadline=deadline)
    if not found:
        return
    yield figures.interaction(found, some)
    wider = view.fitting(_GRID**2, deadline.remaining, _ROWS, seed)
    shown = None if wider is None else surface(wider, found[0].columns, _GRID)
    if wider is not None and shown is not None:
        why = "Of the most important columns these two do most together."
        yield curves.heatmap(wider, shown, "explanation-5-together", why)


def _boundary(
    view: View, ranked: Sequence[Column], target: str | None, deadline: Deadline, seed: int
) -> Iterator[Figure]:
    """Of classes, the two most important columns of numbers."""
    numbers = [column for column in ranked if column.type is Type.NUMBER][:2]
    some = view.fitting(_FINE**2, deadline.remaining, _ROWS // 4, seed)
    if not view.classes or len(numbers) < 2 or some is None:
        return
    found = surface(some, (numbers[0], numbers[1]), _FINE)
    if found is not None:
        truth = view.rows[target] if target is not None else None
        yield curves.boundary(view, found, "explanation-6-boundary", truth=truth)
