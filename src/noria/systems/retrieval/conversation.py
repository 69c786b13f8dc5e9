"""One question after the other: follow-ups understood, and answers that a language model writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from noria.core.deadline import Deadline
from noria.core.ports import Language
from noria.core.protocol import Turn
from noria.errors import UnreachableError
from noria.settings import Settings
from noria.systems.retrieval.answer import told
from noria.systems.retrieval.followup import standalone
from noria.systems.retrieval.language import connected
from noria.systems.retrieval.options import AnswerOptions
from noria.systems.retrieval.written import rewritten, written

if TYPE_CHECKING:
    from noria.systems.retrieval.model import Found, RetrievalModel

__all__ = ["converse"]


def converse(
    model: RetrievalModel,
    question: str,
    history: Sequence[Turn],
    within: Sequence[str],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """The answer to a question that may refer to those before it.

    Returns
    -------
    dict
        The fields of `RetrievalModel.predict`; ``asked``: the question as it was searched for; ``written``:
        whether a language model wrote the answer; ``reason``: why it did not, though it should have;
        ``language``: what it was asked for, see `Spent`, where there is one.
    """
    writer = model.writer
    language = None if writer is None else connected(writer, Settings())
    deadline = Deadline() if writer is None else Deadline(writer.seconds)
    asked = standalone(question, history, model.index.lexical.analyzer)
    if language is not None and history:
        asked = rewritten(question, history, language, deadline) or asked
    away = None
    try:
        found = model.search(asked, within, deadline)
    except UnreachableError as error:
        found = model.with_strategy(fusion="lexical").search(asked, within, deadline)
        away = f"{error.what} The passages were found by their words."
    answer = {**model.extracted(asked, found, question), "asked": asked, "written": False}
    answer["reason"] = away or found.also.reason
    if language is None or writer is None:
        tell(answer["prediction"])
        return answer
    if model.sure(found):
        try:
            answer |= _written(model, language, writer, asked, found, deadline, tell)
        except UnreachableError as error:
            answer["reason"] = f"{error.what} These are sentences of the documents instead."
    if not answer["written"]:
        tell(answer["prediction"])
    return {**answer, "language": asdict(language.spent + found.also.spent)}


def _written(
    model: RetrievalModel,
    language: Language,
    writer: AnswerOptions,
    asked: str,
    found: Found,
    deadline: Deadline,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """What the language model makes of the passages."""
    index = model.index
    where = found.passages, index.corpus, index.lexical
    text, citations = written(asked, *where, language, writer, deadline, tell)
    return {**told(text, citations), "written": True}
