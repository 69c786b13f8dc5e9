import math

import pytest

from noria.systems.retrieval.grounds import (
    answer_relevance,
    context_precision,
    context_recall,
    faithfulness,
)


def answer(text, *citations, found=True, documents=()):
    cited = [{"document": name, "title": name, "heading": "", "text": said} for name, said in citations]
    return {"prediction": text, "citations": cited, "found": found, "documents": list(documents)}


def test_statements_that_the_citations_do_not_bear_out_count_against_an_answer():
    cited = ("a", "Wheels are made of oak.")
    assert faithfulness(answer("Wheels are made of oak. [1]", cited)) == 1
    assert faithfulness(answer("Wheels are made of oak. [1] The moon shines brightly. [1]", cited)) == 0.5
    assert math.isnan(faithfulness(answer("Not in the documents.", found=False)))


def test_an_answer_that_takes_up_the_question_is_relevant():
    said = answer("It is made of oak. [1]", ("wheels", "It is made of oak."))
    assert answer_relevance("what are wheels made of", said) == 1
    assert answer_relevance("which tower leans", said) == 0
    assert math.isnan(answer_relevance("why", answer("", found=False)))


def test_relevant_documents_count_more_the_sooner_they_come():
    assert context_precision(answer("", documents=["a", "x", "b"]), {"a": 1, "b": 1}) == pytest.approx(5 / 6)
    assert context_precision(answer("", documents=["x", "y", "z", "a"]), {"a": 1}) == 0
    assert math.isnan(context_precision(answer("", documents=["x"]), {}))


def test_what_is_cited_is_held_against_the_true_answer_or_the_documents():
    said = answer("", ("a", "just 308 points"))
    assert context_recall(said, {"a": 1, "b": 1}, []) == 0.5
    assert context_recall(said, {"a": 1}, ["308 points", "nothing"]) == 1
    assert context_recall(answer(""), {"a": 1}, ["308"]) == 0
    assert math.isnan(context_recall(said, {}, []))
