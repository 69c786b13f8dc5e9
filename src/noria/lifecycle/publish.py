"""A static site of recipes and their runs: what each solves, how well, its model card, and how to run it.

Every page is made before the first one is put into its place, and each is put there whole; what the folder
held beside an earlier site stays. The same runs give the same bytes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from noria.core.recipe import Recipe
from noria.core.result import html_table
from noria.core.runs import ModelEntry, RunEntry, RunQuery, Version
from noria.errors import NoriaError, NotFoundError, ParamError, StorageError, suggestion
from noria.lifecycle import report
from noria.lifecycle.register import Registry
from noria.lifecycle.show import Details, show
from noria.pages.render import asset, prose, render
from noria.pages.story import Story
from noria.pages.units import number

__all__ = ["MARK", "Entry", "Published", "publish"]

MARK = ".noria-site"
"""The file that tells a site of ours, and which files it is made of."""
_BEGUN = f"{MARK}-begun"
_ASSETS = ("style.css", "page.js", "figures.js", "vega.js", "LICENSE-vega.txt")

Status = Literal["met", "missed", "no goal", "no run", "damaged"]


@dataclass(frozen=True)
class Entry:
    """A recipe of the site.

    Attributes
    ----------
    recipe : Recipe
    folder : str
        Of its pages, within the site.
    readme : str
        What its author wrote, Markdown.
    run : Details, optional
        The champion's, or else the latest finished one.
    story : Story, optional
        What there is to tell of that run.
    model : ModelEntry, optional
        Its versions.
    problem : str
        Why there is no story, if its run is damaged.
    known : bool
        Whether the recipe can be run by its name.
    """

    recipe: Recipe
    folder: str
    readme: str = ""
    run: Details | None = None
    story: Story | None = None
    model: ModelEntry | None = None
    problem: str = ""
    known: bool = True

    @property
    def status(self) -> Status:
        """How the recipe stands."""
        if self.story is None:
            return "damaged" if self.problem else "no run"
        kind = self.story.verdict.kind
        return "no goal" if kind == "open" else "met" if kind == "met" else "missed"

    @property
    def title(self) -> str:
        """The recipe in a line."""
        return self.recipe.title or self.recipe.name

    @property
    def waiting(self) -> bool:
        """Whether it has no result to show; such recipes stand last."""
        return self.story is None

    @property
    def task(self) -> str:
        """What is asked, as far as that is known."""
        return self.story.record["task"] if self.story else self.recipe.task or ""

    @property
    def command(self) -> str:
        """What runs it; a model of ``noria train`` has no recipe to run."""
        if self.run is not None and not self.known:
            return f"noria reproduce {self.run.entry.id}"
        return f"noria run {self.recipe.name}"

    @property
    def versions(self) -> list[tuple[Version, tuple[str, ...]]]:
        """All versions with what they answer to, newest first."""
        model = self.model
        return [] if model is None else [(one, model.held_by(one.number)) for one in reversed(model.versions)]


@dataclass(frozen=True)
class Published:
    """A site, or what it would be.

    Attributes
    ----------
    folder : Path
    entries : tuple of Entry
    files : tuple of str
        All that it is made of.
    """

    folder: Path
    entries: tuple[Entry, ...]
    files: tuple[str, ...]

    def frame(self) -> pl.DataFrame:
        """One row per recipe."""
        schema = dict.fromkeys(["recipe", "status", "metric", "score", "run"], pl.String)
        return pl.DataFrame([_row(entry) for entry in self.entries], schema=schema, orient="row")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        recipes = self.frame().to_dicts()
        return {"folder": str(self.folder), "recipes": recipes, "files": list(self.files)}

    def _repr_html_(self) -> str:
        return html_table(self.frame(), f"{len(self.entries)} recipes in {self.folder}")


def publish(
    registry: Registry,
    recipes: Mapping[str, Recipe],
    folder: Path,
    *,
    only: Sequence[str] = (),
    dry_run: bool = False,
    force: bool = False,
) -> Published:
    """Write the site of recipes and of everything that was trained.

    Parameters
    ----------
    registry : Registry
    recipes : mapping of str to Recipe
        Those that are listed even if they were never run.
    folder : Path
    only : sequence of str
        The names that the site is about; all, if empty.
    dry_run : bool
        Whether nothing is written.
    force : bool
        Whether the site may be put into a folder that holds other files; they stay, unless they have the name
        of a page.

    Raises
    ------
    NotFoundError
        If there is no recipe or model of a name.
    ParamError
        If the folder holds something else.
    StorageError
        If the site cannot be written.
    """
    known = dict(recipes)
    models = {model.name: model for model in registry.state.models()}
    finished = _latest(registry)
    names = sorted({*known, *models, *finished})
    for name in only:
        if name not in names:
            raise NotFoundError(f"There is no recipe or model {name!r}.", do=suggestion(name, names))
    wanted = [name for name in names if name in only] if only else names
    _check(folder, force)
    places = _folders(wanted)
    entries = tuple(
        _entry(registry, name, places[name], known.get(name), models.get(name), finished.get(name))
        for name in wanted
    )
    files = dict(_files(entries))
    if not dry_run:
        _place(files, folder)
    return Published(folder, entries, tuple(sorted(files)))


# -- what is told --------------------------------------------------------------------------------------------


def _latest(registry: Registry) -> dict[str, RunEntry]:
    """The latest finished run of each name."""
    runs: dict[str, RunEntry] = {}
    for run in registry.runs(RunQuery(finished=True)):
        runs.setdefault(run.name, run)
    return runs


def _folders(names: Sequence[str]) -> dict[str, str]:
    """A folder for each name; two names that differ in case only share none, whatever the file system."""
    places: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name != name.lower(), name)):
        place, at = name.lower(), 2
        while place in places.values():
            place, at = f"{name.lower()}-{at}", at + 1
        places[name] = place
    return {name: f"recipes/{place}" for name, place in places.items()}


def _entry(
    registry: Registry,
    name: str,
    folder: str,
    recipe: Recipe | None,
    model: ModelEntry | None,
    latest: RunEntry | None,
) -> Entry:
    """What there is of a name."""
    shown = recipe or Recipe(name=name)
    version = model.aliases.get("champion") if model else None
    reference = f"{name}@{version}" if version else latest.id if latest else None
    if reference is None:
        return Entry(shown, folder, _readme(shown), model=model)
    try:
        run = show(reference, registry)
        assert run.record is not None
        story = report.story(run.folder, run.record)
        kept = recipe or run.recipe.model_copy(update={"folder": _path(run.record.get("recipe_folder"))})
        return Entry(kept, folder, _readme(kept), run, story, model, known=recipe is not None)
    except NoriaError as error:
        return Entry(shown, folder, _readme(shown), model=model, problem=_problem(reference, error))


def _problem(reference: str, error: NoriaError) -> str:
    """What is wrong with a run, without the paths of this machine."""
    return f"{reference}: {error.got}" if error.got else f"{reference} cannot be read"


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _readme(recipe: Recipe) -> str:
    """What the author wrote about a recipe, if it lies beside it."""
    path = (
        recipe.folder / "README.md" if recipe.folder and (recipe.folder / "recipe.yaml").is_file() else None
    )
    return path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""


def _row(entry: Entry) -> tuple[str | None, ...]:
    line = entry.story.headline if entry.story else None
    measured = (line.score.metric, number(line.score.value)) if line else (None, None)
    return entry.recipe.name, entry.status, *measured, entry.run.entry.id if entry.run else None


# -- pages ---------------------------------------------------------------------------------------------------


def _files(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """All files of the site with their texts; the index last."""
    for name in _ASSETS:
        yield f"assets/{name}", asset(name)
    yield ".nojekyll", ""
    yield "404.html", render("missing.html", title="There is no such page")
    for entry in entries:
        card = report.card(entry.story) if entry.story else ""
        if entry.story is not None:
            yield (
                f"{entry.folder}/report.html",
                report.page(entry.story, "../../assets", home="../../index.html"),
            )
            yield f"{entry.folder}/model-card.md", card
        page = render(
            "recipe.html", title=entry.title, entry=entry, readme=prose(entry.readme, skip_title=True),
            card=prose(card.partition("\n---\n")[2], skip_title=True),
            assets="../../assets", home="../../index.html",
        )  # fmt: skip
        yield f"{entry.folder}/index.html", page
    yield (
        "index.html",
        render("site.html", title="Recipes", entries=entries, assets="assets", home="index.html"),
    )


# -- files ---------------------------------------------------------------------------------------------------


def _check(folder: Path, force: bool) -> None:
    """See that a site may be put there."""
    if folder.exists() and not folder.is_dir():
        raise ParamError(f"{folder} is a file.", do="Name a folder for the site.")
    if force or not folder.is_dir() or (folder / MARK).is_file() or not any(folder.iterdir()):
        return
    raise ParamError(
        f"{folder} holds files that are no site of Noria's.",
        got=", ".join(sorted(path.name for path in folder.iterdir())[:3]),
        do="Name another folder, or add --force: only files with the name of a page are replaced.",
    )


def _place(files: Mapping[str, str], folder: Path) -> None:
    """Write all files beside the folder, move them in, and take away what only an earlier site had.

    Until all of it stands, the mark names the files of both, so that whoever is interrupted can go on.
    """
    earlier = _earlier(folder)
    whole = {*files, MARK}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as draft:
            marks = {_BEGUN: _marked(earlier | whole), MARK: _marked(whole)}
            for name, text in {**files, **marks}.items():
                path = Path(draft) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            for name in (_BEGUN, *files):
                target = folder / (MARK if name == _BEGUN else name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(Path(draft) / name, target)
            for name in sorted(earlier - whole, reverse=True):
                (folder / name).unlink(missing_ok=True)
                parent = (folder / name).parent
                if parent != folder and parent.is_dir() and not any(parent.iterdir()):
                    parent.rmdir()
            shutil.move(Path(draft) / MARK, folder / MARK)
    except OSError as error:
        raise StorageError(
            f"The site cannot be written to {folder}.", got=error.strerror or str(error),
            do="Free some space, or name another folder with -o.",
        ) from error  # fmt: skip


def _marked(names: Collection[str]) -> str:
    return json.dumps({"files": sorted(names)}, indent=1)


def _earlier(folder: Path) -> set[str]:
    """The files of the site that is there, none of them outside of its folder."""
    try:
        names = json.loads((folder / MARK).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    paths = {name: (folder / name).resolve() for name in map(str, names)}
    root = folder.resolve()
    return {name for name, path in paths.items() if path.is_relative_to(root) and path.is_file()}
