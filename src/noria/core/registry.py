"""Systems and backends by name. The only dynamic import of the project."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from noria.errors import ArtifactError, NotFoundError, RecipeError, suggestion

if TYPE_CHECKING:
    from noria.core.ports import KeptVectors
    from noria.core.protocol import System, Task
    from noria.core.schema import Schema
    from noria.settings import Settings

__all__ = ["backend", "pick", "system", "systems", "vectors"]


_installed = cache(entry_points)
"""Of all packages, read once: it takes a while where there are many."""


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in _installed().select(group=group)}


def systems() -> dict[str, type[System]]:
    """Every registered system by name."""
    return {name: point.load() for name, point in sorted(_points("noria.systems").items())}


def system(name: str) -> type[System]:
    """The system called `name`.

    Raises
    ------
    NotFoundError
        If none is registered under that name.

    Examples
    --------
    >>> system("tabular").name
    'tabular'
    """
    points = _points("noria.systems")
    if name not in points:
        raise NotFoundError(f"There is no system {name!r}.", do=suggestion(name, points))
    return points[name].load()


def pick(schema: Schema, task: Task) -> type[System]:
    """The first system, by name, that accepts these columns and this task."""
    for name in sorted(_points("noria.systems")):
        candidate = system(name)
        if candidate.accepts(schema, task):
            return candidate
    raise RecipeError(
        f"No system solves {task.value} on these columns.",
        got=", ".join(f"{column.name} ({column.type})" for column in schema),
        do="Name another task, or change the columns' types under 'data: columns:'.",
    )


def backend(port: str, name: str) -> Any:
    """The implementation `name` of a port, as ``backend("executor", "local")``."""
    points = _points("noria.backends")
    key = f"{port}.{name}"
    if key not in points:
        known = [other.partition(".")[2] for other in points if other.startswith(f"{port}.")]
        raise NotFoundError(f"There is no {port} {name!r}.", do=suggestion(name, known))
    return points[key].load()


def vectors(settings: Settings, name: str) -> KeptVectors:
    """The vectors of that name in the database of ``settings.vectors``.

    Raises
    ------
    ArtifactError
        If none is set.
    NotFoundError
        If databases of its kind are not known.
    """
    if settings.vectors is None:
        raise ArtifactError(
            "The vectors of this model lie in a database, and nobody says in which.",
            do="Set NORIA_VECTORS to its address, such as postgresql://user@host/database.",
        )
    return backend("vectors", settings.vectors.partition(":")[0])(settings, name)
