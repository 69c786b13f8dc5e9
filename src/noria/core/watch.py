"""What one look at a served model finds: how it is used, what its rows are like, how good it is, alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from noria.core.drift import DriftReport
from noria.core.result import Score, html_table, without_nan
from noria.core.words import number, percent

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Alarm", "Check", "Entry", "Realised", "Step", "Usage"]

Kind = Literal["check", "retraining", "silence"]


class Entry(NamedTuple):
    """A line of what was done about a served model.

    Attributes
    ----------
    name : str
        Of the model.
    kind : str
        ``check``, ``retraining`` or ``silence``.
    when : float
        Seconds since 1970.
    who : str
        ``user@host``.
    body : dict
        JSON-ready.
    """

    name: str
    kind: Kind
    when: float
    who: str
    body: dict[str, Any]


class Step(NamedTuple):
    """Something that was done about a served model: a promotion, a retraining, a silence.

    Attributes
    ----------
    when : float
        Seconds since 1970.
    who, what : str
    version : int, optional
        That it was about.
    why : str
    """

    when: float
    who: str
    what: str
    version: int | None
    why: str


@dataclass(frozen=True)
class Usage:
    """What a service was asked in a window.

    Attributes
    ----------
    requests, rows, refused : int
        Refused rows, which got an error, are among the rows.
    first, last : float
        When, seconds since 1970.
    median, slow, slowest : float
        Seconds of requests: quantiles 0.5, 0.95 and 0.99.
    cpu : float, optional
        CPU seconds of a thousand rows, where the log knows it.
    cost : float, optional
        Of a thousand rows, where the price of an hour of a processor core is known too.
    """

    requests: int = 0
    rows: int = 0
    refused: int = 0
    first: float = math.nan
    last: float = math.nan
    median: float = math.nan
    slow: float = math.nan
    slowest: float = math.nan
    cpu: float | None = None
    cost: float | None = None

    @property
    def errors(self) -> float:
        """The share of rows that were refused."""
        return self.refused / self.rows if self.rows else 0.0

    @property
    def per_hour(self) -> float:
        """Rows per hour, from the first to the last."""
        return 3600 * self.rows / (self.last - self.first) if self.last > self.first else math.nan


@dataclass(frozen=True)
class Realised:
    """A metric of the rows whose truth was told.

    Attributes
    ----------
    score : Score
    known : Score
        Of the rows that the model was judged by when it was trained.
    worse : bool
        By more than chance.
    """

    score: Score
    known: Score
    worse: bool


@dataclass(frozen=True)
class Alarm:
    """Something that is or was wrong, from one check to the next.

    Attributes
    ----------
    kind : str
        ``drift``, ``quality``, ``decay``, ``estimate``, ``unanswered``, ``latency`` or ``errors``.
    seen, quiet : int
        For how many windows in a row it was found, or was not.
    open : bool
        Whether it counts: found in enough windows in a row, and not gone for as many since.
    since : float
        When it was opened, or first seen.
    told : float, optional
        When somebody was last told.
    reasons : tuple of str
        Of the last window in which it was found.

    Examples
    --------
    >>> alarm = Alarm("drift").step(("age drifted.",), now=1.0, after=2)
    >>> alarm.open, alarm.step(("age drifted.",), now=2.0, after=2).open
    (False, True)
    """

    kind: str
    seen: int = 0
    quiet: int = 0
    open: bool = False
    since: float = 0.0
    told: float | None = None
    reasons: tuple[str, ...] = ()

    def step(self, reasons: tuple[str, ...], *, now: float, after: int) -> Alarm:
        """The alarm after one more window, in which it was found if there are reasons."""
        if not reasons:
            quiet = self.quiet + 1
            stays = self.open and quiet < after
            return replace(self, seen=0, quiet=quiet, open=stays, told=self.told if stays else None)
        seen = self.seen + 1
        return replace(
            self, seen=seen, quiet=0, open=self.open or seen >= after,
            since=self.since if self.seen or self.open else now, reasons=reasons,
        )  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One look at a served model.

    Attributes
    ----------
    name : str
    version : int
    when : float
        Seconds since 1970.
    usage : Usage
    report : DriftReport
        Of the rows, beside those of the training; without tests if nothing was kept to compare with.
    metric : str
        That the model is judged by.
    labelled : int
        Rows whose truth is known.
    scores : tuple of Realised
    shares : tuple of Score
        Of what answers questions: ``unanswered``, of its answers those that say that there is none, and
        ``helpful``, of the thumbs that it got those that point up.
    alarms : tuple of Alarm
        Open ones first.
    notes : tuple of str
        What was not done, or is odd, and why.
    acted : tuple of str
        What was done about it: messages sent or not, a retraining.
    seen : tuple
        What tells this window from another: the last row's id and the labels; nothing new, nothing counted.
    outbox : tuple of dict
        Messages that could not be sent yet.
    alias : str
        Which version was to be looked at: ``champion``, another alias, or a number.

    Examples
    --------
    >>> check = Check("churn", 3, 0.0, Usage(rows=10, requests=10), DriftReport(10, 500), "roc_auc")
    >>> check.verdict
    'ok'
    """

    name: str
    version: int
    when: float
    usage: Usage
    report: DriftReport
    metric: str
    labelled: int = 0
    scores: tuple[Realised, ...] = ()
    shares: tuple[Score, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    acted: tuple[str, ...] = ()
    seen: tuple[Any, ...] = ()
    outbox: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    alias: str = "champion"

    @property
    def open(self) -> tuple[Alarm, ...]:
        """The alarms that count."""
        return tuple(alarm for alarm in self.alarms if alarm.open)

    @property
    def verdict(self) -> str:
        """``alarm``, ``suspect`` (found, not often enough yet), ``no rows`` or ``ok``."""
        if self.open:
            return "alarm"
        if any(alarm.seen for alarm in self.alarms):
            return "suspect"
        return "ok" if self.usage.rows else "no rows"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not ok, in sentences."""
        return tuple(why for alarm in self.alarms if alarm.open or alarm.seen for why in alarm.reasons)

    def frame(self) -> pl.DataFrame:
        """What was tested for drift, a line each."""
        return self.report.frame()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, NaN as null; `from_dict` reads them back."""
        told = asdict(self, dict_factory=without_nan)
        return {**told, "verdict": self.verdict, "reasons": list(self.reasons)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        known = {name: value for name, value in fields.items() if name not in ("verdict", "reasons")}
        usage: dict[str, Any] = {
            name: math.nan if value is None and name not in ("cpu", "cost") else value
            for name, value in known["usage"].items()
        }
        known["usage"] = Usage(**usage)
        known["report"] = DriftReport.from_dict(known["report"])
        known["scores"] = tuple(
            Realised(Score.from_dict(one["score"]), Score.from_dict(one["known"]), one["worse"])
            for one in known["scores"]
        )
        known["shares"] = tuple(map(Score.from_dict, known.get("shares", ())))
        known["alarms"] = tuple(Alarm(**{**one, "reasons": tuple(one["reasons"])}) for one in known["alarms"])
        for name in ("notes", "acted", "seen", "outbox"):
            known[name] = tuple(known[name])
        return cls(**known)

    def _repr_html_(self) -> str:
        import polars as pl

        usage = self.usage
        told = f"{self.name}@{self.version}: {self.verdict}; {number(usage.rows)} rows"
        parts = [self.report._repr_html_()]
        if usage.rows:
            told += f", {percent(usage.errors)} refused, 95% of requests within {1000 * usage.slow:.3g} ms"
        told += "".join(f", {percent(one.value)} {one.metric}" for one in self.shares)
        if self.scores:
            lines = [(one.score.metric, str(one.score), str(one.known), one.worse) for one in self.scores]
            columns = ("metric", "now", "when judged", "worse")
            frame = pl.DataFrame(lines, schema=columns, orient="row")
            parts.insert(0, html_table(frame, f"With {self.labelled:,} labels"))
        whys = pl.DataFrame({"why": self.reasons}, schema={"why": pl.String})
        return html_table(whys, told) + "".join(parts)
