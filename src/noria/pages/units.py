"""Numbers, times and sizes as people write them."""

from __future__ import annotations

import json
import math
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from noria.core.words import data_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.core.result import Score

__all__ = [
    "ago",
    "data_size",
    "day",
    "duration",
    "interval",
    "number",
    "without_password",
    "without_passwords",
]

_PASSWORD = re.compile(r"(?<=://)(?:[^/@:\s\"]*:(?!\d+/)[^\s\"'<>`]*@|[^/@\s\"]+@)")  # it may hold @ and /

_SECRET = re.compile(
    r"(?i)(?<=[?&;])((?:[\w-]*(?:password|passwd|pwd|token|secret|signature|credential|api_?key)|sig|key)=)"
    r"[^&\s\"'<>`#\\]+"
)


def number(value: float | None) -> str:
    """A score in at most six characters or so; nothing for what is not a number.

    Examples
    --------
    >>> number(0.83214), number(23145.6), number(float("nan"))
    ('0.8321', '23,146', '')
    >>> number(0.0), number(0.05), number(0.0000123456)
    ('0', '0.0500', '1.23e-05')
    """
    if value is None or math.isnan(value):
        return ""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size < 0.01 else f"{value:.4f}" if size < 10 else f"{value:.4g}"


def interval(score: Score | None) -> str:
    """The interval of a score, where there is one.

    Examples
    --------
    >>> from noria.core.result import Score
    >>> interval(Score("accuracy", 0.8, 0.7512, 0.8534)), interval(Score("accuracy", 0.8))
    ('0.7512 to 0.8534', '')
    """
    if score is None or math.isnan(score.low):
        return ""
    return f"{number(score.low)} to {number(score.high)}"


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use.

    Examples
    --------
    >>> duration(0.0002), duration(0.0123), duration(4.5), duration(75)
    ('<1 ms', '12 ms', '4.5 s', '1:15 min')
    """
    if 0 < seconds < 0.0005:
        return "<1 ms"
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def ago(moment: float, now: float | None = None) -> str:
    """How long ago a time in seconds since 1970 was.

    Examples
    --------
    >>> ago(100, 130), ago(0, 7200), ago(0, 400_000)
    ('just now', '2 h ago', '4 days ago')
    """
    past = (time.time() if now is None else now) - moment
    for limit, unit, size in ((60, "", 1), (3600, "min", 60), (48 * 3600, "h", 3600)):
        if past < limit:
            return f"{past // size:.0f} {unit} ago" if unit else "just now"
    return f"{past // 86400:.0f} days ago"


def day(moment: float) -> str:
    """The date of a time in seconds since 1970, UTC.

    Examples
    --------
    >>> day(0)
    '1 January 1970'
    """
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at.day} {at:%B %Y}"


def without_password(text: str) -> str:
    """A text whose addresses name no user, no password and no other secret.

    Examples
    --------
    >>> without_password("postgresql://ann:secret@host/shop"), without_password("s3://ann:p@ss/w@host/a")
    ('postgresql://host/shop', 's3://host/a')
    >>> without_password("https://host:8080/chart@2")
    'https://host:8080/chart@2'
    >>> without_password("https://host/a.csv?sv=1&sig=aB%2F=&part=2")
    'https://host/a.csv?sv=1&sig=***&part=2'
    """
    return _SECRET.sub(r"\1***", _PASSWORD.sub("", text))


def without_passwords(fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON-ready fields whose addresses name no user, no password and no other secret.

    Examples
    --------
    >>> without_passwords({"data": {"source": "postgresql://ann:secret@host/shop"}})
    {'data': {'source': 'postgresql://host/shop'}}
    """
    return json.loads(without_password(json.dumps(fields)))
