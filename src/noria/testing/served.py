"""What a service answers, asked in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import polars as pl

from noria.api import Session, desk
from noria.lifecycle.serve import Desk
from noria.server import create_app

__all__ = ["as_json", "served"]


def served(model: str, rows: pl.DataFrame, session: Session) -> pl.DataFrame:
    """What ``POST /v1/models/NAME/predict`` gives for rows; they are in the log then."""
    asked = _predicted(desk(model, session=session), model.partition("@")[0], rows)
    with ThreadPoolExecutor(1) as apart:  # a notebook's own thread has a loop that runs already
        return apart.submit(asyncio.run, asked).result()


def as_json(table: pl.DataFrame) -> pl.DataFrame:
    """A table as it is after a journey through JSON, whose objects have no order."""
    return _table(orjson.loads(orjson.dumps(table.to_dicts())))


async def _predicted(made: Desk, name: str, rows: pl.DataFrame) -> pl.DataFrame:
    sent: list[Mapping[str, Any]] = []
    path, body = f"/v1/models/{name}/predict", orjson.dumps({"rows": rows.to_dicts()})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    try:
        await create_app(made)(scope, receive, send)
    finally:
        await made.close()
    told = orjson.loads(b"".join(message.get("body", b"") for message in sent))
    assert sent[0]["status"] == 200, f"the service answers {sent[0]['status']}: {str(told)[:200]}"
    return _table(told["predictions"])


def _table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    table = pl.DataFrame(rows, infer_schema_length=None)
    return table.select(sorted(table.columns))
