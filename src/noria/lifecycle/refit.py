"""A run's pipeline once more: on new data without a search, or on the same to see whether it comes out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noria.core import artifact, keep, manifest
from noria.core.recipe import Recipe
from noria.data.documents.questions import NOTE
from noria.data.sources import located
from noria.errors import ArtifactError, TrustError
from noria.lifecycle.compare import compare, text
from noria.lifecycle.register import Registry
from noria.lifecycle.show import show

__all__ = [
    "Reproduction",
    "again",
    "as_kept",
    "documents_folder",
    "given_questions",
    "pipeline",
    "reproduction",
    "trials",
]

_TOLD_BY_ROWS: Mapping[str, Any] = {"source": "", "test": None, "query": None, "table": None, "names": None}
_CLOSE = 1e-6


@dataclass(frozen=True)
class Reproduction:
    """Whether a run came out the same a second time.

    Attributes
    ----------
    run, again : str
        The ids of both runs.
    scores : dict
        By metric, the score then and now.
    files : list of str
        Those of the model that are not byte for byte the same.
    differs : list of str
        What else was not the same, in words: versions, code, machine.
    """

    run: str
    again: str
    scores: dict[str, tuple[float, float]]
    files: list[str]
    differs: list[str]

    @property
    def exact(self) -> bool:
        """Whether the models are the same, byte for byte."""
        return not self.files

    @property
    def close(self) -> bool:
        """Whether all scores are the same but for rounding."""
        return all(
            abs(then - now) <= _CLOSE * max(abs(then), 1.0) or (math.isnan(then) and math.isnan(now))
            for then, now in self.scores.values()
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {**asdict(self), "exact": self.exact, "close": self.close}


def again(folder: Path, trusts: Callable[[str], bool]) -> tuple[Recipe, dict[str, Any]]:
    """The recipe of a finished run, with the features as its model has them, and its record.

    Parameters
    ----------
    folder : Path
        Of the run.
    trusts : callable
        Whether the feature function's source, given by its SHA-256, may be run.

    Raises
    ------
    ArtifactError
        If the run has not finished, or a file of it is damaged.
    TrustError
        If the feature function did not come from here.
    """
    record = manifest.read_json(folder / "run.json")
    if record is None:
        raise ArtifactError(f"The run in {folder} has not finished.", do="Run: noria runs")
    keep.verify(folder)
    recipe = Recipe.parse(record["recipe"], folder=folder / "model")
    recipe = recipe.change(data={**_located(recipe, record["recipe_folder"]), **_documents(record)})
    features = artifact.read_manifest(folder / "model").get("features")
    if features is None:
        return recipe, record
    if not trusts(features["sha256"]):
        raise TrustError(
            f"The model in {folder} holds Python code (features.py) that did not come from here.",
            got=f"features.py with SHA-256 {features['sha256'][:12]}...",
            do="Read the file; to use it, train here with it.",
        )
    return recipe.change(features=f"features.py:{features['function']}"), record


def _located(recipe: Recipe, folder: str | None) -> dict[str, str]:
    """The data of a recipe; what is named relative to its folder, by its whole path."""
    given = {"source": recipe.data.source, "test": recipe.data.test}
    return {key: located(name, Path(folder or "")) for key, name in given.items() if name}


def _documents(record: Mapping[str, Any]) -> dict[str, list[str]]:
    """The documents of a recipe, those named relative to its folder by their whole paths."""
    named = record.get("recipe", {}).get("data", {}).get("documents") or []
    given = [named] if isinstance(named, str) else named
    folder = Path(record["recipe_folder"] or "") if given else None
    return {"documents": [located(one, folder) for one in given]} if given else {}


def documents_folder(record: Mapping[str, Any]) -> Path | None:
    """The folder of this machine that a run's documents come from, the first of several; None without one."""
    named = [Path(one).expanduser() for one in _documents(record).get("documents", [])]
    return next((path for path in named if path.is_dir()), None)


def given_questions(record: Mapping[str, Any]) -> str | None:
    """The snapshot of questions that a run got as a table, which no source has; None if it got none."""
    data = record["recipe"]["data"]
    made = any(note.startswith(NOTE) for note in record["notes"])
    return record["snapshot"] if data.get("documents") and not data.get("source") and not made else None


def as_kept(recipe: Recipe) -> Recipe:
    """The recipe for rows that were kept as they had been read: nothing is asked of a source any more."""
    return recipe.change(data={**_TOLD_BY_ROWS, "drop": []})


def pipeline(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The learners and settings of a run's joint model."""
    chosen = record["lineage"]["parameters"]["pipeline"]
    return [{"learner": part["learner"], "params": part["params"]} for part in chosen]


def trials(folder: Path) -> list[dict[str, Any]]:
    """The learners and settings of a run's finished trials, in their order."""
    lines = (folder / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        {"learner": record["learner"], "params": record["params"]}
        for record in map(json.loads, lines)
        if record["outcome"] == "finished"
    ]


def reproduction(folder: Path, other: Path, registry: Registry) -> Reproduction:
    """Compare a run with its repetition."""
    one, two = (show(path, registry) for path in (folder, other))
    compared = compare({one.entry.id: one, two.entry.id: two})
    files, files_now = (artifact.read_manifest(path / "model")["files"] for path in (folder, other))
    return Reproduction(
        run=one.entry.id,
        again=two.entry.id,
        scores={
            metric: (then.value, now.value) for metric, (then, now) in compared.scores.items() if then and now
        },
        files=sorted(name for name in {*files, *files_now} if files.get(name) != files_now.get(name)),
        differs=[
            f"{fact.name}: {text(fact.values[0])} then, {text(fact.values[1])} now"
            for fact in compared.facts
            if fact.section == "environment" and fact.differs
        ],
    )
