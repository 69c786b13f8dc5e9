"""Which rows a model learns from, and which judge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Split"]


@dataclass(frozen=True, eq=False)
class Split:
    """Two disjoint sets of row numbers.

    Attributes
    ----------
    train, valid : array of int64, ascending
        Rows to learn from, and rows to judge by.
    how : str
        How they were chosen, in words.

    Examples
    --------
    >>> import numpy as np
    >>> len(Split(np.arange(8), np.arange(8, 10)).valid)
    2
    """

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    how: str = ""
