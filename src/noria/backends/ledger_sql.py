"""What was done about served models, in the state database."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from noria.backends.state_database import Database
from noria.core.watch import Entry
from noria.settings import Settings

__all__ = ["SqlLedger"]


class SqlLedger:
    """Lines in the table ``ledger``, what one process does alone in ``leases``.

    Parameters
    ----------
    settings : Settings
        ``settings.state`` is the address; without it the database is ``state.db`` in the home folder.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings)

    def add(self, entry: Entry, *, most: int | None = None) -> int:
        """Write a line, and return its number; of lines of this name and kind, at most so many are kept."""
        from sqlalchemy import delete, insert, select

        from noria.backends.state_tables import EntryRow as Row

        with self._database.writing(f"ledger of {entry.name}") as connection:
            added = insert(Row).values(entry._asdict()).returning(Row.number)
            number = connection.execute(added).scalar_one()
            if most is not None:
                mine = (Row.name == entry.name, Row.kind == entry.kind)
                oldest = select(Row.number).where(*mine).order_by(Row.number.desc()).offset(most).limit(1)
                last = connection.scalar(oldest)
                if last is not None:
                    connection.execute(delete(Row).where(*mine, Row.number <= last))
        return number

    def change(self, number: int, body: Mapping[str, Any]) -> None:
        """Let the line of a number say something else."""
        from sqlalchemy import update

        from noria.backends.state_tables import EntryRow as Row

        with self._database.writing(f"ledger line {number}") as connection:
            connection.execute(update(Row).where(Row.number == number).values(body=dict(body)))

    def entries(self, name: str | None = None, kind: str | None = None, *, limit: int = 100) -> list[Entry]:
        """The latest lines, latest first."""
        from sqlalchemy import select

        from noria.backends.state_tables import EntryRow as Row

        chosen = select(*(getattr(Row, field) for field in Entry._fields))
        if name is not None:
            chosen = chosen.where(Row.name == name)
        if kind is not None:
            chosen = chosen.where(Row.kind == kind)
        with self._database.reading() as connection:
            if connection is None:
                return []
            return [
                Entry(*row) for row in connection.execute(chosen.order_by(Row.number.desc()).limit(limit))
            ]

    def hold(self, name: str, holder: str, seconds: float) -> str | None:
        """Take something that only one may do at a time; None, or who has it."""
        from sqlalchemy import delete, insert, select

        from noria.backends.state_tables import LeaseRow as Row

        now = time.time()
        with self._database.writing(f"lease of {name}") as connection:
            held = connection.execute(select(Row.holder, Row.until).where(Row.name == name)).one_or_none()
            if held is not None and held.holder != holder and held.until > now and _lives(held.holder):
                return held.holder
            connection.execute(delete(Row).where(Row.name == name))
            connection.execute(insert(Row), [{"name": name, "holder": holder, "until": now + seconds}])
        return None

    def let_go(self, name: str, holder: str) -> None:
        """Give back what `hold` took."""
        from sqlalchemy import delete

        from noria.backends.state_tables import LeaseRow as Row

        with self._database.writing(f"lease of {name}") as connection:
            connection.execute(delete(Row).where(Row.name == name, Row.holder == holder))


def _lives(holder: str) -> bool:
    """Whether a holder, ``host/process/number``, may still be at work; of other hosts that is not known."""
    host, _, rest = holder.partition("/")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(rest.partition("/")[0]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
