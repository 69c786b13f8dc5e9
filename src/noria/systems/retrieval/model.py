"""The fitted retrieval system: an index, a strategy, and a threshold below which nothing is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.core.schema import Role, Schema, Type
from noria.core.signature import Output, Signature
from noria.data.conform import conform
from noria.errors import ParamError
from noria.methods.bm25 import top
from noria.methods.ranking import convex, reciprocal_rank_fusion
from noria.settings import Settings
from noria.systems.retrieval.answer import CITATION, Passage, coverage, extract
from noria.systems.retrieval.chunks import Chunks
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.dense import Dense
from noria.systems.retrieval.embedder import Embedder
from noria.systems.retrieval.lexical import Counts, Lexical
from noria.systems.retrieval.target import NOWHERE
from noria.systems.retrieval.words import Analyzer

__all__ = ["Found", "Index", "RetrievalModel", "Strategy"]

_STATE = "model.json"
_READ = 3  # chunks that an answer is taken from
_LONGEST = 2_000  # characters of a question that are read


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
    """

    fusion: str
    weight: float = 0.5
    k: float = 60.0
    threshold: float = 0.0
    sentences: int = 3
    depth: int = 100


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
    """

    corpus: Corpus
    chunks: Chunks
    lexical: Lexical
    prior: NDArray[np.float64]
    dense: Dense | None = None


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
    """

    documents: list[int]
    passages: list[Passage]
    confidence: float


class RetrievalModel:
    """Questions in; answers with citations, and the ranking that they come from, out.

    Parameters
    ----------
    schema : Schema
        Of the training table, target included.
    index : Index
    strategy : Strategy
    example : mapping, optional
    """

    def __init__(
        self, schema: Schema, index: Index, strategy: Strategy, example: Mapping[str, Any] | None = None
    ) -> None:
        self.schema, self.index, self.strategy = schema, index, strategy
        self.question = next(column.name for column in schema.features if column.type is Type.TEXT)
        self._example = dict(example or {})
        self.signature = self._signature()

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        counts = self.index.lexical.counts
        vectors = 0 if self.index.dense is None else self.index.dense.vectors.size * 2
        return int(self.index.corpus.documents.estimated_size() + 16 * len(counts.terms) + vectors)

    def with_strategy(self, **changes: Any) -> RetrievalModel:
        """The same index, searched in another way."""
        return RetrievalModel(self.schema, self.index, replace(self.strategy, **changes), self._example)

    def _signature(self) -> Signature:
        asked = tuple(column for column in self.schema if column.name == self.question)
        outputs = (
            Output("prediction", Type.TEXT, "the answer, in sentences of the documents"),
            Output("found", Type.BOOLEAN, "whether the documents answer the question"),
            Output("confidence", Type.NUMBER, "how sure that is, 0 to 1"),
            Output("citations", Type.DOCUMENT, "the sentences with document, heading, page and line"),
            Output("documents", Type.DOCUMENT, "the documents, best first"),
        )
        return Signature(replace(self.schema, columns=asked), outputs, self._example)

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One answer per question.

        Returns
        -------
        Table
            ``prediction``, ``found``, ``confidence``, ``citations`` and ``documents``.

        Raises
        ------
        ColumnError
            If the column of questions is missing.
        """
        typed = conform(rows, self.schema, roles=(Role.FEATURE,))
        answers = [self._answer(question or "") for question in typed[self.question].to_list()]
        schema: dict[str, Any] = {
            "prediction": pl.String,
            "found": pl.Boolean,
            "confidence": pl.Float64,
            "citations": pl.List(CITATION),
            "documents": pl.List(pl.String),
        }
        return pl.DataFrame(answers, schema=schema)

    def _answer(self, question: str) -> dict[str, Any]:
        question = question[:_LONGEST]
        found = self.found(question, *self.scores(question))
        index, strategy = self.index, self.strategy
        cited: list[dict[str, Any]] = []
        if found.confidence > 0 and found.confidence >= strategy.threshold:
            cited = extract(question, found.passages, index.corpus, index.lexical, strategy.sentences)
        text = " ".join(f"{one['text']} [{number}]" for number, one in enumerate(cited, 1))
        return {
            "prediction": text or NOWHERE.capitalize() + ".",
            "found": bool(cited),
            "confidence": found.confidence,
            "citations": cited,
            "documents": [index.corpus.names[at] for at in found.documents],
        }

    def found(
        self,
        question: str,
        scores: NDArray[Any],
        similar: NDArray[Any] | None = None,
        without: Sequence[int] = (),
    ) -> Found:
        """The best documents and passages by the scores of the chunks; some documents may be left out."""
        index = self.index
        if len(without):
            scores = np.where(np.isin(index.chunks.owners, without), -np.inf, scores)
        documents = top(np.maximum.reduceat(scores, index.chunks.starts), self.strategy.depth)
        best = top(scores, _READ)
        best = best[np.isfinite(scores[best])]
        passages = list(dict.fromkeys(self._passage(int(chunk)) for chunk in best))
        return Found(documents.tolist(), passages, self._confidence(question, best, similar))

    def _passage(self, chunk: int) -> Passage:
        document, _, _, begin, end = self.index.chunks.spans[chunk].tolist()
        return Passage(document, begin, end)

    def scores(self, question: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The score of every chunk, and its similarity in meaning where that is known."""
        index, strategy = self.index, self.strategy
        if strategy.fusion == "prior":
            return index.prior[index.chunks.owners], None
        if strategy.fusion == "lexical" or index.dense is None:
            return index.lexical.scores(question), None
        similar = index.dense.scores(question)
        if strategy.fusion == "dense":
            return similar, similar
        words = index.lexical.scores(question)
        if strategy.fusion == "ranks":
            return reciprocal_rank_fusion([words, similar + 1], strategy.k), similar
        return convex([words, similar + 1], [1 - strategy.weight, strategy.weight]), similar

    def _confidence(self, question: str, best: NDArray[np.int64], similar: NDArray[Any] | None) -> float:
        """How much of the question the best chunk says, and how near it is in meaning."""
        if self.strategy.fusion == "prior" or not len(best):
            return 0.0
        document, begin, end = self.index.chunks.spans[best[0], :3].tolist()
        corpus = self.index.corpus
        texts = [f"{corpus.head(document, begin)} {corpus.text(document, begin, end)}"]
        said = coverage(question, texts, self.index.lexical)
        return said if similar is None else float(np.clip((said + float(similar[best[0]])) / 2, 0, 1))

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
            arrays["vectors"] = index.dense.vectors.astype(np.float16)
        tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        (folder / "index.safetensors").write_bytes(save(tensors))
        state = {
            "schema": self.schema.to_dict(),
            "strategy": vars(self.strategy),
            "lexical": lexical.settings,
            "stems": lexical.analyzer.stems,
            "embedder": None if index.dense is None else index.dense.embedder.name,
            "example": self._example,
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
            dense = Dense(
                tensors["vectors"].astype(np.float32), Embedder.named(state["embedder"], Settings())
            )
        index = Index(corpus, chunks, lexical, tensors["prior"], dense)
        return cls(Schema.from_dict(state["schema"]), index, Strategy(**state["strategy"]), state["example"])
