"""What all strategies share: documents cut and indexed once, thresholds from training questions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import polars as pl

from noria.core.deadline import FitFailed
from noria.core.params import Params, choice, flag, integer, real
from noria.core.ports import Spent
from noria.core.protocol import Context
from noria.core.schema import Type
from noria.errors import SourceError, TargetError, UnreachableError, suggestion
from noria.systems.retrieval.answer import coverage
from noria.systems.retrieval.chunks import CHUNKINGS, Chunking, Chunks
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.dense import Arrays, Dense
from noria.systems.retrieval.embedder import Embedder
from noria.systems.retrieval.gaps import Gaps
from noria.systems.retrieval.language import pinned
from noria.systems.retrieval.lexical import Lexical
from noria.systems.retrieval.model import LONGEST, Index, RetrievalModel, Strategy, question_of
from noria.systems.retrieval.options import AnswerOptions, RetrievalOptions
from noria.systems.retrieval.parts import Parts
from noria.systems.retrieval.queries import KINDS, Queries
from noria.systems.retrieval.reader import Reader, RuleReader, TunedReader
from noria.systems.retrieval.reranker import Reranker
from noria.systems.retrieval.target import judged
from noria.systems.retrieval.words import Analyzer

__all__ = ["ChunkedParams", "FeedbackParams", "LexicalParams", "RetrievalLearner", "WordParams", "questions"]

P = TypeVar("P", bound=Params)
_ASKED = 100  # training questions that the threshold is chosen on
_OVERLAP = 0.25
_ALL = 0.999  # of a question's words, by weight
_MADE = 0.8  # share of questions with all words in one passage, from which they are not people's
_SHARED = 0.6  # what the passage with the answer has of a person's words, by weight, nearly
_CUTS = tuple(name for name in CHUNKINGS if name not in ("whole", "semantic"))


class ChunkedParams(Params):
    """How documents are cut."""

    chunking: str = choice("whole", *_CUTS, "semantic", doc="How documents are cut.", tune=False)
    size: int = integer(120, low=30, high=400, log=True, doc="Words of a chunk, at most.", tune=False)


class LexicalParams(ChunkedParams):
    """Settings of BM25."""

    k1: float = real(1.2, low=0.2, high=4.0, log=True, doc="How slowly repetitions of a word stop counting.")
    b: float = real(0.75, low=0.0, high=1.0, doc="How much long texts are held back.")
    head_weight: float = real(1.0, low=0.0, high=5.0, doc="How often a word of title and headings counts.")
    stems: bool = flag(True, doc="Whether words of the same English stem are one.", tune=False)


class WordParams(LexicalParams):
    """Settings of BM25 alone, where another way of cutting costs little."""

    chunking: str = choice("whole", *_CUTS, doc="How documents are cut.")


class FeedbackParams(LexicalParams):
    """Settings of BM25 that may be asked twice."""

    feedback: int = integer(5, low=0, high=20, doc="Best chunks that lend their words to a second round.")


class RetrievalLearner(Generic[P]):
    """An unfitted strategy. Subclasses declare facts and say how scores come about.

    Attributes
    ----------
    name : str
    turn : int
        The round of the portfolio in which its first setting is tried.
    bags : bool
        No: one model of all rows takes the place of the folds' models.
    reads, embeds, reranks : bool
        Whether it needs words, vectors, and a cross-encoder.
    queries : {"", "hyde", "multi"}
        What it needs a language model for.
    settings : type of Params
    known : sequence of dict
        Settings known to work, best first.
    """

    name: ClassVar[str]
    turn: ClassVar[int] = 0
    bags: ClassVar[bool] = False
    reads: ClassVar[bool] = True
    embeds: ClassVar[bool] = False
    reranks: ClassVar[bool] = False
    queries: ClassVar[str] = ""
    settings: ClassVar[type[Params]] = LexicalParams
    known: ClassVar[Sequence[dict[str, Any]]] = ({},)

    def __init__(self, options: RetrievalOptions, params: P | None = None) -> None:
        self.options = options
        self.params: P = params if params is not None else self.settings()  # type: ignore[assignment]

    def with_params(self, params: P) -> RetrievalLearner[P]:
        """A copy with other parameters."""
        return type(self)(self.options, params)

    def portfolio(self, rows: int) -> Sequence[P]:  # noqa: ARG002
        """The settings in `known`, and cutting by meaning where that is wished for."""
        semantic = [{"chunking": "semantic"}] if self.options.semantic and self.embeds else []
        return [self.settings(**values) for values in (*self.known, *semantic)]  # type: ignore[misc]

    def seconds(self, rows: int, columns: int) -> float:  # noqa: ARG002
        """A rough guess of one fit's time on one core: the documents, unknown here, matter more."""
        return (0.1 if self.queries else 2e-3) * rows + (0.2 if self.embeds else 0.05)

    def strategy(self, model: RetrievalModel, train: pl.DataFrame, ctx: Context) -> Strategy:
        """How scores come about, learned from the training questions where there is something to learn."""
        raise NotImplementedError

    def fit(self, train: pl.DataFrame, valid: pl.DataFrame | None, ctx: Context) -> RetrievalModel:  # noqa: ARG002
        """Index the documents, and learn from the questions of `train`; `valid` is not looked at.

        Raises
        ------
        FitFailed
            If the weights of the embedding model cannot be had, or the language model does not answer.
        OutOfTime
            If the context's deadline passes first.
        """
        writer = None if self.options.answer is None else _writer(self.options.answer, ctx)
        index = self._index(train, ctx)
        if self.queries and writer is not None:
            index = replace(index, queries=self._queries(writer, train, ctx))
        ctx.deadline.check()
        example = _example(train, ctx)
        wish = self.options
        blank = Strategy("prior", sentences=wish.sentences, depth=wish.depth, diversity=wish.diversity)
        model = RetrievalModel(ctx.schema, index, blank, example)
        strategy = self.strategy(model, train, ctx)
        reader = _reader(wish, ctx) if wish.spans else None
        model = RetrievalModel(ctx.schema, index, strategy, example, writer, reader)
        return model.with_strategy(threshold=_threshold(model, train, ctx, self.params, self.options.refused))

    def _index(self, train: pl.DataFrame, ctx: Context) -> Index:
        """Documents cut, counted and embedded, each once per search."""
        if ctx.documents is None:
            raise SourceError("There are no documents to search.", do="Name them under 'data: documents:'.")
        table = ctx.documents
        values = {**LexicalParams().to_dict(), "feedback": 0, **self.params.to_dict()}
        corpus = ctx.shared.get("corpus", lambda: Corpus.of(table), common=True)
        chunking = Chunking(values["chunking"], values["size"], _OVERLAP)
        if chunking.how == "whole":
            chunking = replace(chunking, size=0)
        if chunking.how == "semantic":
            chunking = replace(chunking, gaps=_gaps(corpus, self.options, ctx))
        analyzer = Analyzer(values["stems"])
        parts = Parts(corpus, chunking, analyzer, ctx.settings.cache / "chunks")
        key, cut = (chunking, analyzer.stems, self.reads), parts.joined if self.reads else parts.unread
        chunks, counts = ctx.shared.get(key, lambda: cut(ctx.deadline), common=True)
        ctx.deadline.check()
        how = {name: values[name] for name in ("k1", "b", "head_weight", "feedback")}
        lexical = ctx.shared.get((key, *how.items()), lambda: Lexical(counts, analyzer, **how), common=True)
        dense = self._dense(corpus, chunks, chunking, train, ctx) if self.embeds else None
        reranker = self._reranker(ctx) if self.reranks else None
        return Index(corpus, chunks, lexical, _prior(corpus, train, ctx), dense, reranker)

    def _queries(self, writer: AnswerOptions, train: pl.DataFrame, ctx: Context) -> Queries:
        """With what the language model makes of all questions of the search."""
        queries = ctx.shared.get("queries", lambda: Queries(writer, ctx.settings), common=True)

        def remember() -> Spent:
            asked = [question[:LONGEST] for question in _asked(train, ctx)]
            spent = queries.remember(KINDS[self.queries], asked, ctx.deadline)
            if spent.calls:
                ctx.events.emit("note", text=_cost(self.name, spent))
            return spent

        ctx.shared.get(("queries", self.queries), remember, common=True)
        return queries

    def _reranker(self, ctx: Context) -> Reranker:
        assert self.options.reranker is not None
        model = self.options.reranker
        reranker = ctx.shared.get("reranker", lambda: Reranker(model, ctx.settings), common=True)
        with _model_at_hand():
            reranker.to_dict()
        return reranker

    def _dense(
        self, corpus: Corpus, chunks: Chunks, chunking: Chunking, train: pl.DataFrame, ctx: Context
    ) -> Dense:
        asked = _asked(train, ctx)
        embedder = _embedder(self.options, ctx)

        def embed() -> np.ndarray:
            heads, texts = chunks.heads(corpus), chunks.texts(corpus)
            whole = [f"{head}. {text}" for head, text in zip(heads, texts)]
            return embedder.texts(whole, deadline=ctx.deadline, events=ctx.events)

        with _model_at_hand():
            ctx.shared.get("asked", lambda: embedder.remember(asked), common=True)
            return Dense(Arrays(ctx.shared.get(("vectors", chunking), embed, common=True)), embedder)


@contextmanager
def _model_at_hand() -> Iterator[None]:
    """FitFailed in place of an error of who has them."""
    try:
        yield
    except (SourceError, UnreachableError) as error:
        raise FitFailed(f"{error.what} {error.do}") from error


def _gaps(corpus: Corpus, wish: RetrievalOptions, ctx: Context) -> Gaps:
    """Between all sentences, found out once per search."""
    embedder = _embedder(wish, ctx)
    with _model_at_hand():
        return ctx.shared.get(
            "gaps",
            lambda: Gaps.of(corpus, embedder, deadline=ctx.deadline, events=ctx.events),
            common=True,
        )


def _asked(train: pl.DataFrame, ctx: Context) -> list[str]:
    """All questions of the search."""
    table = train if ctx.fold is None else ctx.fold.table
    return table[question_of(ctx.schema)].drop_nulls().to_list()


def _cost(name: str, spent: Spent) -> str:
    """What a strategy has asked of the language model, in words."""
    tokens = f", {spent.read:,} tokens read and {spent.written:,} written" if spent.read else ""
    return f"'{name}' asked the language model {spent.calls:,} times{tokens}; what it said is kept"


def _reader(wish: RetrievalOptions, ctx: Context) -> Reader:
    """What cuts short answers, loaded once."""
    if wish.reader is None:
        return RuleReader()
    name = wish.reader
    return ctx.shared.get(("reader", name), lambda: TunedReader(name, ctx.settings), common=True)


def _writer(wish: AnswerOptions, ctx: Context) -> AnswerOptions:
    """The language model, with the hash of its file if it has one."""
    return ctx.shared.get("writer", lambda: pinned(wish, ctx.settings), common=True)


def _embedder(wish: RetrievalOptions, ctx: Context) -> Embedder:
    """On all cores: other folds wait for the vectors meanwhile."""
    threads = ctx.settings.workers or os.cpu_count() or 1
    return ctx.shared.get("embedder", lambda: Embedder(ctx.settings, threads, wish.embedder), common=True)


def questions(model: RetrievalModel, train: pl.DataFrame) -> Iterator[tuple[str, dict[str, float]]]:
    """Each question of a table with the grades of the documents that are relevant to it."""
    target = model.schema.target
    if target is not None:
        for question, relevant in train.select(model.question, target.name).iter_rows():
            yield question or "", dict(judged(relevant))


def _prior(corpus: Corpus, train: pl.DataFrame, ctx: Context) -> np.ndarray:
    """How often each document was relevant, (documents,)."""
    numbers = corpus.numbers
    prior = np.zeros(len(corpus))
    target = ctx.schema.target
    unknown: list[str] = []
    for relevant in train[target.name] if target is not None else ():
        for name, grade in judged(relevant).items():
            if name in numbers:
                prior[numbers[name]] += grade
            else:
                unknown.append(name)
    if unknown and not prior.any():
        raise TargetError(
            "No document has a name that the questions call relevant.",
            got=repr(unknown[0]),
            do=suggestion(unknown[0], corpus.names),
        )
    if unknown:
        ctx.shared.get("unknown", lambda: _warn(unknown, ctx))
    return prior


def _warn(unknown: Sequence[str], ctx: Context) -> None:
    names = sorted(set(unknown))
    count = "1 relevant document is" if len(names) == 1 else f"{len(names):,} relevant documents are"
    ctx.events.emit("note", text=f"{count} not among the documents, such as {names[0]!r}")


def _threshold(
    model: RetrievalModel, train: pl.DataFrame, ctx: Context, how: Params, refused: float
) -> float:
    """The confidence below which nothing is answered.

    It separates questions that the documents answer from the same questions asked of the documents without
    those that are relevant, and from questions that are known to have no answer. Where the questions were
    made of words of the documents, it is lowered to where it would be for people, who use others too.
    """
    if model.strategy.fusion == "prior":
        return 0.0
    known: dict[str, tuple[float, float, float]] = ctx.shared.get(("confidence", how, model.strategy), dict)
    answered, unanswered, said = [], [], []
    some = train.sample(min(_ASKED, train.height), seed=ctx.seed)
    for question, relevant in questions(model, some):
        ctx.deadline.check()
        if question not in known:
            known[question] = _confidences(model, question, relevant)
        whole, without, words = known[question]
        unanswered.append(without)
        said.append(words if relevant else 0.0)
        if relevant:
            answered.append(whole)
    threshold = _separating(np.array(answered), np.array(unanswered), refused)
    if len(answered) < len(unanswered) or np.mean(np.array(said) >= _ALL) < _MADE:
        return threshold
    return threshold * (_SHARED if model.index.dense is None else (1 + _SHARED) / 2)


def _confidences(model: RetrievalModel, question: str, relevant: Iterable[str]) -> tuple[float, float, float]:
    """Of a question to all documents, and to those that are not relevant; the share of it that is found.

    The same in all folds.
    """
    names, (scores, similar) = model.index.corpus.numbers, model.scores(question)
    without = [names[name] for name in relevant if name in names]
    whole, rest = (model.confidence(question, scores, similar, some) for some in ((), without))
    return whole, rest, coverage(question, int(scores.argmax()), model.index.lexical)


def _separating(answered: np.ndarray, unanswered: np.ndarray, refused: float) -> float:
    """Halfway between two values, where the shares of rightly answered and refused are highest together."""
    if not len(answered) or not len(unanswered):
        return 0.0
    most = float(np.quantile(answered, refused))
    known = np.unique(np.concatenate([[0.0], answered, unanswered]))
    steps = np.append(0.0, (known[1:] + known[:-1]) / 2)
    steps = steps[steps <= most]
    right = [(answered >= step).mean() + (unanswered < step).mean() for step in steps]
    return float(steps[int(np.argmax(right))])


def _example(train: pl.DataFrame, ctx: Context) -> dict[str, Any]:
    names = [column.name for column in ctx.schema.features if column.type is Type.TEXT]
    return train.select(names).row(0, named=True) if train.height else {}
