"""How a state database of an older version becomes one of today's: one step per version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["MIGRATIONS", "SCHEMA", "migrate"]

SCHEMA = 5
"""The version of `noria.backends.state_tables`. Whoever changes a table raises it and adds a step."""


def _add_service(operations: Any) -> None:
    """What a service keeps: its answers, what they should have been, and who may call it."""
    from sqlalchemy import JSON, BigInteger, Column, Double, Integer, String, Text

    word = String().with_variant(String(collation="C"), "postgresql")
    number = BigInteger().with_variant(Integer, "sqlite")
    operations.create_table(
        "predictions",
        Column("number", number, primary_key=True, autoincrement=True),
        *(Column(name, word, nullable=False) for name in ("id", "request", "name")),
        Column("version", BigInteger, nullable=False),
        Column("role", word, nullable=False),
        *(Column(name, Double, nullable=False) for name in ("when", "seconds")),
        Column("caller", word),
        *(Column(name, Text, nullable=False) for name in ("inputs", "outputs")),
    )
    operations.create_index("predictions_name_when", "predictions", ["name", "when"])
    operations.create_index("predictions_row", "predictions", ["id"])
    operations.create_table(
        "feedback",
        *(Column(name, word, primary_key=True) for name in ("name", "id")),
        Column("label", Text, nullable=False),
        Column("when", Double, nullable=False),
        Column("caller", word),
    )
    operations.create_index("ix_feedback_when", "feedback", ["when"])
    operations.create_table(
        "keys",
        Column("id", word, primary_key=True),
        *(Column(name, word, nullable=False) for name in ("name", "digest")),
        *(Column(name, JSON, nullable=False) for name in ("models", "verbs")),
        Column("created", Double, nullable=False),
        *(Column(name, Double) for name in ("expires", "revoked")),
    )


def _count_rows_once(operations: Any) -> None:
    """Of a row that a service logged there is one line per role, however often it was sent to the log."""
    operations.execute(
        "DELETE FROM predictions WHERE number NOT IN (SELECT min(number) FROM predictions GROUP BY id, role)"
    )
    operations.drop_index("predictions_row", "predictions")
    operations.create_index("predictions_row", "predictions", ["id", "role"], unique=True)


def _add_ledger(operations: Any) -> None:
    """What was done about served models, and who does it."""
    from sqlalchemy import JSON, BigInteger, Column, Double, Integer, String

    word = String().with_variant(String(collation="C"), "postgresql")
    number = BigInteger().with_variant(Integer, "sqlite")
    operations.create_table(
        "ledger",
        Column("number", number, primary_key=True, autoincrement=True),
        *(Column(name, word, nullable=False) for name in ("name", "kind", "who")),
        Column("when", Double, nullable=False),
        Column("body", JSON, nullable=False),
    )
    operations.create_index("ledger_name_kind", "ledger", ["name", "kind", "number"])
    operations.create_table(
        "leases",
        Column("name", word, primary_key=True),
        Column("holder", word, nullable=False),
        Column("until", Double, nullable=False),
    )


def _add_cpu(operations: Any) -> None:
    """What a row cost the service that answered it."""
    from sqlalchemy import Column, Double

    operations.add_column("predictions", Column("cpu", Double))


MIGRATIONS: Mapping[int, Callable[[Any], None]] = {
    1: _add_service,
    2: _count_rows_once,
    3: _add_ledger,
    4: _add_cpu,
}
"""What makes version n + 1 of version n on either database, given ``alembic.operations.Operations``.

A step names the tables as they were then: today's metadata may be of a later version."""


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
