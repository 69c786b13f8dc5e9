"""``POST /v1/models/<name>/explain``: what each column added to each prediction."""

from __future__ import annotations

import asyncio
from typing import Any

import polars as pl
from fastapi import APIRouter, Body

from noria.errors import ParamError
from noria.lifecycle.serve import Desk

__all__ = ["explain_routes"]

_MOST = 100


def explain_routes(desk: Desk) -> APIRouter:
    """The route that explains rows."""
    routes = APIRouter()

    @routes.post("/v1/models/{name}/explain")
    async def explain(name: str, rows: list[dict[str, Any]] = Body(embed=True)) -> dict[str, Any]:  # noqa: B008
        """What each column added to each prediction."""
        serving = desk.endpoint(name).serving
        if not 0 < len(rows) <= _MOST:
            raise ParamError(f"Between one and {_MOST} rows are explained at once.", got=f"{len(rows)} rows")
        table = pl.DataFrame(rows, infer_schema_length=None, strict=False)
        found = await asyncio.to_thread(serving.model.explain, table)
        why = [{"base": found.base, "attributions": row} for row in found.attributions.iter_rows(named=True)]
        return {"version": serving.version, "explanations": why}

    return routes
