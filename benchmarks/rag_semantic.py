"""Whether cutting where the meaning changes finds more: ``python -m benchmarks.rag_semantic``.

All questions of cranfield, with the settings that each strategy has before any search, so that only the way
of cutting differs; the weight of the hybrid is one half. Differences are paired, against sentences of the
same size.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks._common import say
from noria.data import documents, sources
from noria.methods.bm25 import top
from noria.methods.ranking import convex, ndcg
from noria.settings import Settings
from noria.systems.retrieval.chunks import Chunking, Chunks
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.embedder import Embedder
from noria.systems.retrieval.gaps import Gaps
from noria.systems.retrieval.lexical import Counts, Lexical
from noria.systems.retrieval.target import judged
from noria.systems.retrieval.words import Analyzer

__all__ = ["main"]


def main() -> None:
    """Print nDCG@10 of words, of meaning and of both, for each way of cutting."""
    settings, rng = Settings(), np.random.default_rng(0)
    asked = sources.read("collection:cranfield", settings=settings).select("question", "relevant").rows()
    corpus = Corpus.of(documents.read("collection:cranfield", settings=settings)[0])
    embedder, analyzer = Embedder(settings), Analyzer()
    questions = embedder.texts([question for question, _ in asked])
    begun = time.process_time()
    gaps = Gaps.of(corpus, embedder)
    say(
        f"{sum(len(one) + 1 for one in gaps.known.values()):,} sentences: "
        f"{time.process_time() - begun:.0f} CPU seconds"
    )
    before: dict[str, np.ndarray] = {}
    for how, size in (
        ("whole", 0),
        ("sentences", 120),
        ("semantic", 120),
        ("sentences", 60),
        ("semantic", 60),
    ):
        chunks = Chunks.of(corpus, Chunking(how, size, gaps=gaps))
        lexical = Lexical(Counts.of(corpus, chunks, analyzer), analyzer, k1=1.2, b=0.75, head_weight=1.0)
        whole = [f"{head}. {text}" for head, text in zip(chunks.heads(corpus), chunks.texts(corpus))]
        vectors = embedder.texts(whole)
        gains: dict[str, list[float]] = {"words": [], "meaning": [], "both": []}
        for (question, relevant), asking in zip(asked, questions):
            words, meaning = lexical.scores(question), vectors @ asking
            for name, scores in zip(gains, (words, meaning, convex([words, meaning + 1], [0.5, 0.5]))):
                best = top(np.maximum.reduceat(scores, chunks.starts), 10)
                gains[name].append(ndcg([corpus.names[at] for at in best], judged(relevant)))
        for name, each in gains.items():
            line = f"{how} {size} | {len(chunks):,} chunks | {name} | {np.mean(each):.3f}"
            if how == "semantic":
                gap = rng.choice(np.array(each) - before[name], (10_000, len(each))).mean(axis=1)
                line += " | {:+.3f} [{:+.3f}, {:+.3f}]".format(gap.mean(), *np.quantile(gap, [0.025, 0.975]))
            say(line)
        before = {name: np.array(each) for name, each in gains.items()}


if __name__ == "__main__":
    main()
