"""What is known of a table before anything is learned from it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from noria.core.column_profile import ColumnProfile
from noria.core.insight import Finding, Severity
from noria.core.result import html_table
from noria.core.words import times
from noria.errors import ColumnError, suggestion

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Associations", "Contrast", "Missing", "Profile", "Relation", "Shift", "Target", "Timeline"]


@dataclass(frozen=True)
class Missing:
    """Which columns are missing in the same rows.

    Attributes
    ----------
    columns : tuple of str
        Those with missing values, at most 30 of them, most of them missing first.
    patterns : tuple of (tuple of str, float)
        Which of these columns are missing together, and in what share of the rows; most frequent first. The
        empty one stands for complete rows.
    groups : tuple of tuple of str
        Columns that are nearly always missing together.
    """

    columns: tuple[str, ...] = ()
    patterns: tuple[tuple[tuple[str, ...], float], ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Associations:
    """How strongly columns go together.

    Attributes
    ----------
    columns : tuple of str
        At most 40.
    values : tuple of tuple of float
        Their matrix: rank correlation of two numbers, with its sign; correlation ratio of ranks of a number
        and a category; Cramér's V of two categories. None where there is none.
    strongest : tuple of (str, str, float)
        Of all columns, not only those of the matrix; strongest first.
    """

    columns: tuple[str, ...] = ()
    values: tuple[tuple[float | None, ...], ...] = ()
    strongest: tuple[tuple[str, str, float], ...] = ()


@dataclass(frozen=True)
class Relation:
    """How the target goes with one column.

    Attributes
    ----------
    column : str
    strength : float
        As in `Associations`.
    groups : tuple of str
        Ranges or categories of the column.
    rows : tuple of int
        Of the sample, per group.
    values : tuple of tuple of float
        Per group: the mean of a target that is a number; the share of each class of one that is not.
    """

    column: str
    strength: float
    groups: tuple[str, ...]
    rows: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Target:
    """The column to be learned.

    Attributes
    ----------
    column : str
    classes : tuple of str
        Most frequent first; none of a number.
    relations : tuple of Relation
        Strongest first.
    """

    column: str
    classes: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """Rows and means over time.

    Attributes
    ----------
    column : str
        That holds the moments.
    edges : tuple of float
        Seconds since 1970.
    rows : tuple of float
        All rows, per bin.
    means : tuple of (str, tuple of float)
        Means of other columns per bin, of a sample; None of bins without rows.
    """

    column: str
    edges: tuple[float, ...]
    rows: tuple[float, ...]
    means: tuple[tuple[str, tuple[float | None, ...]], ...] = ()


@dataclass(frozen=True)
class Shift:
    """How a column of another table differs.

    Attributes
    ----------
    column : str
    psi : float, optional
        Population stability index; less than what chance gives counts as 0.
    ks : float, optional
        The largest difference between the two distribution functions, of numbers.
    missing : tuple of float
        The shares without a value, here and there.
    means : tuple of float, optional
        Of numbers, here and there.
    groups : tuple of str
        Ranges or categories.
    here, there : tuple of float
        The share of the values in each group.
    new : tuple of (str, int)
        Categories that are only there, the most frequent ones.
    types : tuple of str
        Here and there.
    p : float, optional
        How likely two samples of one distribution differ as much, by chi-squared over the bins of the PSI.
    unknown : int
        How many categories are only there; an estimate, if these were too many to be counted.
    """

    column: str
    psi: float | None
    ks: float | None
    missing: tuple[float, float]
    means: tuple[float, float] | None
    groups: tuple[str, ...]
    here: tuple[float, ...]
    there: tuple[float, ...]
    new: tuple[tuple[str, int], ...]
    types: tuple[str, str]
    p: float | None = None
    unknown: int = 0


@dataclass(frozen=True)
class Contrast:
    """How another table differs.

    Attributes
    ----------
    source : str
    rows : int
    added, removed : tuple of str
        Columns that are only there, and only here.
    shifts : tuple of Shift
        Of the columns that both have, largest first.
    """

    source: str
    rows: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    shifts: tuple[Shift, ...]


@dataclass(frozen=True)
class Profile:
    """What is known of a table.

    Attributes
    ----------
    source : str
    rows : int
    bytes : int
        In memory, as typed columns.
    columns : tuple of ColumnProfile
    findings : tuple of Finding
        Worst first.
    sampled : int
        From how many rows, drawn evenly, patterns and relations were computed; counts and distributions of
        columns are of all rows.
    duplicates : int, optional
        How many rows repeat an earlier one; None where that cannot be told.
    missing : Missing
    associations : Associations
    timelines : tuple of Timeline
    head : tuple of tuple of str
        The first rows, shortened; None where missing.
    target : Target, optional
    contrast : Contrast, optional
        With another table.
    """

    source: str
    rows: int
    bytes: int
    columns: tuple[ColumnProfile, ...]
    findings: tuple[Finding, ...]
    sampled: int
    duplicates: int | None = None
    missing: Missing = Missing()
    associations: Associations = Associations()
    timelines: tuple[Timeline, ...] = ()
    head: tuple[tuple[str | None, ...], ...] = ()
    target: Target | None = None
    contrast: Contrast | None = None

    def __getitem__(self, name: str) -> ColumnProfile:
        """The column called `name`; a ColumnError that offers the nearest name if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        names = [column.name for column in self.columns]
        raise ColumnError(f"There is no column {name!r}.", do=suggestion(name, names))

    def frame(self) -> pl.DataFrame:
        """One line per column."""
        import polars as pl

        told: dict[str, list[str]] = {}
        for finding in self.findings:
            for name in finding.columns:
                told.setdefault(name, []).append(finding.code)
        text, number = pl.String, pl.Float64
        names = (
            "column",
            "type",
            "missing",
            "distinct",
            "mean",
            "std",
            "low",
            "median",
            "high",
            "top",
            "findings",
        )
        kinds = (text, text, number, pl.Int64, number, number, text, number, text, text, text)
        schema = dict(zip(names, kinds, strict=True))
        return pl.DataFrame(
            [_line(column, told.get(column.name, [])) for column in self.columns], schema=schema
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        known = {one.name: given[one.name] for one in fields(cls)}
        known["columns"] = tuple(ColumnProfile.from_dict(one) for one in given["columns"])
        known["findings"] = tuple(
            Finding(**{**one, "severity": Severity(one["severity"]), "columns": tuple(one["columns"])})
            for one in given["findings"]
        )
        known["missing"] = Missing(**_tuples(given["missing"]))
        known["associations"] = Associations(**_tuples(given["associations"]))
        known["timelines"] = tuple(Timeline(**_tuples(one)) for one in given["timelines"])
        known["head"] = tuple(tuple(row) for row in given["head"])
        if given["target"] is not None:
            relations = tuple(Relation(**_tuples(one)) for one in given["target"]["relations"])
            known["target"] = Target(given["target"]["column"], tuple(given["target"]["classes"]), relations)
        if given["contrast"] is not None:
            shifts = tuple(Shift(**_tuples(one)) for one in given["contrast"]["shifts"])
            known["contrast"] = Contrast(**{**_tuples(given["contrast"]), "shifts": shifts})
        return cls(**known)

    def _repr_html_(self) -> str:
        told = "".join(
            f"<li><b>{html.escape(one.severity)}</b> {html.escape(str(one))}</li>" for one in self.findings
        )
        caption = f"{self.source}: {times(self.rows, 'row')}, {times(len(self.columns), 'column')}"
        return f"<ul>{told}</ul>{html_table(self.frame(), caption)}"


def _tuples(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same with tuples where JSON has lists, at any depth."""
    return {name: _tuple(value) for name, value in given.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(one) for one in value) if isinstance(value, list | tuple) else value


def _line(column: ColumnProfile, codes: list[str]) -> dict[str, Any]:
    """What a column's line in the frame says."""
    numbers, times = column.numbers, column.times
    return {
        "column": column.name,
        "type": str(column.type),
        "missing": column.missing,
        "distinct": column.distinct,
        "mean": numbers.mean if numbers else None,
        "std": numbers.std if numbers else None,
        "low": _end(numbers.low) if numbers else times.first if times else None,
        "median": numbers.median if numbers else None,
        "high": _end(numbers.high) if numbers else times.last if times else None,
        "top": column.top[0][0] if column.top else None,
        "findings": ", ".join(dict.fromkeys(codes)),
    }


def _end(value: float) -> str:
    """An extreme: whole numbers in all of their digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
