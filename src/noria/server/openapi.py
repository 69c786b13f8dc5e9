"""The service as OpenAPI describes it: the paths of every model, with a real row as example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from noria._version import __version__
from noria.core.schema import Role, Type
from noria.lifecycle.serve import Endpoint, Serving

__all__ = ["described"]

_TYPES = {Type.NUMBER: ["number", "null"], Type.BOOLEAN: ["boolean", "null"]}
_ANY_TYPE = ["string", "boolean", "array", "null"]
_ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "The kind of error."},
        "what": {"type": "string", "description": "What is wrong."},
        "got": {"type": ["string", "null"], "description": "What was received."},
        "do": {"type": ["string", "null"], "description": "What to do next."},
    },
    "required": ["error", "what", "got", "do"],
}
_EXPLANATION = {
    "type": ["object", "null"],
    "description": "Of a row; null if it was refused. Base and what the features added make up the output.",
    "properties": {
        "unit": {"type": "string", "description": "probability, log-odds, or the target's name"},
        "method": {"type": "string", "description": "exact, or how it was sampled"},
        "base": {"type": "number"},
        "output": {"type": "number"},
        "outcome": {"type": ["string", "null"], "description": "The class that it is about."},
        "features": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "feature": {"type": "string"},
                    "value": {"type": ["string", "null"], "description": "In words."},
                    "added": {"type": "number"},
                    "error": {"type": ["number", "null"], "description": "The standard error, if sampled."},
                },
            },
        },
    },
}
_BY = {"type": ["string", "number", "boolean", "null"], "description": "Rows of one value go to one version."}
_WITHIN = {
    "type": ["string", "null"],
    "maxLength": 1_000,
    "description": "Documents to search, by patterns of their names: how-to/*; *.pdf. It adds none to "
    "those that the key is for.",
}
_UPLOAD = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "model": {"type": "string"},
        "document": {"type": "string"},
        "when": {"type": "number", "description": "When it was put beside the others, seconds since 1970."},
        "state": {"enum": ["waiting", "indexing", "done", "failed"]},
        "version": {"type": ["integer", "null"], "description": "The first one that has it."},
        "promoted": {"type": "boolean", "description": "Whether that one answers."},
        "why": {"type": "string", "description": "Why, or why not."},
        "error": {"anyOf": [{"$ref": "#/components/schemas/Error"}, {"type": "null"}]},
    },
    "required": ["id", "model", "document", "when", "state"],
}
_HEALTH = {
    "type": "object",
    "properties": {
        "status": {"type": "string"},
        "version": {"type": "integer"},
        "problems": {"type": "array"},
    },
    "required": ["status", "problems"],
}
_STATUS = {
    400: "no JSON",
    401: "no valid key",
    403: "the key is not for this",
    404: "no such model",
    405: "another method",
    408: "the request came too slowly",
    413: "too large",
    415: "another content type",
    421: "another host",
    422: "the request, or each of its rows, cannot be answered",
    500: "the service failed",
    503: "no room now",
    507: "nothing can be kept",
}
_KEY = {"bearer": {"type": "http", "scheme": "bearer", "description": "A key of: noria keys create"}}


def described(endpoints: Mapping[str, Endpoint]) -> dict[str, Any]:
    """An OpenAPI 3.1 document of a service with these models."""
    paths: dict[str, Any] = {}
    for name, endpoint in endpoints.items():
        paths |= _of_model(name, endpoint.serving, endpoint.traffic.field)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Noria", "version": __version__, "description": "Registered models as a service."},
        "paths": {**paths, **_of_service()},
        "components": {"schemas": {"Error": _ERROR}, "securitySchemes": _KEY},
        "security": [{}, {"bearer": []}],
    }


def _of_model(name: str, serving: Serving, by: str | None) -> dict[str, Any]:
    signature = serving.model.signature
    row = {**signature.json_schema(), "additionalProperties": False}
    if by is not None and by not in signature.inputs.names:
        row["properties"] = {**row["properties"], by: _BY}
    asked = _object({"rows": _list(row)}, ["rows"])
    asked["properties"]["explain"] = {"type": "boolean", "description": "Add what each field added."}
    asked["additionalProperties"] = False
    example = {"rows": [serving.example]} if serving.example else None
    outputs = {
        output.name: {"type": _TYPES.get(output.type, _ANY_TYPE), "description": output.doc}
        for output in signature.outputs
    }
    answer = {"anyOf": [_object(outputs, list(outputs)), _object({"error": _ref("Error")}, ["error"])]}
    told = _object(
        {"request": _text(), "version": {"type": "integer"}, "predictions": _list(answer)},
        ["request", "version", "predictions"],
    )
    why = _object(
        {**told["properties"], "explanations": _list(_EXPLANATION)}, [*told["required"], "explanations"]
    )
    label = _object({"id": _text(), "label": {"type": ["string", "number", "boolean"]}}, ["id", "label"])
    labels = _object({"labels": _list(label), "replace": {"type": "boolean"}}, ["labels"])
    label["additionalProperties"] = labels["additionalProperties"] = False
    results = _object({"results": {"type": "array"}, "kept": {"type": "integer"}}, ["kept"])
    if signature.inputs.with_role(Role.TIME):  # forecasts are found by series and time as well
        came = {"description": "What came true: the columns of series, time and target.", "type": "object"}
        by_time = _object({"rows": _list(came), "replace": {"type": "boolean"}}, ["rows"])
        by_time["additionalProperties"] = False
        labels = {"anyOf": [labels, by_time]}
        results["properties"]["outcomes"] = {"type": "object", "description": "How many came to which end."}
    place = f"/v1/models/{name}"
    talks = _of_talk(name, place, serving.example) if signature.question else {}
    told_label = {"labels": [{"id": "0123456789abcdef0123456789abcdef", "label": "yes"}]}
    return {
        f"{place}/predict": {"post": _operation(name, "predict", "Predict rows.", told, asked, example)},
        f"{place}/explain": {
            "post": _operation(name, "explain", "Predict rows, and say why.", why, asked, example)
        },
        f"{place}/feedback": {
            "post": _operation(name, "feedback", "Say what it should have been.", results, labels, told_label)
        },
        f"{place}/schema": {"get": _operation(name, "schema", "What the model takes and gives.", _any())},
        f"{place}/health": {"get": _operation(name, "health", "Whether the model is well.", _HEALTH)},
        f"{place}/ready": {"get": _ready(name)},
        f"{place}/metrics": {"get": _metrics(name)},
        **talks,
    }


def _of_talk(name: str, place: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """The paths of a model that takes questions."""
    turn = _object({"question": _text(), "answer": _text()}, ["question", "answer"])
    asked = _object({"question": _text(), "history": _list(turn), "within": _WITHIN}, ["question"])
    asked["additionalProperties"] = False
    example = {"question": next(iter((row or {}).values()), "Why?")}
    ask = _operation(name, "ask", "Answer a question, sentence by sentence.", _text(), asked, example)
    ask["responses"]["200"]["content"] = {"text/event-stream": {"schema": _text()}}
    shown = _operation(name, "documents", "A document around what is cited.", _any())
    shown["parameters"] = [
        {"name": key, "in": "query", "required": key == "document", "schema": schema}
        for key, schema in (("document", _text()), ("begin", _count()), ("end", _count()))
    ]
    add = _operation(name, "add_document", "Add a document, which the next version has.", _UPLOAD)
    add["parameters"] = [
        {"name": "document", "in": "query", "required": True, "schema": _text()},
        {"name": "replace", "in": "query", "schema": {"type": "boolean", "default": False}},
    ]
    raw = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    add["requestBody"] = {"required": True, "content": raw}
    add["responses"] = {"202": add["responses"].pop("200"), **add["responses"]}
    add["responses"]["409"] = {**add["responses"]["422"], "description": "there is one of this name"}
    became = _operation(name, "added_document", "What became of a document that was added.", _UPLOAD)
    became["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": _text()}]
    return {
        f"{place}/ask": {"post": ask},
        f"{place}/documents": {"get": shown, "post": add},
        f"{place}/documents/{{id}}": {"get": became},
    }


def _of_service() -> dict[str, Any]:
    return {
        "/v1/models": {"get": _operation("service", "models", "What is served.", {"type": "array"})},
        "/health": {"get": _operation("service", "health", "Whether the process is alive.", _HEALTH)},
        "/ready": {"get": _ready("service")},
        "/metrics": {"get": _metrics("service")},
    }


def _ready(group: str) -> dict[str, Any]:
    told = _object({"ready": {"type": "boolean"}, "problem": {"type": ["string", "null"]}}, ["ready"])
    able = _operation(group, "ready", "Whether requests can be answered now.", told)
    able["responses"]["503"] = {"description": "not now", "content": {"application/json": {"schema": told}}}
    return able


def _metrics(group: str) -> dict[str, Any]:
    metrics = _operation(group, "metrics", "Counters for Prometheus.", _any())
    metrics["responses"]["200"] = {"description": "done", "content": {"text/plain": {"schema": _text()}}}
    return metrics


def _operation(
    group: str,
    verb: str,
    summary: str,
    told: Mapping[str, Any],
    asked: Mapping[str, Any] | None = None,
    example: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    errors = {
        str(status): {"description": what, "content": {"application/json": {"schema": _ref("Error")}}}
        for status, what in _STATUS.items()
    }
    content = {"application/json": {"schema": told}}
    made: dict[str, Any] = {
        "tags": [group],
        "operationId": f"{verb}_{group}",
        "summary": summary,
        "responses": {"200": {"description": "done", "content": content}, **errors},
    }
    if asked is not None:
        body: dict[str, Any] = {"schema": asked}
        if example is not None:
            body["example"] = example
        made["requestBody"] = {"required": True, "content": {"application/json": body}}
    return made


def _object(properties: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _text() -> dict[str, Any]:
    return {"type": "string"}


def _count() -> dict[str, Any]:
    return {"type": "integer", "minimum": 0}


def _any() -> dict[str, Any]:
    return {"type": "object"}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
