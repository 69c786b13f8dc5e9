"""What is said of a window of new rows: what drifted, what is wrong with them, how good the model may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from noria.core.result import Score, html_table, without_nan

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MEASURES", "Drift", "DriftReport", "Estimate", "Issue"]


MEASURES = {
    "auc": "AUC",
    "chi_square": "chi-square distance",
    "embedding": "AUC of embeddings",
    "js": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance",
    "psi": "PSI",
}
"""What each test measures, in words."""


@dataclass(frozen=True)
class Drift:
    """How far a column of new rows lies from what the model was trained on.

    Attributes
    ----------
    name : str
        The column, or ``all features``.
    part : str
        ``feature``, ``prediction`` or ``joint`` (all features together).
    test : str
        ``ks``, ``chi_square``, ``psi``, ``js``, ``auc``, ``embedding`` (of texts, an AUC too), or empty where
        nothing was tested.
    statistic : float
    threshold : float
        From which on it counts as drift: what chance explains at these numbers of rows, and what is too
        little to matter, whichever is more.
    p_value : float
        Adjusted for everything that was tested of this window; NaN where nothing was.
    drifted : bool
    reason : str
        In a sentence.
    """

    name: str
    part: str
    test: str = ""
    statistic: float = math.nan
    threshold: float = math.nan
    p_value: float = math.nan
    drifted: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Issue:
    """Something about the quality of new rows.

    Attributes
    ----------
    kind : str
        ``missing column``, ``new column``, ``unreadable values``, ``missing values``, ``new categories``,
        ``out of range`` or ``volume``.
    column : str
        Empty if it is about the rows.
    share, known : float
        The share of new rows that it concerns, and of the rows that the model was trained on; for the volume,
        the rows and how many are usual.
    p_value : float
        Adjusted for everything that was tested; NaN where nothing is left to chance.
    alarming : bool
        Otherwise it is only worth knowing.
    reason : str
        In a sentence.
    """

    kind: str
    column: str
    share: float
    known: float
    p_value: float
    alarming: bool
    reason: str


@dataclass(frozen=True)
class Estimate:
    """What a metric probably is on rows whose truth is not known yet.

    Attributes
    ----------
    score : Score
        With the interval in which the metric of these rows will lie with probability 0.95, if what the
        features say of the target has not changed.
    known : float
        The metric on the rows that the model was judged on.
    worse : bool
        Whether the whole interval is worse than that.
    """

    score: Score
    known: float
    worse: bool


@dataclass(frozen=True)
class DriftReport:
    """A window of new rows beside the rows that the model was trained on.

    Attributes
    ----------
    rows, reference_rows : int
    drifts : tuple of Drift
        Those that drifted first, then by how far they lie beyond their threshold.
    issues : tuple of Issue
        Alarming ones first.
    estimates : tuple of Estimate
    notes : tuple of str
        What was not done, and why.

    Examples
    --------
    >>> moved = Drift("age", "feature", "ks", 0.4, 0.1, 0.0, True, "age: the median is 41, not 30.")
    >>> report = DriftReport(1_000, 50_000, (moved,))
    >>> report.alarming, report.drifted
    (True, ('age',))
    """

    rows: int
    reference_rows: int
    drifts: tuple[Drift, ...] = ()
    issues: tuple[Issue, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of what drifted."""
        return tuple(one.name for one in self.drifts if one.drifted)

    @property
    def alarming(self) -> bool:
        """Whether anything drifted, or is wrong with the rows; by chance alone, in under 5% of windows."""
        return bool(self.drifted) or any(one.alarming for one in self.issues)

    @property
    def reasons(self) -> tuple[str, ...]:
        """All that gives an alarm, in sentences."""
        told = [one.reason for one in self.drifts if one.drifted]
        return (*told, *(one.reason for one in self.issues if one.alarming))

    def frame(self) -> pl.DataFrame:
        """What was tested for drift, a line each."""
        import polars as pl

        types = {"name": pl.String, "part": pl.String, "test": pl.String, "statistic": pl.Float64}
        types |= {"threshold": pl.Float64, "p_value": pl.Float64, "drifted": pl.Boolean, "reason": pl.String}
        return pl.DataFrame([asdict(one) for one in self.drifts], schema=types)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, NaN as null; `from_dict` reads them back."""
        return asdict(self, dict_factory=without_nan)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        estimates = (
            Estimate(Score.from_dict(one["score"]), _number(one["known"]), one["worse"])
            for one in fields["estimates"]
        )
        return cls(
            fields["rows"],
            fields["reference_rows"],
            tuple(Drift(**_numbers(one, "statistic", "threshold", "p_value")) for one in fields["drifts"]),
            tuple(Issue(**_numbers(one, "share", "known", "p_value")) for one in fields["issues"]),
            tuple(estimates),
            tuple(fields["notes"]),
        )

    def _repr_html_(self) -> str:
        import polars as pl

        title = f"{self.rows:,} new rows beside {self.reference_rows:,}: {len(self.drifted)} drifted"
        parts = [html_table(self.frame(), title)]
        if self.issues:
            issues = pl.DataFrame([(one.kind, one.column, one.reason) for one in self.issues], orient="row")
            issues.columns = ["quality", "column", "reason"]
            parts.append(html_table(issues, "What is odd about the rows"))
        if self.estimates:
            scores = [(one.score.metric, str(one.score), f"{one.known:.4g}") for one in self.estimates]
            frame = pl.DataFrame(scores, schema=("metric", "estimated", "when judged"), orient="row")
            parts.append(html_table(frame, "How good the model probably is"))
        return "".join(parts)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _numbers(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Fields that JSON has no NaN in."""
    return {**fields, **{name: _number(fields[name]) for name in names}}
