"""Who may come in: the host that was called, the key, and what browsers are told."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping

from noria.core.serving import Verb
from noria.errors import NoriaError, RequestError
from noria.lifecycle import keys
from noria.lifecycle.keys import Keyring
from noria.server.reply import App, Receive, Scope, Send, header, reply_error

__all__ = ["EVERYWHERE", "LOCAL", "Guard", "check", "may", "within"]

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN = re.compile("/|/models/.+|/static/.+|/health|/ready")  # pages ask for a key themselves
_HEADERS = 2**15  # bytes
_MOST = 100  # headers
_REFUSED = "noria.refused"
_PUBLIC = "noria.public"
_ANYBODY = (Verb.PREDICT, Verb.EXPLAIN)  # what nobody needs a key for where a service is public
_CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors "
)
EVERYWHERE: Mapping[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""Headers of every answer."""
_SAFE = {**EVERYWHERE, b"x-frame-options": b"DENY", b"content-security-policy": _CSP + b"'none'"}
_FRAMED = {**EVERYWHERE, b"content-security-policy": _CSP + b"*"}


class Guard:
    """Lets in who may come in, and adds the headers that keep browsers safe.

    Parameters
    ----------
    app : ASGI application
    keyring : Keyring, optional
        Without it nobody needs a key.
    hosts : collection of str, optional
        The names that the service may be called by; any if absent. On loopback this keeps foreign pages out
        whose name was made to lead here (DNS rebinding).
    public : bool
        Whether who has no key may predict and explain, and pages may stand in frames of other sites: there is
        nothing that such a site could make a visitor do in his own name.
    """

    def __init__(
        self,
        app: App,
        keyring: Keyring | None = None,
        hosts: Collection[str] | None = None,
        *,
        public: bool = False,
    ) -> None:
        self._app, self._keyring, self._public = app, keyring, public
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._added = tuple((_FRAMED if public else _SAFE).items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        head = scope["method"] == "HEAD"
        if head:
            scope = {**scope, "method": "GET"}

        async def safely(message: Scope) -> None:
            if head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"], *(one for one in self._added if one[0] not in given)
                ]  # fmt: skip
            await send(message)

        try:
            _check_headers(scope)
            if self._hosts is not None:
                self._check_host(header(scope, b"host") or "")
            if self._keyring is not None:
                self._admit(self._keyring, scope)
        except NoriaError as error:
            await reply_error(safely, error)
            return
        await self._app(scope, receive, safely)

    def _admit(self, keyring: Keyring, scope: Scope) -> None:
        sent = header(scope, b"authorization")
        try:
            scope["noria.key"] = keyring.caller(_key(sent))
        except NoriaError as error:
            scope[_PUBLIC] = self._public and sent is None
            if not (scope[_PUBLIC] or _OPEN.fullmatch(scope["path"])):
                raise
            scope[_REFUSED] = error

    def _check_host(self, host: str) -> None:
        name = re.sub(r":\d*$", "", host).strip("[]").lower()
        if self._hosts is not None and name not in self._hosts:
            raise RequestError(
                "The service is not called by this name.", status=421, got=repr(host[:80]),
                do="Call it by localhost, or serve with --allow-host NAME.",
            )  # fmt: skip


def _check_headers(scope: Scope) -> None:
    """Raise RequestError if they are too many, too large, or name two hosts."""
    size = hosts = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        hosts += name == b"host"
    if size > _HEADERS or len(scope["headers"]) > _MOST:
        raise RequestError(
            "The headers of the request are too large.", status=431,
            got=f"{len(scope['headers']):,} of them with {size:,} bytes",
            do=f"Send at most {_MOST} with {_HEADERS:,} bytes.",
        )  # fmt: skip
    if hosts > 1:
        raise RequestError("The request names two hosts.", status=400, do="Send one header  Host.")


def within(scope: Scope, model: str, wish: str = "") -> list[str]:
    """Patterns that documents must match to be answered from: those of the key, and those of a wish."""
    key = scope.get("noria.key")
    allowed = None if key is None else key.within(model)
    return [patterns for patterns in (allowed, wish) if patterns]


def check(scope: Scope, model: str | None, verb: Verb, *, filtered: bool = False) -> str | None:
    """The id of the key that a request came with. AccessError if there is none, or it is not for this.

    A caller that says `filtered` sees to it that only documents `within` the key are told of.
    """
    if _REFUSED in scope:
        if scope[_PUBLIC] and verb in _ANYBODY:
            return None
        raise scope[_REFUSED]
    key = scope.get("noria.key")
    keys.check(key, model, verb, filtered=filtered)
    return key.id if key is not None else None


def may(scope: Scope, model: str | None, verb: Verb) -> bool:
    """Whether a request came with a key that is for this, where one is needed."""
    try:
        check(scope, model, verb)
    except NoriaError:
        return False
    return True


def _key(authorization: str | None) -> str | None:
    """The key in a header: ``Bearer KEY``, or ``Basic`` with the key as password."""
    kind, _, value = (authorization or "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
