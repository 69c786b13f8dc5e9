"""How good and how fast retrieval is: ``python -m benchmarks.rag`` (needs the extra ``rag``, and data).

Quality: the questions of a collection are split five ways; for each part a strategy is chosen on the other
four, once among all, once among settings of BM25, once among those of dense vectors, and judged on the part
it has not seen. The questions of all parts are then compared in pairs. Speed: 50,000 chunks of sentences of
both collections.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import noria
from benchmarks._common import append, latency, machine, read_lines, say, versions
from benchmarks.tabular.report import table
from noria.core.schema import Column, Role, Schema, Type
from noria.data import documents, sources
from noria.methods.bm25 import top
from noria.settings import Settings
from noria.systems.retrieval.chunks import Chunking, Chunks, sentences
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.dense import Arrays, Dense
from noria.systems.retrieval.embedder import Embedder
from noria.systems.retrieval.lexical import Counts, Lexical
from noria.systems.retrieval.metrics import metrics
from noria.systems.retrieval.model import Index, RetrievalModel, Strategy
from noria.systems.retrieval.words import Analyzer

__all__ = ["main"]

_PARTS, _FOLDS, _RESAMPLES = 5, 3, 10_000
_ARMS: dict[str, tuple[list[str] | None, int]] = {
    "chosen": (None, 20),
    "bm25": (["bm25"], 10),
    "dense": (["dense"], 2),
}
_WORDS, _CHUNKS, _EMBEDDED = 100, 50_000, 48
_SENTENCES, _LETTERS = 6_000, range(41, 300)


def _quality(name: str, budget: str, session: noria.Session, out: Path) -> list[list[str]]:
    """nDCG@10 of each arm over all questions, and paired differences; what is in `out` is not done again."""
    address = f"collection:{name}"
    asked = sources.read(address, settings=session.settings)
    part = np.random.default_rng(0).permutation(asked.height) % _PARTS
    gains = {arm: np.zeros(asked.height) for arm in _ARMS}
    picked: Counter[str] = Counter()
    measure = metrics("relevant")[0]
    known = {(one["collection"], one["fold"], one["arm"]): one for one in read_lines(out)}
    for fold, (arm, (learners, trials)) in product(range(_PARTS), _ARMS.items()):
        done = known.get((name, fold, arm))
        if done is None:
            seen, unseen = asked.filter(part != fold), asked.filter(part == fold)
            run = noria.train(
                seen, "relevant", test=unseen, documents=address, name=f"bench-{name}-{arm}", session=session,
                learners=learners, trials=trials, budget=budget, folds=_FOLDS, metric="ndcg@10",
            )  # fmt: skip
            assert measure.losses is not None
            best = run.evaluation.leaderboard[0]
            done = {
                "collection": name, "fold": fold, "arm": arm, "learner": best.learner, "params": best.params,
                "trials": run.trials, "seconds": run.seconds,
                "gains": (1 - measure.losses(unseen, run.model.predict(unseen))).tolist(),
            }  # fmt: skip
            append(out, done)
        gains[arm][part == fold] = done["gains"]
        score = gains[arm][part == fold].mean()
        say(f"{name} {fold} {arm}: {score:.3f}, {done['trials']} trials, {done['learner']} {done['params']}")
        if arm == "chosen":
            picked[done["learner"]] += 1
    lines = []
    for arm, values in gains.items():
        difference = gains["chosen"] - values
        told = ["", ""] if arm == "chosen" else _paired(difference)
        lines.append([name, arm, f"{values.mean():.3f}", *told])
    lines[0][-1] = ", ".join(f"{learner} {count}x" for learner, count in picked.most_common())
    return lines


def _paired(difference: np.ndarray) -> list[str]:
    """The mean with its 95% interval, and the chance of it under random signs."""
    rng = np.random.default_rng(0)
    means = rng.choice(difference, (_RESAMPLES, len(difference))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    signs = rng.choice([-1.0, 1.0], (_RESAMPLES, len(difference)))
    chance = (1 + (np.abs((signs * difference).mean(axis=1)) >= abs(difference.mean())).sum()) / (
        1 + _RESAMPLES
    )
    return [f"{difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]", f"p = {chance:.4f}"]


def _made(settings: Settings) -> tuple[pl.DataFrame, list[str], list[list[int]]]:
    """Documents of about 100 words, the sentences of both collections, and which of them each is made of."""
    real = [documents.read(f"collection:{name}", settings=settings)[0] for name in ("cranfield", "cacm")]
    spans = ((text, *span) for text in pl.concat(real)["text"] for span in sentences(text))
    pool = sorted({text[a:b] for text, a, b in spans if b - a in _LETTERS})
    rng, drawn = np.random.default_rng(0), []
    pool = [pool[at] for at in rng.permutation(len(pool))[:_SENTENCES]]
    words = np.array([len(text.split()) for text in pool])
    for _ in range(_CHUNKS):
        some = rng.integers(len(pool), size=_WORDS)
        drawn.append(some[: 1 + np.searchsorted(words[some].cumsum(), _WORDS)].tolist())
    texts = [" ".join(pool[at] for at in some) for some in drawn]
    rows = pl.DataFrame({"document": [str(number) for number in range(_CHUNKS)], "text": texts})
    return documents.read(rows, settings=settings)[0], pool, drawn


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _index_speed(blocks: pl.DataFrame) -> tuple[list[list[str]], Index]:
    """Chunks per second without embedding, and the memory it takes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    corpus, laid = _timed(lambda: Corpus.of(blocks))
    chunks, cut = _timed(lambda: Chunks.of(corpus, Chunking("sentences", 4 * _WORDS)))
    analyzer = Analyzer()
    counts, counted = _timed(lambda: Counts.of(corpus, chunks, analyzer))
    lexical, weighed = _timed(lambda: Lexical(counts, analyzer, k1=1.2, b=0.75, head_weight=1.0, feedback=5))
    whole = laid + cut + counted + weighed
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    lines = [
        ["documents laid out", f"{laid:.2f} s"], ["cut into chunks", f"{cut:.2f} s"],
        ["words counted", f"{counted:.2f} s"], ["BM25 weighed", f"{weighed:.2f} s"],
        ["together", f"{len(chunks) / whole:,.0f} chunks/s"],
        ["memory more than the documents", f"{grown:,.0f} MB"],
    ]  # fmt: skip
    return lines, Index(corpus, chunks, lexical, np.zeros(len(corpus)))


def _embedding_speed(settings: Settings) -> list[list[str]]:
    """CPU time of the embedder, and of its model called directly; the best of four each.

    A new session is slower on the first texts of each length, so they take turns at being first.
    """
    texts = documents.read("collection:cranfield", settings=settings)[0]["text"].to_list()[:_EMBEDDED]
    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(4):
        with tempfile.TemporaryDirectory() as home:
            embedder = Embedder(settings.model_copy(update={"home": Path(home), "cache": Path(home)}))
            session, tokenizer, _ = embedder._encoder.hub.tools()  # type: ignore[attr-defined]
            works: dict[str, Callable[[], Any]] = {
                "ours": partial(embedder.texts, texts),
                "bare": partial(_bare, session, tokenizer, texts),
            }
            for name in sorted(works, reverse=turn % 2 == 0):
                taken[name].append(_cpu(works[name]))
    ours, bare = taken.values()
    per, direct = (1000 * min(each) / len(texts) for each in (ours, bare))
    return [["embedding, ms of CPU per text", f"{per:.1f}"], ["onnxruntime directly", f"{direct:.1f}"],
            ["ratio", f"{per / direct:.3f}"]]  # fmt: skip


def _bare(session: Any, tokenizer: Any, texts: Sequence[str]) -> None:
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids])
        fed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        session.run(None, fed)[0].mean(axis=1)


def _cpu(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _vectors(pool: list[str], drawn: list[list[int]], embedder: Embedder) -> np.ndarray:
    """The direction of the mean of each chunk's sentences: near its own vector, and sooner made."""
    said = embedder.texts(pool)
    vectors = np.array([said[some].mean(axis=0) for some in drawn])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _nearest(dense: Dense, asked: Sequence[str]) -> list[list[str]]:
    """Whether the approximate search finds the ten nearest, and what either costs."""
    assert dense.rows is not None
    rows = dense.rows
    exact = rows @ np.array([dense.embedder.question(question) for question in asked]).T
    found = [dense.scores(question) for question in asked]
    hits = [len({*top(one, 10).tolist()} & {*top(all_, 10).tolist()}) for one, all_ in zip(found, exact.T)]
    vector = dense.embedder.question(asked[0])
    whole = min(_cpu(lambda: np.einsum("ij,j->i", rows, vector)) for _ in range(20))
    short = min(_cpu(lambda: dense.scores(asked[0])) for _ in range(20))
    return [["recall@10 of the approximate search", f"{np.mean(hits) / 10:.4f}"],
            ["exact sum, ms of CPU", f"{1000 * whole:.2f}"],
            ["approximate, ms of CPU", f"{1000 * short:.2f}"]]  # fmt: skip


def _query_speed(index: Index, dense: Dense, asked: Sequence[str]) -> list[list[str]]:
    """One question at a time through `predict`, citations included, each question embedded anew."""
    embedder = dense.embedder
    index = Index(index.corpus, index.chunks, index.lexical, index.prior, dense)
    schema = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)))
    lines = []
    for fusion, feedback in (("lexical", 0), ("lexical", 5), ("dense", 0), ("convex", 0), ("convex", 5)):
        index.lexical.settings["feedback"] = feedback
        index.lexical._feedback = feedback
        model = RetrievalModel(schema, index, Strategy(fusion))
        embedder._asked.clear()
        model.predict(pl.DataFrame({"question": asked[:1]}))
        calls = [(model.predict, pl.DataFrame({"question": [question]})) for question in asked[1:]]
        found = latency(calls, seconds=60)
        embedder._asked.clear()
        spent = float(np.median([_cpu(lambda c=call, a=rows: c(a)) for call, rows in calls[:100]]))  # type: ignore[misc]
        name = f"{fusion}{', feedback' if feedback else ''}"
        lines.append([name, f"{found['p50_ms']:.1f}", f"{found['p99_ms']:.1f}", f"{1000 * spent:.1f}"])
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--budget", default="10m", help="of each search")
    parser.add_argument("--only", choices=["quality", "speed"])
    parser.add_argument("--collections", nargs="+", default=["cranfield", "cacm"])
    parser.add_argument("--out", type=Path, default=Path("rag.jsonl"), help="what was measured before")
    given = parser.parse_args(arguments)
    settings = Settings()
    out = [f"{machine()} {versions(['noria', 'numpy', 'onnxruntime', 'polars'])}"]
    if given.only != "speed":
        with tempfile.TemporaryDirectory() as home:
            session = noria.Session(
                settings.model_copy(update={"state": None, "home": Path(home), "cache": Path(home) / "cache"})
            )
            (Path(home)).mkdir(exist_ok=True)
            (Path(home) / "cache").symlink_to(settings.cache)
            lines = [
                line
                for name in given.collections
                for line in _quality(name, given.budget, session, given.out)
            ]
        out.append(table(["collection", "arm", "nDCG@10", "chosen is better by", "by chance"], lines))
    if given.only != "quality":
        blocks, pool, drawn = _made(settings)
        lines, index = _index_speed(blocks)
        out.append(table(["indexing 50,000 chunks", ""], [*lines, *_embedding_speed(settings)]))
        embedder = Embedder(settings)
        dense = Dense(Arrays(_vectors(pool, drawn, embedder)), embedder)
        asked = sources.read("collection:cranfield", settings=settings)["question"].to_list()
        out.append(table(["the nearest of 50,000", ""], _nearest(dense, asked)))
        out.append(table(["query", "p50 ms", "p99 ms", "p50 ms of CPU"], _query_speed(index, dense, asked)))
    sys.stdout.write("\n\n".join(out) + "\n")


if __name__ == "__main__":
    main()
