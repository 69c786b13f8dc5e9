"""The composition root: names become objects here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.core import artifact, registry
from noria.core.events import Events
from noria.core.ports import Artefacts, Executor, State
from noria.core.recipe import Recipe
from noria.core.result import Evaluation, Figure
from noria.core.runs import Change, Condition, RunQuery
from noria.errors import NotFoundError, ParamError, suggestion
from noria.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from noria.core.features import FeaturedModel
    from noria.core.protocol import Model
    from noria.lifecycle.promote import Verdict
    from noria.lifecycle.register import Registry

__all__ = [
    "Run",
    "Session",
    "find_recipe",
    "history",
    "load",
    "predict",
    "promote",
    "recipes",
    "rollback",
    "run",
    "tag",
    "train",
]

_PLACES = {
    **dict.fromkeys(("name", "task", "system", "features", "options", "goal"), ""),
    **dict.fromkeys(("columns", "drop", "group", "series", "time", "weight"), "data"),
    **dict.fromkeys(("holdout", "how"), "split"),
    **dict.fromkeys(("budget", "metric", "folds", "learners", "trials", "seed"), "search"),
}
"""Where each key of `train` stands in a recipe."""


class Session:
    """Settings, store, executor and events, put together.

    Parameters
    ----------
    settings : Settings, optional
        From the environment if absent.
    events : Events, optional

    Examples
    --------
    >>> session = Session()
    >>> session.executor.workers > 0
    True
    """

    def __init__(self, settings: Settings | None = None, events: Events | None = None) -> None:
        self.settings = settings if settings is not None else Settings()
        self.events = events if events is not None else Events()

    @cached_property
    def executor(self) -> Executor:
        """What runs folds at the same time."""
        return registry.backend("executor", "local")(self.settings.workers)

    @cached_property
    def artefacts(self) -> Artefacts:
        """Where the folders of runs and the histories of models are kept."""
        if self.settings.artefacts:
            return registry.backend("artefacts", "remote")(self.settings, self.events)
        return registry.backend("artefacts", "local")(self.settings)

    @cached_property
    def state(self) -> State:
        """The index of runs and models."""
        return registry.backend("state", "sql")(self.settings)

    @cached_property
    def registry(self) -> Registry:
        """Runs, versions and aliases; the index is built first if there are runs and none."""
        from noria.lifecycle.register import Registry

        made = Registry(self.artefacts, self.state)
        if not self.state.made() and (self.artefacts.runs() or self.artefacts.names()):
            made.reindex()
        return made

    def trusts(self, sha256: str) -> bool:
        """Whether a feature function is part of Noria, or was used in training here."""
        shipped = (Path(str(_shipped())) / name / "features.py" for name in _shipped_names())
        if any(_sha256(path) == sha256 for path in shipped if path.is_file()):
            return True
        known = RunQuery(where=(Condition("features", "=", sha256),), limit=1)
        return bool(self.registry.runs(known))


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
        """The report, Markdown."""
        return self.folder / "report.md"

    @property
    def figures(self) -> list[Figure]:
        """The pictures of the report; a notebook shows them."""
        from noria.lifecycle import report

        return report.drawn(self.folder)

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
        """JSON-ready fields."""
        return {
            **self.record,
            "version": self.version,
            "promoted": self.promotion.promoted,
            "why": self.promotion.why,
            "folder": str(self.folder),
            "goals_met": self.evaluation.goals_met,
        }

    def _repr_html_(self) -> str:
        return self.evaluation._repr_html_()


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
    source: Any,
    target: str,
    *,
    test: Any = None,
    session: Session | None = None,
    resume: bool = True,
    **keys: Any,
) -> Run:
    """Train on a table without a recipe.

    Parameters
    ----------
    source : str, path or table
        Anything that ``data: source:`` of a recipe takes, or a pandas, Polars or Arrow object.
    target : str
        The column to be learned.
    test : str, path or table, optional
        Rows to evaluate on; without it, `holdout` is the share of the rows that is kept aside.
    session : Session, optional
    resume : bool
        Whether an unfinished run of the same data and keys is taken up again.
    **keys
        Of a recipe: ``name`` (made from the file's name if absent), ``task``, ``system``, ``features``,
        ``options``, ``goal``; of its data: ``columns``, ``drop``, ``group``, ``series``, ``time``,
        ``weight``; of its split: ``holdout`` (0.2), ``how``; of its search: ``budget`` (60s), ``metric``,
        ``folds``, ``learners``, ``trials``, ``seed``.

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
    fields: dict[str, Any] = {"data": {"target": target}, "split": {}, "search": {}}
    for key, value in keys.items():
        if key not in _PLACES:
            raise ParamError(f"train() has no argument {key!r}.", do=suggestion(key, _PLACES))
        place = _PLACES[key]
        if value is not None:
            (fields[place] if place else fields)[key] = value
    named, tested = isinstance(source, str | Path), isinstance(test, str | Path)
    fields["data"]["source"] = str(source) if named else ""
    fields["data"]["test"] = str(test) if tested else None
    fields.setdefault("name", _name_of(source if named else target))
    recipe = Recipe.parse(fields, folder=Path())
    table, given = None if named else source, None if tested else test
    return _walk(recipe, session, resume=resume, source=table, test=given)


def load(name: str | Path, *, trust: bool = False, session: Session | None = None) -> Model | FeaturedModel:
    """The champion of a name, or the model in a folder.

    Parameters
    ----------
    name : str or Path
    trust : bool
        Run the feature function of a folder that was not trained here.

    Raises
    ------
    NotFoundError
        If there is no such model.
    ArtifactError, TrustError
        If the folder is damaged, or holds code that nobody has vouched for.
    """
    from noria.data.conform import conform

    session = session or Session()
    trusted: Callable[[str], bool] = (lambda _: True) if trust else session.trusts
    return artifact.load(_model_folder(name, session), prepare=conform, trusted=trusted)


def predict(
    model: str | Path,
    source: Any,
    *,
    output: str | Path | None = None,
    trust: bool = False,
    session: Session | None = None,
) -> pl.DataFrame | int:
    """Predict every row of a source.

    Parameters
    ----------
    model : str or Path
        A name or a folder.
    source : str, path or table
    output : str or Path, optional
        A ``.csv``, ``.parquet`` or ``.jsonl`` file; rows stream through, so that the source may be larger
        than memory.

    Returns
    -------
    Table of rows and predictions, or the number of rows written to `output`.
    """
    from noria.data import sources
    from noria.lifecycle import predict as batch

    session = session or Session()
    loaded = load(model, trust=trust, session=session)
    if output is not None:
        batches = sources.scan(source, settings=session.settings, events=session.events)
        return batch.write(loaded, batches, Path(output), session.events)
    rows = sources.read(source, settings=session.settings, events=session.events)
    return batch.joined(rows, loaded.predict(rows))


def promote(
    model: str, *, alias: str = "champion", why: str = "", session: Session | None = None
) -> Change | None:
    """Let a version answer to an alias, whatever the recipe's rule says.

    Parameters
    ----------
    model : str
        ``name@3``, ``name@challenger``, or a name, which means its newest version.
    alias : str
    why : str
        For the history.

    Returns
    -------
    Change, or None if the version had the alias already.

    Raises
    ------
    NotFoundError
        If there is no such model or version.
    """
    registry = (session or Session()).registry
    name, _, wanted = model.partition("@")
    found = registry.find(model) if wanted else registry.model(name).versions[-1]
    return registry.promote(name, found.number, alias, why)


def rollback(name: str, *, alias: str = "champion", why: str = "", session: Session | None = None) -> Change:
    """Let the version answer again that did before the last promotion.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    return (session or Session()).registry.rollback(name, alias, why)


def history(name: str, *, session: Session | None = None) -> list[Change]:
    """What happened to the versions of a model, oldest first.

    Raises
    ------
    NotFoundError
        If there is no such model.
    """
    registry = (session or Session()).registry
    registry.model(name)
    return registry.state.changes(name)


def tag(model: str, tags: Mapping[str, str], *, session: Session | None = None) -> Change:
    """Set tags of a version, such as ``{"owner": "ann"}``; an empty value takes a tag away.

    Raises
    ------
    NotFoundError
        If there is no such model or version.
    """
    registry = (session or Session()).registry
    found = registry.find(model)
    return registry.tag(found.name, found.number, tags)


def recipes() -> list[Recipe]:
    """The shipped recipes, by name.

    Examples
    --------
    >>> "iris" in [recipe.name for recipe in recipes()]
    True
    """
    return [Recipe.read(Path(str(_shipped())) / name) for name in _shipped_names()]


def find_recipe(recipe: str | Path | Recipe | Mapping[str, Any]) -> Recipe:
    """The recipe that a name, a path or a mapping stands for.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return Recipe.parse(recipe, folder=Path())
    path = Path(recipe)
    if (path / "recipe.yaml").is_file() or path.suffix in (".yaml", ".yml"):
        return Recipe.read(path)
    names = _shipped_names()
    if str(recipe) in names:
        return Recipe.read(Path(str(_shipped())) / str(recipe))
    raise NotFoundError(f"There is no recipe {str(recipe)!r}.", do=suggestion(str(recipe), names))


def _walk(
    recipe: Recipe, session: Session | None, *, resume: bool, source: Any = None, test: Any = None
) -> Run:
    from noria.lifecycle.train import Training

    session = session or Session()
    training = Training(
        recipe, session.settings, session.registry, session.executor, session.events, source, test, resume
    )
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


def _model_folder(name: str | Path, session: Session) -> Path:
    path = Path(name)
    for folder in (path, path / "model"):
        if (folder / "manifest.json").is_file():
            return folder
    if isinstance(name, Path) or len(path.parts) > 1:
        artifact.read_manifest(path)
    return session.artefacts.folder(session.registry.find(str(name)).run) / "model"


def _shipped() -> Any:
    return resources.files("noria") / "recipes"


def _shipped_names() -> list[str]:
    return sorted(entry.name for entry in _shipped().iterdir() if (entry / "recipe.yaml").is_file())


def _name_of(source: str | Path) -> str:
    stem = Path(str(source)).name.partition(".")[0]
    plain = (letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem)
    return "".join(plain).strip("-_")[:80] or "model"


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()
