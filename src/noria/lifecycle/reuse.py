"""What need not be done again: a search whose data, code and parameters are those of an earlier run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from noria.core import artifact, files, keep
from noria.core.features import FeaturedModel
from noria.core.insight import Insight
from noria.core.ports import Artefacts
from noria.core.protocol import Learner, Model, System
from noria.core.recipe import Recipe
from noria.core.result import Evaluation
from noria.core.runs import RunEntry
from noria.data.conform import conform
from noria.data.drift import reference
from noria.errors import ArtifactError, NotFoundError
from noria.lifecycle import lineage
from noria.lifecycle.diagnose import by_goals
from noria.lifecycle.prepare import Prepared

__all__ = ["Found", "key", "link", "taken"]

_WHERE = ("source", "test", "documents", "query", "table", "names", "drop")  # told by the rows themselves


@dataclass
class Found:
    """What the search and the evaluation came to.

    Attributes
    ----------
    model : Model
    evaluation : Evaluation
    insight : Insight
    trials : int
    until : str
        Why the search ended.
    pipeline : list of dict
        The learners, settings and weights of the joint model.
    seconds : float
        What the search and all before it took.
    notes : list of str
        Of the data and the evaluation.
    recipe : dict
        That the run was of.
    earlier : str, optional
        The run that all this was taken from.
    """

    model: Model | FeaturedModel
    evaluation: Evaluation
    insight: Insight
    trials: int
    until: str
    pipeline: list[dict[str, Any]]
    seconds: float
    notes: list[str]
    recipe: dict[str, Any]
    earlier: str | None = None


def key(
    recipe: Recipe,
    data: Prepared,
    system: System,
    learners: Sequence[Learner],
    replay: Sequence[Mapping[str, Any]],
    registered: bool,
    packages: Mapping[str, str],
) -> str:
    """A digest of all that the search, the evaluation and what is kept to compare depend on.

    Names, goals and words are left out.

    Parameters
    ----------
    recipe : Recipe
    data : Prepared
    system : System
    learners : sequence of Learner
        Those that may be tried.
    replay : sequence of dict
        The settings that are fitted instead of searching.
    registered : bool
        Whether the run makes a version.
    packages : mapping of str to str
        The versions of the libraries.
    """
    wish = recipe.to_dict()
    asked = {
        **{name: wish.get(name) for name in ("task", "system", "options", "split", "search")},
        "data": {name: value for name, value in wish.get("data", {}).items() if name not in _WHERE},
        "rows": [data.snapshot.hash, data.tested, data.corpus],
        "features": [data.function.name, data.function.source] if data.function else None,
        "learners": [learner.name for learner in learners],
        "replay": list(replay),
        "masked": sorted(recipe.monitor.masked),
        "registered": registered,
        "code": [lineage.sources(system, *learners), packages],
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def taken(artefacts: Artefacts, earlier: RunEntry, recipe: Recipe, data: Prepared) -> Found | None:
    """What an earlier run of the same key came to, by the recipe's goals; None if it is not whole.

    Of code, its model may hold the feature function of these data and nothing else.
    """
    function = data.function.sha256 if data.function else None
    try:
        folder = artefacts.folder(earlier.id)
        keep.verify(folder)
        model = artifact.load(folder / "model", prepare=conform, trusted=lambda sha256: sha256 == function)
    except (ArtifactError, NotFoundError):
        return None
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    evaluation = replace(Evaluation.from_dict(record["evaluation"]), goals=recipe.goals)
    insight = Insight.from_dict(record["insight"])
    return Found(
        model=model,
        evaluation=evaluation,
        insight=replace(insight, findings=by_goals(insight.findings, evaluation, _counts(recipe, data))),
        pipeline=record["lineage"]["parameters"]["pipeline"],
        **{name: record[name] for name in ("trials", "until", "seconds", "notes", "recipe")},
        earlier=record["earlier"] or earlier.id,
    )


def _counts(recipe: Recipe, data: Prepared) -> dict[str, int]:
    """Rows of each class, if there are classes."""
    target = recipe.data.target
    if target is None or data.task.numeric:
        return {}
    counts = data.table[target].drop_nulls().cast(pl.String).alias("class").value_counts(name="rows")
    return dict(counts.sort("class").iter_rows())


def link(earlier: Path, folder: Path) -> None:
    """Take model, figures and trials over from another run; on the same file system they take no room."""
    shutil.copytree(earlier / "figures", folder / "figures", copy_function=_hard_link, dirs_exist_ok=True)
    shutil.copy2(earlier / "trials.jsonl", folder / "trials.jsonl")  # a run that is gone on with adds to it
    for name in filter(lambda name: (earlier / name).exists(), reference.FILES):
        _hard_link(earlier / name, folder / name)
    with files.new_folder(folder / "model") as draft:
        shutil.copytree(earlier / "model", draft, copy_function=_hard_link, dirs_exist_ok=True)


def _hard_link(source: str | Path, target: str | Path) -> None:
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
