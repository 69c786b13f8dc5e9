"""Write the reference and docs/findings.md, then every page as HTML into site/, and check the links.

Needs no network and no theme: a page opens from the disk. Run as ``make docs``.
"""

from __future__ import annotations

import html
import itertools
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

import _declared
import _python

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
NAVIGATION = [
    ("README.md", "Noria"),
    ("docs/tutorial.md", "Tutorial"),
    ("docs/how-to", "How to"),
    ("docs/findings.md", "Findings"),
    ("docs/findings-tables.md", "Findings about tables"),
    ("docs/architecture.md", "Architecture"),
    ("CONTRIBUTING.md", "Contributing"),
    ("CHANGELOG.md", "Changes"),
    ("docs/reference", "Reference"),
]
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} - Noria</title>
<style>
body {{ margin: 0; font: 16px/1.55 system-ui, sans-serif; color: #1d2733; background: #fff; }}
nav {{ position: fixed; inset: 0 auto 0 0; width: 15rem; overflow: auto; padding: 1rem;
      background: #f3f6f9; }}
nav ul {{ list-style: none; margin: 0; padding: 0 0 0 .8rem; font-size: .9rem; overflow-wrap: anywhere; }}
nav a {{ color: #1d2733; text-decoration: none; }} nav a:hover {{ text-decoration: underline; }}
nav [aria-current] {{ font-weight: 700; }}
main {{ margin-left: 17rem; max-width: 52rem; padding: 1rem 2rem 4rem; }}
img {{ max-width: 100%; border: 1px solid #d5dde5; }}
pre {{ background: #f3f6f9; padding: .8rem 1rem; overflow: auto; }}
code {{ font: .9em ui-monospace, monospace; }}
table {{ border-collapse: collapse; display: block; overflow: auto; }}
td, th {{ border-bottom: 1px solid #d5dde5; padding: .3rem .7rem; text-align: left; vertical-align: top; }}
@media (max-width: 50rem) {{ nav {{ position: static; width: auto; }} main {{ margin: 0; }} }}
</style></head><body><nav>{navigation}</nav><main>{body}</main></body></html>
"""
LINK = re.compile(r'(?:href|src)="([^"]+)"')


def sources() -> dict[str, str]:
    """The Markdown pages by their path from the project's root."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def title(text: str) -> str:
    """The first heading."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else "Noria"


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def render(text: str) -> str:
    """Markdown to HTML, with an anchor on every heading and links that lead to HTML pages."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for opening, content in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", slug(re.sub(r"[`*]", "", content.content)))
    body = markdown.renderer.render(tokens, markdown.options, {})
    return re.sub(r'href="(?!\w+:)([^"#]*)\.md(#[^"]*)?"', r'href="\1.html\2"', body)


def target(page: str) -> str:
    """Where a page lies in the site."""
    return "index.html" if page == "README.md" else page.removesuffix(".md") + ".html"


def navigation(pages: dict[str, str], current: str) -> str:
    """The list of all pages, as seen from one of them."""

    def item(page: str, name: str) -> str:
        here = ' aria-current="page"' if page == current else ""
        start = posixpath.dirname(target(current))
        return f'<a href="{posixpath.relpath(target(page), start or ".")}"{here}>{html.escape(name)}</a>'

    parts = []
    for entry, name in NAVIGATION:
        if entry in pages:
            parts.append(f"<p>{item(entry, name)}</p>")
            continue
        inside = [page for page in sorted(pages) if page.startswith(entry + "/")]
        inside.sort(key=lambda page: not page.endswith("/index.md"))
        links = "".join(f"<li>{item(page, title(pages[page]))}</li>" for page in inside)
        parts.append(f"<p>{html.escape(name)}</p><ul>{links}</ul>")
    return "".join(parts)


def broken(site: dict[str, str]) -> Iterator[str]:
    """Links that lead to no page, or to no heading of it."""
    anchors = {path: set(re.findall(r'id="([^"]+)"', text)) for path, text in site.items()}
    for path, text in site.items():
        for link in LINK.findall(text):
            if re.match(r"\w+:", link):
                continue
            file, _, anchor = html.unescape(link).partition("#")
            wanted = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
            in_tree = wanted not in site and (ROOT / wanted).exists()
            if not in_tree and (wanted not in site or (anchor and anchor not in anchors[wanted])):
                yield f"{path}: the link {link!r} leads nowhere"


def write(folder: Path, files: dict[str, str]) -> None:
    """Replace a folder by these files."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main() -> int:
    """Build everything; exit 1 if a link is broken."""
    write(DOCS / "reference", _python.pages(ROOT / "src") | _declared.pages())
    (DOCS / "findings.md").write_text(_declared.findings(), encoding="utf-8")
    pages = sources()
    site = {
        target(path): PAGE.format(
            title=html.escape(title(text)), navigation=navigation(pages, path), body=render(text)
        )
        for path, text in pages.items()
    }
    write(ROOT / "site", site)
    shutil.copytree(DOCS / "images", ROOT / "site/docs/images")
    found = list(broken(site))
    for line in found:
        print(line)
    print(f"docs: {len(site)} pages in site/index.html, {len(found)} broken links")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
