"""Numbers and names as findings say them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["named", "number", "percent", "times"]

_NAMED = 3
_LONG = 40


def number(value: float) -> str:
    """Four digits, thousands parted.

    Examples
    --------
    >>> number(0.123456), number(1234567.0)
    ('0.1235', '1,234,567')
    """
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def percent(share: float) -> str:
    """A share in percent, with a digit more where it is small or nearly all.

    Examples
    --------
    >>> percent(0.5), percent(0.0123), percent(0.9984), percent(0.9999)
    ('50%', '1.2%', '99.8%', 'over 99.9%')
    """
    if 0.999 < share < 1:
        return "over 99.9%"
    return f"{share:.0%}" if 0.1 <= share <= 0.95 or share in (0.0, 1.0) else f"{share:.1%}"


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
    quoted = [repr(name if len(name) <= _LONG else f"{name[: _LONG - 3]}...") for name in names]
    more = len(quoted) - _NAMED
    if more > 0:
        return f"{', '.join(quoted[:_NAMED])} and {more:,} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
