"""Settings, artefacts, state, executor and events, put together."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from noria.api._recipes import shipped
from noria.core import registry
from noria.core.events import Events
from noria.settings import Settings

if TYPE_CHECKING:
    from noria.core.ports import Artefacts, Executor, State, Tracker
    from noria.lifecycle.register import Registry

__all__ = ["Session"]


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
        where = self.settings.index or self.settings.state
        return registry.backend("state", "sql")(self.settings.model_copy(update={"state": where}))

    @cached_property
    def tracker(self) -> Tracker | None:
        """Where finished runs are mirrored to, if anywhere."""
        return registry.backend("tracker", "mlflow")(self.settings) if self.settings.mlflow else None

    @cached_property
    def registry(self) -> Registry:
        """Runs, versions and aliases; the index is built first if there are runs and none."""
        from noria.lifecycle.mirror import Mirror
        from noria.lifecycle.register import Registry

        made = Registry(self.artefacts, self.state)
        if self.tracker is not None:
            made.follow = Mirror(made, self.tracker, self.events).follow
        if not self.state.made() and (self.artefacts.runs() or self.artefacts.names()):
            made.reindex(self.events)
        return made

    def trusts(self, sha256: str) -> bool:
        """Whether a feature function is part of Noria, or was used in training here."""
        known = (folder / "features.py" for folder in shipped().values())
        if any(_sha256(path) == sha256 for path in known if path.is_file()):
            return True
        from noria.core.runs import Condition, RunQuery

        trained = RunQuery(where=(Condition("features", "=", sha256),), limit=1)
        return bool(self.registry.runs(trained))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
