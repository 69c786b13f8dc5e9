"""A wall-clock budget."""

from __future__ import annotations

import math
import re
import time

from noria.errors import ParamError

__all__ = ["Deadline", "FitFailed", "OutOfTime", "seconds"]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class OutOfTime(Exception):  # noqa: N818 - control flow inside a search, never shown to a user
    """The deadline passed in the middle of a fit."""


class FitFailed(Exception):  # noqa: N818 - control flow inside a search: this trial is left out
    """A learner could not be fitted on these rows; the message says why."""


class Deadline:
    """A moment on the monotonic clock.

    Parameters
    ----------
    budget : float
        Seconds from now; infinity means never.
    within : Deadline, optional
        One that it cannot outlast.

    Examples
    --------
    >>> Deadline(math.inf).expired
    False
    >>> Deadline(60, within=Deadline(0)).expired
    True
    """

    def __init__(self, budget: float = math.inf, within: Deadline | None = None) -> None:
        self.started = time.monotonic()
        self.budget = budget
        self._within = within

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """Seconds left; negative when it has passed."""
        left = self.budget - self.elapsed
        return left if self._within is None else min(left, self._within.remaining)

    @property
    def expired(self) -> bool:
        """Whether it has passed."""
        return self.remaining <= 0

    def check(self) -> None:
        """Raise OutOfTime if it has passed."""
        if self.expired:
            raise OutOfTime

    def cancel(self) -> None:
        """Let it pass now."""
        self.budget = 0.0

    def earlier(self, seconds: float) -> Deadline:
        """A deadline that passes this many seconds before this one."""
        sooner = Deadline(self.budget - seconds)
        sooner.started = self.started
        return sooner


def seconds(text: str | float, what: str = "A budget") -> float:
    """Read a duration such as ``60``, ``"60s"``, ``"5m"``, ``"1h"`` or ``"30d"``; errors call it `what`.

    Raises
    ------
    ParamError
        If it is not a positive duration.

    Examples
    --------
    >>> seconds("5m")
    300.0
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?\s*", str(text))
    value = float(match[1]) * _UNITS[match[2] or ""] if match else 0.0
    if value <= 0:
        raise ParamError(f"{what} is a positive duration.", got=repr(text), do="Write it as 60s, 5m or 1h.")
    return value
