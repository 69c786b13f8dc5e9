"""What a run gives back: scores, an evaluation, figures. All render themselves."""

from __future__ import annotations

import html
import json
import math
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from noria.errors import RecipeError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Evaluation", "Figure", "Goal", "Leader", "Score", "html_table", "without_nan"]

_CAPTION = "caption-side: top; text-align: left; padding: .3em 0; opacity: .75"
_LINE = "padding: .25em .9em .25em 0; border-bottom: 1px solid rgba(128, 128, 128, .35); vertical-align: top"
_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True)
class Score:
    """A metric's value with its 95% interval.

    Attributes
    ----------
    metric : str
    value, low, high : float
        In the metric's own unit; `low` and `high` are NaN where no interval can be had.
    """

    metric: str
    value: float
    low: float = math.nan
    high: float = math.nan

    def __str__(self) -> str:
        if math.isnan(self.low):
            return f"{self.value:.4g}"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read fields that JSON has no NaN in."""
        known: dict[str, Any] = {name: math.nan if value is None else value for name, value in fields.items()}
        return cls(**known)


@dataclass(frozen=True)
class Goal:
    """What a recipe wants of a metric: ``Goal.parse("accuracy", ">= 0.78")``.

    Examples
    --------
    >>> Goal.parse("accuracy", ">= 0.78").met(0.8)
    True
    """

    metric: str
    compare: str
    value: float

    @classmethod
    def parse(cls, metric: str, text: str | float) -> Goal:
        """Read ``">= 0.78"``; a bare number is not enough, for it says no direction."""
        match = re.fullmatch(r"\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*", str(text))
        if match is None:
            raise RecipeError(
                f"The goal for {metric!r} is not a comparison.", got=repr(text), do="Write it as '>= 0.78'."
            )
        return cls(metric, match[1], float(match[2]))

    def met(self, value: float) -> bool:
        """Whether a score reaches the goal."""
        return bool(_COMPARE[self.compare](value, self.value))

    def __str__(self) -> str:
        return f"{self.metric} {self.compare} {self.value:g}"


@dataclass(frozen=True)
class Leader:
    """One line of the leaderboard: a learner's best trial on the training rows.

    Attributes
    ----------
    learner : str
    params : dict
    score : float
        Out-of-fold value of the search metric.
    weight : float
        Its share in the final model, 0 to 1.
    fit_seconds : float
        Training all its folds.
    predict_seconds : float
        Predicting one thousand rows.
    bytes : int
        Size of its saved model.
    trials : int
        How many settings of this learner were tried.
    low, high : float
        The score's 95% interval, NaN where there is none; trials are chosen by the score, which flatters it.
    even : bool
        Whether it may be as good as the best: the interval of their difference on the same rows holds 0.
    """

    learner: str
    params: dict[str, Any]
    score: float
    weight: float
    fit_seconds: float
    predict_seconds: float
    bytes: int
    trials: int = 1
    low: float = math.nan
    high: float = math.nan
    even: bool = False

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read fields that JSON has no NaN in; those of older runs lack some."""
        ends: dict[str, Any] = {
            name: fields[name] for name in ("low", "high") if fields.get(name) is not None
        }
        known = {name: value for name, value in fields.items() if name not in ("low", "high")}
        return cls(**known, **ends)


@dataclass(frozen=True)
class Figure:
    """A picture as data: a table and a Vega-Lite specification that draws it. Notebooks show the picture.

    Attributes
    ----------
    name : str
        Of its file.
    title : str
    frame : Table
    spec : mapping
        Vega-Lite, without title and data.
    section : str
        The chapter of the report that it belongs to: ``results``, ``errors``, ``learning`` or
        ``explanation``.
    text : str
        How to read it, in a sentence or two for people who are not specialists.
    """

    name: str
    title: str
    frame: pl.DataFrame
    spec: Mapping[str, Any]
    section: str = "results"
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The specification with title and data, JSON-ready; any Vega-Lite viewer draws it."""
        about = {"description": self.text or self.title, "usermeta": {"section": self.section}}
        return {
            "title": self.title,
            **about,
            "data": {"values": json.loads(self.frame.write_json())},
            **self.spec,
        }

    @classmethod
    def from_dict(cls, name: str, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        import polars as pl

        about = ("title", "data", "description", "usermeta")
        frame = pl.DataFrame(fields["data"]["values"], infer_schema_length=None)
        text = fields.get("description", "")
        return cls(
            name,
            fields["title"],
            frame,
            {key: value for key, value in fields.items() if key not in about},
            fields.get("usermeta", {}).get("section", "results"),
            "" if text == fields["title"] else text,
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"application/vnd.vegalite.v6+json": self.to_dict(), "text/plain": repr(self)}


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on rows that no choice has seen.

    Attributes
    ----------
    rows : int
        How many rows were held out.
    how : str
        How they were chosen, in words.
    scores, baseline : dict of str to Score
        The model's and the baseline's, by metric.
    goals : tuple of Goal
    leaderboard : tuple of Leader
        Best first, by the search metric out of fold.
    metric : str
        The metric that the search optimised.
    notes : tuple of str
        What a reader should know: repairs, warnings, coverage.
    """

    rows: int
    how: str
    metric: str
    scores: dict[str, Score]
    baseline: dict[str, Score] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    leaderboard: tuple[Leader, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def goals_met(self) -> bool:
        """Whether every goal is reached (true where there is none)."""
        return all(goal.met(self.scores[goal.metric].value) for goal in self.goals)

    def frame(self) -> pl.DataFrame:
        """One line per metric: value, interval, baseline, goal."""
        import polars as pl

        goals = {goal.metric: goal for goal in self.goals}
        rows = []
        for name, score in self.scores.items():
            base, goal = self.baseline.get(name), goals.get(name)
            rows.append(
                {
                    "metric": name,
                    "value": score.value,
                    "low": score.low,
                    "high": score.high,
                    "baseline": base.value if base else None,
                    "goal": f"{goal.compare} {goal.value:g}" if goal else None,
                    "met": goal.met(score.value) if goal else None,
                }
            )
        floats = dict.fromkeys(["value", "low", "high", "baseline"], pl.Float64)
        schema = {"metric": pl.String, **floats, "goal": pl.String, "met": pl.Boolean}
        return pl.DataFrame(rows, schema=schema)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, NaN as null; `from_dict` reads them back."""
        return asdict(self, dict_factory=without_nan)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Evaluation:
        """The inverse of `to_dict`."""
        known = dict(fields)
        for name in ("scores", "baseline"):
            known[name] = {metric: Score.from_dict(score) for metric, score in known[name].items()}
        known["goals"] = tuple(Goal(**goal) for goal in known["goals"])
        known["leaderboard"] = tuple(Leader.from_dict(leader) for leader in known["leaderboard"])
        known["notes"] = tuple(known["notes"])
        return cls(**known)

    def _repr_html_(self) -> str:
        return html_table(self.frame(), f"{self.rows:,} held-out rows; {self.how}")


def html_table(frame: pl.DataFrame, caption: str) -> str:
    """A table as notebooks show it, on light ground and on dark."""
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    head = _html_row("th", frame.columns, numeric)
    body = "".join(_html_row("td", map(_cell, row), numeric) for row in frame.iter_rows())
    told = f'<caption style="{_CAPTION}">{html.escape(caption)}</caption>'
    return f'<table style="border-collapse: collapse">{told}{head}{body}</table>'


def _html_row(tag: str, cells: Iterable[str], numeric: Sequence[bool]) -> str:
    """One line of a table; numbers stand flush right."""
    shown = (
        f'<{tag} style="{_LINE}; text-align: {side}"><bdi>{html.escape(cell)}</bdi></{tag}>'
        for cell, side in zip(cells, ("right" if number else "left" for number in numeric))
    )
    return f"<tr>{''.join(shown)}</tr>"


def without_nan(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For ``dataclasses.asdict``: NaN and infinity become None, as JSON has no word for them."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in pairs
    }


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)
