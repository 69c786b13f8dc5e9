"""What the columns of a table are: their semantic types and their roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from noria.errors import ColumnError, suggestion

__all__ = ["Column", "Parse", "Role", "Schema", "Type"]


class Type(StrEnum):
    """A column's semantic type: what its values mean, whatever they are stored as."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    TEXT = "text"
    IMAGE = "image"
    DOCUMENT = "document"
    VECTOR = "vector"
    ID = "id"
    CONSTANT = "constant"


class Role(StrEnum):
    """What a column is used for."""

    FEATURE = "feature"
    TARGET = "target"
    WEIGHT = "weight"
    GROUP = "group"
    TIME = "time"
    SERIES = "series"
    USER = "user"
    ITEM = "item"
    RATING = "rating"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Parse:
    """How raw text becomes a value; everything empty means that it needs no parsing.

    Attributes
    ----------
    nulls : tuple of str
        Texts that stand for a missing value: ``'?'``, ``'N/A'``, ``'-'``.
    prefix, suffix : str
        A unit around a number: ``'$'``, ``' km'``.
    thousands, decimal : str
        The marks inside a number.
    percent : bool
        Whether the number is a percentage, to be divided by 100.
    format : str
        A ``strptime`` format of a date, or several joined by ``'|'``; or ``'epoch:s'``, ``'epoch:ms'`` and
        ``'epoch:us'``.
    true : tuple of str
        Texts, folded to lower case, that mean true; all others mean false.
    """

    nulls: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    thousands: str = ""
    decimal: str = "."
    percent: bool = False
    format: str = ""
    true: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column: name, meaning, use, and what was seen when it was inferred.

    Attributes
    ----------
    name : str
    type : Type
    role : Role
    parse : Parse
        How its raw text is read.
    distinct, nulls : int
        Counts over the table that it was inferred from.
    low, high : float, optional
        Smallest and largest value of a number, a boolean or a datetime (as seconds since 1970, UTC).
    levels : tuple of str
        The values of a category, most frequent first, at most 1,000 of them.
    notes : tuple of str
        Findings in words, as ``"numbers written as text with thousands marks"``.
    """

    name: str
    type: Type
    role: Role = Role.FEATURE
    parse: Parse = field(default_factory=Parse)
    distinct: int = 0
    nulls: int = 0
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Column:
        """The inverse of `to_dict`."""
        known = dict(fields)
        parse: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in known.pop("parse").items()
        }
        known["type"], known["role"] = Type(known["type"]), Role(known["role"])
        known["levels"], known["notes"] = tuple(known["levels"]), tuple(known["notes"])
        return cls(parse=Parse(**parse), **known)


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in order.

    Parameters
    ----------
    columns : tuple of Column
    rows : int
        How many rows it was inferred from.

    Examples
    --------
    >>> schema = Schema((Column("age", Type.NUMBER), Column("left", Type.BOOLEAN, Role.TARGET)), rows=10)
    >>> schema.target.name, [column.name for column in schema.features]
    ('left', ['age'])
    """

    columns: tuple[Column, ...]
    rows: int = 0

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        """The column called `name`; a ColumnError that offers the nearest name if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        names = self.names
        raise ColumnError(f"There is no column {name!r}.", do=suggestion(name, names))

    @property
    def names(self) -> tuple[str, ...]:
        """All column names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a learner may look at."""
        return self.with_role(Role.FEATURE)

    @property
    def target(self) -> Column | None:
        """The column to be learned, if there is one."""
        return next(iter(self.with_role(Role.TARGET)), None)

    def with_role(self, role: Role) -> tuple[Column, ...]:
        """The columns of one role."""
        return tuple(column for column in self.columns if column.role is role)

    def change(self, name: str, **changes: Any) -> Schema:
        """A copy in which one column's fields are replaced."""
        changed = replace(self[name], **changes)
        return replace(self, columns=tuple(changed if c.name == name else c for c in self.columns))

    def select(self, names: Sequence[str]) -> Schema:
        """A copy that holds only these columns, in this order."""
        return replace(self, columns=tuple(self[name] for name in names))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return {"rows": self.rows, "columns": [column.to_dict() for column in self.columns]}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Schema:
        """The inverse of `to_dict`."""
        return cls(tuple(Column.from_dict(column) for column in fields["columns"]), rows=fields["rows"])
