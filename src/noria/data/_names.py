"""What a column's name alone suggests."""

from __future__ import annotations

import re

__all__ = ["says_calendar", "says_code", "says_id", "says_strong_id", "says_time"]

_UPPER, _LOWER = "A-ZÀ-ÖØ-Þ", "a-zß-öø-ɏḀ-ỿ"
_WORDS = re.compile(
    rf"[{_UPPER}]+(?=[{_UPPER}][{_LOWER}])|[{_UPPER}]?[{_LOWER}]+|[{_UPPER}]+"
    rf"|[^\W\d_{_UPPER}{_LOWER}]+|[0-9]+"
)
_ID = frozenset(
    {"id", "ids", "uuid", "guid", "pk", "identifier", "rowid", "uid", "pid", "cid", "sid", "oid", "nid"}
)
_WEAK_ID = frozenset(
    {
        "index",
        "idx",
        "key",
        "serial",
        "hash",
        "row",
        "rownum",
        "rowname",
        "rownames",
        "rownumber",
        "unnamed",
        "no",
    }
)
_NUMBERED = frozenset({"", "#", "№"})
_CODE = frozenset(
    {"zip", "zipcode", "postcode", "postal", "code", "sku", "fips", "store", "dept", "department"}
)
_TIME = frozenset(
    {"date", "time", "timestamp", "ts", "datetime", "epoch", "created", "updated", "modified", "day", "when"}
    | {"dt", "at", "year", "yr", "month", "week", "quarter", "ymd", "period", "step", "t"}
)
_CALENDAR = frozenset(
    {"year", "quarter", "month", "week", "weekday", "day", "hour", "minute", "second", "of"}
)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def says_strong_id(name: str) -> bool:
    """Whether it ends, or begins, as the name of an identifier does: customerID, id_order."""
    words = _words(name)
    return bool(words) and (words[-1] in _ID or words[0] in _ID or "".join(words) in _ID)


def says_id(name: str) -> bool:
    """Whether it is the name of an identifier, or of a row's number."""
    words = [word for word in _words(name) if not word.isdigit()]
    return name.strip() in _NUMBERED or says_strong_id(name) or "".join(words) in _WEAK_ID


def says_code(name: str) -> bool:
    """Whether it names numbers that stand for things: zip_code, Store."""
    words = _words(name)
    return bool(words) and words[-1] in _CODE


def says_time(name: str) -> bool:
    """Whether it is the name of a moment: created_at, orderDate."""
    return not _TIME.isdisjoint(_words(name))


def says_calendar(name: str) -> bool:
    """Whether it is the name of a part of a moment: month, dayOfWeek."""
    words = _words(name)
    return bool(words) and _CALENDAR.issuperset(words)
