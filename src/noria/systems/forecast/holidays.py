"""How many public holidays fall into each step of a grid, and how far the next ones are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from noria._lazy import require
from noria.errors import DataError, ParamError, nearest
from noria.systems.forecast.frequency import Frequency

__all__ = ["Holidays", "known_country"]

_EXTRA = "forecast"
_FAR = 7


@dataclass(frozen=True)
class Holidays:
    """The public holidays of a country on a range of steps.

    Attributes
    ----------
    first : int
        The step that the arrays begin with.
    fine : bool
        Whether a step lies within a day.
    begins : array of datetime64[D], (steps,)
        The day that each step begins on.
    before, until : array of int, (steps,)
        How many of the days off lie before each step, and before its end.
    days : array of datetime64[D], (days off,)
        In ascending order.
    reached : array, (days off + 1, names)
        How often each holiday came among the first days off.
    """

    first: int
    fine: bool
    begins: np.ndarray
    before: np.ndarray
    until: np.ndarray
    days: np.ndarray
    reached: np.ndarray

    @classmethod
    def of(cls, country: str, frequency: Frequency, first: int, last: int) -> Self:
        """The holidays of a country, or of a part of it such as ``"US-NY"``, from step `first` to `last`.

        Steps that are longer than a day count the holidays themselves, the others also the days off that
        stand in for those at weekends.

        Raises
        ------
        DataError
            If the steps are numbers, not moments.
        MissingExtraError
            If the package ``holidays`` is not installed.

        Examples
        --------
        >>> july = 12 * 54 + 6
        >>> holidays = Holidays.of("US", Frequency("month", 1), july, july)
        >>> holidays.near(np.array([july])).tolist()  # Independence Day; Juneteenth before, none in August
        [[1.0, 1.0, 0.0]]
        """
        if frequency.kind == "number":
            raise DataError(
                "Holidays need a calendar, and the time of these series is a number.",
                got=f"options: {{holidays: {country}}}",
                do="Give dates as time, or leave holidays out.",
            )
        edges = frequency.days(np.arange(first - 1, last + 3))
        fine = frequency.within_a_day
        begins, ends = edges[:-1], edges[:-1] + 1 if fine else edges[1:]
        days, names = _days_off(country, begins[0], ends[-1], observed=fine)
        kinds, which = np.unique(names, return_inverse=True)
        came = np.cumsum(which[:, None] == np.arange(len(kinds)), axis=0)
        reached = np.concatenate([np.zeros((1, len(kinds)), dtype=came.dtype), came])
        return cls(
            first - 1, fine, begins, np.searchsorted(days, begins), np.searchsorted(days, ends), days, reached
        )

    def each(self, steps: np.ndarray) -> np.ndarray:
        """How many days of each holiday fall into steps, into those before and those after, (n, 3 names)."""
        around = [steps - self.first + shift for shift in (0, -1, 1)]
        return np.concatenate(
            [self.reached[self.until[at]] - self.reached[self.before[at]] for at in around], axis=1
        )

    def near(self, steps: np.ndarray) -> np.ndarray:
        """Holidays in each of the steps, and what lies around it, (n, 3) float32.

        Around a step within a day: the days since the last holiday and until the next, at most seven. Around
        a longer one: the holidays in the step before, and in the step after.
        """
        at, number = steps - self.first, self.until - self.before
        if not self.fine:
            return np.column_stack([number[at], number[at - 1], number[at + 1]]).astype(np.float32)
        today = self.begins[at]
        since = today - self.days[self.before[at] - 1]
        wait = self.days[self.until[at]] - today
        apart = [np.minimum(gap.astype(np.int64), _FAR) for gap in (since, wait)]
        return np.column_stack([number[at], *apart]).astype(np.float32)


def known_country(code: str) -> str:
    """The code of a country, or of a part of one, that the package ``holidays`` knows.

    Raises
    ------
    ParamError
        If it does not know it.
    MissingExtraError
        If the package is not installed.

    Examples
    --------
    >>> known_country("DE-BY")
    'DE-BY'
    """
    parts = require("holidays", extra=_EXTRA).list_supported_countries(include_aliases=True)
    country, _, part = code.partition("-")
    if country in parts and (not part or part in parts[country]):
        return code
    close = nearest(code, [*parts, *(f"{country}-{one}" for one in parts.get(country, ()))])
    raise ParamError(
        f"The holidays of {code!r} are not known.",
        do=f"Did you mean {close!r}?" if close else "Give a code such as 'US', or 'US-NY' for a part of it.",
    )


def _days_off(
    country: str, begin: np.datetime64, end: np.datetime64, *, observed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Days and their holidays' names, from the year before the first moment to the year after the last."""
    code, _, part = country.partition("-")
    years = range(begin.astype("datetime64[Y]").item().year - 1, end.astype("datetime64[Y]").item().year + 2)
    found = require("holidays", extra=_EXTRA).country_holidays(
        code, subdiv=part or None, years=years, observed=observed
    )
    days = sorted(found.items())
    return np.array([day for day, _ in days], dtype="datetime64[D]"), np.array([name for _, name in days])
