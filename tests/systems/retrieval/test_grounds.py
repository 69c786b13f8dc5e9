import math

import pytest

from noria.systems.retrieval.grounds import (
    answer_relevance,
    bears_out,
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


PUMPS = (
    "Pumps run without oil. A pump is not only loud but heavy. Gloves must be worn, not rings. "
    "No wheel turns on Sundays. A seal costs 12 euros. A rotor costs 240 euros. Valves were built in 1999."
)


@pytest.mark.parametrize(
    ("statement", "borne"),
    [
        ("Pumps run without oil.", True),
        ("Pumps run with oil.", False),
        ("Pumps don't run without oil.", False),
        ("A pump is loud and heavy.", True),
        ("A pump is not heavy.", False),
        ("Gloves must be worn.", True),
        ("Rings must be worn.", False),
        ("Gloves must not be worn.", False),
        ("No wheel turns on Sundays.", True),
        ("Wheels turn on Sundays.", False),
        ("A seal costs 12 euros and a rotor costs 240 euros.", True),
        ("A seal costs 12 and a rotor 240 euros.", True),
        ("A seal costs 240 euros.", False),
        ("A seal costs 1,250 euros.", False),
        ("Valves were built in 1998.", False),
        ("Valves were never built in 1999.", False),
    ],
)
def test_negations_and_numbers_that_the_text_has_otherwise_are_seen(statement, borne):
    assert bears_out(PUMPS, statement) is borne


def test_headings_lend_their_words_and_numbers():
    assert not bears_out("The service was founded by Ann.", "The service of 2019 was founded by Ann.")
    assert bears_out(
        "The service was founded by Ann.", "The service of 2019 was founded by Ann.", "Year 2019"
    )
    assert not bears_out("", "Wheels turn.")
    assert bears_out("", "Wheels turn.", "How wheels turn")


def test_a_quoted_sentence_is_borne_out_by_itself():
    cited = [("a", one) for one in PUMPS.split(". ")]
    assert faithfulness(answer(PUMPS, *cited)) == 1
