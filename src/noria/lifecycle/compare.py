"""Runs side by side: what they reached, and what they were made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from noria.core.artifact import read_manifest
from noria.core.result import Score, html_table
from noria.errors import ParamError
from noria.lifecycle.show import Details
from noria.pages.render import render
from noria.pages.units import without_passwords

__all__ = ["Comparison", "Fact", "compare", "text"]

_DIGESTS, _SHORT = (40, 64), 12
_COLUMN = "column "


@dataclass(frozen=True)
class Fact:
    """One thing that runs may differ in.

    Attributes
    ----------
    section : str
        ``recipe``, ``data``, ``code``, ``environment`` or ``learners``.
    name : str
    values : tuple
        One per run; None where a run has none.
    """

    section: str
    name: str
    values: tuple[Any, ...]

    @property
    def of_column(self) -> bool:
        """Whether it is about a single column of the data."""
        return self.section == "data" and self.name.startswith(_COLUMN)

    @property
    def differs(self) -> bool:
        """Whether not all values are the same."""
        return any(value != self.values[0] for value in self.values[1:])


@dataclass(frozen=True)
class Comparison:
    """Finished runs, the first of which the others are compared with.

    Attributes
    ----------
    names : tuple of str
        What the runs are called here.
    runs : tuple of Details
    facts : tuple of Fact
        All that is known of them, be it equal or not.
    """

    names: tuple[str, ...]
    runs: tuple[Details, ...]
    facts: tuple[Fact, ...]

    @cached_property
    def scores(self) -> dict[str, tuple[Score | None, ...]]:
        """By metric, one score per run."""
        reached = [run.entry.scores for run in self.runs]
        metrics = dict.fromkeys(metric for scores in reached for metric in scores)
        return {metric: tuple(scores.get(metric) for scores in reached) for metric in metrics}

    @cached_property
    def other_rows(self) -> list[str]:
        """Why the runs were not judged by the same held-out rows; empty if they were."""
        first, *others = (_judged(run) for run in self.runs)
        return [what for what, value in first.items() if any(other[what] != value for other in others)]

    def frame(self) -> pl.DataFrame:
        """The scores: one row per metric and run, with the difference from the first run."""
        rows = [
            (metric, name, *_numbers(score), _difference(score, scores[0]) if at else None)
            for metric, scores in self.scores.items()
            for at, (name, score) in enumerate(zip(self.names, scores))
        ]
        numbers = dict.fromkeys(["score", "low", "high", "difference"], pl.Float64)
        schema = {"metric": pl.String, "run": pl.String, **numbers}
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
            pl.selectors.float().fill_nan(None)
        )

    def differences(self, *, every: bool = False) -> pl.DataFrame:
        """What differs, in words: one row per fact, one column per run; with `every`, what is equal too."""
        return self._listed(self._facts(every))

    def to_dict(self, *, every: bool = False) -> dict[str, Any]:
        """JSON-ready fields; with `every`, facts that are equal too."""
        return {
            "runs": {
                name: {"id": run.entry.id, "folder": str(run.folder)}
                for name, run in zip(self.names, self.runs)
            },
            "same_rows": not self.other_rows,
            "other_rows": self.other_rows,
            "scores": self.frame().to_dicts(),
            "facts": [
                {"section": fact.section, "name": fact.name, "values": dict(zip(self.names, fact.values))}
                for fact in self._facts(every)
            ],
        }

    def page(self) -> str:
        """A page of one file: what differs; folded, which columns do, and what is equal."""
        first = self.runs[0]
        assert first.record is not None
        return render(
            "compare.html",
            title=" against ".join(self.names)
            if len(self.names) == 2
            else f"{len(self.names)} runs compared",
            found=self,
            runs=list(zip(self.names, self.runs)),
            measures={} if "task" in self.other_rows else first.record.get("measures", {}),
            scores=dict(sorted(self.scores.items(), key=lambda pair: pair[0] != first.entry.metric)),
            facts={
                "What differs": self._listed([one for one in self._facts() if not one.of_column]),
                "Columns that differ": self._listed([one for one in self._facts() if one.of_column]),
                "What is equal": self._listed([one for one in self.facts if not one.differs]),
            },
        )

    def _listed(self, facts: Sequence[Fact]) -> pl.DataFrame:
        own = ("section", "what")
        names = (f"run {name}" if name in own else name for name in self.names)
        rows = [(fact.section, fact.name, *map(text, fact.values)) for fact in facts]
        return pl.DataFrame(rows, schema=dict.fromkeys([*own, *names], pl.String), orient="row")

    def _facts(self, every: bool = False) -> list[Fact]:
        return [fact for fact in self.facts if every or fact.differs]

    def _repr_html_(self) -> str:
        scores = html_table(self.frame(), f"Difference from {self.names[0]}")
        return scores + html_table(self.differences(), "What differs")


def compare(runs: Mapping[str, Details]) -> Comparison:
    """Compare finished runs.

    Parameters
    ----------
    runs : mapping of str to Details
        By the names to call them.

    Raises
    ------
    ParamError
        If there are fewer than two, or one is not finished.
    """
    if len(runs) < 2:
        raise ParamError(
            "There is nothing to compare with.", got=f"{len(runs)} run", do="Name two or more runs."
        )
    for run in runs.values():
        if run.record is None:
            raise ParamError(
                f"Run {run.entry.id!r} has no scores yet.",
                got=run.status,
                do=f"Run: noria show {run.entry.id}",
            )
    told = [dict(_facts(run)) for run in runs.values()]
    keys = dict.fromkeys(key for facts in told for key in facts)
    sections = list(dict.fromkeys(section for section, _ in keys))
    facts = tuple(
        Fact(section, name, tuple(facts.get((section, name)) for facts in told))
        for section, name in sorted(keys, key=lambda key: sections.index(key[0]))
    )
    return Comparison(tuple(runs), tuple(runs.values()), facts)


def text(value: Any) -> str:
    """A fact in words; digests are cut to what tells them apart.

    Examples
    --------
    >>> text(None), text(0.51234), text(["ridge", "lasso"]), text(True)
    ('-', '0.5123', 'ridge, lasso', 'yes')
    """
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list():
            return ", ".join(map(text, value)) or "-"
        case str() if len(value) in _DIGESTS and set(value) <= set("0123456789abcdef"):
            return value[:_SHORT]
        case _:
            return str(value)


def _facts(run: Details) -> Iterator[tuple[tuple[str, str], Any]]:
    """All that is known of a run, by section and name."""
    assert run.record is not None
    told = run.record.get("lineage", {})
    parameters = told.get("parameters", {})
    yield from _flat("recipe", without_passwords(parameters.get("recipe", run.record["recipe"])))
    data = {name: value for name, value in told.get("data", {}).items() if name != "source"}
    yield from _flat("data", {"fingerprint": run.entry.snapshot, **data})
    for column in read_manifest(run.folder / "model")["signature"]["inputs"]["columns"]:
        yield ("data", f"{_COLUMN}{column['name']}"), f"{column['type']}, {column['role']}"
    yield from _flat("code", {**(told.get("code") or {}), "features": run.entry.features})
    yield from _flat("environment", {"noria": run.entry.noria, **told.get("environment", {})})
    for leader in run.record["evaluation"]["leaderboard"]:
        if leader["weight"]:
            shown = {"share": leader["weight"], "score": leader["score"], **leader["params"]}
            yield from _flat("learners", shown, f"{leader['learner']}.")


def _flat(section: str, fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[tuple[str, str], Any]]:
    """Nested mappings as one, with the keys joined by dots."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(section, value, f"{before}{name}.")
        else:
            yield (section, f"{before}{name}"), value


def _judged(run: Details) -> dict[str, Any]:
    """What decides which rows a run was judged by."""
    assert run.record is not None
    recipe, evaluation = run.recipe, run.record["evaluation"]
    return {
        "task": run.record["task"],
        "data": run.entry.snapshot,
        "test rows": run.record.get("lineage", {}).get("data", {}).get("test"),
        "split": (recipe.split, evaluation["how"], evaluation["rows"]),
        "seed": recipe.search.seed,
    }


def _numbers(score: Score | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if score is None else (score.value, score.low, score.high)


def _difference(score: Score | None, first: Score | None) -> float | None:
    return None if score is None or first is None else score.value - first.value
