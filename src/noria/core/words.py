"""Numbers, shares, moments, sizes and names as people write them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

__all__ = ["clock", "data_size", "moment", "named", "number", "percent", "quoted", "times"]

_EPOCH = datetime(1970, 1, 1)
_MONTH = 86_400.0 * 30
_EXACT = 1e15
_YEARS = 10_000
_SHOWN = 40
_NAMED = 3


def number(value: float) -> str:
    """A number in about four digits; whole ones in all of theirs, and without a comma where it may be a year.

    Examples
    --------
    >>> number(1234567.0), number(1234.5), number(0.000123456), number(2008.0), number(2**64 - 1)
    ('1,234,567', '1,234', '0.0001235', '2008', '18,446,744,073,709,551,615')
    """
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= _YEARS else str(value)
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < _EXACT:
        return number(int(value))
    return f"{value:,.0f}" if 1_000 <= abs(value) < _EXACT else f"{value:.4g}"


def percent(share: float) -> str:
    """A share in percent; never 0% or 100% of what is not.

    Examples
    --------
    >>> percent(0.0001), percent(0.123), percent(0.9996), percent(1.0)
    ('under 0.1%', '12%', 'over 99.9%', '100%')
    """
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.999 < share < 1:
        return "over 99.9%"
    return f"{share:.1%}" if 0 < share < 0.1 or 0.9 < share < 1 else f"{share:.0%}"


def moment(seconds: float) -> str:
    """Seconds since 1970 as a date, with the time of day where there is one.

    Examples
    --------
    >>> moment(0.0), moment(3661.0)
    ('1970-01-01', '1970-01-01 01:01:01')
    """
    try:
        when = _EPOCH + timedelta(seconds=round(seconds))
    except (OverflowError, ValueError):
        return number(seconds)
    return when.isoformat(sep=" ").removesuffix(" 00:00:00")


def clock(low: float, high: float) -> Callable[[float], str]:
    """How moments between two are written: without the time of day, where they lie months apart.

    Examples
    --------
    >>> clock(0.0, 1e8)(3661.0), clock(0.0, 1e5)(3661.0)
    ('1970-01-01', '1970-01-01 01:01:01')
    """
    return (lambda when: moment(when).partition(" ")[0]) if high - low > _MONTH else moment


def data_size(count: float) -> str:
    """Bytes in the unit that people would use.

    Examples
    --------
    >>> data_size(512), data_size(140_000), data_size(3_200_000)
    ('512 B', '140 kB', '3.2 MB')
    """
    for limit, unit in ((1e3, "B"), (1e6, "kB"), (1e9, "MB")):
        if count < limit:
            return f"{count / (limit / 1e3):.{1 if unit == 'MB' else 0}f} {unit}"
    return f"{count / 1e9:.1f} GB"


def quoted(text: str) -> str:
    """A value in quotes, shortened.

    Examples
    --------
    >>> quoted("tea"), len(quoted("x" * 99))
    ("'tea'", 42)
    """
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def times(count: int, noun: str) -> str:
    """A count with its noun.

    Examples
    --------
    >>> times(1, "row"), times(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")


def named(names: Sequence[str]) -> str:
    """The first of some names in quotes, and how many more there are.

    Examples
    --------
    >>> named(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    told = [quoted(name) for name in names]
    more = len(told) - _NAMED
    if more > 0:
        return f"{', '.join(told[:_NAMED])} and {more:,} more"
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
