"""API keys: made, listed, revoked, and checked while a service runs."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence

from noria.core.ports import Keys
from noria.core.serving import Key, Verb
from noria.errors import AccessError, ForbiddenError, NotFoundError, OverloadError, ParamError, suggestion

__all__ = ["Keyring", "check", "create", "revoke"]

_PREFIX = "noria"
_USUAL = (Verb.PREDICT, Verb.EXPLAIN, Verb.FEEDBACK)
_STALE = 60.0  # seconds after which keys that could not be read again count no more
_SEND = "Send the header  Authorization: Bearer KEY  with a key of: noria keys create"


def create(
    keys: Keys,
    name: str,
    models: Sequence[str] = (),
    verbs: Sequence[str] = (),
    expires: float | None = None,
) -> tuple[Key, str]:
    """Make a key; what is kept of it is a digest.

    256 random bits cannot be guessed from their SHA-256, so that no salt and no slow hash is needed.

    Parameters
    ----------
    keys : Keys
    name : str
        Whose it is.
    models : sequence of str
        The names that it is for; all if empty.
    verbs : sequence of str
        ``predict``, ``explain``, ``feedback``, ``upload``, ``admin``; all but the last two if empty.
    expires : float, optional
        Seconds from now.

    Returns
    -------
    The key's line, and the key itself, which nobody can show again.

    Raises
    ------
    ParamError
        If there is no name, or no such verb.
    """
    if not name.strip():
        raise ParamError("A key has the name of who uses it.", do="Run: noria keys create --name ci")
    for verb in verbs:
        if verb not in list(Verb):
            raise ParamError(f"There is no verb {verb!r}.", do=suggestion(verb, Verb))
    while (number := secrets.token_hex(4)) in {key.id for key in keys.all()}:
        continue
    text = f"{_PREFIX}_{number}_{secrets.token_urlsafe(32)}"
    now = time.time()
    until = None if expires is None else now + expires
    key = Key(number, name.strip(), _digest(text), tuple(models), tuple(verbs) or _USUAL, now, until)
    keys.add(key)
    return key, text


def revoke(keys: Keys, reference: str) -> list[Key]:
    """Let keys, given by an id or by a name, count no more.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    known = keys.all()
    found = [key for key in known if reference in (key.id, key.name)]
    if not found:
        names = {name for key in known for name in (key.id, key.name)}
        raise NotFoundError(f"There is no key {reference!r}.", do=suggestion(reference, names))
    for key in found:
        if key.revoked is None:
            keys.revoke(key.id, time.time())
    return found


class Keyring:
    """The keys that a service knows; `refresh` reads them again.

    Parameters
    ----------
    keys : Keys
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[str, Key] = {}
        self.refresh()

    def refresh(self) -> None:
        """Learn of new and of revoked keys."""
        self._known = {key.id: key for key in self._keys.all()}
        self._when = time.monotonic()

    def __len__(self) -> int:
        """How many are valid."""
        now = time.time()
        return sum(key.state(now) == "valid" for key in self._known.values())

    def caller(self, text: str | None) -> Key:
        """Whose key this is.

        Raises
        ------
        AccessError
            If there is none, or it is not valid.
        OverloadError
            If the keys could not be read for so long that they may be revoked.
        """
        if text is None:
            raise AccessError("A key is needed.", do=_SEND)
        _, _, rest = text.partition("_")
        key = self._known.get(rest.partition("_")[0])
        same = hmac.compare_digest(_digest(text), key.digest if key else "0" * 64)
        if key is None or not same:
            raise AccessError("The key is not known.", do=_SEND)
        state = key.state(time.time())
        if state != "valid":
            raise AccessError(f"The key {key.id} ({key.name}) is {state}.", do=_SEND)
        if time.monotonic() - self._when > _STALE:
            raise OverloadError(
                "Keys cannot be checked now.", do="Send the request again later.", retry_after=5
            )
        return key


def check(key: Key | None, model: str | None, verb: Verb, *, filtered: bool = False) -> None:
    """Raise ForbiddenError unless a key, where one is needed, is for this.

    A key that is for some documents of a model only is for nothing that is not `filtered` by them.
    """
    if key is None:
        return
    if verb not in key.verbs:
        raise ForbiddenError(
            f"The key {key.id} ({key.name}) is not for {verb}.", got=f"for {', '.join(key.verbs)}"
        )
    if model is not None and not key.serves(model):
        raise ForbiddenError(
            f"The key {key.id} ({key.name}) is not for {model[:80]!r}.", got=f"for {', '.join(key.models)}"
        )
    if model is not None and not filtered and key.within(model) is not None:
        raise ForbiddenError(
            f"The key {key.id} ({key.name}) is for questions to some documents of {model[:80]!r} only.",
            do='Send {"question": "..."}.',
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
