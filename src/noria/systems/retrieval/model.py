"""The fitted retrieval system: an index, a strategy, and a threshold below which nothing is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.core.protocol import Turn
from noria.core.schema import Role, Schema, Type
from noria.core.serving import named
from noria.core.signature import Output, Signature
from noria.data.conform import conform
from noria.errors import NotFoundError, ParamError, suggestion
from noria.methods.bm25 import top
from noria.methods.ranking import convex, marginal, reciprocal_rank_fusion
from noria.settings import Settings
from noria.systems.retrieval import vectors
from noria.systems.retrieval.answer import CITATION, Passage, coverage, extract, told
from noria.systems.retrieval.chunks import Chunks
from noria.systems.retrieval.conversation import converse
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.dense import Dense
from noria.systems.retrieval.embedder import Embedder
from noria.systems.retrieval.lexical import Counts, Lexical
from noria.systems.retrieval.options import AnswerOptions
from noria.systems.retrieval.queries import KINDS, Also, Queries
from noria.systems.retrieval.reader import Reader, loaded
from noria.systems.retrieval.reranker import Reranker
from noria.systems.retrieval.words import Analyzer

__all__ = ["LONGEST", "Found", "Index", "RetrievalModel", "Strategy", "question_of"]

LONGEST = 2_000
"""Characters of a question that are read."""
_STATE = "model.json"
_READ = 3  # chunks that an answer is taken from
_CONSIDERED = 30  # chunks that these are chosen from where they are to be unlike each other
_WITHIN = "within"
_ROOM = 20_000  # characters of a document that are shown before and after what is cited


@dataclass(frozen=True)
class Strategy:
    """How the scores of chunks come about.

    Attributes
    ----------
    fusion : {"prior", "lexical", "dense", "ranks", "convex"}
        The same for every question; by words; by meaning; both, by their ranks or by a weighted sum.
    weight : float
        Of the meaning in a weighted sum, 0 to 1.
    k : float
        Of reciprocal rank fusion.
    threshold : float
        Confidence below which the answer is not in the documents.
    sentences, depth : int
        Of an answer, and documents of a ranking, at most.
    diversity : float
        How much a passage is held back by being like those before it.
    reranked : int
        Chunks whose order the cross-encoder decides.
    queries : {"", "hyde", "multi"}
        What a language model makes of a question, that it is searched by too; see `Queries`.
    """

    fusion: str
    weight: float = 0.5
    k: float = 60.0
    threshold: float = 0.0
    sentences: int = 3
    depth: int = 100
    diversity: float = 0.0
    reranked: int = 0
    queries: str = ""


@dataclass(frozen=True, eq=False)
class Index:
    """What is searched.

    Attributes
    ----------
    corpus : Corpus
    chunks : Chunks
    lexical : Lexical
    prior : array, (documents,)
        How often each document was relevant to a training question.
    dense : Dense, optional
    reranker : Reranker, optional
    queries : Queries, optional
    """

    corpus: Corpus
    chunks: Chunks
    lexical: Lexical
    prior: NDArray[np.float64]
    dense: Dense | None = None
    reranker: Reranker | None = None
    queries: Queries | None = None


@dataclass(frozen=True)
class Found:
    """What the index has for one question.

    Attributes
    ----------
    documents : list of int
        Best first.
    passages : list of Passage
        To be read for an answer, best first.
    confidence : float
        0 to 1, comparable between questions.
    also : Also
        What it was searched by besides.
    """

    documents: list[int]
    passages: list[Passage]
    confidence: float
    also: Also = field(default_factory=Also)


def question_of(schema: Schema) -> str:
    """The column that holds the questions."""
    return next(column.name for column in schema.features if column.type is Type.TEXT)


class RetrievalModel:
    """Questions in; answers with citations, and the ranking that they come from, out.

    Parameters
    ----------
    schema : Schema
        Of the training table, target included.
    index : Index
    strategy : Strategy
    example : mapping, optional
    writer : AnswerOptions, optional
        The language model that writes answers in a conversation; `predict` never asks it.
    reader : Reader, optional
        What cuts short answers out of the passages.
    """

    def __init__(
        self,
        schema: Schema,
        index: Index,
        strategy: Strategy,
        example: Mapping[str, Any] | None = None,
        writer: AnswerOptions | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.schema, self.index, self.strategy = schema, index, strategy
        self.writer, self.reader = writer, reader
        self.question = question_of(schema)
        self._example = dict(example or {})
        self.signature = self._signature()

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        counts = self.index.lexical.counts
        rows = None if self.index.dense is None else self.index.dense.rows
        held = 0 if rows is None else 2 * rows.size
        return int(self.index.corpus.documents.estimated_size() + 12 * len(counts.terms) + held)

    def with_strategy(self, **changes: Any) -> RetrievalModel:
        """The same index, searched in another way."""
        strategy = replace(self.strategy, **changes)
        return RetrievalModel(self.schema, self.index, strategy, self._example, self.writer, self.reader)

    def _signature(self) -> Signature:
        asked = tuple(column for column in self.schema if column.name == self.question)
        outputs: tuple[Output, ...] = (
            Output("prediction", Type.TEXT, "the answer, in sentences of the documents"),
            Output("found", Type.BOOLEAN, "whether the documents answer the question"),
            Output("confidence", Type.NUMBER, "how sure that is, 0 to 1"),
            Output("citations", Type.DOCUMENT, "the sentences with document, heading, page and line"),
            Output("documents", Type.DOCUMENT, "the documents, best first"),
        )
        if self.reader is not None:
            outputs = (*outputs, Output("span", Type.TEXT, "the answer in as few words as can be"))
        if self.strategy.queries:
            outputs = (*outputs, Output("reason", Type.TEXT, "why the question was searched for as it is"))
        return Signature(replace(self.schema, columns=asked), outputs, self._example, (_WITHIN,))

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One answer per question.

        A column ``within`` may narrow each search down to documents whose names match one of some patterns:
        ``"how-to/*; *.pdf"``.

        Returns
        -------
        Table
            ``prediction``, ``found``, ``confidence``, ``citations`` and ``documents``.

        Raises
        ------
        ColumnError
            If the column of questions is missing.
        ParamError
            If no document matches.
        """
        typed = conform(rows, self.schema, roles=(Role.FEATURE,))
        within = rows[_WITHIN].to_list() if _WITHIN in rows.columns else [None] * rows.height
        asked = zip(typed[self.question].to_list(), within)
        answers = [self._answer(question or "", patterns) for question, patterns in asked]
        schema: dict[str, Any] = {
            "prediction": pl.String,
            "found": pl.Boolean,
            "confidence": pl.Float64,
            "citations": pl.List(CITATION),
            "documents": pl.List(pl.String),
            **({"span": pl.String} if self.reader is not None else {}),
            **({"reason": pl.String} if self.strategy.queries else {}),
        }
        return pl.DataFrame(answers, schema=schema)

    def predict_one(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The same as `predict` of a table of this one row."""
        return self._answer(row[self.question] or "", row.get(_WITHIN))

    def converse(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        within: Sequence[str] = (),
        tell: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """The answer to a question that may refer to those before it; see `conversation.converse`."""
        return converse(self, question[:LONGEST], history, within, tell or (lambda _: None))

    def source(self, document: str, begin: int, end: int) -> dict[str, Any]:
        """A document around some of its characters.

        Returns
        -------
        dict
            ``document``, ``title`` and ``blocks``, see `Corpus.around`.

        Raises
        ------
        NotFoundError
            If there is no such document.
        """
        corpus = self.index.corpus
        if document not in corpus.names:
            raise NotFoundError(
                f"There is no document {document[:80]!r}.", do=suggestion(document, corpus.names)
            )
        number = corpus.names.index(document)
        blocks = corpus.around(number, begin, end, _ROOM)
        return {"document": document, "title": corpus.place(number, 0).title, "blocks": blocks}

    def _answer(self, question: str, within: str | None = None) -> dict[str, Any]:
        question = question[:LONGEST]
        found = self.search(question, [within] if within else ())
        reason = {"reason": found.also.reason} if self.strategy.queries else {}
        return self.extracted(question, found) | reason

    def search(self, question: str, within: Sequence[str] = (), deadline: Deadline | None = None) -> Found:
        """What there is for a question, in documents whose names match each of some texts of patterns."""
        also = self._also(question, deadline)
        match = self._matching(within) if within else None
        scores, similar = self.scores(question, also, None if match is None else np.flatnonzero(match))
        if match is not None:
            scores = np.where(match[self.index.chunks.owners], scores, -np.inf)
        return replace(self.found(question, *self._reranked(question, scores, similar)), also=also)

    def _also(self, question: str, deadline: Deadline | None = None) -> Also:
        """What a question is searched by besides."""
        queries, kind = self.index.queries, self.strategy.queries
        return Also() if queries is None or not kind else queries.of(KINDS[kind], question, deadline)

    def sure(self, found: Found) -> bool:
        """Whether what was found is near enough to be an answer."""
        return found.confidence > 0 and found.confidence >= self.strategy.threshold

    def extracted(self, question: str, found: Found, focus: str = "") -> dict[str, Any]:
        """The answer in sentences of what was found.

        Parameters
        ----------
        question : str
        found : Found
        focus : str
            The part of the question that sentences are chosen by, where they hold any of it.
        """
        cited: list[dict[str, Any]] = []
        if self.sure(found):
            passages = found.passages, self.index.corpus, self.index.lexical, self.strategy.sentences
            cited = extract(focus, *passages) or extract(question, *passages)
        text = " ".join(f"{one['text']} [{number}]" for number, one in enumerate(cited, 1))
        names = [self.index.corpus.names[at] for at in found.documents]
        answer = {**told(text, cited), "confidence": found.confidence, "documents": names}
        return answer if self.reader is None else {**answer, "span": self._span(question, found)}

    def _span(self, question: str, found: Found) -> str:
        """The short answer; empty where there is none."""
        if self.reader is None or not self.sure(found):
            return ""
        return self.reader.read(question, [self.index.corpus.text(*one) for one in found.passages])

    def _matching(self, within: Sequence[str]) -> NDArray[np.bool_]:
        """The documents whose names match, (documents,)."""
        names, wanted = self.index.corpus.names, [named(patterns) for patterns in within]
        match = np.array([all(one.match(name) for one in wanted) for name in names])
        if not match.any():
            raise ParamError(
                "No document has a name to search within.",
                got=repr(within[-1]),
                do=suggestion(within[-1], names),
            )
        return match

    def found(self, question: str, scores: NDArray[Any], similar: NDArray[Any] | None = None) -> Found:
        """The best documents and passages by the scores of the chunks; none without any word asked."""
        index, least = self.index, 0.0 if self.strategy.fusion == "lexical" else -np.inf
        each = np.maximum.reduceat(scores, index.chunks.starts)
        documents = top(each, self.strategy.depth)
        documents = documents[each[documents] > least]
        best = self._unlike(scores) if self.strategy.diversity else top(scores, _READ)
        best = best[scores[best] > least]
        passages = list(dict.fromkeys(self._passage(int(chunk)) for chunk in best))
        return Found(documents.tolist(), passages, self.confidence(question, scores, similar))

    def _unlike(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """The best chunks that do not repeat each other."""
        best = top(scores, _CONSIDERED)
        best = best[scores[best] > -np.inf]
        index = self.index
        worth = scores[best] - scores[best].min(initial=0.0)
        worth = worth / max(float(worth.max(initial=0.0)), 1e-12)
        rows = None if index.dense is None else index.dense.rows
        alike = index.lexical.alike(best) if rows is None else rows[best] @ rows[best].T
        return best[marginal(worth, alike, _READ, self.strategy.diversity)]

    def _reranked(
        self, question: str, scores: NDArray[Any], similar: NDArray[Any] | None
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The same, with the best chunks in the order of the cross-encoder."""
        index = self.index
        if index.reranker is None or not self.strategy.reranked or not question.strip():
            return scores, similar
        best = top(scores, self.strategy.reranked)
        best = best[scores[best] > -np.inf]
        spans = index.chunks.spans[best, :3].tolist()
        texts = [
            f"{index.corpus.head(at, begin)}. {index.corpus.text(at, begin, end)}" for at, begin, end in spans
        ]
        scores = scores.astype(np.float64)
        scores[best] = scores[best].max(initial=0.0) + 1 + index.reranker.scores(question, texts)
        return scores, similar

    def _passage(self, chunk: int) -> Passage:
        document, _, _, begin, end = self.index.chunks.spans[chunk].tolist()
        return Passage(document, begin, end)

    def scores(
        self, question: str, also: Also | None = None, documents: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The score of every chunk, and its similarity in meaning where that is known.

        Parameters
        ----------
        question : str
        also : Also, optional
            What it is searched by besides; found out if not given.
        documents : array of int, optional
            The numbers of those that matter.
        """
        index, strategy = self.index, self.strategy
        more = (self._also(question) if also is None else also).texts
        if strategy.fusion == "prior":
            return index.prior[index.chunks.owners], None
        if strategy.fusion == "lexical" or index.dense is None:
            return index.lexical.scores(question), None
        similar = index.dense.scores(question, documents=documents)
        if strategy.fusion == "dense":
            return similar, similar
        words = index.lexical.scores(question)
        if strategy.fusion == "ranks" and strategy.queries == "hyde":
            return reciprocal_rank_fusion(
                [words, index.dense.scores(question, more, documents) + 1], strategy.k
            ), similar
        if strategy.fusion == "ranks":
            near = partial(index.dense.scores, documents=documents)
            ways = [(index.lexical.scores(text), near(text) + 1) for text in more]
            return reciprocal_rank_fusion([words, similar + 1, *chain(*ways)], strategy.k), similar
        return convex([words, similar + 1], [1 - strategy.weight, strategy.weight]), similar

    def confidence(
        self,
        question: str,
        scores: NDArray[Any],
        similar: NDArray[Any] | None = None,
        without: Sequence[int] = (),
    ) -> float:
        """How much of the question the best chunk says, and how near it is; documents may be left out."""
        chunks = self.index.chunks
        if len(without):
            scores = scores.astype(np.float64)
            for document in without:
                scores[chunks.owned(document)] = -np.inf
        best = int(scores.argmax()) if len(scores) else -1
        if self.strategy.fusion == "prior" or best < 0 or scores[best] == -np.inf:
            return 0.0
        said = coverage(question, best, self.index.lexical)
        return said if similar is None else float(np.clip((said + float(similar[best])) / 2, 0, 1))

    def explain(
        self,
        rows: pl.DataFrame,  # noqa: ARG002
        *,
        deadline: Deadline | None = None,  # noqa: ARG002
    ) -> Explanation:
        """Not offered: an answer is explained by its citations.

        Raises
        ------
        ParamError
        """
        raise ParamError("Answers are explained by what they cite.", do="Look at the column 'citations'.")

    def save(self, folder: Path) -> None:
        """Write documents, counts, vectors and strategy into an existing folder."""
        from safetensors.numpy import save

        index, lexical = self.index, self.index.lexical
        index.corpus.documents.write_parquet(folder / "documents.parquet")
        index.corpus.blocks.write_parquet(folder / "blocks.parquet")
        lexical.counts.vocabulary.alias("term").to_frame().write_parquet(folder / "vocabulary.parquet")
        counts = lexical.counts
        arrays = {
            "spans": index.chunks.spans, "prior": index.prior, "terms": counts.terms, "chunks": counts.chunks,
            "body": counts.body, "head": counts.head,
        }  # fmt: skip
        if index.dense is not None:
            arrays |= vectors.save(index.dense.vectors, index.chunks.owners, folder)
        tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        (folder / "index.safetensors").write_bytes(save(tensors))
        state = {
            "schema": self.schema.to_dict(),
            "strategy": vars(self.strategy),
            "lexical": lexical.settings,
            "stems": lexical.analyzer.stems,
            "embedder": None if index.dense is None else index.dense.embedder.to_dict(),
            "reranker": None if index.reranker is None else index.reranker.to_dict(),
            "example": self._example,
            "reader": None if self.reader is None else self.reader.to_dict(),
            "writer": None if self.writer is None else self.writer.model_dump(),
        }
        (folder / _STATE).write_text(json.dumps(state), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> RetrievalModel:
        """The inverse of `save`.

        Raises
        ------
        ArtifactError
            If the vectors were made by an embedding model that is not known here.
        """
        from safetensors.numpy import load

        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        tensors = load((folder / "index.safetensors").read_bytes())
        chunks = Chunks(tensors["spans"])
        corpus = Corpus(*(pl.read_parquet(folder / f"{part}.parquet") for part in ("documents", "blocks")))
        arrays = {name: tensors[name] for name in ("terms", "chunks", "body", "head")}
        vocabulary = pl.read_parquet(folder / "vocabulary.parquet")["term"]
        counts = Counts(vocabulary, **arrays, size=len(chunks))
        lexical = Lexical(counts, Analyzer(state["stems"]), **state["lexical"])
        dense = None
        if state["embedder"] is not None:
            embedder = Embedder.loaded(state["embedder"], Settings())
            dense = Dense(vectors.load(folder, tensors), embedder)
        chosen = state.get("reranker")
        reranker = None if chosen is None else Reranker(chosen["model"], Settings(), chosen["known"])
        schema, strategy = Schema.from_dict(state["schema"]), Strategy(**state["strategy"])
        writer = AnswerOptions(**state["writer"]) if state.get("writer") else None
        queries = Queries(writer, Settings()) if writer is not None and strategy.queries else None
        index = Index(corpus, chunks, lexical, tensors["prior"], dense, reranker, queries)
        reader = loaded(state.get("reader"), Settings())
        return cls(schema, index, strategy, state["example"], writer, reader)
