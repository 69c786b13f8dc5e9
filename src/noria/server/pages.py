"""The pages of a service: ``/`` and one per model at ``/models/<name>``."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from noria._version import __version__
from noria.core.features import FeaturedModel
from noria.core.serving import Verb
from noria.core.words import times
from noria.data.conform import RowConformer
from noria.errors import AccessError, NoriaError, NotFoundError
from noria.lifecycle.serve import Desk, Serving
from noria.lifecycle.serve.uploads import TAKEN, documents_of
from noria.pages.form import Field, fields
from noria.pages.render import asset, render
from noria.pages.units import data_size, number
from noria.pages.watch import course
from noria.pages.words import measure
from noria.server.guard import check, may

__all__ = ["missing_page", "page_routes"]

_ASSETS = dict.fromkeys(("ask.js", "page.js", "service.js"), "text/javascript") | dict.fromkeys(
    ("style.css", "service.css"), "text/css"
)
_LEAST = 16  # columns from which only the most important ones are shown at once
_FIRST = 12
# A report is one file with its scripts inside. In a sandbox they reach neither the service nor the key.
_SANDBOX = (
    "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; img-src data: blob:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'"
)


def page_routes(desk: Desk) -> APIRouter:
    """The routes that people look at; a page for which a key is missing asks for one, and tells nothing."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{name}")
    def static(name: str, v: str = "") -> Response:
        if name not in _ASSETS:
            raise NotFoundError(f"There is no file {name!r}.")
        kept = "public, max-age=31536000, immutable" if v == _digest(name) else "no-cache"
        return Response(asset(name), media_type=_ASSETS[name], headers={"cache-control": kept})

    def locked(
        request: Request, name: str | None, *, verb: Verb = Verb.PREDICT, filtered: bool = True
    ) -> Response | None:
        try:
            check(request.scope, name, verb, filtered=filtered)
        except AccessError as error:
            return _page("key.html", error.http_status, title="A key is needed")
        return None

    @routes.get("/")
    def index(request: Request) -> Response:
        if refused := locked(request, None):
            return refused
        found = [_about(one.serving) for name, one in desk.endpoints.items() if not locked(request, name)]
        return _page("service.html", title="Models", models=found)

    @routes.get("/models/{name}")
    def model(name: str, request: Request) -> Response:
        if refused := locked(request, name):
            return refused
        serving = desk.endpoint(name).serving
        told = _model(serving, desk.limits.file)
        told["watch"] = may(request.scope, name, Verb.ADMIN)
        if not serving.model.signature.question:
            return _page("model.html", **told)
        takes = may(request.scope, name, Verb.UPLOAD) and documents_of(serving) is not None
        return _page("ask.html", **told, kinds=TAKEN if takes else ())

    @routes.get("/models/{name}/watch")
    def watch(name: str, request: Request) -> Response:
        if refused := locked(request, name, verb=Verb.ADMIN):
            return refused
        about = _about(desk.endpoint(name).serving)
        title = f"Watching {about['title']}"
        return _page("watch.html", title=title, model=about, **course(*desk.course(name), now=time.time()))

    @routes.get("/models/{name}/report")
    def report(name: str, request: Request) -> Response:
        if refused := locked(request, name, filtered=False):
            return refused
        path = desk.endpoint(name).serving.folder / "report.html"
        if not path.is_file():
            raise NotFoundError(f"The model {name!r} has no report to look at.")
        return FileResponse(path, media_type="text/html", headers={"content-security-policy": _SANDBOX})

    return routes


def missing_page(error: NoriaError) -> Response:
    """What browsers are shown in place of a page that is not there."""
    return _page("nowhere.html", error.http_status, title="This page is not there", error=error)


def _page(template: str, status: int = 200, **about: Any) -> HTMLResponse:
    def static(name: str) -> str:
        return f"/static/{name}?v={_digest(name)}"

    return HTMLResponse(render(template, static=static, noria=__version__, **about), status)


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(asset(name).encode()).hexdigest()[:12]


def _model(serving: Serving, limit: int) -> dict[str, Any]:
    """What the page of a model is made from; a file may have so many bytes."""
    about, told = _about(serving), _told(serving.folder)
    signature = serving.model.signature
    schema = replace(signature.inputs, columns=signature.columns)
    conformer = RowConformer(schema)
    blank = dict.fromkeys(conformer.names)
    made = fields(
        signature, dict(zip(conformer.names, conformer({**blank, **(signature.example or {})}), strict=True))
    )
    main, more = _sorted(made, told)
    coverage = told.get("evaluation", {}).get("scores", {}).get("coverage", {}).get("value")
    model = serving.model
    data = {
        "name": serving.name,
        "target": about["target"],
        "coverage": coverage,
        "limit": limit,
        "made_by": model.function.name if isinstance(model, FeaturedModel) else "",
        "fields": [asdict(field) for field in made],
    }
    told = {"title": about["title"], "model": about, "limit": data_size(limit)}
    return {**told, "main": main, "more": more, "data": data}


def _about(serving: Serving) -> dict[str, Any]:
    """What a reader should know of a model before it is asked."""
    told = _told(serving.folder)
    recipe, evaluation = told.get("recipe") or {}, told.get("evaluation") or {}
    goals = [goal["metric"] for goal in evaluation.get("goals") or ()]
    metric = (goals or [evaluation.get("metric")])[0]
    score = evaluation.get("scores", {}).get(metric)
    quality = ""
    if score:
        value = f"{measure(metric)} {number(score['value'])}"
        quality = f"{value} on {times(evaluation['rows'], 'row')} that it had not seen"
    rows = serving.model.signature.inputs.rows
    outputs = serving.model.signature.outputs
    return {
        "name": serving.name,
        "version": serving.version,
        "title": recipe.get("title") or serving.name,
        "about": (recipe.get("about") or "").strip(),
        "target": recipe.get("data", {}).get("target") or (outputs[0].doc if outputs else ""),
        "quality": quality,
        "trained": times(rows, "row") if rows else "",
        "report": (serving.folder / "report.html").is_file(),
    }


def _told(folder: Path) -> dict[str, Any]:
    """The record of the run; empty where a model came without one."""
    try:
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _sorted(made: list[Field], told: dict[str, Any]) -> tuple[list[Field], list[Field]]:
    """The fields to show at once, and those to fold away: of many columns, the less important ones."""
    if len(made) <= _LEAST:
        return made, []
    importance = (told.get("insight") or {}).get("importance") or []
    rank = {one["feature"]: at for at, one in enumerate(importance)}
    by_rank = sorted(made, key=lambda field: rank.get(field.name, len(rank)))
    first = {field.id for field in by_rank[:_FIRST]}
    return [field for field in made if field.id in first], [field for field in made if field.id not in first]
