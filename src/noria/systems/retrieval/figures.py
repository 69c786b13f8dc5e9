"""The pictures of a retrieval's evaluation, as data and Vega-Lite specifications."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl

from noria.core.protocol import Evidence, Metric
from noria.core.result import Figure
from noria.pages import charts
from noria.systems.retrieval.target import judged

__all__ = ["draw"]

_EDGES = (1, 2, 3, 4, 6, 11)
_BEYOND = "beyond 10"
_WORST, _LETTERS = 15, 90
_MODEL, _BASELINE = "model", "baseline"


def draw(evidence: Evidence, target: str, metric: Metric) -> list[Figure]:
    """Where the first relevant document stands, how sure answers are, and the questions that fail."""
    answerable = np.array([bool(judged(one)) for one in evidence.truth[target].to_list()])
    made = [_places(evidence, target), _confidence(evidence, answerable)]
    question = next((name for name in evidence.truth.columns if name != target), None)
    if metric.losses is not None and question is not None:
        made.append(_worst(evidence, question, metric))
    return made


def _places(evidence: Evidence, target: str) -> Figure:
    """How often the first relevant document stands in which place."""
    labels = [str(low) if high == low + 1 else f"{low}-{high - 1}" for low, high in pairwise(_EDGES)] + [
        _BEYOND
    ]
    rows = []
    for whose, table in ((_MODEL, evidence.predictions), (_BASELINE, evidence.baseline)):
        firsts = []
        for ranked, relevant in zip(table["documents"].to_list(), evidence.truth[target].to_list()):
            names = judged(relevant)
            if names:
                firsts.append(next((at for at, name in enumerate(ranked, 1) if name in names), _EDGES[-1]))
        places = np.searchsorted(_EDGES, firsts, side="right") - 1
        counts = np.bincount(places, minlength=len(labels))
        rows += [
            {"place": label, "of": whose, "questions": int(count), "share": count / max(len(firsts), 1)}
            for label, count in zip(labels, counts)
        ]
    tips = [("of", "of"), ("place", "first relevant document"), ("questions", "questions", ",d")]
    colour = {**charts.colour("of"), "scale": {"domain": [_MODEL, _BASELINE]}}
    x = charts.words("place", "place of the first relevant document", axis={"labelAngle": 0})
    y = charts.number("share", "share of the questions", axis=charts.PERCENT)
    layer = charts.mark("bar", tips, x=x, y=y, color=colour, xOffset=charts.words("of", None))
    text = "How far down one has to read, question by question, until a document comes that is relevant."
    title = "Where the first relevant document stands"
    return Figure("places", title, pl.DataFrame(rows), charts.chart(layer, height=260), "results", text)


def _confidence(evidence: Evidence, answerable: np.ndarray) -> Figure:
    """The confidence of questions with and without an answer in the documents, in tenths."""
    confidence = evidence.predictions["confidence"].to_numpy()
    rows = []
    for kind, some in (("answered by a document", answerable), ("not in the documents", ~answerable)):
        counts, edges = np.histogram(confidence[some], bins=20, range=(0, 1))
        rows += [
            {"low": low, "high": high, "kind": kind, "questions": int(count)}
            for low, high, count in zip(edges[:-1], edges[1:], counts)
            if some.any()
        ]
    tips = [
        ("kind", "questions"),
        ("questions", "how many", ",d"),
        ("low", "from", ".2f"),
        ("high", "to", ".2f"),
    ]
    x = charts.number("low", "confidence", bin="binned", scale={"domain": [0, 1]})
    y = charts.number("questions", "questions", stack=True)
    layer = charts.mark(
        {"type": "bar", "binSpacing": 1}, tips, x=x, x2={"field": "high"}, y=y, color=charts.colour("kind")
    )
    text = (
        "How sure the model is that the best passage answers the question. Below its threshold it says that "
        "the answer is not in the documents."
    )
    return Figure(
        "confidence",
        "How sure answers are",
        pl.DataFrame(rows),
        charts.chart(layer, height=220),
        "results",
        text,
    )


def _worst(evidence: Evidence, question: str, metric: Metric) -> Figure:
    """The questions that fare worst."""
    assert metric.losses is not None
    scores = 1.0 - metric.losses(evidence.truth, evidence.predictions)
    order = np.argsort(scores, kind="stable")[: min(_WORST, max(int((scores < 1).sum()), 1))]
    texts = evidence.truth[question].to_list()
    firsts = [one[0] if one else "" for one in evidence.predictions["documents"].to_list()]
    frame = pl.DataFrame(
        [
            {"question": _short(texts[at], place), "score": float(scores[at]), "first": firsts[at]}
            for place, at in enumerate(order.tolist(), 1)
        ]
    )
    tips = [("question", "question"), ("score", metric.name, ".3f"), ("first", "first document")]
    y = charts.words("question", None, axis={"labelLimit": 420})
    x = charts.number("score", metric.name, scale={"domain": [0, 1]}, axis={"tickCount": 6})
    layer = charts.mark({"type": "bar", "height": 8}, tips, x=x, y=y)
    text = "The held-out questions that fare worst: read some of them before trusting the rest."
    spec = charts.chart(layer, height=max(22 * frame.height, 60))
    return Figure("worst_questions", "The hardest questions", frame, spec, "errors", text)


def _short(text: str, place: int) -> str:
    words = " ".join(text.split())
    return f"{place}. {words[:_LETTERS]}{'...' if len(words) > _LETTERS else ''}"
