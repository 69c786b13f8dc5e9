"""Runs, versions and aliases shown on a tracker, as an MLflow server, and kept in step with the registry."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from noria.core.events import Events
from noria.core.ports import Tracker
from noria.core.runs import Change, Version
from noria.errors import NoriaError, NotFoundError, suggestion
from noria.lifecycle.register import Registry

__all__ = ["Mirror", "Mirrored"]

_log = logging.getLogger("noria")


@dataclass(frozen=True)
class Mirrored:
    """A version that is on the tracker now, and whether it was sent just now or had been there."""

    version: Version
    sent: bool


@dataclass
class Mirror:
    """Sends to a tracker what it does not have yet.

    Parameters
    ----------
    registry : Registry
    tracker : Tracker
    events : Events
    """

    registry: Registry
    tracker: Tracker
    events: Events

    def __call__(self, reference: str) -> list[Mirrored]:
        """Send the versions that a reference means, and bring the aliases of their name up to date.

        Parameters
        ----------
        reference : str
            ``titanic`` for all versions, ``titanic@3``, ``titanic@champion``, or a run.

        Raises
        ------
        NotFoundError
            If there is no such model or run.
        StorageError
            If the tracker is away or refuses; what was sent before stays there.
        """
        versions = self._meant(reference)
        with self.events.stage("mirror"):
            return self._send(versions)

    def follow(self, change: Change) -> None:
        """After a promotion or roll back, send the versions that answer to an alias.

        The change itself stands: if the tracker fails, or takes so long that the user presses Ctrl-C, a note
        says how to send it later.
        """
        if change.alias is None:
            return
        version = self.registry.find(f"{change.name}@{change.alias}")
        try:
            with self.events.stage("mirror"):
                self._send([version])
        except (NoriaError, KeyboardInterrupt) as error:
            why = str(error).partition("\n")[0] or "Stopped."
            run = version.run
            note = f"Run {run} is kept, but not mirrored: {why} Send it later: noria mirror {run}"
            self.events.emit("note", text=note)
            _log.warning(note)

    def _meant(self, reference: str) -> Sequence[Version]:
        if "@" in reference:
            return [self.registry.find(reference)]
        run = self.registry.run(reference)
        model = self.registry.state.model(run.name if run else reference)
        found = [one for one in model.versions if run is None or one.run == run.id] if model else []
        if not found:
            known = [entry.name for entry in self.registry.state.models()]
            raise NotFoundError(
                f"There is no model or finished run {reference!r}.", do=suggestion(reference, known)
            )
        return found

    def _send(self, versions: Sequence[Version]) -> list[Mirrored]:
        """These versions of a name and those with an alias, until no alias has moved meanwhile."""
        done: dict[int, Mirrored] = {}
        shown = None
        while (model := self.registry.model(versions[0].name)).aliases != shown:
            aliased = [one for one in model.versions if one.number in model.aliases.values()]
            wanted = {one.number: one for one in (*versions, *aliased)}
            for number, version in sorted(wanted.items()):
                aliases = [alias for alias, meant in model.aliases.items() if meant == number]
                sent = self.tracker.mirror(version, self.registry.artefacts.folder(version.run), aliases)
                done.setdefault(number, Mirrored(version, sent))
            shown = model.aliases
        return list(done.values())
