"""All that is known of a run, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.core import keep, manifest
from noria.core.insight import Insight
from noria.core.recipe import Recipe
from noria.core.result import Evaluation
from noria.core.runs import Condition, ModelEntry, RunEntry, RunQuery
from noria.errors import NotFoundError, ParamError, suggestion
from noria.lifecycle.journal import records
from noria.lifecycle.register import Registry
from noria.lifecycle.runs import Status
from noria.pages.notebook import overview
from noria.pages.units import without_passwords

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Details", "folder_of", "show"]

_NAMED = 100  # runs that a misspelt id is compared with


@dataclass(frozen=True)
class Details:
    """A run, finished or not.

    Attributes
    ----------
    folder : Path
    entry : RunEntry
    status : str
        ``finished``, ``running`` or ``stopped``.
    started : mapping
        What stands in ``started.json``.
    record : mapping, optional
        What stands in ``run.json``; None unless the run is finished.
    models : tuple of ModelEntry
        The versions that its model is, and who answers for their names.
    """

    folder: Path
    entry: RunEntry
    status: Status
    started: Mapping[str, Any]
    record: Mapping[str, Any] | None
    models: tuple[ModelEntry, ...] = ()

    @cached_property
    def recipe(self) -> Recipe:
        """What was asked for."""
        return Recipe.parse((self.record or self.started)["recipe"])

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """How good its model is; None unless the run is finished."""
        return None if self.record is None else Evaluation.from_dict(self.record["evaluation"])

    @cached_property
    def insight(self) -> Insight:
        """What was found out beyond the scores, without findings that the recipe silences."""
        told = (self.record or {}).get("insight")
        return Insight.from_dict(told).without(self.recipe.silence) if told else Insight()

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What happened, oldest first."""
        return records(self.folder / "events.jsonl")

    @property
    def report(self) -> Path:
        """The report, a web page; ``report.md`` beside it says the same in short."""
        return self.folder / "report.html"

    def frame(self) -> pl.DataFrame:
        """The scores, as `Evaluation.frame` has them; empty unless the run is finished."""
        import polars as pl

        return pl.DataFrame() if self.evaluation is None else self.evaluation.frame()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; addresses name no user and no password."""
        told = self.record or {**self.started, "events": self.events}
        if "insight" in told:
            told = {**told, "insight": self.insight.to_dict()}
        versions = [
            {
                "name": model.name,
                "version": one.number,
                "aliases": model.held_by(one.number),
                "tags": one.tags,
            }
            for model in self.models
            for one in model.versions
        ]
        shown = {
            **told,
            "started": self.entry.started,
            "status": self.status,
            "versions": versions,
            "goals_met": self.entry.goals_met,
            "folder": str(self.folder),
        }
        return without_passwords(shown)

    def _repr_html_(self) -> str:
        if self.record is None or self.evaluation is None:
            return f"<p><strong>{escape(self.entry.id)}</strong>: {self.status}</p>"
        versions = [f"{model.name}@{one.number}" for model in self.models for one in model.versions]
        return overview(self.record, self.evaluation, self.report, ", ".join(versions) or self.status)


def show(reference: str | Path, registry: Registry) -> Details:
    """What is known of a run.

    Parameters
    ----------
    reference : str or Path
        A run's id or a unique beginning of it; ``titanic``, ``titanic@3`` or ``titanic@challenger`` for the
        run that a model came from; or a run's folder, wherever it was copied to.
    registry : Registry

    Raises
    ------
    NotFoundError, ParamError
        If there is no such run, or more than one.
    ArtifactError
        If a file of a finished run has changed, is missing, or is of a newer format.
    """
    folder = folder_of(reference, registry)
    if (folder / "run.json").exists() or (folder / manifest.NAME).exists():
        keep.verify(folder)
    started, record = (manifest.read_json(folder / name) for name in ("started.json", "run.json"))
    entry = RunEntry.of(started, record)
    here = folder.name == entry.id and registry.artefacts.busy(entry.id)
    return Details(
        folder, entry, "finished" if record else "running" if here else "stopped", started, record,
        tuple(registry.state.models([entry.id])),
    )  # fmt: skip


def folder_of(reference: str | Path, registry: Registry) -> Path:
    """The folder of the run that a reference means, as `show` takes it."""
    path = Path(reference)
    if (path / "started.json").is_file() or (path / "run.json").is_file():
        return path
    text = str(reference)
    if isinstance(reference, Path) or len(path.parts) > 1:
        raise NotFoundError(
            f"{path} is not a run folder: it has no started.json.", do="Name a run's folder, or its id."
        )
    if "@" in text or registry.state.model(text) is not None:
        return registry.folder(text)
    return registry.artefacts.folder(_run(text, registry))


def _run(text: str, registry: Registry) -> str:
    """The id that is this text or, alone, begins with it."""
    if registry.run(text) is not None:
        return text
    found = registry.runs(RunQuery(where=(Condition("id", "^=", text),), limit=10))
    if len(found) > 1:
        raise ParamError(
            f"Several runs begin with {text!r}.",
            got=", ".join(run.id for run in found),
            do="Write more of it.",
        )
    if not found:
        known = [model.name for model in registry.state.models()]
        known += [run.id for run in registry.runs(RunQuery(limit=_NAMED))]
        raise NotFoundError(f"There is no run or model {text!r}.", do=suggestion(text, known))
    return found[0].id
