"""The application: every route of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from noria._version import __version__
from noria.errors import NoriaError
from noria.lifecycle.serve import Desk
from noria.lifecycle.serve.files import Files
from noria.server.explain import explain_routes
from noria.server.files import file_routes
from noria.server.pages import page_routes
from noria.server.predict import PredictRoute
from noria.settings import Settings

__all__ = ["create_app"]


def create_app(desk: Desk, *, files: Path | None = None) -> PredictRoute:
    """An ASGI application that serves the models of a desk.

    Parameters
    ----------
    desk : Desk
    files : Path, optional
        Folder of files that are scored, the same for all processes of a service; in the cache if absent.
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

    app.include_router(explain_routes(desk))
    app.include_router(file_routes(desk, Files(files or Settings().cache / "files")))
    app.include_router(page_routes(desk))
    return PredictRoute(desk, app)
