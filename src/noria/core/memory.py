"""How much memory there is, asked before work that needs much of it begins."""

from __future__ import annotations

import os
import re
from pathlib import Path

from noria.errors import BudgetError

__all__ = ["available", "require"]


def available() -> int:
    """Bytes that could be taken without swapping.

    Examples
    --------
    >>> available() > 0
    True
    """
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:
        found = None
    if found is not None:
        return 1024 * int(found[1])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def require(needed: float, what: str) -> None:
    """Refuse work that is larger than the memory at hand.

    Raises
    ------
    BudgetError
        Saying how much is needed and how much there is.

    Examples
    --------
    >>> require(1.0, "Nothing much")
    """
    free = available()
    if needed > free:
        raise BudgetError(
            f"{what} needs more memory than there is.",
            got=f"about {needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB available",
            do="Train on fewer rows (data: query: SELECT * FROM data USING SAMPLE 1000000), or drop columns.",
        )
