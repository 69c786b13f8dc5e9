"""Documents in HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

from noria.data.documents.blocks import Block, Outline
from noria.data.documents.text import decoded

__all__ = ["html"]

_LEFT_OUT = frozenset(
    {"aside", "button", "footer", "form", "head", "nav", "noscript", "script", "style", "svg", "template"}
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    {"address", "article", "blockquote", "body", "br", "dd", "details", "div", "dl", "dt", "figcaption"}
    | {"figure", "header", "hr", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tr", "ul"}
    | set(_HEADINGS)
)
_CELLS = frozenset({"td", "th"})


class _Page(HTMLParser):
    """Collects blocks; what is in navigation, scripts and the like is boilerplate."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._outline = Outline()
        self._hidden: list[str] = []
        self._words: list[str] = []
        self._line = 1
        self._tag = "p"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _LEFT_OUT:
            self._flush()
            self._hidden.append(tag)
        elif tag in _BLOCKS:
            self._flush()
            self._tag = tag
        elif tag in _CELLS and any(map(str.strip, self._words)):
            self._words.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCKS:
            self._flush()
            self._tag = "p"

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if data.strip() and not any(map(str.strip, self._words)):
            self._line = self.getpos()[0] + len(data[: len(data) - len(data.lstrip())].splitlines())
        self._words.append(data)

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self) -> None:
        raw, self._words = "".join(self._words), []
        text = raw.strip("\n") if self._tag == "pre" else " ".join(raw.split())
        if not text.strip():
            return
        level = _HEADINGS.get(self._tag)
        if level is not None:
            self.blocks.append(Block("heading", text, self._outline.enter(level, text), line=self._line))
            return
        kind = {"tr": "table", "pre": "code"}.get(self._tag, "text")
        self.blocks.append(Block(kind, text, self._outline.path, line=self._line))


def html(content: bytes) -> Iterator[Block]:
    """Headings, paragraphs, rows of tables and code of a page, without navigation, scripts and footers."""
    page = _Page()
    page.feed(decoded(content))
    page.close()
    yield from page.blocks
