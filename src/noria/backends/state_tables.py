"""The tables of the state database."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Boolean, Double, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "ChangeRow",
    "EntryRow",
    "KeyRow",
    "LabelRow",
    "LeaseRow",
    "PredictionRow",
    "RunRow",
    "ScoreRow",
    "Table",
]


class Table(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar = {
        float: Double,
        int: BigInteger,
        bool: Boolean,
        str: String().with_variant(String(collation="C"), "postgresql"),
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


class RunRow(Table):
    """A run; its fields are those of `noria.core.runs.RunEntry`."""

    __tablename__ = "runs"
    __table_args__ = (Index("runs_name_started", "name", "started"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    started: Mapped[float] = mapped_column(index=True)
    key: Mapped[str] = mapped_column(index=True)
    snapshot: Mapped[str] = mapped_column(index=True)
    noria: Mapped[str]
    ended: Mapped[float | None] = mapped_column(index=True)
    task: Mapped[str | None]
    metric: Mapped[str | None]
    seconds: Mapped[float | None] = mapped_column(index=True)
    rows: Mapped[int | None] = mapped_column(index=True)
    trials: Mapped[int | None] = mapped_column(index=True)
    goals_met: Mapped[bool | None]
    tested: Mapped[str | None] = mapped_column(index=True)
    features: Mapped[str | None] = mapped_column(index=True)
    commit: Mapped[str | None]


class ScoreRow(Table):
    """A metric of a run, with its interval where there is one."""

    __tablename__ = "scores"
    __table_args__ = (
        Index("scores_metric_value", "metric", "value"),
        {"sqlite_with_rowid": False},
    )

    run: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]


class ChangeRow(Table):
    """An entry of a model's history; its fields are those of `noria.core.runs.Change`."""

    __tablename__ = "changes"
    __table_args__ = (Index("changes_name_version", "name", "version"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    version: Mapped[int]
    when: Mapped[float]
    who: Mapped[str]
    run: Mapped[str | None] = mapped_column(index=True)
    alias: Mapped[str | None]
    before: Mapped[int | None]
    why: Mapped[str] = mapped_column(Text)
    tags: Mapped[dict[str, Any]]


class PredictionRow(Table):
    """A row that a service predicted; its fields are those of `noria.core.serving.LoggedPrediction`."""

    __tablename__ = "predictions"
    __table_args__ = (
        Index("predictions_name_when", "name", "when"),
        Index("predictions_row", "id", "role", unique=True),
    )

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    id: Mapped[str]
    request: Mapped[str]
    name: Mapped[str]
    version: Mapped[int]
    role: Mapped[str]
    when: Mapped[float]
    seconds: Mapped[float]
    caller: Mapped[str | None]
    inputs: Mapped[str] = mapped_column(Text)
    outputs: Mapped[str] = mapped_column(Text)
    cpu: Mapped[float | None]


class LabelRow(Table):
    """What a prediction should have been; its fields are those of `noria.core.serving.Label`, and a name."""

    __tablename__ = "feedback"

    name: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(Text)
    when: Mapped[float] = mapped_column(index=True)
    caller: Mapped[str | None]


class KeyRow(Table):
    """Who may call a service; its fields are those of `noria.core.serving.Key`."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    digest: Mapped[str]
    models: Mapped[list[str]]
    verbs: Mapped[list[str]]
    created: Mapped[float]
    expires: Mapped[float | None]
    revoked: Mapped[float | None]


class EntryRow(Table):
    """What was done about a served model; its fields are those of `noria.core.watch.Entry`."""

    __tablename__ = "ledger"
    __table_args__ = (Index("ledger_name_kind", "name", "kind", "number"),)

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    name: Mapped[str]
    kind: Mapped[str]
    when: Mapped[float]
    who: Mapped[str]
    body: Mapped[dict[str, Any]]


class LeaseRow(Table):
    """What only one process does at a time, who does it, and until when at most (seconds since 1970)."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[float]


class SchemaRow(Table):
    """The version of these tables: one row."""

    __tablename__ = "noria_schema"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
