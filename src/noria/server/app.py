"""The application: every route of the service."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from noria._version import __version__
from noria.errors import NoriaError
from noria.lifecycle.serve import Desk
from noria.server.predict import PredictRoute

__all__ = ["create_app"]


def create_app(desk: Desk) -> PredictRoute:
    """An ASGI application that serves the models of a desk.

    Parameters
    ----------
    desk : Desk
    """
    app = FastAPI(title="Noria", version=__version__)

    @app.exception_handler(NoriaError)
    async def failed(_: Request, error: NoriaError) -> JSONResponse:
        return JSONResponse(error.to_dict(), error.http_status)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the process is alive."""
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> list[dict[str, Any]]:
        """What is served, and in which version."""
        found = (endpoint.serving for endpoint in desk.endpoints.values())
        return [{"name": one.name, "version": one.version} for one in found]

    @app.get("/v1/models/{name}/schema")
    async def schema(name: str) -> dict[str, Any]:
        """What a model takes and gives."""
        serving = desk.endpoint(name).serving
        return {"version": serving.version, **serving.model.signature.to_dict()}

    return PredictRoute(desk, app)
