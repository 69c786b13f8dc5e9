"""A walk from data to a registered model: of a recipe, of a table, on new data, or once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.api._recipes import find_recipe
from noria.api._session import Session
from noria.api._watch import retrainer
from noria.core.insight import Finding, Insight
from noria.core.result import Evaluation, Figure
from noria.errors import ParamError, suggestion

if TYPE_CHECKING:
    from noria.core.features import FeaturedModel
    from noria.core.protocol import Model
    from noria.core.recipe import Recipe
    from noria.lifecycle.promote import Verdict
    from noria.lifecycle.refit import Reproduction

__all__ = ["Run", "refit", "reproduce", "run", "train"]

_PLACES = {
    **dict.fromkeys(("name", "task", "system", "features", "options", "goal", "silence"), ""),
    **dict.fromkeys(("columns", "drop", "group", "series", "time", "weight"), "data"),
    **dict.fromkeys(("holdout", "how"), "split"),
    **dict.fromkeys(("budget", "metric", "folds", "learners", "trials", "seed"), "search"),
}
"""Where each key of `train` stands in a recipe."""


@dataclass(frozen=True)
class Run:
    """One walk of the life, finished.

    Attributes
    ----------
    id, name : str
    version : int
        Of the registered model.
    promotion : Verdict
        Whether it took the champion's place, and why.
    folder : Path
        Everything about the run; it can be copied.
    recipe : Recipe
    evaluation : Evaluation
    model : Model
    record : dict
        The manifest of the run, JSON-ready.
    """

    id: str
    name: str
    version: int
    promotion: Verdict
    folder: Path
    recipe: Recipe
    evaluation: Evaluation
    model: Model | FeaturedModel
    record: Mapping[str, Any]

    @property
    def report(self) -> Path:
        """The report, a web page; ``report.md`` beside it says the same in short."""
        return self.folder / "report.html"

    @property
    def figures(self) -> list[Figure]:
        """The pictures of the report; a notebook shows them."""
        from noria.lifecycle import report

        return report.drawn(self.folder)

    @cached_property
    def insight(self) -> Insight:
        """What was found out beyond the scores, without findings that the recipe silences."""
        return Insight.from_dict(self.record["insight"]).without(self.recipe.silence)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What may be wrong, worst first; a notebook shows ``run.insight``."""
        return self.insight.findings

    @property
    def notes(self) -> list[str]:
        """What was repaired, and what a reader should know."""
        return list(self.record["notes"])

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole run."""
        return self.record["seconds"]

    @property
    def trials(self) -> int:
        """How many settings were tried."""
        return self.record["trials"]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields; addresses name no user and no password."""
        from noria.pages.units import without_passwords

        return {
            **without_passwords(self.record),
            "insight": self.insight.to_dict(),
            "version": self.version,
            "promoted": self.promotion.promoted,
            "why": self.promotion.why,
            "folder": str(self.folder),
            "goals_met": self.evaluation.goals_met,
        }

    def _repr_html_(self) -> str:
        from noria.pages.notebook import overview

        how = "" if self.promotion.promoted else f", not promoted: {self.promotion.why}"
        return overview(self.record, self.evaluation, self.report, f"{self.name}@{self.version}{how}")


def run(
    recipe: str | Path | Recipe | Mapping[str, Any],
    *,
    session: Session | None = None,
    resume: bool = True,
    **search: Any,
) -> Run:
    """Walk the whole life of a recipe.

    Parameters
    ----------
    recipe : str, Path, Recipe or mapping
        The name of a shipped recipe, the path of a recipe file or folder, or the recipe itself.
    session : Session, optional
    resume : bool
        Whether an unfinished run of the same recipe and data is taken up again.
    **search
        ``budget``, ``metric``, ``folds``, ``learners``, ``trials``, ``seed`` in place of the recipe's own.

    Returns
    -------
    Run

    Raises
    ------
    NoriaError
        Of the kind that fits; see `noria.errors`.

    Examples
    --------
    >>> run = run("iris", budget="3s")
    >>> run.evaluation.scores["accuracy"].value > 0.8
    True
    """
    found = find_recipe(recipe)
    if search:
        found = found.change(search=search)
    return _walk(found, session, resume=resume)


def train(
    source: Any = None,
    target: str = "",
    *,
    test: Any = None,
    documents: Any = None,
    session: Session | None = None,
    resume: bool = True,
    **keys: Any,
) -> Run:
    """Train on a table without a recipe.

    Parameters
    ----------
    source : str, path or table
        Anything that ``data: source:`` of a recipe takes, or a pandas, Polars or Arrow object. Without it,
        questions are made from the documents.
    target : str
        The column to be learned.
    test : str, path or table, optional
        Rows to evaluate on; without it, `holdout` is the share of the rows that is kept aside.
    documents : str, path, list or table, optional
        What the rows, which are questions then, are asked of; see `noria.data.documents`.
    session : Session, optional
    resume : bool
        Whether an unfinished run of the same data and keys is taken up again.
    **keys
        Of a recipe: ``name`` (made from the file's name if absent), ``task``, ``system``, ``features``,
        ``options``, ``goal``, ``silence``; of its data: ``columns``, ``drop``, ``group``, ``series``,
        ``time``, ``weight``; of its split: ``holdout`` (0.2), ``how``; of its search: ``budget`` (60s),
        ``metric``, ``folds``, ``learners``, ``trials``, ``seed``.

    Returns
    -------
    Run

    Raises
    ------
    ParamError
        If a key is unknown.

    Examples
    --------
    >>> rows = {"x": [0.5 * x for x in range(60)], "y": [2.0 * x for x in range(60)]}
    >>> run = train(rows, "y", task="regression", budget="3s", learners=["ridge"])
    >>> run.evaluation.scores["r2"].value > 0.9
    True
    """
    made = "relevant" if source is None else ""  # questions that are made from documents
    fields: dict[str, Any] = {"data": {"target": target or made}, "split": {}, "search": {}}
    for key, value in keys.items():
        if key not in _PLACES:
            raise ParamError(f"train() has no argument {key!r}.", do=suggestion(key, _PLACES))
        place = _PLACES[key]
        if value is not None:
            (fields[place] if place else fields)[key] = value
    named, tested = isinstance(source, str | Path), isinstance(test, str | Path)
    fields["data"]["source"] = str(source) if named else ""
    fields["data"]["test"] = str(test) if tested else None
    listed = documents if isinstance(documents, list) and documents else [documents]
    addressed = all(isinstance(one, str | Path) for one in listed)
    if addressed:
        fields["data"]["documents"] = [str(one) for one in listed]
    fields.setdefault(
        "name", _name_of(source if named else target or (listed[0] if addressed else "documents"))
    )
    from noria.core.recipe import Recipe

    recipe = Recipe.parse(fields, folder=Path())
    table, given = None if named else source, None if tested else test
    return _walk(
        recipe, session, resume=resume, source=table, test=given, documents=None if addressed else documents
    )


def refit(model: str, source: Any = None, *, test: Any = None, session: Session | None = None) -> Run:
    """Fit a model's pipeline on new data, without searching again.

    The learners and settings of the joint model stay; what is learned from the rows, weights and
    calibration included, is learned anew. The result is the next version of the name.

    Parameters
    ----------
    model : str
        ``name``, ``name@3`` or ``name@challenger``.
    source, test : str, path or table, optional
        The source of the model's recipe, read again, if absent; for what a retraining made, its own rows and
        those of the log whose label was told since. Questions to documents that were given as a table are
        taken as they were, and the documents read again.

    Returns
    -------
    Run

    Raises
    ------
    NotFoundError
        If there is no such model.
    """
    from noria.data.snapshot import open_snapshot
    from noria.lifecycle import refit as once_more

    session = session or Session()
    folder = session.registry.folder(model)
    recipe, record = once_more.again(folder, session.trusts)
    wish = {"source": source, "test": test, "replay": once_more.pipeline(record)}
    kept = retrainer(session).kept(model) if source is None else None
    questions = once_more.given_questions(record) if source is None else None
    if kept is not None:
        wish |= {"source": kept[0], "learned": kept[1]}
    elif questions is not None:
        session.artefacts.snapshots.fetch(questions)
        wish["source"] = open_snapshot(questions, session.settings)
    return _walk(recipe, session, **wish)


def reproduce(run: str, *, session: Session | None = None) -> Reproduction:
    """Repeat a run: the same trials on the same rows, and say whether the same model comes out.

    Parameters
    ----------
    run : str
        As `show` takes it: an id or its beginning, ``name``, ``name@3``, or a run's folder.

    Raises
    ------
    NotFoundError
        If there is no such run, or its data were not kept.
    """
    from noria.data.snapshot import open_snapshot
    from noria.lifecycle import refit as once_more
    from noria.lifecycle.show import folder_of

    session = session or Session()
    folder = folder_of(run, session.registry)
    recipe, record = once_more.again(folder, session.trusts)
    tables = []
    for digest in (record["snapshot"], record["tested"], record.get("documents")):
        if digest:
            session.artefacts.snapshots.fetch(digest)
        tables.append(open_snapshot(digest, session.settings) if digest else None)
    repeated = _walk(
        once_more.as_kept(recipe), session, source=tables[0], test=tables[1], documents=tables[2],
        replay=once_more.trials(folder), resume=False, register=False,
    )  # fmt: skip
    return once_more.reproduction(folder, repeated.folder, session.registry)


def _walk(recipe: Recipe, session: Session | None, **wish: Any) -> Run:
    """Walk, with further arguments of `Training`."""
    from noria.lifecycle.train import Training

    session = session or Session()
    training = Training(recipe, session.settings, session.registry, session.executor, session.events, **wish)
    walk = training()
    return Run(
        walk.run_id,
        recipe.name,
        walk.version,
        walk.promotion,
        walk.folder,
        recipe,
        walk.evaluation,
        walk.model,
        walk.record,
    )


def _name_of(source: str | Path) -> str:
    stem = Path(str(source)).name.partition(".")[0]
    plain = (letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem)
    return "".join(plain).strip("-_")[:80] or "model"
