"""The data of a run: read, kept, typed and checked, before anything is learned from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from noria.core.events import Events
from noria.core.features import FeatureFunction
from noria.core.protocol import Task
from noria.core.recipe import Recipe
from noria.core.schema import Role, Schema, Type
from noria.data import documents, sources
from noria.data.conform import conform, written
from noria.data.documents import questions
from noria.data.infer import infer, infer_task
from noria.data.snapshot import Snapshot
from noria.data.snapshot import save as save_snapshot
from noria.data.validate import prepare
from noria.errors import ColumnError, RecipeError, suggestion
from noria.lifecycle import _columns as columns
from noria.pages.units import without_password
from noria.settings import Settings

__all__ = ["Preparation", "Prepared"]

_ROLES = set(Role) - set(Type)
_JUDGED = set(Role) - {Role.IGNORE, Role.WEIGHT}
_BESIDE = (Role.GROUP, Role.TIME, Role.SERIES, Role.WEIGHT)
_WRITING = {"thousands", "decimal", "percent"}  # what a recipe may say of numbers, and one file not show


@dataclass
class Prepared:
    """The data of a run, ready to learn from.

    Attributes
    ----------
    table, test : Table
        Typed rows to learn from (held-out rows included), and rows given for testing.
    raw_schema : Schema
        Of the columns as they came; what a caller of the model sends.
    schema : Schema
        Of the columns after the feature function.
    tested : str, optional
        Fingerprint of the rows given for testing, as they came.
    settings : Settings
    documents : Table, optional
        What the rows are asked of.
    corpus : str, optional
        Its fingerprint.
    """

    table: pl.DataFrame
    test: pl.DataFrame | None
    raw_schema: Schema
    schema: Schema
    task: Task
    snapshot: Snapshot
    tested: str | None
    function: FeatureFunction | None
    example: dict[str, Any]
    notes: list[str]
    settings: Settings
    documents: pl.DataFrame | None = None
    corpus: str | None = None


@dataclass
class Preparation:
    """From a recipe to typed rows.

    Parameters
    ----------
    recipe : Recipe
    settings : Settings
    events : Events
    source, test, documents : object
        Tables or addresses that stand in for the recipe's own.
    fresh : bool
        Whether a copy is fetched anew where its server does not say if it has changed.
    """

    recipe: Recipe
    settings: Settings
    events: Events
    source: Any = None
    test: Any = None
    documents: Any = None
    fresh: bool = False
    notes: list[str] = field(default_factory=list)
    _asked: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self) -> Prepared:
        """Read and prepare.

        Raises
        ------
        NoriaError
            Of the kind that fits.
        """
        recipe, given = self.recipe, self.recipe.data
        beside, left_out = self._documents()
        raw = self._rows(beside)
        snapshot = save_snapshot(raw, self.settings)
        where = without_password(given.source or type(self.source).__name__)
        self.events.emit("data.read", rows=raw.height, columns=raw.width, source=where)
        self._asked = self._question(raw.columns)
        raw, fewer = self._affordable(raw)
        function = FeatureFunction.read(recipe.features, recipe.folder) if recipe.features else None
        made_later = set() if function is None else set(self._overrides()) - set(raw.columns)
        raw_schema = infer(raw, target=given.target, overrides=self._overrides(made_later))
        test = self.test if self.test is not None else given.test
        test = None if test is None else self._read(test, written(raw_schema))
        tested = None if test is None else save_snapshot(test, self.settings).hash
        table, schema = raw, raw_schema
        if function is not None:
            table = self._featured(function, raw, raw_schema)
            test = None if test is None else self._featured(function, test, raw_schema)
            schema = infer(
                table, target=given.target, overrides=self._overrides(set(raw.columns) - set(table.columns))
            )
        task = self._task or Task(infer_task(schema[given.target], table))
        schema = self._typed_target(schema, table, task)
        found = columns.findings(schema)
        usable, schema, notes = prepare(table, schema, task)
        typed = conform(usable, schema)
        columns.check_weights(typed, schema)
        if test is not None:
            test = columns.judged(conform(test, schema, roles=_JUDGED), schema)
        for note in (*left_out, *fewer, *found, *notes):
            self.events.emit("note", text=note)
        return Prepared(
            typed,
            test,
            raw_schema,
            schema,
            task,
            snapshot,
            tested,
            function,
            columns.example(raw),
            [*self.notes, *left_out, *fewer, *found, *notes],
            self.settings,
            beside,
            None if beside is None else save_snapshot(beside, self.settings).hash,
        )

    @property
    def _task(self) -> Task | None:
        """The task that is wished for, or that documents call for."""
        asked = self.documents is not None or self.recipe.data.asks_documents
        return self.recipe.task or (Task.QUESTION_ANSWERING if asked else None)

    def _question(self, columns: list[str]) -> dict[str, dict[str, str]]:
        """What the columns of a table of questions are: a text, and a text that names what is relevant to it.

        The question is the column of that name, or the only one beside the target; others are ignored.
        """
        if self._task is None or not self._task.asked:
            return {}
        others = [name for name in columns if name != self.recipe.data.target]
        if len(others) > 1 and "question" not in others:
            raise RecipeError(
                "Which column holds the questions?", got=", ".join(others), do="Rename it to 'question'."
            )
        question = "question" if "question" in others else others[0] if others else ""
        text, left_out = {"type": "text"}, {"role": "ignore"}
        return {name: left_out if name in others and name != question else text for name in columns}

    def _documents(self) -> tuple[pl.DataFrame | None, list[str]]:
        """What the rows are asked of, and which documents were left out."""
        given = self.recipe.data
        if self._task is None or not self._task.asked:
            return None, []
        named = given.documents or given.source
        if self.documents is None and not named:
            raise RecipeError(
                "There are no documents to answer from.", do="Name them under 'data: documents:'."
            )
        addresses = [self._located(one) for one in ([named] if isinstance(named, str) else named)]
        source = addresses if self.documents is None else self.documents
        table, left_out = documents.read(source, settings=self.settings, events=self.events)
        count = table["document"].n_unique()
        self.events.emit("documents.read", documents=count, blocks=table.height)
        return table, [f"{count:,} documents", *left_out]

    def _rows(self, beside: pl.DataFrame | None) -> pl.DataFrame:
        """The rows to learn from; questions are made from the documents where nobody gave any."""
        source = self.recipe.data.source if self.source is None else self.source
        if isinstance(source, str) and not source:
            if beside is None:
                raise RecipeError("There are no data to learn from.", do="Name them under 'data: source:'.")
            table = questions.made(beside, seed=self.recipe.search.seed)
            self.notes.append(f"{questions.NOTE}. {table.height:,} questions were made.")
            return table
        return self._read(source, self._declared())

    def _declared(self) -> set[str]:
        """Columns whose numbers the recipe says how to read."""
        wishes = ((name, wish.get("parse")) for name, wish in self._overrides().items())
        return {name for name, parse in wishes if isinstance(parse, Mapping) and _WRITING & set(parse)}

    def _read(self, source: Any, as_text: Collection[str]) -> pl.DataFrame:
        data = self.recipe.data
        table = sources.read(
            self._located(source),
            settings=self.settings,
            query=data.query,
            table=data.table,
            names=data.names,
            events=self._repairs,
            fresh=self.fresh,
            written=as_text,
        )
        unknown = [name for name in data.drop if name not in table.columns]
        if unknown:
            raise RecipeError(
                f"There is no column {unknown[0]!r} to drop.", do=suggestion(unknown[0], table.columns)
            )
        return table.drop(data.drop)

    def _affordable(self, raw: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
        """As many rows as the budget is enough for, where they are independent, and a note of it."""
        search = self.recipe.search
        roles = {wish.get("role") for wish in self._overrides().values()}
        bound = self.recipe.task is not None and self.recipe.task.ordered
        if bound or roles & {Role.TIME, Role.SERIES, Role.GROUP}:
            return raw, []
        return columns.affordable(raw, search.budget, search.seed)

    def _located(self, source: Any) -> Any:
        """What is named relative to the recipe's folder, by its path, or what came."""
        return sources.located(source, self.recipe.folder) if isinstance(source, str) else source

    @cached_property
    def _repairs(self) -> Events:
        """The run's events, with repairs of the data and old copies kept as notes."""
        events = Events()

        def pass_on(event: Any) -> None:
            if event.kind in {"data.repaired", "copy.used"}:
                self.notes.append(event.data["what"])
            self.events.emit(event.kind, **event.data)

        events.listen(pass_on)
        return events

    def _overrides(self, without: Collection[str] = ()) -> dict[str, Any]:
        """The recipe's types and roles, with its short keys for group, time, weight and task."""
        data = self.recipe.data
        overrides: dict[str, Any] = {
            name: {"role" if wish in _ROLES else "type": wish} if isinstance(wish, str) else dict(wish)
            for name, wish in data.columns.items()
        }
        for role in (Role.GROUP, Role.TIME, Role.WEIGHT):
            name = getattr(data, role.value)
            if name is not None:
                overrides.setdefault(name, {})["role"] = role.value
        for name in data.series:
            overrides.setdefault(name, {})["role"] = Role.SERIES.value
        if self.recipe.task is not None and self.recipe.task.numeric:
            overrides.setdefault(data.target, {}).setdefault("type", "number")
        for name, wish in self._asked.items():
            overrides[name] = {**wish, **overrides.get(name, {})}
        return {name: wish for name, wish in overrides.items() if name not in without}

    def _featured(self, function: FeatureFunction, raw: pl.DataFrame, schema: Schema) -> pl.DataFrame:
        """The function's columns beside the raw target, which it never sees, and what splits or weighs."""
        target = self.recipe.data.target
        if target not in raw.columns:
            raise ColumnError(f"There is no target column {target!r}.", do=suggestion(target, raw.columns))
        made = function(conform(raw, columns.inputs(schema, target)))
        kept = [target, *(c.name for c in schema if c.role in _BESIDE and c.name in raw.columns)]
        return made.drop(kept, strict=False).with_columns(raw[kept])

    def _typed_target(self, schema: Schema, table: pl.DataFrame, task: Task) -> Schema:
        """The schema with a target of a type that suits the task; classes keep the labels that came."""
        target = schema[self.recipe.data.target]
        if target.type is Type.BOOLEAN and table[target.name].dtype != pl.Boolean:
            gone = set(self._overrides()) - set(table.columns)
            wish = {**self._overrides(gone), target.name: "category"}
            return infer(table, target=target.name, overrides=wish)
        columns.check_target(target, task)
        return schema
