"""Every code that a finding can have, of runs and of tables."""

from __future__ import annotations

from noria.core.insight import Code
from noria.data.profile import CODES
from noria.lifecycle import diagnose

__all__ = ["codes"]


def codes() -> dict[str, Code]:
    """What each code stands for, those of runs first.

    Examples
    --------
    >>> codes()["NOR101"].title
    'Constant column'
    """
    tables = {code: Code(code, kind.title, kind.when, kind.do) for code, kind in sorted(CODES.items())}
    return {**diagnose.codes(), **tables}
