"""Whether code that is cut into functions and classes is found better: ``python -m benchmarks.rag_code``.

The source is Noria's own. Questions are of two kinds: the first lines of 300 docstrings, which are taken out
of the files that are searched, as CodeSearchNet does; and questions that were written for this, in `ASKED`. A
file is relevant; it is found by its best chunk, by words (BM25).
"""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._common import say
from noria.data import documents
from noria.data.documents import source
from noria.methods.bm25 import top
from noria.methods.ranking import ndcg
from noria.settings import Settings
from noria.systems.retrieval.chunks import Chunking, Chunks
from noria.systems.retrieval.corpus import Corpus
from noria.systems.retrieval.lexical import Counts, Lexical
from noria.systems.retrieval.words import Analyzer

ROOT = Path(__file__).parent.parent / "src" / "noria"
ASKED = {
    "Where are chunks cut by sentences packed up to a size?": "systems/retrieval/chunks.py",
    "How is the threshold below which nothing is answered chosen?": "systems/retrieval/learners/base.py",
    "Which code merges rankings by reciprocal rank?": "methods/ranking.py",
    "How is a file that an upload brings scored batch by batch?": "lifecycle/serve/files.py",
    "Where is an API key compared with its digest?": "lifecycle/keys.py",
    "What refuses a request that names two hosts?": "server/guard.py",
    "How are decimal columns turned into floats when a table is read?": "data/sources/ask.py",
    "Where is a URL downloaded and put into the cache?": "data/sources/remote.py",
    "How does a document follow renamed or deleted files?": "data/documents/known.py",
    "Which function takes questions from headings when nobody gave any?": "data/documents/questions.py",
    "Where does the service move to another version when an alias moves?": "lifecycle/serve/endpoint.py",
    "How is a password protected Word file recognised?": "data/documents/office.py",
    "Where are Shapley values of trees computed?": "methods/trees/_shap.py",
    "How are folds run in threads on this machine?": "backends/executor_local.py",
    "What keeps vectors of texts so that nothing is embedded twice?": "systems/retrieval/embedder.py",
    "Which code writes the words of a heading without its emphasis from Markdown?": "data/documents/text.py",
    "How are interrupted trials kept in a journal?": "lifecycle/journal.py",
    "Where is the range of a parameter checked?": "core/params.py",
    "How is a model compared with the one before in a contest?": "lifecycle/contest.py",
    "Which function stops a search when the clock has run out?": "core/deadline.py",
    "Where are requests put together into batches?": "lifecycle/serve/batch.py",
    "How does the client send rows to a service?": "client.py",
    "Where are old runs removed?": "lifecycle/prune.py",
    "How are citations put beside the sentences of an answer?": "systems/retrieval/answer.py",
}


def stripped(text: str) -> tuple[str, list[str]]:
    """Source without docstrings of functions and classes, and their first lines."""
    lines, said = text.splitlines(), []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or ast.get_docstring(node) is None:
            continue
        said.append(ast.get_docstring(node).splitlines()[0])
        held = node.body[0]
        for at in range(held.lineno - 1, held.end_lineno):
            lines[at] = ""
    return "\n".join(lines), said


def ranked(folder: Path, how: str, size: int, asked: list[tuple[str, str]]) -> np.ndarray:
    """nDCG@10 of each question."""
    with tempfile.TemporaryDirectory() as home:
        table, _ = documents.read(folder, settings=Settings(home=Path(home)))
    corpus = Corpus.of(table)
    chunks = Chunks.of(corpus, Chunking(how, size, 0.25))
    analyzer = Analyzer()
    lexical = Lexical(Counts.of(corpus, chunks, analyzer), analyzer, k1=1.2, b=0.75, head_weight=1.0)
    gains = []
    for question, name in asked:
        scores = np.maximum.reduceat(lexical.scores(question), chunks.starts)
        gains.append(ndcg([corpus.names[at] for at in top(scores, 10)], {name: 1.0}))
    return np.array([*gains, len(chunks)])


def main() -> None:
    """Print one line for each way of cutting."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as made:
        bare, folder = [], Path(made)
        for path in sorted(ROOT.rglob("*.py")):
            text, said = stripped(path.read_text(encoding="utf-8"))
            name = path.relative_to(ROOT)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            bare += [(line, str(name)) for line in said if len(line.split()) > 4]
        drawn = [bare[at] for at in rng.permutation(len(bare))[:300]]
        sets = {"docstrings": (folder, drawn), "people": (ROOT, list(ASKED.items()))}
        grammars = dict(source.GRAMMARS)
        for kind, (where, asked) in sets.items():
            for how, size in (
                ("whole", 0),
                ("fixed", 120),
                ("headings", 60),
                ("headings", 120),
                ("headings", 400),
            ):
                found = {}
                for cut in ("lines", "tree-sitter"):
                    source.GRAMMARS.clear()
                    source.GRAMMARS.update(grammars if cut == "tree-sitter" else {})
                    found[cut] = ranked(where, how, size, asked)
                before, after = (found[cut][:-1] for cut in ("lines", "tree-sitter"))
                gap = rng.choice(after - before, (5_000, len(before))).mean(axis=1)
                low, high = np.quantile(gap, [0.025, 0.975])
                row = {
                    "questions": f"{kind} ({len(asked)})", "chunking": f"{how} {size}",
                    "lines": f"{before.mean():.3f}", "tree-sitter": f"{after.mean():.3f}",
                    "gap": f"{(after - before).mean():+.3f} [{low:+.3f}, {high:+.3f}]",
                    "chunks": f"{found['lines'][-1]:.0f} / {found['tree-sitter'][-1]:.0f}",
                }  # fmt: skip
                say(" | ".join(row.values()))


if __name__ == "__main__":
    main()
