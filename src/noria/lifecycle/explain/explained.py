"""What there is to say about some rows, or about a model as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from noria.core.explanation import Explanation, plain, word
from noria.core.features import FeaturedModel
from noria.core.insight import Importance
from noria.core.protocol import Model
from noria.core.result import Figure, html_table
from noria.core.schema import Column, Role, Schema, Type
from noria.data.conform import conform
from noria.errors import ParamError
from noria.lifecycle.explain import curves
from noria.lifecycle.explain.counterfactual import Counterfactual, Wanted, counterfactual
from noria.lifecycle.explain.dependence import surface
from noria.lifecycle.explain.view import PROBABILITY, View
from noria.pages.render import render

__all__ = ["Background", "Explained", "explain"]

_FEW = 50
_FINE, _GRID = 30, 14
_BARS = 12


@dataclass(frozen=True)
class Background:
    """Rows that a model was trained on.

    Attributes
    ----------
    rows : Table
        Raw or typed.
    target : str
        The column that was learned.
    """

    rows: pl.DataFrame
    target: str


@dataclass(frozen=True)
class Explained:
    """Why a model says what it says: of some rows, or on the whole.

    Attributes
    ----------
    name : str
        Of the model.
    predictions : Table
        Of the rows; empty if there are none.
    explanation : Explanation, optional
        Of the rows.
    counterfactuals : tuple of Counterfactual
        One per row, if asked for.
    importance : tuple of Importance
        Of the model's run, if no rows were given.
    metric : str
        That the importance is measured in.
    figures : tuple of Figure
    made_by : str
        The feature function whose columns the explanation is about, if there is one.
    """

    name: str
    predictions: pl.DataFrame
    explanation: Explanation | None = None
    counterfactuals: tuple[Counterfactual, ...] = ()
    importance: tuple[Importance, ...] = ()
    metric: str = ""
    figures: tuple[Figure, ...] = ()
    made_by: str = ""

    def frame(self) -> pl.DataFrame:
        """A line per row and feature; without rows, the importance of each feature."""
        if self.explanation is None:
            names = ("feature", "value", "low", "high")
            kinds = {name: pl.Float64 if at else pl.String for at, name in enumerate(names)}
            return pl.DataFrame([asdict(one) for one in self.importance], schema=kinds)
        parts = [self.explanation.row(at) for at in range(self.predictions.height)]
        numbered = [part.select(pl.lit(at).alias("row"), pl.all()) for at, part in enumerate(parts)]
        return pl.concat(numbered) if numbered else pl.DataFrame()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        told: dict[str, Any] = {"model": self.name}
        if self.explanation is None:
            told |= {"metric": self.metric, "importance": [asdict(one) for one in self.importance]}
        else:
            explained = self.explanation.to_dict()
            told |= {"unit": explained["unit"], "method": explained["method"], "made_by": self.made_by}
            told["rows"] = []
            for at, row in enumerate(explained["rows"]):
                extra = {"counterfactual": self.counterfactuals[at].to_dict()} if self.counterfactuals else {}
                predicted = plain(self.predictions.row(at, named=True))
                told["rows"].append({"prediction": predicted, **row, **extra})
        return {**told, "figures": [figure.name for figure in self.figures]}

    def page(self) -> str:
        """A page of one file, which needs no network."""
        title = f"What {self.name} goes by" if self.explanation is None else f"Why {self.name} says so"
        fields = {"title": title, "name": self.name, "explained": self}
        cards = [self.card(at) for at in range(self.predictions.height)]
        widest = max([abs(one.value) for one in self.importance], default=0.0) or 1.0
        return render("explain.html", **fields, cards=cards, widest=widest)

    def card(self, at: int) -> dict[str, Any]:
        """What is shown of a row: its prediction in words, and bars that lead from the base to it."""
        assert self.explanation is not None
        found, parts = self.explanation, self.explanation.row(at)
        shown, rest = parts.head(_BARS), parts.slice(_BARS)
        steps = shown.to_dicts()
        if rest.height:
            steps.append(
                {"feature": f"{rest.height} more", "value": None, "added": rest["added"].sum(), "error": None}
            )
        ends = [float(found.base[at])]
        for step in steps:
            ends.append(ends[-1] + step["added"])
        low, span = min(ends), (max(ends) - min(ends)) or 1.0
        for step, start, end in zip(steps, ends, ends[1:]):
            step |= {"left": 100 * (min(start, end) - low) / span, "width": 100 * abs(end - start) / span}
        return {
            "said": said(self.predictions.row(at, named=True)),
            "base": ends[0],
            "output": float(found.outputs[at]),
            "unit": unit(found, at),
            "steps": steps,
            "counterfactual": self.counterfactuals[at] if self.counterfactuals else None,
        }

    def _repr_html_(self) -> str:
        if self.explanation is None:
            return html_table(self.frame(), f"{self.metric} lost by shuffling a column of {self.name}")
        lines = "".join(html_table(pl.DataFrame({"": [str(one)]}), "") for one in self.counterfactuals)
        return self.explanation._repr_html_() + lines


def explain(
    model: Model | FeaturedModel,
    rows: pl.DataFrame,
    *,
    name: str = "model",
    background: Background | None = None,
    columns: Sequence[str] = (),
    wanted: Wanted | None = None,
) -> Explained:
    """Explain a model's predictions of some rows.

    Parameters
    ----------
    model : Model
    rows : Table
        As `Model.predict` takes it; none, if only `columns` are asked about.
    name : str
        What the model is called.
    background : Background, optional
        Training rows: what columns may change to, and what the others are averaged over. Without them the
        rows themselves are used, or if these are few, rows that the ranges and levels of the schema allow.
    columns : sequence of str
        Two, whose values decide a picture: the boundaries of classes, or what is predicted.
    wanted : Wanted, optional
        What would have to change is looked for, for this.

    Raises
    ------
    ColumnError
        If a column is missing, cannot be read, or is unknown.
    ParamError
        If what is wanted cannot be.
    """
    predictions = model.predict(rows) if rows.height else pl.DataFrame()
    found = model.explain(rows) if rows.height else None
    roles = (Role.FEATURE, Role.TIME, Role.SERIES)
    typed = conform(rows, model.signature.inputs, roles=roles) if rows.height else None
    counterfactuals: list[Counterfactual] = []
    if wanted is not None and typed is not None:
        view = _view(model, typed, background, ())
        each = (counterfactual(view, typed[at], wanted) for at in range(typed.height))
        counterfactuals.extend(each)
    figures = (_picture(model, typed, background, columns),) if columns else ()
    made_by = model.function.name if isinstance(model, FeaturedModel) else ""
    return Explained(name, predictions, found, tuple(counterfactuals), figures=figures, made_by=made_by)


def said(prediction: dict[str, Any]) -> str:
    """A prediction in words, with how sure it is.

    Examples
    --------
    >>> said({"prediction": "yes", "probability_no": 0.2, "probability_yes": 0.8, "prediction_set": ["yes"]})
    'yes (80%)'
    >>> said({"prediction": 12.5, "low": 10.0, "high": 15.0})
    '12.5 (10 to 15)'
    """
    value = prediction["prediction"]
    if f"{PROBABILITY}{value}" in prediction:
        others = [label for label in prediction.get("prediction_set") or () if label != value]
        doubt = f"; {', '.join(others)} cannot be ruled out" if others else ""
        return f"{value} ({prediction[PROBABILITY + str(value)]:.0%}{doubt})"
    interval = f" ({word(prediction['low'])} to {word(prediction['high'])})" if "low" in prediction else ""
    return f"{word(value)}{interval}"


def unit(found: Explanation, at: int) -> str:
    """What a row's attributions are parts of, in words."""
    return found.unit if found.outcome is None else f"{found.unit} of {found.outcome[at]}"


def _picture(
    model: Model | FeaturedModel,
    typed: pl.DataFrame | None,
    background: Background | None,
    columns: Sequence[str],
) -> Figure:
    """The boundary of classes over two columns of numbers, or else a heat map."""
    if len(columns) != 2 or columns[0] == columns[1]:
        raise ParamError("A picture needs two columns.", got=", ".join(columns), do="Name two: a,b.")
    view = _view(model, typed, background, columns)
    pair = tuple(view.model.signature.inputs[name] for name in columns)
    numbers = all(column.type is Type.NUMBER for column in pair)
    found = surface(view.sample(_FEW), (pair[0], pair[1]), _FINE if numbers and view.classes else _GRID)
    if found is None:
        raise ParamError(
            "A picture needs two columns that vary and hold numbers, levels or moments.",
            got=", ".join(f"{column.name}: {column.type}" for column in pair),
        )
    if not (numbers and view.classes):
        return curves.heatmap(view, found, "surface")
    truth = background.rows[background.target] if background is not None else None
    asked = typed if typed is not None and set(columns) <= set(typed.columns) else None
    return curves.boundary(view, found, "boundary", truth=truth, asked=asked)


def _view(
    model: Model | FeaturedModel,
    typed: pl.DataFrame | None,
    background: Background | None,
    columns: Sequence[str],
) -> View:
    """The model on background rows; behind its feature function, if the columns are made by that."""
    inputs = model.signature.inputs
    roles = (Role.FEATURE, Role.TIME, Role.SERIES)
    if inputs.with_role(Role.TIME) and typed is not None:  # the past cannot be asked about
        rows = typed
    elif background is not None:
        rows = conform(background.rows, inputs, roles=roles)
    else:
        rows = typed if typed is not None and typed.height >= _FEW else _allowed(inputs)
    behind = isinstance(model, FeaturedModel) and not all(name in inputs for name in columns)
    if behind and isinstance(model, FeaturedModel):
        return View(model.model, conform(model.featured(rows), model.model.signature.inputs))
    return View(model, rows)


def _allowed(inputs: Schema) -> pl.DataFrame:
    """Rows that a schema's ranges and levels allow, each column for itself."""
    made = {column.name: _values(column, at) for at, column in enumerate(inputs.features)}
    return conform(pl.DataFrame(made), inputs, roles=(Role.FEATURE,))


def _values(column: Column, seed: int) -> pl.Series:
    values: list[Any] = [True, False] if column.type is Type.BOOLEAN else [None]
    if column.type is Type.CATEGORY and column.levels:
        values = list(column.levels)
    elif column.type in (Type.NUMBER, Type.DATETIME) and column.low is not None and column.high is not None:
        values = [column.low + (column.high - column.low) * at / (_FEW - 1) for at in range(_FEW)]
    many = pl.Series(column.name, values).gather([at % len(values) for at in range(_FEW)])
    if column.type is Type.DATETIME:
        many = pl.from_epoch(many.cast(pl.Int64), time_unit="s")
    return many.shuffle(seed=seed)
