"""Templates become pages."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["asset", "render"]

_HERE = "noria.pages"


def render(template: str, **fields: Any) -> str:
    """A template of ``pages/templates``, filled in; what is put in is escaped.

    Parameters
    ----------
    template : str
        Its file's name.
    **fields
        What it asks for.

    Examples
    --------
    >>> "&lt;b&gt;" in render("base.html", title="<b>")
    True
    """
    return _templates().get_template(template).render(**fields)


@cache
def asset(name: str) -> str:
    """The text of a file of ``pages/assets``."""
    return (resources.files(_HERE) / "assets" / name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals["asset"] = lambda name: Markup(asset(name))
    made.filters["json"] = _json
    return made


def _json(value: Any) -> Any:
    """JSON that may stand inside a script element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    escaped = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(escaped)  # no sign is left that could end the element
