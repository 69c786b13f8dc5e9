"""Messages through apprise: mail, chats, webhooks and a hundred other services, each by an address."""

from __future__ import annotations

from typing import Any

from noria._lazy import require
from noria.errors import ParamError, UnreachableError

__all__ = ["AppriseAlerts"]


class AppriseAlerts:
    """Targets are apprise's addresses, such as ``mailto://...``, ``slack://...`` or ``json://host/path``.

    Examples
    --------
    >>> AppriseAlerts().shown("json://ann:secret@example.org/hook")
    'json://ann:****@example.org/hook'
    """

    def shown(self, target: str) -> str:
        """A target without its secrets.

        Raises
        ------
        ParamError
            If it is none.
        """
        return _made(target).url(privacy=True).partition("?")[0]

    def send(self, target: str, title: str, text: str) -> None:
        """Send one message; a target that does not answer is given up after seconds.

        Raises
        ------
        UnreachableError
            If it could not be delivered.
        """
        import logging

        made = _made(target)
        with require("apprise", extra="alerts").LogCapture(level=logging.WARNING, fmt="%(message)s") as said:
            if made.notify(body=text, title=title):
                return
            got = said.getvalue().strip().splitlines()
        raise UnreachableError(
            f"{self.shown(target)} did not take the message.", got=got[-1][:200] if got else None,
            do="It is sent again with the next check.",
        )  # fmt: skip


def _made(target: str) -> Any:
    made = require("apprise", extra="alerts").Apprise.instantiate(target, suppress_exceptions=True)
    if made is None:
        kind = target.partition(":")[0][:20]
        raise ParamError(
            "A target of alerts is no address that apprise knows.", got=f"{kind}:...",
            do="Write it as mailto://, slack:// or json://; see the list of apprise.",
        )  # fmt: skip
    return made
