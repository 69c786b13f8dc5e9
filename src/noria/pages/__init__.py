"""Web pages that need no network: templates, one style sheet, one script, and Vega to draw figures.

A page is one file. It follows the reader's light or dark setting, prints, and works without scripts as far as
it holds no interactive figure. Everything that came with the data is escaped by the templates. What several
pages share, such as a figure, a finding or a score with its interval, are macros of ``_parts.html``.
"""

from __future__ import annotations

from noria.pages.notebook import overview
from noria.pages.render import asset, prose, render
from noria.pages.story import Story

__all__ = ["Story", "asset", "overview", "prose", "render"]
