"""How a state database of an older version becomes one of today's: one step per version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["MIGRATIONS", "SCHEMA", "migrate"]

SCHEMA = 2
"""The version of `noria.backends.state_tables`. Whoever changes a table raises it and adds a step."""


def _add_service(operations: Any) -> None:
    """What a service keeps: its answers, what they should have been, and who may call it."""
    from noria.backends.state_tables import Table

    for name in ("predictions", "feedback", "keys"):
        Table.metadata.tables[name].create(operations.get_bind())


MIGRATIONS: Mapping[int, Callable[[Any], None]] = {1: _add_service}
"""What makes version n + 1 of version n on either database, given ``alembic.operations.Operations``."""


def migrate(connection: Connection, version: int) -> None:
    """Bring the tables to today's version, within the connection's transaction."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from sqlalchemy import update

    from noria.backends.state_tables import SchemaRow

    operations = Operations(MigrationContext.configure(connection))
    for step in range(version, SCHEMA):
        MIGRATIONS[step](operations)
    connection.execute(update(SchemaRow).values(version=SCHEMA))
