"""A uniform sample of rows as numbers, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from noria.methods.sketches import Reservoir

__all__ = ["LARGEST", "Sample"]

LARGEST = 50_000
"""How many rows a sample holds."""


class Sample:
    """A uniform sample of all rows that came.

    Parameters
    ----------
    columns : int
    size : int
    seed : int

    Examples
    --------
    >>> sample = Sample(2, size=3)
    >>> sample.update(10, lambda rows: np.column_stack([rows, rows**2]))
    >>> sample.rows.shape
    (3, 2)
    """

    def __init__(self, columns: int, *, size: int = LARGEST, seed: int = 0) -> None:
        self.rows = np.zeros((0, columns))
        self._reservoir = Reservoir(size, seed)

    def update(self, rows: int, read: Callable[[np.ndarray], np.ndarray]) -> None:
        """Offer `rows` rows; ``read(places)`` gives those of them that are wanted, as numbers."""
        chosen = self._reservoir.offer(rows)
        if chosen.size:
            both = np.concatenate([self.rows, read(chosen)])
            self.rows = both[self._reservoir.kept()]
