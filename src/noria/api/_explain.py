"""Explanations: of rows by a model, and of a model by its run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.api._models import load, model_folder
from noria.api._session import Session
from noria.core import manifest
from noria.core.insight import Insight
from noria.core.words import times
from noria.errors import NoriaError, NotFoundError, ParamError

if TYPE_CHECKING:
    import polars as pl

    from noria.lifecycle.explain import Background, Explained

__all__ = ["explain"]

_ROWS = 1_000  # of the training that are looked at


def explain(
    model: str | Path,
    source: Any = None,
    *,
    row: int | range | None = None,
    columns: Sequence[str] = (),
    counterfactual: bool | str = False,
    keep: Collection[str] = (),
    trust: bool = False,
    session: Session | None = None,
) -> Explained:
    """Why a model predicts what it predicts.

    Parameters
    ----------
    model : str or Path
        A name, ``name@3``, or a folder.
    source : str, path or table, optional
        Rows to explain. Without them the model's run is explained: what its predictions go by.
    row : int or range, optional
        Only this row of the source, or as many of these as there are; the first is 1.
    columns : sequence of str
        Two, to draw where each class, or what, is predicted by their values.
    counterfactual : bool or str
        Whether to look for the smallest change that leads to another prediction; or to which one: a class,
        or a comparison such as ``">= 250000"``.
    keep : collection of str
        Columns that cannot change.
    trust : bool
        Run the feature function of a folder that was not trained here.

    Returns
    -------
    Explained
        ``explanation`` has the attributions, ``frame()`` all of it as a table, ``page()`` as a web page.

    Raises
    ------
    NotFoundError
        If there is no such model, or its run says nothing about it.
    ColumnError, ParamError
        If a column is missing, or what is asked cannot be.

    Examples
    --------
    >>> from noria.api import run
    >>> done = run("iris", budget="3s")
    >>> flower = {"sepal_length": [6.0], "sepal_width": [2.7], "petal_length": [4.9], "petal_width": [1.6]}
    >>> found = explain("iris", flower)
    >>> found.explanation.gap < 1e-6
    True
    """
    import polars as pl

    from noria.data import sources
    from noria.data.conform import written
    from noria.lifecycle import explain as why

    session = session or Session()
    loaded = load(model, trust=trust, session=session)
    folder = model_folder(model, session)
    name = Path(str(model)).name
    if source is None and not columns:
        return _of_run(name, folder.parent)
    table = pl.DataFrame()
    if source is not None:
        as_text = written(loaded.signature.inputs)
        table = sources.read(source, settings=session.settings, events=session.events, written=as_text)
        table = _chosen(table, row)
    wanted = why.Wanted(counterfactual if isinstance(counterfactual, str) else None, tuple(keep))
    background = _background(folder.parent, session) if columns or counterfactual else None
    return why.explain(
        loaded, table, name=name, background=background, columns=columns,
        wanted=wanted if counterfactual else None,
    )  # fmt: skip


def _chosen(table: pl.DataFrame, row: int | range | None) -> pl.DataFrame:
    """The asked rows."""
    if row is None:
        return table
    if isinstance(row, range):
        return table[[at - 1 for at in row if 1 <= at <= table.height]]
    if not 1 <= row <= table.height:
        raise ParamError(f"There is no row {row}.", got=times(table.height, "row"), do="Count from 1.")
    return table[row - 1]


def _of_run(name: str, folder: Path) -> Explained:
    """What the run of a model found out about it."""
    import polars as pl

    from noria.lifecycle.explain import Explained
    from noria.lifecycle.report import drawn

    record = manifest.read_json(folder / "run.json") or {}
    found = Insight.from_dict(record["insight"]) if "insight" in record else Insight()
    if not found.importance:
        raise NotFoundError(
            f"The run of {name!r} says nothing of what its model goes by.",
            got="no run.json" if not record else "no time was left for it, or the run is an old one",
            do=f"Name rows: noria explain {name} row.json; or run again with a longer budget.",
        )
    figures = tuple(figure for figure in drawn(folder) if figure.section == "explanation")
    metric = record["evaluation"]["metric"]
    return Explained(name, pl.DataFrame(), importance=found.importance, metric=metric, figures=figures)


def _background(folder: Path, session: Session) -> Background | None:
    """Some rows that the run was trained on, if it is at hand and they are kept."""
    from noria.data.snapshot import open_snapshot
    from noria.lifecycle.explain import Background

    record = manifest.read_json(folder / "run.json")
    if record is None:
        return None
    try:
        session.artefacts.snapshots.fetch(record["snapshot"])
        table = open_snapshot(record["snapshot"], session.settings)
    except NoriaError as error:
        session.events.emit("note", text=f"The training rows are not at hand: {error.what}")
        return None
    return Background(table.sample(min(_ROWS, table.height), seed=0), record["recipe"]["data"]["target"])
