"""Registered models as folders that run elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from noria.api._session import Session

if TYPE_CHECKING:
    from noria.lifecycle.export import Exported

__all__ = ["export"]


def export(
    model: str,
    *,
    to: str,
    output: str | Path | None = None,
    force: bool = False,
    dry_run: bool = False,
    trust: bool = False,
    session: Session | None = None,
) -> Exported:
    """Write a version of a model into a folder with everything that it needs elsewhere.

    Parameters
    ----------
    model : str
        ``titanic``, ``titanic@3`` or ``titanic@challenger``.
    to : {"docker", "kubernetes", "space", "onnx", "mlflow"}
    output : str or Path, optional
        The new folder; ``titanic-docker`` and the like in the working directory if absent.
    force : bool
        Replace an earlier export; files that you put into it stay.
    dry_run : bool
        Try everything, and keep nothing.
    trust : bool
        Take a feature function that was not trained here.
    session : Session, optional

    Raises
    ------
    NotFoundError
        If there is no such model.
    ArtifactError
        If a file of its run is not what it was.
    ParamError
        If the folder is taken, or the target cannot express the model.
    """
    from noria.core import artifact, keep, manifest, registry
    from noria.data.conform import conform
    from noria.lifecycle.export import Package
    from noria.lifecycle.export import export as write

    session = session or Session()
    version, run = session.registry.find(model), session.registry.folder(model)
    keep.verify(run)
    trusted: Callable[[str], bool] = (lambda _: True) if trust else session.trusts
    package = Package(
        version,
        run,
        manifest.read_json(run / "run.json"),
        load=lambda: artifact.load(run / "model", prepare=conform, trusted=trusted),
        pack=lambda run, folder: registry.backend("tracker", "mlflow")(session.settings).pack(run, folder),
    )
    folder = Path(output) if output is not None else Path(f"{version.name}-{to}")
    return write(package, to, folder, session.events, force=force, dry_run=dry_run)
