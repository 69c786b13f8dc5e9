"""What may be found about a table, by its code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from noria.core.insight import Finding, Severity

__all__ = ["CODES", "Kind", "finding"]

_HIGH, _MEDIUM, _LOW = Severity


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes
    ----------
    title : str
    severity : Severity
        As long as the rule does not say another one.
    when : str
        When it is raised, and why it matters.
    do : str
        What to do about it.
    """

    title: str
    severity: Severity
    when: str
    do: str


CODES: Mapping[str, Kind] = {
    "NOR101": Kind(
        "Constant column", _MEDIUM,
        "Every row has the same value, or none has any: nothing can be learned from it.",
        "Leave it out, or find out why it never changes.",
    ),
    "NOR102": Kind(
        "Id", _LOW,
        "Nearly every row has a value of its own, as ids, codes and hashes do. A model would learn rows "
        "by heart.",
        "Leave it out of the features; keep it to join and to look rows up.",
    ),
    "NOR103": Kind(
        "Many missing", _LOW,
        "A fifth of the rows or more have no value. Medium from a half on.",
        "Find out why; that a value is missing may be all that can be learned from it.",
    ),
    "NOR104": Kind(
        "Missing together", _LOW,
        "Columns lack a value in nearly the same rows: they come from one source, or one of them decides "
        "the others.",
        "Treat them as one: one mark for 'not there' is enough.",
    ),
    "NOR105": Kind(
        "Repeated rows", _MEDIUM,
        "Rows repeat an earlier one in every column. Copies that lie on both sides of a split flatter a "
        "model. Low where fewer than one row in a hundred does.",
        "Remove the copies, or add the column that tells the rows apart.",
    ),
    "NOR106": Kind(
        "Repeated column", _MEDIUM,
        "A column equals another one in all sampled rows and in all of its figures.",
        "Keep one of them.",
    ),
    "NOR107": Kind(
        "Nearly the same column", _LOW,
        "Two columns have an association of 0.95 or more in 30 rows or more: one says little that the other "
        "does not.",
        "Keep the one that is known earlier or measured better; linear models and explanations gain from "
        "it.",
    ),
    "NOR108": Kind(
        "Outliers", _LOW,
        "Values lie more than 3 interquartile ranges below the first quartile or above the third.",
        "Check the extreme values; use what they hardly move: medians, ranks, trees.",
    ),
    "NOR109": Kind(
        "Very skewed", _LOW,
        "The skewness is 5 or more: a few values rule means, distances and linear models.",
        "Take the logarithm or bins where all values are positive; trees need neither.",
    ),
    "NOR110": Kind(
        "Rare class", _MEDIUM,
        "The rarest class of the target has less than a fifth of an even share. High below a fiftieth.",
        "Judge by a metric that sees the rare class, and set the option 'imbalance'.",
    ),
    "NOR111": Kind(
        "Target leak?", _HIGH,
        "A column has an association with the target of 0.98 or more in 30 rows or more. Few honest features "
        "are that good: it is often filled in once the target is known.",
        "Ask when this column is known; leave it out if that is after the prediction is needed.",
    ),
    "NOR112": Kind(
        "Target missing", _MEDIUM,
        "Rows have no value of the target; they cannot be learned from.",
        "Find out whether they differ from the others before they are left out.",
    ),
    "NOR113": Kind(
        "Target cannot be learned", _HIGH,
        "The target has one value, no value, or hardly ever the same value twice.",
        "Name another target.",
    ),
    "NOR114": Kind(
        "Mixed values", _MEDIUM,
        "Some values of a column of numbers or dates are neither, or a column of texts holds many "
        "numbers.",
        "Correct them at the source, or name them as missing: columns: {NAME: {parse: {nulls: [...]}}}.",
    ),
    "NOR115": Kind(
        "Written as text", _LOW,
        "Numbers or dates are written with units, marks or words. They were understood; other tools may "
        "not.",
        "Nothing, if they are read rightly; see the column's notes.",
    ),
    "NOR116": Kind(
        "Implausible dates", _MEDIUM,
        "Dates lie before 1900 or after 2100; such are often defaults for 'unknown' or 'open'.",
        "Treat them as missing unless they are meant.",
    ),
    "NOR117": Kind(
        "Many categories", _LOW,
        "A column has more than 200 categories; most of them are rare.",
        "Join rare ones, or let the encoder do it; check that it is not an id.",
    ),
    "NOR118": Kind(
        "Few rows", _MEDIUM,
        "There are fewer than 100 rows, or fewer rows than columns: scores will have wide intervals.",
        "Collect more rows, or keep to simple models and few features.",
    ),
    "NOR119": Kind(
        "Variants of a category", _MEDIUM,
        "Categories differ only in capitals, blanks or punctuation.",
        "Write them in one way.",
    ),
    "NOR120": Kind(
        "Infinite values", _MEDIUM,
        "Numbers are infinite, mostly after a division by zero. They are read as missing.",
        "Correct the calculation.",
    ),
    "NOR121": Kind(
        "Placeholder among numbers", _MEDIUM,
        "A number such as -999 or 9999 is frequent and far from all others: it may stand for a missing "
        "value.",
        "Name it as missing: columns: {NAME: {parse: {nulls: [...]}}}.",
    ),
    "NOR122": Kind(
        "Nearly constant", _LOW,
        "One value makes up 99 in 100 of the values or more.",
        "Check that the others are right; the column may not be worth its place.",
    ),
    "NOR123": Kind(
        "Rare categories", _LOW,
        "Categories occur in five rows or fewer, of at least a thousand: slips of the pen, or too few to "
        "learn from.",
        "Correct them, or join them to others.",
    ),
    "NOR124": Kind(
        "Repaired while reading", _LOW,
        "Something had to be put right before the rows could be read: names that were missing or came twice, "
        "a foreign encoding.",
        "Correct it at the source; other tools may read it differently.",
    ),
    "NOR131": Kind(
        "Column lost", _HIGH,
        "The other table lacks a column.",
        "Add it, or train without it.",
    ),
    "NOR132": Kind(
        "New column", _LOW,
        "The other table has a column more.",
        "Nothing, if it is not needed.",
    ),
    "NOR133": Kind(
        "Another type", _HIGH,
        "A column means something else in the other table: numbers here, texts there.",
        "Find out what changed in how it is made or written.",
    ),
    "NOR134": Kind(
        "Another distribution", _MEDIUM,
        "The population stability index of a column is 0.1 or more, beyond what chance gives. High from "
        "0.25 on.",
        "Find out what changed; a model that was trained here should be checked there.",
    ),
    "NOR135": Kind(
        "New categories", _MEDIUM,
        "A column has categories in the other table that it does not have here.",
        "Check their spelling; a model has never seen them.",
    ),
    "NOR136": Kind(
        "More or fewer missing", _MEDIUM,
        "The share of missing values differs by 5 points or more, beyond what chance gives. High from 20 "
        "points on.",
        "Find out what changed at the source.",
    ),
    "NOR137": Kind(
        "Out of range", _LOW,
        "More than one value in a hundred lies below the smallest or above the largest value here, beyond "
        "what chance gives.",
        "Check the unit; models that cannot extrapolate treat such values as the nearest known one.",
    ),
}  # fmt: skip
"""All kinds of findings about tables."""


def finding(code: str, seen: str, *columns: str, severity: Severity | None = None) -> Finding:
    """A finding of this kind.

    Parameters
    ----------
    code : str
    seen : str
        What was measured, in a sentence.
    *columns : str
    severity : Severity, optional
        If it is not that of the kind.
    """
    kind = CODES[code]
    do = kind.do.replace("{NAME:", f"{{{_key(columns[0])}:") if len(columns) == 1 else kind.do
    return Finding(code, severity or kind.severity, kind.title, seen, do, columns)


def _key(name: str) -> str:
    """A column's name as a key in YAML."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name, ensure_ascii=False)
