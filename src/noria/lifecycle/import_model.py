"""A registered model of a tracker as a run and a version of its own."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from noria.core import artifact, files, keep
from noria.core.events import Events
from noria.core.features import FeaturedModel
from noria.core.ports import Tracker
from noria.core.recipe import Recipe
from noria.core.runs import Condition, RunEntry, RunQuery, Version
from noria.data.conform import conform
from noria.errors import ArtifactError, ParamError, TrustError
from noria.lifecycle.register import Registry

__all__ = ["import_model"]

_PREFIX = "mlflow:"


def import_model(
    source: str,
    registry: Registry,
    tracker: Tracker,
    events: Events,
    *,
    name: str | None = None,
    promote: bool = False,
    trusted: Callable[[str], bool],
) -> Version:
    """Make a registered model a run and the next version of a name; the same one becomes no second version.

    Parameters
    ----------
    source : str
        ``mlflow:models:/titanic@champion`` or ``mlflow:models:/titanic/3``.
    registry : Registry
    tracker : Tracker
    events : Events
    name : str, optional
        Of the model here; its name there if absent.
    promote : bool
        Whether it becomes the champion.
    trusted : callable
        Whether the feature function's source, given by its SHA-256, may be run.

    Raises
    ------
    ParamError
        If the source is none, or its name cannot be used here.
    NotFoundError
        If there is no such model.
    ArtifactError, TrustError
        If it is damaged, was not made by Noria, or holds code that nobody has vouched for.
    """
    if not source.startswith(_PREFIX):
        raise ParamError(
            "Only models of an MLflow server can be imported.",
            got=repr(source),
            do=f"Write it as {_PREFIX}models:/titanic@champion.",
        )
    with TemporaryDirectory() as draft, events.stage("import"):
        brought = Path(draft)
        origin = {"from": source, **tracker.fetch(source.removeprefix(_PREFIX), brought)}
        name = Recipe.parse({"name": name or origin["model"]}).name
        features = _verified(source, brought / "model", trusted)
        key = hashlib.sha256(json.dumps([name, origin], sort_keys=True).encode()).hexdigest()
        told = _told(brought, origin, name=name, key=key, features=features)
        run = _known(registry, name, key) or _keep(registry, name, brought, *told)
    version = registry.find(f"{name}@{registry.register(name, run)}")
    if promote:
        registry.promote(name, version.number, why=f"imported from {source}")
    return version


def _verified(source: str, folder: Path, trusted: Callable[[str], bool]) -> str | None:
    """The SHA-256 of the model's feature function, if it has one; loading it has checked every file."""
    try:
        model = artifact.load(folder, prepare=conform, trusted=trusted)
    except TrustError as error:
        raise TrustError(
            f"{source} holds Python code (features.py) that did not come from here.",
            got=error.got,
            do="Read it in MLflow (data/model/features.py); if you trust it, use trust=True or --trust.",
        ) from error
    return model.function.sha256 if isinstance(model, FeaturedModel) else None


def _told(
    brought: Path, origin: Mapping[str, Any], *, name: str, key: str, features: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was recorded of the run, made the record of a run of its own that has no id yet."""
    try:
        started, record = (
            json.loads((brought / file).read_text(encoding="utf-8")) for file in ("started.json", "run.json")
        )
        recipe = {**record["recipe"], "name": name}
        own = {"id": None, "name": name, "recipe": recipe}
        now = time.time()
        imported = {**origin, "run": record["id"], "ended": record["ended"]}
        started |= {**own, "started": now, "key": key}
        record |= {**own, "ended": now, "features": features, "imported": imported}
        RunEntry.of(started, record)
    except (OSError, ValueError, TypeError, KeyError, ArtifactError) as error:
        raise ArtifactError(
            f"The record that came with {origin['from']} is damaged.",
            got=f"{type(error).__name__}: {error}",
            do="Mirror the run again from where it was trained.",
        ) from error
    return started, record


def _known(registry: Registry, name: str, key: str) -> str | None:
    """The run that was made of the same model before, if there is one."""
    runs = registry.runs(RunQuery(name, True, (Condition("key", "=", key),), limit=1))
    return runs[0].id if runs else None


def _keep(
    registry: Registry, name: str, brought: Path, started: dict[str, Any], record: dict[str, Any]
) -> str:
    """A run of what was brought, its record last; nothing if that fails."""
    run = registry.artefacts.create(name)
    with ExitStack() as undo:
        undo.callback(registry.artefacts.release, run)
        undo.callback(registry.discard, run)
        folder = registry.artefacts.folder(run)
        files.write_text(folder / "started.json", json.dumps({**started, "id": run}, indent=1))
        with files.new_folder(folder / "model") as draft:
            shutil.copytree(brought / "model", draft, dirs_exist_ok=True)
        for path in (brought / "report.md", brought / "trials.jsonl", *brought.glob("figures/*.json")):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                files.write_text(folder / path.relative_to(brought), text)
        files.write_text(folder / "run.json", json.dumps({**record, "id": run}, indent=1))
        keep.seal(folder, run)
        registry.artefacts.publish(run)
        registry.record(run)
        undo.pop_all()
    registry.artefacts.release(run)
    return run
