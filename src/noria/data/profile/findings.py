"""What a table's reader should know, in words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from noria.core.column_profile import QUANTILES, ColumnProfile
from noria.core.insight import Finding, Severity, worst_first
from noria.core.profile import Associations, Missing, Target
from noria.core.schema import Type
from noria.core.words import number, percent, quoted, times
from noria.data.profile.codes import CODES, finding
from noria.data.profile.columns import OpaqueSketch, says_missing
from noria.data.profile.relations import Sample

__all__ = ["Facts", "find", "gathered"]

_NAMED, _PAIRS = 8, 100
_APART = {Severity.HIGH: 6, Severity.MEDIUM: 4, Severity.LOW: 2}
_MISSING = (0.2, 0.5)
_ONE_VALUE, _SAME, _LEAK = 0.99, 0.95, 0.98
_TOGETHER = 30
_RARE, _RARE_AMONG = 5, 1_000
_SKEWED, _CATEGORIES, _ROWS = 5.0, 200, 100
_YEARS = (-2_208_988_800.0, 4_102_444_800.0)
_CODED = frozenset({float(sign + "9" * digits) for sign in ("", "-") for digits in range(2, 8)})
_MIXED = (0.2, 0.95)


@dataclass(frozen=True)
class Facts:
    """What findings are drawn from.

    Attributes
    ----------
    columns : tuple of ColumnProfile
    sketches : mapping of str to OpaqueSketch
    sample : Sample
    rows : int
    duplicates : int, optional
    missing : Missing
    associations : Associations
    target : Target, optional
    wanted : str, optional
        The target's name.
    unlearnable : str
        Why the target cannot be learned, if it cannot.
    repairs : tuple of str
        What was put right while the rows were read.
    """

    columns: tuple[ColumnProfile, ...]
    sketches: Mapping[str, OpaqueSketch]
    sample: Sample
    rows: int
    duplicates: int | None
    missing: Missing
    associations: Associations
    target: Target | None
    wanted: str | None
    unlearnable: str = ""
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Seen:
    """One thing that was seen: a whole sentence, and a few words for when many are told at once."""

    code: str
    columns: tuple[str, ...]
    sentence: str
    brief: str = ""
    severity: Severity | None = None


def find(facts: Facts) -> tuple[Finding, ...]:
    """All findings about a table, worst first."""
    seen = [one for rule in _TABLE_RULES for one in rule(facts)]
    for column in facts.columns:
        if column.type is Type.CONSTANT:
            seen += _constant(column)
        else:
            seen += [one for rule in _COLUMN_RULES for one in rule(column, facts)]
    return gathered((one.code, one.columns, one.sentence, one.brief, one.severity) for one in seen)


def gathered(seen: Iterable[tuple[str, tuple[str, ...], str, str, Severity | None]]) -> tuple[Finding, ...]:
    """Findings, worst first; many of the same kind become one."""
    kinds: dict[tuple[str, Severity], list[_Seen]] = {}
    for one in itertools.starmap(_Seen, seen):
        kinds.setdefault((one.code, one.severity or CODES[one.code].severity), []).append(one)
    found = []
    for (code, severity), alike in kinds.items():
        if len(alike) <= _APART[severity]:
            found += [finding(code, one.sentence, *one.columns, severity=severity) for one in alike]
            continue
        told = (f"{' and '.join(one.columns)} ({one.brief})" if one.columns else one.brief for one in alike)
        named = ", ".join(itertools.islice(told, _NAMED))
        more = f", and {len(alike) - _NAMED:,} more" if len(alike) > _NAMED else ""
        what = "columns" if all(len(one.columns) == 1 for one in alike) else "cases"
        columns = dict.fromkeys(name for one in alike for name in one.columns)
        found.append(finding(code, f"{len(alike):,} {what}: {named}{more}.", *columns, severity=severity))
    return worst_first(found)


# --- the table -------------------------------------------------------------------------------------


def _few_rows(facts: Facts) -> Iterator[_Seen]:
    width = len(facts.columns)
    if facts.rows < _ROWS or facts.rows < width:
        size = f"{times(facts.rows, 'row')} and {times(width, 'column')}"
        yield _Seen("NOR118", (), f"The table has {size}.")


def _repeated_rows(facts: Facts) -> Iterator[_Seen]:
    share = (facts.duplicates or 0) / max(1, facts.rows)
    if facts.duplicates and len(facts.columns) > 1:
        severity = Severity.MEDIUM if share >= 0.01 else Severity.LOW
        many = "row repeats" if facts.duplicates == 1 else "rows repeat"
        yield _Seen(
            "NOR105", (), f"{facts.duplicates:,} {many} an earlier one ({percent(share)}).", "", severity
        )


def _repaired(facts: Facts) -> Iterator[_Seen]:
    for what in dict.fromkeys(facts.repairs):
        yield _Seen("NOR124", (), f"{what}.", what)


def _missing_together(facts: Facts) -> Iterator[_Seen]:
    for group in facts.missing.groups:
        some = facts.sample.columns[group[0]].missing
        named = ", ".join(group[:_NAMED]) + (f" and {len(group) - _NAMED} more" * (len(group) > _NAMED))
        yield _Seen("NOR104", group, f"{named} are missing in the same rows ({percent(some)}).", "together")


def _same_columns(facts: Facts) -> Iterator[_Seen]:
    copies = _copies(facts)
    for name, first in copies.items():
        yield _Seen("NOR106", (name, first), f"{name} equals {first}.", "equal")
    for a, b, value in itertools.islice(facts.associations.strongest, _PAIRS):
        known = copies.get(a, a) == copies.get(b, b)
        told = abs(value) >= _SAME and not known and facts.wanted not in (a, b)
        if told and _enough(facts, a, b):
            yield _Seen("NOR107", (a, b), f"{a} and {b} have an association of {value:.3f}.", f"{value:.2f}")


def _enough(facts: Facts, *names: str) -> bool:
    """Whether as many rows know both columns as an association that is not chance takes."""
    return facts.sample.rows.select(names).drop_nulls().height >= _TOGETHER


def _copies(facts: Facts) -> dict[str, str]:
    """Columns that equal an earlier one, with its name: the same figures, and the same sampled rows."""
    first: dict[object, list[str]] = {}
    found = {}
    for column in facts.columns:
        series = facts.sample.rows[column.name]
        if column.type in {Type.CONSTANT, Type.VECTOR} or series.len() < 2:
            continue
        key = (
            series.dtype,
            column.nulls,
            column.distinct,
            column.top,
            column.numbers and column.numbers.mean,
        )
        alike = first.setdefault(key, [])
        same = next((name for name in alike if series.equals(facts.sample.rows[name])), None)
        if same is None:
            alike.append(column.name)
        else:
            found[column.name] = same
    return found


def _target(facts: Facts) -> Iterator[_Seen]:
    if facts.wanted is None:
        return
    column = facts.sample.columns[facts.wanted]
    if facts.unlearnable:
        yield _Seen("NOR113", (column.name,), facts.unlearnable)
    if 0 < column.nulls < column.rows:
        share = percent(column.missing)
        have = "has" if column.nulls == 1 else "have"
        told = f"{times(column.nulls, 'row')} ({share}) {have} no {column.name}."
        yield _Seen("NOR112", (column.name,), told)
    if facts.target is None:
        return
    for relation in facts.target.relations:
        if abs(relation.strength) >= _LEAK and _enough(facts, relation.column, column.name):
            told = f"{relation.column} and {column.name} have an association of {relation.strength:.3f}."
            yield _Seen("NOR111", (relation.column,), told, f"{relation.strength:.2f}")
    if facts.target.classes and column.exact and column.top:
        yield from _rare_class(column, facts.sketches[column.name])


def _rare_class(column: ColumnProfile, sketch: OpaqueSketch) -> Iterator[_Seen]:
    name, count = _rarest(column, sketch)
    share = count / max(1, column.rows - column.nulls)
    if column.distinct > 1 and share < 0.2 / column.distinct:
        severity = Severity.HIGH if share < 0.02 / column.distinct else Severity.MEDIUM
        told = f"{quoted(name)} is the target of {times(count, 'row')} ({percent(share)})."
        yield _Seen("NOR110", (column.name,), told, "", severity)


def _rarest(column: ColumnProfile, sketch: OpaqueSketch) -> tuple[str, int]:
    """The class with the fewest rows, of a column whose values are all counted."""
    if len(column.top) == column.distinct:
        return min(column.top, key=lambda pair: pair[1])
    texts = sketch.counts().filter(~says_missing(pl.col("text"))).sort("count", "text")
    if texts.height:
        return texts.row(0)
    values, weights = sketch.values()
    at = weights.argmin()
    return number(float(values[at])), int(weights[at])


_TABLE_RULES: tuple[Callable[[Facts], Iterator[_Seen]], ...] = (
    _few_rows, _repeated_rows, _repaired, _missing_together, _same_columns, _target,
)  # fmt: skip


# --- one column ------------------------------------------------------------------------------------


def _constant(column: ColumnProfile) -> Iterator[_Seen]:
    one = f"has only the value {quoted(column.top[0][0])}" if column.top else "has no value"
    yield _Seen("NOR101", (column.name,), f"{column.name} {one}.", one.removeprefix("has "))


def _id(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    if column.type is Type.ID:
        told = f"{column.distinct:,} distinct values in {column.rows - column.nulls:,} rows"
        yield _Seen("NOR102", (column.name,), f"{column.name} has {told}.", told)


def _many_missing(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    if column.missing >= _MISSING[0]:
        share = percent(column.missing)
        severity = Severity.MEDIUM if column.missing >= _MISSING[1] else Severity.LOW
        told = f"{column.name} is missing in {column.nulls:,} of {column.rows:,} rows ({share})."
        yield _Seen("NOR103", (column.name,), told, share, severity)


def _outliers(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    numbers = column.numbers
    if numbers is None or column.type is not Type.NUMBER:
        return
    out = numbers.outliers
    if out is not None and out.count:
        share = percent(out.count / max(1, column.rows - column.nulls))
        ends = [f"below {number(out.low)}"] * (numbers.low < out.low)
        ends += [f"above {number(out.high)}"] * (numbers.high > out.high)
        lie = "lies" if out.count == 1 else "lie"
        told = f"{times(out.count, 'value')} of {column.name} ({share}) {lie} {' or '.join(ends)}; "
        reach = f"they go from {number(numbers.low)} to {number(numbers.high)}."
        yield _Seen("NOR108", (column.name,), told + reach, share)
    if numbers.skew is not None and abs(numbers.skew) >= _SKEWED:
        told = f"{column.name} has a skewness of {numbers.skew:.1f}: "
        told += f"half of it is below {number(numbers.median)}, the mean is {number(numbers.mean)}."
        yield _Seen("NOR109", (column.name,), told, f"{numbers.skew:.1f}")


def _infinite(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    if column.numbers is not None and column.numbers.infinite:
        told = f"{column.numbers.infinite:,} infinite values"
        yield _Seen("NOR120", (column.name,), f"{column.name} has {told}.", told)


def _placeholder(column: ColumnProfile, facts: Facts) -> Iterator[_Seen]:
    sketch, numbers = facts.sketches[column.name], column.numbers
    if numbers is None or column.distinct < 3:
        return
    values, weights = sketch.values()
    spread = numbers.quantiles[QUANTILES.index(0.95)] - numbers.quantiles[QUANTILES.index(0.05)]
    for value, neighbour, count in (
        (values[0], values[1], weights[0]),
        (values[-1], values[-2], weights[-1]),
    ):
        rest = spread if abs(value - numbers.median) > spread else abs(neighbour - numbers.median)
        if value in _CODED and count >= 3 and abs(value - neighbour) > max(rest, 1.0):
            told = f"{number(value)} occurs {int(count):,} times"
            yield _Seen(
                "NOR121",
                (column.name,),
                f"{told} in {column.name}; the next value is {number(neighbour)}.",
                told,
            )


def _mixed(column: ColumnProfile, facts: Facts) -> Iterator[_Seen]:
    sketch = facts.sketches[column.name]
    if column.odd:
        kind = "dates" if column.type is Type.DATETIME else "numbers"
        named = ", ".join(f"{quoted(text)} ({count:,})" for text, count in column.odd[:5])
        yield _Seen(
            "NOR114",
            (column.name,),
            f"Not all values of {column.name} are {kind}: {named}.",
            f"no {kind}: {named}",
        )
    if column.type is Type.CATEGORY:
        counts = sketch.counts()
        as_number = pl.col("text").cast(pl.Float64, strict=False).is_not_null()
        share = float(counts.filter(as_number)["count"].sum()) / max(1, column.rows - column.nulls)
        if _MIXED[0] <= share <= _MIXED[1]:
            told = f"{percent(share)} of the texts in {column.name} are numbers, the others are not."
            yield _Seen("NOR114", (column.name,), told, f"{percent(share)} numbers")


def _as_text(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    plain = ("ignored", "dates written as %Y-%m-%d")
    notes = [note for note in column.notes if "missing" not in note and not note.startswith(plain)]
    if notes and column.storage == "String" and column.type in {Type.NUMBER, Type.DATETIME}:
        yield _Seen("NOR115", (column.name,), f"{column.name}: {'; '.join(notes)}.", notes[0])


def _implausible(column: ColumnProfile, facts: Facts) -> Iterator[_Seen]:
    sketch = facts.sketches[column.name]
    if column.times is None:
        return
    values, weights = sketch.values()
    early, late = values * 1e-6 < _YEARS[0], values * 1e-6 >= _YEARS[1]
    before, after = (times(round(weights[some].sum()), "date") for some in (early, late))
    ends = [f"{before} before 1900 (from {column.times.first})"] * bool(early.any())
    ends += [f"{after} after 2100 (to {column.times.last})"] * bool(late.any())
    if ends:
        told = " and ".join(ends)
        yield _Seen("NOR116", (column.name,), f"{column.name} has {told}.", told)


def _many_categories(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    if column.type is Type.CATEGORY and column.distinct > _CATEGORIES:
        told = f"{column.distinct:,} categories"
        yield _Seen("NOR117", (column.name,), f"{column.name} has {told}.", told)


def _rare_categories(column: ColumnProfile, facts: Facts) -> Iterator[_Seen]:
    sketch = facts.sketches[column.name]
    few = column.type is Type.CATEGORY and column.exact and column.distinct <= _CATEGORIES
    if few and column.rows >= _RARE_AMONG:
        rare = sketch.counts().filter(pl.col("count") <= _RARE)
        named = ", ".join(
            f"{quoted(text)} ({count:,})" for text, count in rare.head(_APART[Severity.HIGH]).iter_rows()
        )
        if rare.height:
            told = (
                f"{rare.height:,} of the {column.distinct:,} categories of {column.name} are rare: {named}."
            )
            yield _Seen("NOR123", (column.name,), told, named)


def _variants(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    if column.variants:
        pairs = ["/".join(quoted(one) for one in group[:3]) for group in column.variants[:3]]
        told = f"{column.name} writes the same in several ways: {', '.join(pairs)}."
        yield _Seen("NOR119", (column.name,), told, pairs[0])


def _nearly_constant(column: ColumnProfile, _: Facts) -> Iterator[_Seen]:
    known = column.rows - column.nulls
    if column.top and column.distinct > 1 and column.top[0][1] >= _ONE_VALUE * known and known >= _ROWS:
        share = percent(column.top[0][1] / known)
        told = f"{share} of the values of {column.name} are {quoted(column.top[0][0])}."
        yield _Seen("NOR122", (column.name,), told, share)


_COLUMN_RULES: Sequence[Callable[[ColumnProfile, Facts], Iterator[_Seen]]] = (
    _id, _many_missing, _outliers, _infinite, _placeholder, _mixed, _as_text, _implausible,
    _many_categories, _rare_categories, _variants, _nearly_constant,
)  # fmt: skip
