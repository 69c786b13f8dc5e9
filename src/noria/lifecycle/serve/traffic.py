"""Which version a row goes to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from noria.errors import ParamError

__all__ = ["Traffic"]


@dataclass(frozen=True)
class Traffic:
    """The shares of the versions of a name.

    Attributes
    ----------
    shares : mapping of str to float
        The parts of the rows that other aliases than the first answer.
    by : str, optional
        The field of a row by which it always goes to the same version; ``header:x-user`` names one of the
        request's headers. By chance if absent.
    shadow : str, optional
        An alias whose answers nobody sees.

    Examples
    --------
    >>> traffic = Traffic({"challenger": 0.5}, by="customer")
    >>> [traffic.alias("churn", str(customer)) for customer in range(4)]
    ['challenger', None, 'challenger', None]
    """

    shares: Mapping[str, float]
    by: str | None = None
    shadow: str | None = None

    @property
    def field(self) -> str | None:
        """The field of a row that decides."""
        return None if self.by is None or self.header else self.by

    @property
    def header(self) -> str | None:
        """The header of a request that decides, in lower case."""
        prefix, _, name = (self.by or "").partition("header:")
        return name.lower() if name and not prefix else None

    def alias(self, name: str, key: str) -> str | None:
        """The alias that answers a key; None for the first."""
        digest = hashlib.blake2b(f"{name}\0{key}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "big") / 2**64
        for alias, share in self.shares.items():
            if place < share:
                return alias
            place -= share
        return None

    @classmethod
    def parse(
        cls, split: Sequence[str], by: str | None, shadow: Sequence[str], names: Sequence[str]
    ) -> dict[str, Traffic]:
        """Read ``challenger=0.1`` or ``titanic@challenger=0.1``; shadows without a share.

        Raises
        ------
        ParamError
            If one cannot be read, names a model that is not served, the shares are no shares, or there is
            none.
        """
        if by is not None and not split:
            raise ParamError(
                f"Nothing is split, so that {by!r} decides nothing.", do="Give --split challenger=0.1, too."
            )
        shares: dict[str, dict[str, float]] = {name: {} for name in names}
        shadows: dict[str, str | None] = dict.fromkeys(names)
        for text in split:
            reference, _, share = text.partition("=")
            for name, alias in _meant(reference, names, "--split"):
                shares[name][alias] = _share(share, text)
        for text in shadow:
            shadows |= dict(_meant(text, names, "--shadow"))
        for name, parts in shares.items():
            if sum(parts.values()) > 1:
                raise ParamError(f"The shares of {name!r} are more than all.", got=f"{sum(parts.values()):g}")
        return {name: cls(shares[name], by, shadows[name]) for name in names}


def _meant(reference: str, names: Sequence[str], flag: str) -> list[tuple[str, str]]:
    """The names and the alias that a reference is about."""
    name, at, alias = reference.strip().rpartition("@")
    if not alias or (at and name not in names):
        raise ParamError(
            f"{flag} names no alias of a served model.",
            got=repr(reference),
            do=f"Write {flag} {names[0]}@challenger{'=0.1' if flag == '--split' else ''}.",
        )
    return [(one, alias) for one in ([name] if at else names)]


def _share(text: str, whole: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise ParamError(
            "A share is a number above 0, up to 1.", got=repr(whole), do="Write it as --split challenger=0.1."
        )
    return share
