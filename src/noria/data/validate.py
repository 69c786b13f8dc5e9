"""A raw table made fit for training: typed, without rows or columns that teach nothing, and findings."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from noria.core.schema import Column, Parse, Role, Schema, Type
from noria.core.words import times
from noria.data._seen import Seen, measure
from noria.data.conform import conform
from noria.errors import DataError, TargetError

__all__ = ["prepare"]

_FEWEST = 10
_LOOK = 100_000
_SURE = 0.999
_CLASSES = frozenset({Type.CATEGORY, Type.BOOLEAN})
_PLACES = {Type.NUMBER, Type.DATETIME, Type.BOOLEAN}


def prepare(table: pl.DataFrame, schema: Schema, task: str) -> tuple[pl.DataFrame, Schema, tuple[str, ...]]:
    """Type the rows, drop those that cannot be learned from, and say what is odd about the columns.

    Rows without a target go, and so do rows of a class that has only one; a column that repeats another, that
    equals the target, or that holds one value or none is ignored; one that gives the target away is flagged.

    Parameters
    ----------
    table : Table
        Raw or typed.
    schema : Schema
        Inferred from it, with a target if the task has one.
    task : str
        ``"classification"`` asks for a target of classes, ``"regression"`` for one of numbers: the target's
        type is changed where it can be.

    Returns
    -------
    table : Table
        Typed, only the columns that are not ignored.
    schema : Schema
        With the roles, the notes and the target's counts brought up to date.
    notes : tuple of str
        All that was repaired or found.

    Raises
    ------
    DataError
        If the table is empty, or fewer than 10 rows or no feature remain.
    TargetError
        If fewer than two classes or values of the target remain.

    Examples
    --------
    >>> table = pl.DataFrame({"x": list(range(12)), "y": ["a", "b"] * 5 + ["a", None]})
    >>> schema = Schema((Column("x", Type.NUMBER), Column("y", Type.CATEGORY, Role.TARGET)), rows=12)
    >>> typed, _, notes = prepare(table, schema, "classification")
    >>> typed.height, notes
    (11, ("1 row without a value of the target 'y' left out",))
    """
    if not table.height:
        raise DataError("The table has no rows.", do="Check the source: is there a header only?")
    notes: list[str] = []
    schema = _fit_target(table, schema, task)
    typed = conform(table, schema)
    if schema.target is not None:
        typed, schema = _drop_rows(typed, schema, schema.target, notes)
        _tell_alike(typed, schema, notes)
    _need_rows(typed, table.height, notes)
    schema = replace(schema, rows=typed.height)
    schema = _ignore_constants(typed, schema, notes)
    schema = _ignore_copies(typed, schema, notes)
    if schema.target is not None:
        schema = _flag_leaks(typed, schema, schema.target, notes)
    _need_features(schema)
    kept = [column.name for column in schema if column.role is not Role.IGNORE]
    return typed.select(kept), schema, tuple(notes)


def _tell_alike(typed: pl.DataFrame, schema: Schema, notes: list[str]) -> None:
    """Note classes that differ in upper and lower case only."""
    target = schema.target
    if target is None or target.type is not Type.CATEGORY:
        return
    classes = typed[target.name].drop_nulls().unique().sort().to_frame("class")
    alike = classes.group_by(pl.col("class").str.to_lowercase().alias("word"), maintain_order=True).all()
    for words in alike.filter(pl.col("class").list.len() > 1)["class"].to_list():
        shown = " and ".join(repr(word) for word in words)
        notes.append(f"the target {target.name!r} has the classes {shown}, learned as {len(words)} classes")


def _need_rows(typed: pl.DataFrame, before: int, notes: list[str]) -> None:
    """Raise if too few rows are left."""
    if typed.height < _FEWEST:
        raise DataError(
            f"Too few rows can be learned from: at least {_FEWEST} are needed.",
            got="; ".join([f"{typed.height} of {before:,} rows", *notes]),
            do="Give more rows.",
        )


def _need_features(schema: Schema) -> None:
    """Raise if there is nothing to learn from."""
    if not schema.features and not schema.with_role(Role.TIME):
        why = "; ".join(f"{column.name}: {', '.join(column.notes) or column.role}" for column in schema)
        raise DataError(
            "No feature is left to learn from.", got=why[:400], do="Set the role of a column to 'feature'."
        )


# --- the target -------------------------------------------------------------------------------


def _fit_target(table: pl.DataFrame, schema: Schema, task: str) -> Schema:
    """The schema with the target's type that the task asks for."""
    target = schema.target
    if target is None or task not in _CHANGES:
        return schema
    wanted, allowed = _CHANGES[task]
    if target.type in allowed:
        return schema
    nulls = target.parse.nulls
    changed = replace(
        target, type=wanted, parse=target.parse if wanted is Type.NUMBER else Parse(nulls=nulls)
    )
    measured = measure(Seen(table[target.name]), changed)
    if measured.distinct < 2 and target.distinct > 1:
        raise TargetError(
            f"The target {target.name!r} cannot be learned by {task}.",
            got=f"a column of type {target.type}, such as {target.levels[:3]}",
            do="Leave the task out, or name another target.",
        )
    return replace(schema, columns=tuple(measured if c.name == target.name else c for c in schema))


_CHANGES = {
    "classification": (Type.CATEGORY, _CLASSES),
    "regression": (Type.NUMBER, frozenset({Type.NUMBER})),
    "forecasting": (Type.NUMBER, frozenset({Type.NUMBER})),
}


def _drop_rows(
    typed: pl.DataFrame, schema: Schema, target: Column, notes: list[str]
) -> tuple[pl.DataFrame, Schema]:
    """Without rows that lack a target, or are the only one of their class."""
    name = target.name
    known = typed.filter(pl.col(name).is_not_null())
    if known.height < typed.height:
        lost = typed.height - known.height
        notes.append(f"{times(lost, 'row')} without a value of the target {name!r} left out")
    if target.type in _CLASSES:
        alone = known[name].filter(known[name].is_unique())
        if 0 < alone.len() < known[name].n_unique():
            rare = alone.cast(pl.String).sort().to_list()
            known = known.filter(~pl.col(name).is_in(alone.implode()))
            named = ", ".join(repr(one) for one in rare[:5]) + (", ..." if len(rare) > 5 else "")
            notes.append(f"{times(len(rare), 'row')} left out, the only one of its class: {named}")
    if known[name].n_unique() < 2 and target.type is not Type.TEXT:
        only = f"only {known[name][0]!r}" if known.height else "no value at all"
        raise TargetError(
            f"The target {name!r} has nothing to learn.",
            got=f"{only} in {typed.height:,} rows",
            do="Name another target, or give rows of more than one kind.",
        )
    measured = replace(measure(Seen(known[name]), replace(target, parse=Parse())), parse=target.parse)
    columns = tuple(measured if column.name == name else column for column in schema)
    return known, replace(schema, columns=columns)


# --- the features -----------------------------------------------------------------------------


def _note(schema: Schema, name: str, note: str, role: Role | None = None) -> Schema:
    column = schema[name]
    return schema.change(name, role=role or column.role, notes=(*column.notes, note))


def _ignore_constants(typed: pl.DataFrame, schema: Schema, notes: list[str]) -> Schema:
    """Ignore features that hold one value, or none, in the rows that are left."""
    names = [column.name for column in schema.features if column.type in _COMPARED]
    counts = typed.select(pl.col(names).n_unique()) if names else pl.DataFrame()
    for name in counts.columns:
        if counts[name][0] < 2:
            schema = _note(schema, name, "ignored: every value is the same", Role.IGNORE)
            notes.append(f"{name!r} ignored: every value is the same")
    return schema


_COMPARED = {Type.NUMBER, Type.BOOLEAN, Type.DATETIME, Type.CATEGORY, Type.TEXT, Type.ID}


def _ignore_copies(typed: pl.DataFrame, schema: Schema, notes: list[str]) -> Schema:
    """Ignore features that equal one before them, and those that equal the target."""
    target = schema.target
    ordered = ([target] if target else []) + [c for c in schema.features if c.type in _COMPARED]
    seen: dict[tuple[object, int], list[str]] = {}
    for column in ordered:
        series = typed[column.name]
        key = (series.dtype, int(series.hash(seed=0).sum()))
        same = next((one for one in seen.get(key, []) if series.equals(typed[one], check_names=False)), None)
        if same is None:
            seen.setdefault(key, []).append(column.name)
            continue
        what = "the target " if target and same == target.name else ""
        note = f"ignored: same as {what}{same!r}"
        schema = _note(schema, column.name, note, Role.IGNORE)
        notes.append(f"{column.name!r} {note}")
    return schema


def _flag_leaks(typed: pl.DataFrame, schema: Schema, target: Column, notes: list[str]) -> Schema:
    """Flag features that give the target away; they stay features."""
    step = -(-typed.height // _LOOK)
    names = [column.name for column in schema.features if column.type in _COMPARED]
    some = typed.select([*names, target.name]).gather_every(step).unique(maintain_order=True)
    chance = float(some[target.name].unique_counts().max()) / some.height  # type: ignore[arg-type]
    for name in names:
        found = ""
        if target.type is Type.NUMBER and schema[name].type in _PLACES:
            rank = _spearman(some[name], some[target.name])
            if abs(rank) > 0.9999:
                found = f"may leak the target: it follows {target.name!r} (rank correlation {rank:.5f})"
        known = _determined(some, name, target.name)
        if known >= _SURE and 1 - known <= 0.05 * (1 - chance):
            found = f"may leak the target: each value goes with one {target.name!r} ({known:.2%} of rows)"
        if found:
            schema = _note(schema, name, found)
            notes.append(f"{name!r} {found}")
    return schema


def _spearman(a: pl.Series, b: pl.Series) -> float:
    """Rank correlation over rows that have both; 0 where there is none."""
    both = pl.DataFrame({"a": a.cast(pl.Float64), "b": b.cast(pl.Float64)}).drop_nulls()
    if both.height < _FEWEST or both.height < len(a) / 2:
        return 0.0
    found = both.select(pl.corr(pl.col("a").rank(), pl.col("b").rank())).item()
    return float(found) if found is not None and found == found else 0.0


def _determined(some: pl.DataFrame, feature: str, target: str) -> float:
    """How often a row's target is that of the other rows with its value; 0 where values hardly repeat."""
    pairs = some.select(value=feature, target=target).drop_nulls("value").group_by("value", "target").len()
    sets = pairs.group_by("value").agg(most=pl.col("len").max(), all=pl.col("len").sum())
    repeats = int((sets["all"] - 1).sum())
    if sets.height < 2 or repeats < some.height / 2:
        return 0.0
    return int((sets["most"] - 1).sum()) / repeats
