"""The application: every route of the service."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.errors import ServerErrorMiddleware

from noria._version import __version__
from noria.core.serving import Label, Verb
from noria.errors import NoriaError, ParamError, RequestError
from noria.lifecycle.keys import Keyring
from noria.lifecycle.serve import Desk, Endpoint, Watch
from noria.lifecycle.serve.files import Files
from noria.lifecycle.serve.uploads import Uploads
from noria.server.apart import apart_uploads
from noria.server.ask import ask_routes
from noria.server.files import file_routes
from noria.server.guard import Guard, check, may
from noria.server.openapi import described
from noria.server.pages import missing_page, page_routes
from noria.server.predict import PredictRoute, read_json
from noria.server.reply import App, error_headers
from noria.settings import Settings

__all__ = ["create_app"]

_HIDDEN = "See the log of the service, or ask with a key for admin."
_SHAPE = 'Send {"labels": [{"id": "...", "label": ...}, ...]}.'
_ROWS = 'Send {"rows": [{...}, ...]} with the columns of series, time and target.'


def create_app(
    desk: Desk,
    *,
    keyring: Keyring | None = None,
    hosts: Collection[str] | None = None,
    public: bool = False,
    files: Path | None = None,
    uploads: Uploads | None = None,
    poll: float = 1.0,
    beside: Sequence[Callable[[], object]] = (),
) -> App:
    """An ASGI application that serves the models of a desk.

    Parameters
    ----------
    desk : Desk
    keyring : Keyring, optional
        Without it nobody needs a key.
    hosts : collection of str, optional
        The names that it may be called by; any if absent.
    public : bool
        Whether those who have no key may predict and explain.
    files : Path, optional
        Folder of files that are scored, the same for all processes of a service; in the cache if absent.
    uploads : Uploads, optional
        Takes documents; one of this home, with processes of its own, if absent.
    poll : float
        Seconds after which aliases and keys are looked up again.
    beside : sequence of callable
        What else is to be done as often, in a thread.
    """
    scored = Files(files or Settings().cache / "files", limits=desk.limits)
    taken = uploads or apart_uploads(Settings())

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        quick = [scored.sweep, taken.sweep, *([keyring.refresh] if keyring is not None else []), *beside]
        watches = [Watch([desk.refresh], poll), Watch(quick, poll)]  # a model may take long to load
        for watch in watches:
            watch.start()
        yield
        scored.stop()
        taken.stop()
        for watch in watches:
            watch.stop()
        await desk.close()

    app = FastAPI(
        title="Noria",
        version=__version__,
        lifespan=life,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_exception_handler(NoriaError, _failed)
    app.add_exception_handler(RequestValidationError, _incomplete)
    app.add_exception_handler(StarletteHTTPException, _not_found)
    _add_state(app, desk)
    _add_state_of_models(app, desk)
    _add_models(app, desk)
    app.include_router(file_routes(desk, scored))
    app.include_router(ask_routes(desk, taken))
    app.include_router(page_routes(desk))
    inside = ServerErrorMiddleware(PredictRoute(desk, app), handler=_broken)
    return Guard(inside, keyring, hosts, public=public)


def _add_state(app: FastAPI, desk: Desk) -> None:
    """Routes for those who keep the service running."""

    @app.get("/health")
    async def health(request: Request) -> dict[str, Any]:
        """Whether the process is alive, and what is wrong with it."""
        problems = desk.problems
        shown = problems if may(request.scope, None, Verb.ADMIN) else [_HIDDEN] * bool(problems)
        return {"status": "degraded" if problems else "ok", "problems": shown}

    @app.get("/ready")
    async def ready(request: Request) -> Response:
        """Whether requests can be answered now."""
        return _readiness(request, None, desk)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Counters in the text format of Prometheus."""
        check(request.scope, None, Verb.ADMIN)
        return _counters(desk)

    @app.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        """The models that the key is for, described with a real row of each."""
        return Response(orjson.dumps(described(_open(request, desk))), media_type="application/json")


def _add_state_of_models(app: FastAPI, desk: Desk) -> None:
    """The same of one model, for those who may ask it."""

    @app.get("/v1/models/{name}/health")
    async def health(name: str, request: Request) -> dict[str, Any]:
        """Whether the model answers with the version that it should."""
        check(request.scope, name, Verb.PREDICT)
        endpoint = desk.endpoint(name)
        problems = [f"{alias}: {why}" for alias, why in endpoint.problems.items()]
        shown = problems if may(request.scope, name, Verb.ADMIN) else [_HIDDEN] * bool(problems)
        status = "degraded" if problems else "ok"
        return {"status": status, "version": endpoint.serving.version, "problems": shown}

    @app.get("/v1/models/{name}/ready")
    async def ready(name: str, request: Request) -> Response:
        """Whether the model can be asked now."""
        check(request.scope, name, Verb.PREDICT)
        desk.endpoint(name)
        return _readiness(request, name, desk)

    @app.get("/v1/models/{name}/metrics")
    async def metrics(name: str, request: Request) -> Response:
        """What was counted of the model, in the text format of Prometheus."""
        check(request.scope, name, Verb.ADMIN)
        desk.endpoint(name)
        return _counters(desk, name)


def _readiness(request: Request, name: str | None, desk: Desk) -> Response:
    failed = desk.log_failed
    shown = failed if failed is None or may(request.scope, name, Verb.ADMIN) else _HIDDEN
    return JSONResponse({"ready": failed is None, "problem": shown}, 503 if failed else 200)


def _counters(desk: Desk, name: str | None = None) -> Response:
    told = desk.meter.text(desk.endpoints.values(), desk.waiting, name)
    return Response(told, media_type="text/plain; version=0.0.4")


def _add_models(app: FastAPI, desk: Desk) -> None:
    """Routes for those who use the models."""

    @app.get("/v1/models")
    async def models(request: Request) -> list[dict[str, Any]]:
        """What is served to this key, and in which version."""
        return [
            {
                "name": name,
                "version": endpoint.serving.version,
                "aliases": {alias: serving.version for alias, serving in endpoint.servings.items()},
                "shares": dict(endpoint.traffic.shares),
                "shadow": endpoint.traffic.shadow,
            }
            for name, endpoint in _open(request, desk).items()
        ]

    @app.get("/v1/models/{name}/schema")
    async def schema(name: str, request: Request) -> dict[str, Any]:
        """What a model takes and gives."""
        check(request.scope, name, Verb.PREDICT, filtered=True)
        serving = desk.endpoint(name).serving
        signature = serving.model.signature
        told = {**signature.to_dict(), "example": serving.example, "row": signature.json_schema()}
        return {"name": name, "version": serving.version, **told}

    @app.post("/v1/models/{name}/feedback")
    async def feedback(name: str, request: Request) -> dict[str, Any]:
        """What predictions should have been."""
        caller = check(request.scope, name, Verb.FEEDBACK, filtered=True)
        desk.endpoint(name)
        told = await read_json(request.scope, request.receive, desk.limits, _SHAPE)
        rows, replace = _told(told, desk.limits.rows)
        if "rows" in told:
            outcomes = await desk.tell_forecasts(name, _truths(rows), replace=replace, caller=caller)
            results: Any = {"outcomes": Counter(outcomes)}
        else:
            labels = _labels(rows, caller)
            outcomes = await desk.tell(name, labels, replace=replace)
            results = {"results": [{"id": one.id, "outcome": end} for one, end in zip(labels, outcomes)]}
        return {**results, "kept": sum(one.counts for one in outcomes)}


def _open(request: Request, desk: Desk) -> dict[str, Endpoint]:
    """The models that a request may ask."""
    return {name: one for name, one in desk.endpoints.items() if may(request.scope, name, Verb.PREDICT)}


def _told(told: Any, most: int) -> tuple[list[Any], bool]:
    """The list of ``{"labels": [...], "replace": false}``, or of ``rows`` in place of ``labels``."""
    key = "rows" if isinstance(told, dict) and "rows" in told else "labels"
    listed = told.get(key) if isinstance(told, dict) else None
    replace = told.get("replace", False) if isinstance(told, dict) else False
    if not isinstance(listed, list) or not isinstance(replace, bool) or set(told) - {key, "replace"}:
        do = _ROWS if key == "rows" else _SHAPE
        raise ParamError(f"The request has no list of {key}.", got=type(told).__name__, do=do)
    if len(listed) > most:
        raise RequestError(
            f"Too many {key} were sent at once.", status=413, got=f"{len(listed):,}",
            do=f"Send at most {most:,}.",
        )  # fmt: skip
    return listed, replace


def _truths(listed: list[Any]) -> list[dict[str, Any]]:
    """Rows of single values, like those of the training."""
    for at, one in enumerate(listed):
        values = one.values() if isinstance(one, dict) else [[]]
        if not all(isinstance(value, str | int | float | None) for value in values):
            raise ParamError(f"Row {at} is no object of single values.", got=repr(one)[:80], do=_ROWS)
        if any("\0" in str(value) for value in values):
            raise ParamError(f"Row {at} holds a NUL character.", got=repr(one)[:80], do=_ROWS)
    return listed


def _labels(listed: list[Any], caller: str | None) -> list[Label]:
    """The labels of ``[{"id": ..., "label": ...}]``."""
    labels, now = [], time.time()
    for at, one in enumerate(listed):
        if not isinstance(one, dict) or set(one) != {"id", "label"} or not isinstance(one["id"], str):
            raise ParamError(f"Label {at} is no object of 'id' and 'label'.", got=repr(one)[:80], do=_SHAPE)
        if not isinstance(one["label"], str | int | float | bool):
            raise ParamError(f"Label {at} is no single value.", got=repr(one["label"])[:80], do=_SHAPE)
        if "\0" in f"{one['id']}{one['label']}":
            raise ParamError(f"Label {at} holds a NUL character.", got=repr(one)[:80], do=_SHAPE)
        labels.append(Label.of(one["id"], one["label"], now, caller))
    return labels


async def _failed(request: Request, error: Any) -> Response:
    if error.http_status == 404 and _is_shown(request):
        return missing_page(error)
    return JSONResponse(error.to_dict(), error.http_status, error_headers(error))


async def _incomplete(_: Request, error: Any) -> JSONResponse:
    """A value of the address is missing."""
    first = error.errors()[0]
    told = ParamError(f"The address has no {first['loc'][-1]!r}.", got=first["msg"], do="See /openapi.json")
    return JSONResponse(told.to_dict(), told.http_status)


def _is_shown(request: Request) -> bool:
    """Whether somebody looks at the answer in a browser."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


async def _not_found(request: Request, error: Any) -> Response:
    """What Starlette says itself: no such path, or another method."""
    what = {404: "There is no such path.", 405: "The path takes another method."}
    told = RequestError(
        what.get(error.status_code, str(error.detail)), status=error.status_code, do="See /openapi.json"
    )
    if error.status_code == 404 and _is_shown(request):
        return missing_page(told)
    return JSONResponse(told.to_dict(), error.status_code, error.headers)


async def _broken(_: Request, __: Exception) -> JSONResponse:
    """What nobody foresaw: the traceback goes to the log of the service."""
    told = NoriaError("The service failed in a way that it should not.", do="See the log of the service.")
    return JSONResponse(told.to_dict(), 500)
