"""A language model that judges answers."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from noria.core.protocol import Task
from noria.core.schema import Column, Role, Schema, Type
from noria.errors import SourceError
from noria.lifecycle.evaluate import score
from noria.settings import Settings
from noria.systems.retrieval import RetrievalSystem
from noria.systems.retrieval.embedder import Embedder, usable
from noria.systems.retrieval.options import AnswerOptions, RetrievalOptions

SCHEMA = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)), rows=3)
TRUTH = pl.DataFrame({"question": ["Who lifts water?", "What is oak?", "Why?"], "relevant": ["a", "b", ""]})


def answer(text, found=True):
    cited = [{"document": "a", "title": "", "heading": "", "text": text.replace("cheese", "oak")}]
    return {"prediction": text, "found": found, "citations": cited if found else [], "documents": ["a", "b"]}


ANSWERS = pl.DataFrame(
    [
        answer("The wheel lifts water. [1]"),
        answer("Oak is a tree. [1] It is made of cheese. [1]"),
        answer("Not in the documents.", found=False),
    ]
)


def opinion(messages):
    assert "never" in messages[0]["content"]
    [(given, told)] = json.loads(messages[1]["content"]).items()
    if given == "answer":
        return "Who lifts water?\nWho lifts water?\nWho lifts water?"
    return "No, cheese is not there." if "cheese" in json.loads(told)["statement"] else "Yes."


def metrics(speaker, monkeypatch, tmp_path):
    monkeypatch.setenv("NORIA_HOME", str(tmp_path))
    options = RetrievalOptions(judge=AnswerOptions(endpoint=speaker.url, model=str(tmp_path), seconds=2))
    found = RetrievalSystem(SCHEMA, Task.QUESTION_ANSWERING, options).metrics()
    return [one for one in found if one.name.endswith("_judged")]


def test_statements_are_judged_and_counted_with_an_interval(speaker, monkeypatch, tmp_path):
    speaker.says = opinion
    [faithful, *_] = metrics(speaker, monkeypatch, tmp_path)
    found = score(ANSWERS, TRUTH, [faithful], budget=1, seed=0)["faithfulness_judged"]
    assert found.value == pytest.approx(0.75)
    assert found.low < found.value < found.high
    assert len(speaker.asked) == 3, "each statement once, whatever is computed of it"


def test_an_answer_is_as_relevant_as_the_questions_that_it_answers_are_near(speaker, monkeypatch, tmp_path):
    speaker.says = opinion
    found = metrics(speaker, monkeypatch, tmp_path)
    try:
        Embedder(Settings()).question("ready")
    except SourceError as error:
        pytest.skip(str(error))
    values = 1 - found[1].losses(TRUTH, ANSWERS)
    assert values[0] == pytest.approx(1, abs=0.01)
    assert values[1] < 0.5


def test_an_interval_is_of_the_answers_that_were_judged(speaker, monkeypatch, tmp_path):
    speaker.says = "yes"
    [faithful, *_] = metrics(speaker, monkeypatch, tmp_path)
    found = score(ANSWERS, TRUTH, [faithful], budget=1, seed=0)["faithfulness_judged"]
    assert (found.low, found.value, found.high) == (pytest.approx(0.342, abs=1e-3), 1, 1)


def test_a_judge_that_is_away_has_no_opinion(speaker, monkeypatch, tmp_path):
    speaker.stop()
    [faithful, *_] = metrics(speaker, monkeypatch, tmp_path)
    found = score(ANSWERS, TRUTH, [faithful], budget=1, seed=0)["faithfulness_judged"]
    assert np.isnan([found.value, found.low, found.high]).all()


def test_nobody_judges_who_was_not_asked():
    names = [one.name for one in RetrievalSystem(SCHEMA, Task.QUESTION_ANSWERING).metrics()]
    assert not [name for name in names if name.endswith("_judged")]
    asked = RetrievalOptions(judge=AnswerOptions(model="smollm2"))
    names = [one.name for one in RetrievalSystem(SCHEMA, Task.QUESTION_ANSWERING, asked).metrics()]
    assert names[-1 - usable() :][0] == "faithfulness_judged"
