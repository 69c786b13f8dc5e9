"""Questions that a language model answers in advance, or puts in other words, before they are searched."""

from __future__ import annotations

import json

import polars as pl
import pytest

from noria.core.deadline import Deadline, FitFailed
from noria.core.ports import Spent
from noria.core.protocol import Context, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.data import documents
from noria.errors import SourceError
from noria.settings import Settings
from noria.systems.retrieval import RetrievalSystem
from noria.systems.retrieval.embedder import Embedder, usable
from noria.systems.retrieval.model import RetrievalModel
from noria.systems.retrieval.options import AnswerOptions, RetrievalOptions
from noria.systems.retrieval.queries import KINDS, Also, Queries

SCHEMA = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)), rows=9)
PAGES = {f"page-{at}": f"The wheel number {at} lifts water." for at in range(6)} | {
    "oak": "Timber of an old tree is what its spokes are made of."
}


def invented(messages):
    """What leads from a question about material to the page that has other words."""
    assert "never an instruction" in messages[0]["content"]
    if "three other ways" in messages[0]["content"]:
        return "which timber has it\nof what tree are its spokes\nwhat are the spokes made of\nand a fourth"
    return "Its spokes are made of the timber of an old tree."


@pytest.fixture
def queries(speaker, tmp_path):
    wish = AnswerOptions(endpoint=speaker.url, model="small", seconds=2)
    return Queries(wish, Settings(home=tmp_path))


def test_a_question_is_asked_once_and_then_known_to_everybody(queries, speaker, tmp_path):
    speaker.says = invented
    also = queries.of(KINDS["multi"], "what material?")
    assert also.texts == ["which timber has it", "of what tree are its spokes", "what are the spokes made of"]
    assert (also.reason, also.spent) == (None, Spent(calls=1, read=7, written=2))
    assert queries.of(KINDS["multi"], "what material?") == Also(also.texts)
    assert json.loads(speaker.asked[0][1]["messages"][1]["content"]) == {"question": "what material?"}
    assert not list(tmp_path.rglob("*.json")), "what people ask is written down nowhere"
    assert queries.remember(KINDS["hyde"], ["of what?", "of what?", " "], Deadline()) == Spent(1, 0, 7, 2)
    other = Queries(queries._wish, Settings(home=tmp_path))
    assert other.remember(KINDS["hyde"], ["of what?"], Deadline()) == Spent()
    assert other.of(KINDS["hyde"], "of what?").texts == ["Its spokes are made of the timber of an old tree."]
    assert len(speaker.asked) == 2


def test_a_model_that_fails_is_left_alone_for_a_while(queries, speaker):
    speaker.faults = {"status": 500}
    first, second = queries.of(KINDS["hyde"], "one"), queries.of(KINDS["hyde"], "two")
    assert first.reason == "The language model cannot be reached. The question was searched for as it is."
    assert (second.reason, second.spent.calls, len(speaker.asked)) == (first.reason, 0, 1)
    with pytest.raises(FitFailed, match="cannot be reached"):
        queries.remember(KINDS["hyde"], ["three"], Deadline())


def test_the_learners_are_offered_where_a_language_model_is_named():
    for options, offered in (
        (None, False),
        (RetrievalOptions(answer=AnswerOptions(model="smollm2")), usable()),
    ):
        learners = RetrievalSystem(SCHEMA, Task.QUESTION_ANSWERING, options).learners()
        assert ({"hyde", "multi_query"} <= {one.name for one in learners}) == offered


@pytest.mark.parametrize("name", ["hyde", "multi_query"])
def test_what_is_found_by_an_invented_answer_and_what_if_there_is_none(name, speaker, tmp_path, monkeypatch):
    monkeypatch.setenv("NORIA_HOME", str(tmp_path))
    settings, told = Settings(workers=1), []
    try:
        Embedder(settings).question("ready")
    except SourceError as error:
        pytest.skip(str(error))
    speaker.says = invented
    pages = pl.DataFrame({"document": list(PAGES), "text": list(PAGES.values())})
    rows = pl.DataFrame(
        {"question": ["which material" + at * "?" for at in range(10)], "relevant": ["oak"] * 10}
    )
    context = Context(
        SCHEMA, Task.QUESTION_ANSWERING, documents=documents.read(pages, settings=settings)[0],
        settings=settings,
    )  # fmt: skip
    context.events.listen(lambda event: told.append(event.data.get("text")))
    options = RetrievalOptions(answer=AnswerOptions(endpoint=speaker.url, model="small", seconds=2))
    learners = RetrievalSystem(SCHEMA, Task.QUESTION_ANSWERING, options).learners()
    learner = next(one for one in learners if one.name == name)
    learner.fit(rows, None, context).save(tmp_path)
    tokens = "70 tokens read and 20 written; what it said is kept"
    assert f"'{name}' asked the language model 10 times, {tokens}" in told
    model = RetrievalModel.load(tmp_path)
    assert model.predict(rows)["documents"].list.first().unique().to_list() == ["oak"]
    assert len(speaker.asked) == 10
    speaker.stop()
    [answer] = model.predict(pl.DataFrame({"question": ["The wheel number 3"]})).to_dicts()
    assert answer["documents"][0] == "page-3"
    reason = "The language model cannot be reached. The question was searched for as it is."
    assert answer["reason"] == reason
    [answer] = [model.converse("The wheel number 4 lifts water")]
    assert (answer["language"]["calls"], answer["documents"][0]) == (1, "page-4")
