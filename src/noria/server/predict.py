"""``POST /v1/models/<name>/predict`` and ``/explain``: what must be fast, so it speaks ASGI itself."""

from __future__ import annotations

import asyncio
import gc
import re
from itertools import islice
from typing import Any, NamedTuple

import orjson

from noria.core.protocol import Turn
from noria.core.schema import Schema
from noria.core.serving import Verb
from noria.errors import NoriaError, ParamError, RequestError, suggestion
from noria.lifecycle.serve import Answers, Desk, Limits, request_id
from noria.server import arrow
from noria.server.guard import check, within
from noria.server.reply import App, Receive, Scope, Send, header, reply, reply_error

__all__ = ["PredictRoute", "Question", "body", "check_plain", "question", "read_json"]

_PATH = re.compile(r"/v1/models/([^/]+)/(predict|explain)")
_LARGE = 100_000  # bytes
_PATTERNS = 1_000  # characters
_NEAR = 12  # characters before and after the place of an error
_KEYS = ("rows", "explain")
_SHAPE = 'Send {"rows": [{...}, ...]}.'
_ASKED = ("question", "history", "within")
_ASK = 'Send {"question": "...", "history": [{"question": "...", "answer": "..."}, ...]}.'


class PredictRoute:
    """Answers predictions, and passes everything else on.

    Parameters
    ----------
    desk : Desk
    others : ASGI application
    """

    def __init__(self, desk: Desk, others: App) -> None:
        self.desk, self.others = desk, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if path is None:
            await self.others(scope, receive, send)
            return
        if scope["method"] != "POST":
            wrong = RequestError("The path takes another method.", status=405, do="Send POST.")
            await reply_error(send, wrong, [(b"allow", b"POST")])
            return
        request = request_id()
        headers = [(b"x-request-id", request.encode())]
        name = path[1]
        try:
            answers = await self._answers(scope, receive, name, path[2] == "explain", request)
        except NoriaError as error:
            self.desk.meter.failed(name if name in self.desk.endpoints else "", type(error).__name__)
            await reply_error(send, error, headers)
            return
        if header(scope, b"accept") == arrow.STREAM and answers.explanations is None:
            await _reply_arrow(send, answers, headers)
            return
        status, told = body(name, answers, self.desk.endpoints[name].serving.version)
        await reply(send, status, told, headers)

    async def _answers(
        self, scope: Scope, receive: Receive, name: str, explain: bool, request: str
    ) -> Answers:
        verb = Verb.EXPLAIN if explain else Verb.PREDICT
        caller = check(scope, name, verb, filtered=True)
        endpoint = self.desk.endpoint(name)
        traffic = endpoint.traffic
        key = header(scope, traffic.header.encode()) if traffic.header else None
        told = await _read(scope, receive, self.desk.limits, endpoint.serving.model.signature.inputs)
        if isinstance(told, dict) and "question" in told and not explain:
            asked = question(told)
            where = within(scope, name, asked.within)
            return await self.desk.ask(
                name, asked.text, request, caller, key=key, history=asked.history, within=where
            )
        check(scope, name, verb)
        rows, wanted = _rows(told, self.desk.limits.rows)
        if wanted and not explain:
            check(scope, name, Verb.EXPLAIN)
        return await self.desk.predict(name, rows, request, caller, key=key, explain=explain or wanted)


async def _reply_arrow(send: Send, answers: Answers, headers: list[tuple[bytes, bytes]]) -> None:
    """Send the answers as a table."""
    body = await asyncio.to_thread(arrow.body, answers.rows)
    kind = (b"content-type", arrow.STREAM.encode())
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [kind, length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def _read(scope: Scope, receive: Receive, limits: Limits, schema: Schema) -> Any:
    """A request with rows, JSON or an Arrow stream."""
    if header(scope, b"content-type") != arrow.STREAM:
        return await read_json(scope, receive, limits)
    sent = await _read_body(scope, receive, limits)
    return {"rows": await asyncio.to_thread(arrow.rows, sent, limits, schema)}


async def read_json(scope: Scope, receive: Receive, limits: Limits, shape: str = _SHAPE) -> Any:
    """The JSON of a request, which should have a `shape`.

    Raises
    ------
    RequestError
        If it is of another type, too large, too slow or no JSON.
    """
    kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(
            "The request is not of a type that is read here.", status=415, got=kind[:80] or "no content-type",
            do="Send JSON with the header  content-type: application/json",
        )  # fmt: skip
    try:
        return _loaded(await _read_body(scope, receive, limits))
    except orjson.JSONDecodeError as error:
        raise _no_json(error, shape) from error


def _loaded(sent: bytes) -> Any:
    """What is sent; while much of it is made, the garbage collector would look through it again and again."""
    if len(sent) < _LARGE:
        return orjson.loads(sent)
    gc.disable()
    try:
        return orjson.loads(sent)
    finally:
        gc.enable()


def check_plain(scope: Scope) -> None:
    """Raise RequestError if the body is compressed."""
    coding = header(scope, b"content-encoding")
    if coding is not None and coding.strip().lower() != "identity":
        raise RequestError(
            "The request is compressed.", status=415, got=coding[:80], do="Send it as it is, uncompressed."
        )


async def _read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    check_plain(scope)
    length = header(scope, b"content-length") or "0"
    if length.isdigit() and int(length) > limits.body:
        raise _too_large(int(length), limits)
    return await _body(receive, limits)


async def _body(receive: Receive, limits: Limits) -> bytes:
    """All of it; `noria.server.patient` ends connections on which it comes too slowly."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("The request was cut off.", status=400)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limits.body:
            raise _too_large(size, limits)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(size: int, limits: Limits) -> RequestError:
    return RequestError(
        "The request is too large.", status=413, got=f"{size:,} bytes",
        do=f"Send at most {limits.body:,} bytes at once; noria predict takes files of any size.",
    )  # fmt: skip


def _no_json(error: orjson.JSONDecodeError, shape: str) -> RequestError:
    near = error.doc[max(0, error.pos - _NEAR) : error.pos + _NEAR]
    word = re.search(r"[:,\[]\s*(-?(?:NaN|Infinity|inf)\b)", near, re.IGNORECASE)
    if word:
        return RequestError(
            f"JSON has no number {word[1]}.", status=400, got=f"at character {error.pos}",
            do="Send null where a value is unknown.",
        )  # fmt: skip
    return RequestError("The request is not JSON.", status=400, got=error.msg, do=shape)


def _rows(told: Any, most: int) -> tuple[list[dict[str, Any]], bool]:
    """The rows of ``{"rows": [{...}, ...]}``, and whether explanations are wanted.

    More than `most` rows are not looked at: the desk refuses them.
    """
    if not isinstance(told, dict):
        raise ParamError("The request is no JSON object.", got=type(told).__name__, do=_SHAPE)
    for key in told:
        if key not in _KEYS:
            raise ParamError(f"A request has no key {key[:80]!r}.", do=suggestion(key[:80], _KEYS))
    rows, explain = told.get("rows"), told.get("explain", False)
    if not isinstance(rows, list):
        got = "nothing" if "rows" not in told else type(rows).__name__
        raise ParamError("The request has no list of rows.", got=got, do=_SHAPE)
    for at, row in enumerate(islice(rows, most)):
        if row.__class__ is not dict:
            raise ParamError(f"Row {at} is no JSON object.", got=type(row).__name__, do=_SHAPE)
    if not isinstance(explain, bool):
        raise ParamError("'explain' is true or false.", got=repr(explain)[:80])
    return rows, explain


class Question(NamedTuple):
    """What somebody asks, what was asked and answered before, and patterns of documents; empty for all."""

    text: str
    history: list[Turn]
    within: str


def question(told: Any) -> Question:
    """The question of ``{"question": ..., "history": [...], "within": "..."}``.

    Raises
    ------
    ParamError
        If it has another shape.
    """
    if not isinstance(told, dict):
        raise ParamError("The request is no JSON object.", got=type(told).__name__, do=_ASK)
    for key in told:
        if key not in _ASKED:
            raise ParamError(f"A question has no key {key[:80]!r}.", do=suggestion(key[:80], _ASKED))
    asked, history, within = told.get("question"), told.get("history", []), told.get("within") or ""
    if not isinstance(asked, str):
        raise ParamError("The question is no text.", got=type(asked).__name__, do=_ASK)
    if not isinstance(history, list):
        raise ParamError("The history is no list.", got=type(history).__name__, do=_ASK)
    if not isinstance(within, str) or len(within) > _PATTERNS:
        raise ParamError(
            "'within' is no text of patterns.", got=repr(within)[:80],
            do=f"Send names with * in them, ';' in between: at most {_PATTERNS:,} characters.",
        )  # fmt: skip
    turns = []
    for at, one in enumerate(history):
        match one:
            case {"question": str(before), "answer": str(said)}:
                turns.append(Turn(before, said))
            case _:
                raise ParamError(f"Turn {at} of the history has no question and answer.", do=_ASK)
    return Question(asked, turns, within)


def body(name: str, answers: Answers, version: int) -> tuple[int, dict[str, Any]]:
    """The status and the body of an answer: 422 if no row could be answered."""
    versions = [serving.version for serving in answers.servings]
    told: dict[str, Any] = {
        "request": answers.request,
        "model": name,
        "version": versions[0] if versions else version,
        "predictions": answers.rows,
    }
    if len(set(versions)) > 1:
        told["versions"] = versions
    if answers.explanations is not None:
        told["explanations"] = answers.explanations
    if answers.rows and all("error" in row for row in answers.rows):
        return 422, {**answers.rows[0]["error"], **told}
    return 200, told
