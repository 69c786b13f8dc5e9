"""API keys in the state database."""

from __future__ import annotations

from noria.backends.state_database import Database
from noria.core.serving import Key
from noria.settings import Settings

__all__ = ["SqlKeys"]


class SqlKeys:
    """Keys in the table ``keys``.

    Parameters
    ----------
    settings : Settings
        ``settings.state`` is the address; without it the database is ``state.db`` in the home folder.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings)

    def add(self, key: Key) -> None:
        """Take a new key in."""
        from sqlalchemy import insert

        from noria.backends.state_tables import KeyRow

        with self._database.writing("keys") as connection:
            connection.execute(insert(KeyRow), [{**key.to_dict(), "digest": key.digest}])

    def all(self) -> list[Key]:
        """All keys, oldest first, those that are not valid any more too."""
        from sqlalchemy import select

        from noria.backends.state_tables import KeyRow

        with self._database.reading() as connection:
            if connection is None:
                return []
            found = connection.execute(select(KeyRow.__table__).order_by(KeyRow.created, KeyRow.id))
            return [
                Key(**{**row, "models": tuple(row["models"]), "verbs": tuple(row["verbs"])})
                for row in found.mappings()
            ]

    def revoke(self, key: str, when: float) -> None:
        """Let a key, given by its id, count no more."""
        from sqlalchemy import update

        from noria.backends.state_tables import KeyRow

        with self._database.writing("keys") as connection:
            connection.execute(update(KeyRow).where(KeyRow.id == key).values(revoked=when))
