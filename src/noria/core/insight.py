"""What a reader is told about a run beyond its scores: findings, weak slices, what the model goes by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from noria.core.result import Score, html_table, without_nan

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Code", "Finding", "Importance", "Insight", "Severity", "Slice", "worst_first"]


class Severity(StrEnum):
    """How much a finding matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class Code:
    """What findings of one code have in common.

    Attributes
    ----------
    code : str
    title : str
        In a few words.
    why : str
        Why it matters.
    do : str
        What to do about it.
    how : str
        How it is measured, and from where on it is told.
    wrong : str
        When it is told though nothing is wrong, or missed.
    """

    code: str
    title: str
    why: str
    do: str
    how: str = ""
    wrong: str = ""

    def to_dict(self) -> dict[str, str]:
        """JSON-ready fields."""
        return asdict(self)


@dataclass(frozen=True)
class Finding:
    """Something about a table or a run that its reader should know.

    Attributes
    ----------
    code : str
        ``NOR001`` to ``NOR099`` of a run, ``NOR101`` to ``NOR199`` of a table; a recipe silences it by this.
    severity : Severity
    title : str
        In a few words.
    seen : str
        What was measured, with its numbers, in a sentence.
    do : str
        What to do about it.
    columns : tuple of str
        Those that it is about.
    """

    code: str
    severity: Severity
    title: str
    seen: str
    do: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.code} {self.title}: {self.seen}"


@dataclass(frozen=True)
class Slice:
    """Rows that share a property, and how well the model does on them.

    Attributes
    ----------
    where : str
        The property in words: ``age is 60 or more and sex is male``.
    rows : int
        How many of the held-out rows have it.
    score, rest : Score
        On them, and on all the others.
    surprising : bool
        Whether it does worse there than its own probabilities say; always so where it has none.
    """

    where: str
    rows: int
    score: Score
    rest: Score
    surprising: bool = True


@dataclass(frozen=True)
class Importance:
    """How much worse the model's score becomes when a feature's values are shuffled.

    Attributes
    ----------
    feature : str
    value, low, high : float
        In the unit of the search metric, positive where the score becomes worse; with a 95% interval.

    References
    ----------
    Fisher, Rudin and Dominici (2019), "All models are wrong, but many are useful".
    """

    feature: str
    value: float
    low: float
    high: float

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read fields that JSON has no NaN in."""
        known: dict[str, Any] = {name: math.nan if value is None else value for name, value in fields.items()}
        return cls(**known)


@dataclass(frozen=True)
class Insight:
    """What was found out about a run once its model was judged.

    Attributes
    ----------
    findings : tuple of Finding
        Worst first.
    slices : tuple of Slice
        Those that the model is significantly worse on, worst first.
    importance : tuple of Importance
        Most important first.
    """

    findings: tuple[Finding, ...] = ()
    slices: tuple[Slice, ...] = ()
    importance: tuple[Importance, ...] = ()

    def frame(self) -> pl.DataFrame:
        """The findings, a line each."""
        import polars as pl

        names = ("code", "severity", "title", "seen", "do")
        rows = [{name: str(getattr(finding, name)) for name in names} for finding in self.findings]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, NaN as null; `from_dict` reads them back."""
        return asdict(self, dict_factory=without_nan)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(
            worst_first(
                Finding(**{**one, "severity": Severity(one["severity"]), "columns": tuple(one["columns"])})
                for one in fields["findings"]
            ),
            tuple(
                Slice(**{**one, "score": Score.from_dict(one["score"]), "rest": Score.from_dict(one["rest"])})
                for one in fields["slices"]
            ),
            tuple(Importance.from_dict(one) for one in fields["importance"]),
        )

    def without(self, codes: Iterable[str]) -> Self:
        """The same without findings of these codes."""
        silenced = frozenset(codes)
        return replace(self, findings=tuple(one for one in self.findings if one.code not in silenced))

    def _repr_html_(self) -> str:
        import polars as pl

        parts = []
        if self.findings:
            parts.append(html_table(self.frame(), f"{len(self.findings)} findings, worst first"))
        if self.slices:
            names = ("rows where", "rows", self.slices[0].score.metric, "elsewhere")
            weak = [(one.where, one.rows, str(one.score), str(one.rest)) for one in self.slices]
            frame = pl.DataFrame(weak, schema=names, orient="row")
            parts.append(html_table(frame, "Where the model is weaker"))
        if self.importance:
            frame = pl.DataFrame([asdict(one) for one in self.importance])
            parts.append(html_table(frame, "How much worse it becomes without a feature"))
        return "".join(parts) or "<p>Nothing was found.</p>"


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings by severity, then by code."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda one: (order.index(one.severity), one.code)))
