"""What can be found wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.core.insight import Code

__all__ = ["findings"]


def findings() -> dict[str, Code]:
    """What each code of a finding stands for, those of runs first.

    Returns
    -------
    dict of str to Code
        With title, why it matters, how it is measured, and what to do.

    Examples
    --------
    >>> findings()["NOR021"].title
    'A feature gives the target away'
    """
    from noria.lifecycle.findings import codes

    return codes()
