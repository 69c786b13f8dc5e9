"""``noria version``: what is installed, for bug reports."""

from __future__ import annotations

from typing import Any

from noria.cli.options import OUTPUT, takes

__all__ = ["version"]

_PARTS = ("polars", "duckdb", "numpy", "scikit-learn", "lightgbm", "xgboost", "catboost", "torch", "optuna")


@takes(OUTPUT)
def version(**flags: Any) -> None:
    """Show the versions of Noria, Python and its libraries.

    \b
    Examples:
      noria version
      noria version --json
    """  # noqa: D301 - \b keeps click from joining the lines
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from noria._version import __version__
    from noria.cli.ui import grid, print_json, show
    from noria.settings import Settings

    facts = {"noria": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for part in _PARTS:
        try:
            facts[part] = installed(part)
        except PackageNotFoundError:
            continue
    facts["home"] = str(Settings().home)
    if flags["json"]:
        print_json(facts)
        return
    made = grid()
    for name, value in facts.items():
        made.add_row(name, value)
    show(made)
