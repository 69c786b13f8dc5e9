"""Registered models: loaded, predicted with, promoted and tagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.api._session import Session
from noria.errors import NotFoundError

if TYPE_CHECKING:
    import polars as pl

    from noria.core.features import FeaturedModel
    from noria.core.protocol import Model
    from noria.core.runs import Change

__all__ = ["history", "load", "model_folder", "predict", "promote", "rollback", "tag"]


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
    from noria.core import artifact
    from noria.data.conform import conform

    session = session or Session()
    trusted: Callable[[str], bool] = (lambda _: True) if trust else session.trusts
    return artifact.load(model_folder(name, session), prepare=conform, trusted=trusted)


def predict(
    model: str | Path,
    source: Any = None,
    *,
    ask: str | None = None,
    within: str | None = None,
    output: str | Path | None = None,
    trust: bool = False,
    session: Session | None = None,
) -> pl.DataFrame | int:
    """Predict every row of a source.

    Parameters
    ----------
    model : str or Path
        A name or a folder.
    source : str, path or table, or a list of them
        Of several, one follows the other; a list of dicts is one table, of a row each.
    ask : str, optional
        A question, in place of a source, to a model that takes one text.
    within : str, optional
        The documents to search, by patterns of their names: ``"how-to/*; *.pdf"``.
    output : str or Path, optional
        A ``.csv``, ``.parquet`` or ``.jsonl`` file; rows stream through, so that the source may be larger
        than memory.

    Returns
    -------
    Table of rows and predictions, or the number of rows written to `output`.

    Raises
    ------
    ParamError
        If the model takes more than one text, or there is neither source nor question; if the output is one
        of the sources.
    """
    import polars as pl

    from noria.core.files import check_output
    from noria.data import sources
    from noria.data.conform import written
    from noria.data.sources.frames import is_rows
    from noria.lifecycle import predict as batch

    session = session or Session()
    loaded = load(model, trust=trust, session=session)
    if ask is not None and output is None:
        return batch.answered(loaded, ask, within)
    source = source if ask is None else batch.asked(loaded, ask, within)
    many = isinstance(source, list | tuple) and not is_rows(source)
    several = list(source) if many else [source]
    as_text = written(loaded.signature.inputs)
    told: dict[str, Any] = {"settings": session.settings, "events": session.events, "written": as_text}
    if output is not None:
        check_output(output, several)
        batches = (rows for one in several for rows in sources.scan(one, **told))
        return batch.write(loaded, batches, Path(output), session.events)
    tables = (sources.read(one, **told) for one in several)
    scored = batch.aligned(batch.scored(loaded, tables, session.events))
    return pl.concat(scored, how="vertical_relaxed")


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
        If there is no such model or version, or its run is lost, so that it could not answer.
    ParamError
        If nothing follows the ``@``.
    """
    registry = (session or Session()).registry
    found = registry.find(model) if "@" in model else registry.model(model).versions[-1]
    if registry.artefacts.entry(found.run) is None:
        raise NotFoundError(
            f"The run of {found.name}@{found.number} is lost.",
            got=f"no folder {found.run}",
            do="Restore it from a copy, or promote another version.",
        )
    return registry.promote(found.name, found.number, alias, why)


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


def model_folder(name: str | Path, session: Session) -> Path:
    """The folder of the model that a name or a path means."""
    path = Path(name)
    for folder in (path / "model", path):
        if (folder / "manifest.json").is_file():
            return folder
    if isinstance(name, Path) or len(path.parts) > 1:
        from noria.core import artifact

        artifact.read_manifest(path)
    return session.registry.folder(str(name)) / "model"
