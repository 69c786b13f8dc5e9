"""Templates become pages."""

from __future__ import annotations

import json
import math
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from noria.pages.theme import themes
from noria.pages.units import data_size, day, duration, interval, number
from noria.pages.words import measure

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["asset", "render"]

_HERE, _LONGEST = "noria.pages", 200


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
    made.globals |= {"asset": lambda name: Markup(asset(name)), "themes": themes}
    made.filters |= {
        "cell": _cell, "day": day, "duration": duration, "interval": interval, "json": _json,
        "measure": measure, "number": number, "size": data_size,
    }  # fmt: skip
    made.tests["finite"] = math.isfinite
    return made


def _cell(value: object) -> str:
    """A value of a table, on one line and not endless."""
    text = (
        "" if value is None else f"{value:,.4g}" if isinstance(value, float) else " ".join(str(value).split())
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _json(value: Any) -> Any:
    """JSON that may stand inside a script element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    escaped = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(escaped)  # no sign is left that could end the element
