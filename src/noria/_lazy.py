"""Optional packages, asked for at the moment they are needed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from noria.errors import MissingExtraError

__all__ = ["installed", "require"]


def installed(module: str) -> bool:
    """Whether `module` could be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module, or say which extra brings it.

    Parameters
    ----------
    module : str
        The module's import name, ``"catboost"``.
    extra : str
        Noria's extra that installs it, ``"boost"``.

    Raises
    ------
    MissingExtraError
        If it is not installed.

    Examples
    --------
    >>> require("json", extra="none").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"This needs the package {module!r}, which is not installed.",
            do=f'Run: pip install "noria[{extra}]"',
        ) from error
