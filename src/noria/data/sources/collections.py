"""Public test collections of information retrieval: documents, questions, and who judged what relevant.

``collection:cranfield`` is 1,400 abstracts on aerodynamics with 225 questions; ``collection:cacm`` is 3,204
titles and abstracts of the Communications of the ACM with 52 judged questions of 64.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import polars as pl

from noria.data.sources.ask import Ask, Reading
from noria.data.sources.remote import fetch
from noria.errors import SourceError, suggestion

__all__ = ["PREFIX", "documents", "open_collection"]

PREFIX = "collection:"
_GITHUB = "https://raw.githubusercontent.com"
_CRANFIELD = f"{_GITHUB}/oussbenk/cranfield-trec-dataset/1208e6edfb6cb2527b2c44398d3d8fefd3249144"
_CACM = f"{_GITHUB}/meier-flo/CACMTrecEvalFromRwithSolr/a540c9b27de23c17f077e6a134e89f19f94a4dd4/cacm"
_Fields = dict[str, str]


@dataclass(frozen=True)
class _Collection:
    """Where the parts of a collection lie, and how each is read into texts of fields."""

    documents: str
    questions: str
    judgements: str
    read: Callable[[str], Iterator[_Fields]]
    names: _Fields = field(default_factory=dict)
    numbered: bool = False


def documents(ask: Ask) -> pl.DataFrame:
    """The documents of a collection: ``document``, ``title``, ``text``.

    Raises
    ------
    SourceError
        If there is no such collection, or it cannot be had.
    """
    found = _found(ask)
    rows = [
        {
            "document": one[found.names["id"]],
            "title": one.get(found.names["title"], ""),
            "text": _body(found, one),
        }
        for one in found.read(_text(found.documents, ask))
    ]
    return pl.DataFrame(rows)


def open_collection(ask: Ask) -> Reading:
    """Read the questions of a collection that have a relevant document: ``question``, ``relevant``.

    Raises
    ------
    SourceError
        If there is no such collection, or it cannot be had.
    """
    found = _found(ask)
    return Reading(ask.text, lambda: _questions(found, ask))


def _questions(found: _Collection, ask: Ask) -> pl.DataFrame:
    asked = list(found.read(_text(found.questions, ask)))
    judged: dict[str, dict[str, int]] = {}
    for line in _text(found.judgements, ask).splitlines():
        question, first, second, *rest = line.split()
        document, grade = (second, int(rest[0])) if found.numbered else (first, 1)
        if grade > 0:
            judged.setdefault(str(int(question)), {})[str(int(document))] = grade
    rows = []
    for number, one in enumerate(asked, 1):
        key = str(number) if found.numbered else one[found.names["id"]]
        relevant = [name if grade == 1 else f"{name}={grade}" for name, grade in judged.get(key, {}).items()]
        if relevant:
            rows.append({"question": one[found.names["question"]], "relevant": "; ".join(relevant)})
    return pl.DataFrame(rows)


def _found(ask: Ask) -> _Collection:
    name = ask.text.removeprefix(PREFIX)
    if name not in _COLLECTIONS:
        raise SourceError(f"There is no collection {name!r}.", do=suggestion(name, _COLLECTIONS))
    return _COLLECTIONS[name]


def _text(url: str, ask: Ask) -> str:
    return fetch(url, ask).path.read_text(encoding="utf-8", errors="replace")


def _body(found: _Collection, one: _Fields) -> str:
    """The text below the title, which some texts repeat, and keywords; the title where there is neither."""
    title, text, keywords = (one.get(found.names.get(part, ""), "") for part in ("title", "text", "keywords"))
    return " ".join(part for part in (text.removeprefix(title).strip(), keywords) if part) or title


def _trec(text: str) -> Iterator[_Fields]:
    """Elements ``doc`` or ``top`` of a file that may lack a root."""
    body = re.sub(r"<\?xml.*?\?>", "", text)
    for part in ET.fromstring(f"<all>{body}</all>").iter():
        if part.tag in ("doc", "top"):
            yield {child.tag: " ".join((child.text or "").split()) for child in part}


def _smart(text: str) -> Iterator[_Fields]:
    """Records of SMART: ``.I`` with a number, then fields such as ``.T`` and ``.W``."""
    for record in re.split(r"^\.I\s+(?=\d+\s*$)", text, flags=re.MULTILINE)[1:]:
        number, *parts = re.split(r"^\.([A-Z])\s*$", record, flags=re.MULTILINE)
        yield {"I": number.strip(), **dict(zip(parts[::2], (" ".join(part.split()) for part in parts[1::2])))}


_COLLECTIONS = {
    "cranfield": _Collection(
        f"{_CRANFIELD}/cran.all.1400.xml",
        f"{_CRANFIELD}/cran.qry.xml",
        f"{_CRANFIELD}/cranqrel.trec.txt",
        _trec,
        {"id": "docno", "title": "title", "text": "text", "question": "title"},
        numbered=True,  # judgements count the questions; their own numbers run to 365
    ),
    "cacm": _Collection(
        f"{_CACM}/cacm.all",
        f"{_CACM}/query.text",
        f"{_CACM}/qrels.text",
        _smart,
        {"id": "I", "title": "T", "text": "W", "keywords": "K", "question": "W"},
    ),
}
