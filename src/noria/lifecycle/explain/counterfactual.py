"""Counterfactuals: the smallest change of few columns that would lead to another prediction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from noria.core.deadline import Deadline
from noria.core.explanation import plain, word
from noria.core.result import Goal
from noria.core.schema import Column, Type
from noria.errors import ParamError, RecipeError, suggestion
from noria.lifecycle.explain.importance import sensitivity
from noria.lifecycle.explain.view import PROBABILITY, View, grid
from noria.pages.charts import amount

__all__ = ["Change", "Counterfactual", "Wanted", "counterfactual"]

_POINTS, _COLUMNS, _BEAM, _DEEPEST = 15, 40, 8, 4
_CANDIDATES, _STEPS = 5, 32
_DECIMALS, _USUAL = 6, 0.9


@dataclass(frozen=True)
class Change:
    """One column that would have to be different."""

    column: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.column} were {word(self.after)} instead of {word(self.before)}"


@dataclass(frozen=True)
class Counterfactual:
    """What would have to change for another prediction, or that nothing was found.

    Attributes
    ----------
    wanted : str
        In words.
    before : mapping
        The prediction of the row as it is.
    after : mapping, optional
        That of the changed row, asked of the model; None if nothing was found.
    changes : tuple of Change
    tried : int
        Rows that were predicted in the search.
    kept : tuple of str
        Columns that were not to change.
    """

    wanted: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None
    changes: tuple[Change, ...] = ()
    tried: int = 0
    kept: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is such a change."""
        return self.after is not None

    def __str__(self) -> str:
        if self.after is None and not self.tried:
            return f"No column is left that could change, so nothing leads to {self.wanted}."
        if self.after is None:
            kept = f", with {', '.join(self.kept)} as before," if self.kept else ""
            seen = f"No change of up to {_DEEPEST} columns to values seen in training{kept}"
            return f"{seen} leads to {self.wanted}: none of {self.tried:,} that were tried."
        if not self.changes:
            return f"The prediction is {self.wanted} already."
        changes = " and ".join(map(str, self.changes))
        return f"If {changes}, the prediction would be {_said(self.after)} instead of {_said(self.before)}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields, and the sentence."""
        return {**plain(asdict(self)), "found": self.found, "text": str(self)}


@dataclass(frozen=True)
class Wanted:
    """What a counterfactual is asked for.

    Attributes
    ----------
    text : str, optional
        A class, or a comparison such as ``">= 250000"``; any other class if absent.
    keep : tuple of str
        Columns that cannot change.
    """

    text: str | None = None
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Wish:
    """Which predictions are wanted.

    Attributes
    ----------
    goal : Goal, optional
        Of a number.
    label : str, optional
        The wanted class.
    other : str, optional
        The class that is to be left.
    """

    goal: Goal | None = None
    label: str | None = None
    other: str | None = None

    @classmethod
    def parse(cls, text: str | None, view: View, before: Mapping[str, Any]) -> _Wish:
        """Read ``"yes"`` or ``">= 250000"``; without a text, any class but the present one.

        Raises
        ------
        ParamError
            If there is no such class, or a number has no comparison.
        """
        if not view.classes:
            if text is None:
                raise ParamError(
                    "A counterfactual of a number needs to know what is wanted.",
                    do=f"Say it as --want '>= {amount(before['prediction'] * 1.1, 4).replace(',', '')}'.",
                )
            try:
                return cls(goal=Goal.parse("prediction", text))
            except RecipeError as error:
                raise ParamError(
                    "What is wanted of a number is a comparison.",
                    got=repr(text),
                    do=f"Say it as --want '>= {amount(before['prediction'] * 1.1, 4).replace(',', '')}'.",
                ) from error
        if text is None:
            others = [label for label in view.classes if label != before["prediction"]]
            return cls(label=others[0]) if len(others) == 1 else cls(other=before["prediction"])
        if text not in view.classes:
            raise ParamError(f"There is no class {text!r}.", do=suggestion(text, view.classes))
        return cls(label=text)

    def __str__(self) -> str:
        if self.goal is not None:
            return f"{self.goal.compare} {self.goal.value:,g}"
        return self.label or f"anything but {self.other}"

    def met(self, predictions: pl.DataFrame) -> np.ndarray:
        """Which predictions are wanted ones, (rows,)."""
        column = predictions["prediction"]
        if self.goal is not None:
            return np.array([self.goal.met(value) for value in column], dtype=bool)
        return (column == self.label if self.label is not None else column != self.other).to_numpy()

    def nearness(self, predictions: pl.DataFrame) -> np.ndarray:
        """How near predictions come to it, the larger the nearer, (rows,)."""
        if self.goal is not None:
            values = predictions["prediction"].to_numpy()
            return values if self.goal.compare.startswith(">") else -values
        if self.label is not None:
            return predictions[PROBABILITY + self.label].to_numpy()
        return -predictions[f"{PROBABILITY}{self.other}"].to_numpy()


class _Search:
    """The search for one row.

    Parameters
    ----------
    view : View
    row : Table, one row
    wish : _Wish
    keep : collection of str
    """

    def __init__(self, view: View, row: pl.DataFrame, wish: _Wish, keep: Collection[str]) -> None:
        self.view, self.row, self.wish, self.tried = view, row, wish, 0
        free = [column for column in view.columns if column.name not in keep]
        if len(free) > _COLUMNS:
            rank = dict(zip((column.name for column in view.columns), sensitivity(view, Deadline())))
            free = sorted(free, key=lambda column: -rank[column.name])[:_COLUMNS]
        self.choices = {column.name: self._choices(column) for column in free}
        self.scales = {column.name: self._scale(column) for column in free if column.type is Type.NUMBER}

    def run(self, deadline: Deadline) -> dict[str, Any] | None:
        """The changes, by column; None if nothing was found."""
        beam: list[dict[str, Any]] = [{}]
        for _ in range(_DEEPEST):
            asked = self._next(beam)
            if not asked or deadline.expired:
                return None
            predicted = self.predict(asked)
            met = np.flatnonzero(self.wish.met(predicted))
            if len(met):
                cheapest = sorted((asked[at] for at in met), key=self.cost)[:_CANDIDATES]
                return min((self._nearer(changes) for changes in cheapest), key=self.cost)
            beam = self._best(asked, self.wish.nearness(predicted))
        return None

    def predict(self, asked: list[dict[str, Any]]) -> pl.DataFrame:
        """Predictions of the row with each set of changes."""
        self.tried += len(asked)
        changed = {name for changes in asked for name in changes}
        table = pl.concat([self.row] * len(asked))
        own = self.row.row(0, named=True)
        columns = [
            pl.Series(name, [changes.get(name, own[name]) for changes in asked], dtype=self.row.schema[name])
            for name in changed
        ]
        return self.view.model.predict(table.with_columns(columns))

    def cost(self, changes: Mapping[str, Any]) -> float:
        """How large changes are: each number in its own usual distances, anything else as one."""
        own = self.row.row(0, named=True)
        total = 0.0
        for name, value in changes.items():
            plain = name not in self.scales or own[name] is None
            total += 1.0 if plain else min(abs(value - own[name]) / self.scales[name], 10.0)
        return total

    def _choices(self, column: Column) -> list[Any]:
        points = grid(column, self.view.rows[column.name], _POINTS)
        own = self.row[column.name][0]
        return [] if points is None else [value for value in points.to_list() if value != own]

    def _scale(self, column: Column) -> float:
        """The usual distance of two rows: that between the quartiles, or the standard deviation."""
        values = self.view.rows[column.name].drop_nulls()
        if values.is_empty():
            return 1.0
        quartiles = float(values.quantile(0.75) - values.quantile(0.25))  # type: ignore[operator]
        return quartiles or float(values.std() or 1.0)  # type: ignore[arg-type]

    def _next(self, beam: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Every change of one more column."""
        return [
            {**changes, name: value}
            for changes in beam
            for name, values in self.choices.items()
            if name not in changes
            for value in values
        ]

    def _best(self, asked: list[dict[str, Any]], nearness: np.ndarray) -> list[dict[str, Any]]:
        """The nearest ones, each of other columns than the ones before."""
        best: dict[frozenset[str], dict[str, Any]] = {}
        for at in np.argsort(-nearness, kind="stable"):
            best.setdefault(frozenset(asked[at]), asked[at])
            if len(best) == _BEAM:
                break
        return list(best.values())

    def _nearer(self, changes: dict[str, Any]) -> dict[str, Any]:
        """The same with numbers as near to the row's own as they may be, and without what is not needed."""
        own = self.row.row(0, named=True)
        for name in list(changes):
            less = {key: value for key, value in changes.items() if key != name}
            asked = [less] if less else []
            if name in self.scales and own[name] is not None:
                places = _decimals(self.view.rows[name])
                values = np.round(np.linspace(own[name], changes[name], _STEPS + 1)[1:], places)
                asked += [{**less, name: value} for value in values.tolist() if value != own[name]]
            met = np.flatnonzero(self.wish.met(self.predict(asked)) if asked else [])
            if len(met):
                changes = asked[met[0]]
        return changes


def counterfactual(
    view: View, row: pl.DataFrame, wanted: Wanted | None = None, *, deadline: Deadline | None = None
) -> Counterfactual:
    """Look for the smallest change of the fewest columns that leads to a wanted prediction.

    Columns take values that were seen in training: levels of a category, numbers and moments within the range
    of all but the outermost rows, whole where they always were. First every change of one column is tried,
    then of one more column for the most promising ones, up to four. What is found is then moved back towards
    the row as far as it goes. The result was predicted by the model; a search that finds nothing does not
    prove that there is nothing.

    Parameters
    ----------
    view : View
        Rows of the training, or like them.
    row : Table, one row
        Typed.
    wanted : Wanted, optional
        Any other class by default.
    deadline : Deadline, optional

    Raises
    ------
    ColumnError, ParamError
        If a column or class is unknown, or a number has no wanted value.

    References
    ----------
    Wachter, Mittelstadt and Russell (2017), "Counterfactual explanations without opening the black box";
    Dandl et al. (2020), "Multi-objective counterfactual explanations" (few, small and plausible changes).
    """
    wanted = wanted or Wanted()
    for name in wanted.keep:
        view.model.signature.inputs[name]
    before = view.model.predict(row).row(0, named=True)
    wish = _Wish.parse(wanted.text, view, before)
    search = _Search(view, row, wish, wanted.keep)
    met = bool(wish.met(view.model.predict(row))[0])
    changes = {} if met else search.run(deadline or Deadline())
    if changes is None:
        return Counterfactual(str(wish), before, None, (), search.tried, wanted.keep)
    after = search.predict([changes])
    own = row.row(0, named=True)
    made = tuple(Change(name, own[name], value) for name, value in changes.items())
    return Counterfactual(str(wish), before, after.row(0, named=True), made, search.tried, wanted.keep)


def _decimals(values: pl.Series) -> int:
    """How many decimals numbers are written with, a few exceptions aside."""
    seen = values.drop_nulls()
    for places in range(_DECIMALS):
        if (seen == seen.round(places)).mean() > _USUAL:  # type: ignore[operator]
            return places
    return _DECIMALS


def _said(prediction: Mapping[str, Any]) -> str:
    """A prediction in words: the class with its probability, or the number."""
    value = prediction["prediction"]
    share = prediction.get(f"{PROBABILITY}{value}")
    return word(value) if share is None else f"{value} ({share:.0%})"
