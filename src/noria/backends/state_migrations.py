"""How a state database of an older version becomes one of today's: one step per version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["MIGRATIONS", "SCHEMA", "migrate"]

SCHEMA = 2
"""The version of `noria.backends.state_tables`. Whoever changes a table raises it and adds a step."""


def _add_predictions(operations: Any) -> None:
    """The log of a service's answers."""
    from noria.backends.state_tables import PredictionRow

    PredictionRow.metadata.tables["predictions"].create(operations.get_bind())


MIGRATIONS: Mapping[int, Callable[[Any], None]] = {1: _add_predictions}
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
