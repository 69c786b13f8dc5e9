"""How many answers of a local language model stand: ``python -m benchmarks.language --model smollm2``.

Questions about Noria's own documentation are asked of a model in a file (extra ``llm``), as a conversation
would but with as much time as it takes. Counted are answers that the documents bear out, statement by
statement, and what they cost.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks._common import ROOT, append, machine, say, versions
from benchmarks.tabular.report import table
from noria.core.deadline import Deadline
from noria.core.protocol import Context, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.data import documents
from noria.errors import UnreachableError
from noria.settings import Settings
from noria.systems.retrieval.language import connected
from noria.systems.retrieval.learners.strategies import Bm25, WordParams
from noria.systems.retrieval.model import RetrievalModel
from noria.systems.retrieval.options import AnswerOptions, RetrievalOptions
from noria.systems.retrieval.target import judged
from noria.systems.retrieval.written import written

__all__ = ["main"]

_SECONDS = 600.0


def _fitted(asked: pl.DataFrame, settings: Settings) -> RetrievalModel:
    """BM25 over sections of the documentation, with a threshold learned from all questions."""
    schema = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)), asked.height)
    pages = [ROOT / "docs/*.md", ROOT / "docs/how-to/*.md"]
    read = documents.read([str(one) for one in pages], settings=settings)[0]
    context = Context(schema, Task.QUESTION_ANSWERING, documents=read, settings=settings)
    return Bm25(RetrievalOptions(), WordParams(chunking="headings")).fit(asked, None, context)


def main(args: list[str] | None = None) -> int:
    """Ask, count, and write a line for each question."""
    parser = argparse.ArgumentParser(prog="benchmarks.language")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("build/bench/language.jsonl"))
    told = parser.parse_args(args)
    asked = pl.read_csv(ROOT / "src/noria/recipes/docs-qa/questions.csv")
    answerable = asked.filter(pl.col("relevant").map_elements(lambda one: bool(judged(one)), pl.Boolean))
    some = answerable[np.linspace(0, answerable.height - 1, told.questions).astype(int)]
    settings, wish = Settings(), AnswerOptions(model=told.model, tokens=100)
    model, outcomes, spent = _fitted(asked, settings), [], []
    where = model.index.corpus, model.index.lexical
    for question, relevant in some.iter_rows():
        found, language = model.search(question), connected(wish, settings)
        begun, cpu, statements = time.perf_counter(), time.process_time(), []
        try:
            text, cited = written(
                question, found.passages, *where, language, wish, Deadline(_SECONDS), statements.append
            )
            outcome = "kept" if cited else "not in the documents"
            right = bool({one["document"] for one in cited} & judged(relevant).keys())
        except UnreachableError as error:
            text, right, outcome = "", False, error.what
        line = {
            "model": told.model, "question": question, "outcome": outcome, "right_document": right,
            "statements": len(statements), "text": text, "seconds": time.perf_counter() - begun,
            "cpu": time.process_time() - cpu, "read": language.spent.read, "written": language.spent.written,
        }  # fmt: skip
        append(told.out, line)
        say(f"{outcome}, {line['cpu']:.0f} s of CPU: {question} {text}")
        outcomes.append(line)
        spent.append([line["cpu"], line["read"], line["written"]])
    kept = [line for line in outcomes if line["outcome"] == "kept"]
    cpu, read, wrote = np.array(spent).mean(axis=0)
    told_so = sum(line["outcome"] == "not in the documents" for line in outcomes)
    right = sum(line["right_document"] for line in kept)
    row = [told.model, len(outcomes), len(kept), right, told_so, f"{cpu:.1f}", f"{read:.0f}", f"{wrote:.0f}"]
    names = ["model", "asked", "kept", "right document", "not in the documents", "CPU s", "read", "written"]
    say(table(names, [row]))
    say(f"{machine()}; {versions(['xllamacpp'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
