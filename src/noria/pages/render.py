"""Templates become pages."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from noria.pages import telling
from noria.pages.story import Axis
from noria.pages.theme import themes
from noria.pages.units import data_size, day, duration, interval, number, without_password
from noria.pages.words import against, direction, measure

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["asset", "markdown", "prose", "render"]

_HERE, _LONGEST = "noria.pages", 200
_SIGNS = re.compile(r"[\\`*<>\[\]|]|\b_|_\b|^[#+-]|(?<=^\d)\.(?=\s)")  # not in words, such as log_loss


def render(template: str, **fields: Any) -> str:
    """A template of ``pages/templates``, filled in; what is put in is escaped in HTML.

    Parameters
    ----------
    template : str
        Its file's name; in ``.md`` files, nothing is escaped but what the filter ``md`` is applied to.
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


def prose(text: str, *, skip_title: bool = False) -> Any:
    """Markdown as HTML: tags are escaped, and its headings stand two levels below a page's title.

    Parameters
    ----------
    text : str
    skip_title : bool
        Whether a first line that is the title is left out.

    Examples
    --------
    >>> str(prose("## Data <b>")).strip()
    '<h4>Data &lt;b&gt;</h4>'
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    if skip_title:
        text = re.sub(r"\A\s*# .*\n", "", text)
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 2 - skip_title, 6)}"
        for link in token.children or ():
            if link.type == "image":
                link.type, link.content = "text", link.content or "picture"
    return Markup(reader.renderer.render(tokens, reader.options, {}))


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader(_HERE), autoescape=_is_html, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals |= {
        "asset": lambda name: Markup(asset(name)), "against": against, "axis_of": Axis.of,
        "direction": direction, "tell": telling, "themes": themes,
    }  # fmt: skip
    made.filters |= {
        "cell": _cell, "day": day, "duration": duration, "interval": interval, "json": _json,
        "md": markdown, "measure": measure, "number": number, "size": data_size, "yaml": _yaml,
    }  # fmt: skip
    made.tests["finite"] = math.isfinite
    return made


def _is_html(name: str | None) -> bool:
    return not (name or "").endswith(".md")


def markdown(text: object) -> str:
    """A text that means nothing but itself in Markdown, on one line."""
    return _SIGNS.sub(r"\\\g<0>", " ".join(str(text).split()))


def _yaml(fields: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True).strip()


def _cell(value: object) -> str:
    """A value of a table, on one line and not endless."""
    text = (
        "" if value is None else f"{value:,.4g}" if isinstance(value, float) else " ".join(str(value).split())
    )
    text = without_password(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _json(value: Any) -> Any:
    """JSON that may stand inside a script element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    escaped = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(escaped)  # no sign is left that could end the element
