import polars as pl
import pytest

from noria.core.protocol import Context, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.data import documents
from noria.errors import ArtifactError, ParamError, SourceError, TargetError
from noria.settings import Settings
from noria.systems.retrieval import RetrievalSystem
from noria.systems.retrieval.embedder import Embedder
from noria.systems.retrieval.learners.base import _separating
from noria.systems.retrieval.target import judged

SCHEMA = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)), rows=4)
PAGES = {
    "pumps.md": "# Pumps\n\nA pump lifts.\n\n## Repair\n\nReplace the seal when it leaks. Wear gloves.\n",
    "wheels.md": "# Wheels\n\nA water wheel turns slowly.\n\nIts buckets are made of oak.\n",
    "accounts.md": "# Accounts\n\nAn invoice is sent every month.\n",
}
QUESTIONS = pl.DataFrame(
    {
        "question": ["why does the seal leak", "buckets of oak", "monthly invoice", "who was Napoleon"],
        "relevant": ["pumps.md", "wheels.md", "accounts.md=2; pumps.md", "not in the documents"],
    }
)


@pytest.fixture
def pages(tmp_path):
    for name, text in PAGES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return documents.read(tmp_path, settings=Settings())[0]


def fitted(pages, name="bm25", questions=QUESTIONS, **params):
    system = RetrievalSystem(SCHEMA, Task.QUESTION_ANSWERING)
    learner = next(one for one in system.learners() if one.name == name)
    ctx = Context(SCHEMA, Task.QUESTION_ANSWERING, documents=pages)
    return learner.with_params(learner.params.replace(**params)).fit(questions, None, ctx)


def found_again(table):
    """Questions that repeat what the documents say."""
    return table.select(question="text", relevant="document")


def ask(model, question):
    return model.predict(pl.DataFrame({"question": [question]})).row(0, named=True)


@pytest.mark.parametrize("chunking", ["whole", "fixed", "sentences", "headings", "children"])
def test_an_answer_is_a_sentence_with_its_place(pages, chunking):
    answer = ask(fitted(pages, chunking=chunking), "How is a leaking seal replaced?")
    assert answer["prediction"] == "Replace the seal when it leaks. [1]"
    assert answer["citations"] == [
        {
            "document": "pumps.md",
            "title": "Pumps",
            "heading": "Pumps > Repair",
            "page": None,
            "line": 7,
            "begin": 27,
            "end": 58,
            "text": "Replace the seal when it leaks.",
        }
    ]
    assert answer["documents"][0] == "pumps.md"


def test_every_citation_is_in_its_document(pages):
    model = fitted(pages, chunking="sentences")
    for answer in model.predict(QUESTIONS).iter_rows(named=True):
        for cited in answer["citations"]:
            assert cited["text"] in " ".join(PAGES[cited["document"]].split())


def test_the_question_itself_is_no_answer():
    rows = [{"document": "faq", "text": "How old is a wheel? A wheel is ten years old."}]
    table, _ = documents.read(rows, settings=Settings())
    answer = ask(fitted(table, questions=found_again(table)), "how old is a  wheel?")
    assert answer["prediction"] == "A wheel is ten years old. [1]"


@pytest.mark.parametrize("question", ["Who was Napoleon?", "", "   ", "?!", "the of and"])
def test_what_is_not_there_is_not_answered(pages, question):
    answer = ask(fitted(pages), question)
    assert answer["prediction"] == "Not in the documents."
    assert not answer["found"]
    assert answer["citations"] == []


def test_a_very_long_question_is_read_as_far_as_it_says_something(pages):
    assert ask(fitted(pages), "seal leak " + 50_000 * "x ")["documents"][0] == "pumps.md"


def test_scripts_without_spaces_are_found_by_their_letters():
    rows = [{"document": "wheel", "text": "水车提水。"}, {"document": "mill", "text": "磨坊磨面。"}]
    table, _ = documents.read(rows, settings=Settings())
    assert ask(fitted(table, questions=found_again(table)), "水车")["documents"][0] == "wheel"


def test_right_to_left_text_is_found():
    rows = [
        {"document": "water", "text": "الناعورة ترفع الماء."},
        {"document": "other", "text": "كتاب قديم."},
    ]
    table, _ = documents.read(rows, settings=Settings())
    answer = ask(fitted(table, questions=found_again(table)), "الناعورة")
    assert answer["documents"][0] == "water"
    assert answer["citations"][0]["text"] == "الناعورة ترفع الماء."


def test_feedback_finds_what_shares_no_word_with_the_question():
    rows = [
        {"document": "a", "text": "Noria wheel bucket."},
        {"document": "b", "text": "A wheel bucket chain."},
        {"document": "c", "text": "An invoice of May."},
        {"document": "d", "text": "A letter of June."},
    ]
    table, _ = documents.read(rows, settings=Settings())
    models = (fitted(table, name, found_again(table)) for name in ("bm25", "bm25_feedback"))
    plain, twice = (model.index.lexical.scores("noria") for model in models)
    assert plain[1] == 0
    assert twice[1] > twice[2:].max()


def test_people_use_other_words_than_questions_that_were_made_of_the_documents(pages):
    asked = ["seal leaks gloves", "water wheel turns slowly", "buckets oak", "invoice sent", "pump lifts"]
    names = ["pumps.md", "wheels.md", "wheels.md", "accounts.md", "pumps.md"]
    made = pl.DataFrame({"question": asked, "relevant": names})
    known = pl.DataFrame({"question": ["zzz"], "relevant": ["not in the documents"]})
    lenient, strict = (fitted(pages, questions=rows) for rows in (made, pl.concat([made, known])))
    assert lenient.strategy.threshold == pytest.approx(0.6 * strict.strategy.threshold)
    assert ask(lenient, "How is the seal fixed?")["found"]
    assert not ask(strict, "How is the seal fixed?")["found"]
    assert not ask(lenient, "Who painted the Mona Lisa?")["found"]


def test_documents_without_a_word_of_the_question_are_not_named(pages):
    assert ask(fitted(pages), "buckets of a turning wheel")["documents"] == ["wheels.md"]
    assert ask(fitted(pages), "zzz")["documents"] == []


def test_without_documents_there_is_one_error():
    with pytest.raises(SourceError, match="There are no documents to search"):
        fitted(None)


def test_the_threshold_separates_and_refuses_few():
    import numpy as np

    answered, unanswered = np.linspace(0.4, 1.0, 100), np.linspace(0.0, 0.45, 100)
    assert 0.4 <= _separating(answered, unanswered, refused=0.05) <= 0.46
    assert _separating(answered, answered, refused=0.0) <= 0.4
    assert _separating(answered, np.array([]), refused=0.05) == 0


@pytest.mark.parametrize(
    ("text", "grades"),
    [
        ("a.md", {"a.md": 1}),
        (" a.md ; b.md=3 ", {"a.md": 1, "b.md": 3}),
        ("a=0", {}),
        ("not in the documents", {}),
        (None, {}),
    ],
)
def test_judged(text, grades):
    assert judged(text) == grades


def test_a_grade_that_is_no_number_is_named():
    with pytest.raises(TargetError, match=r"a grade that is not a number.*\n.*'a=x'"):
        judged("a=x")


def test_an_index_of_another_embedding_model_is_refused():
    with pytest.raises(ArtifactError, match="made by an embedding model that this version"):
        Embedder.loaded({"name": "other@1234"}, Settings())


def test_a_search_within_some_documents(pages):
    model = fitted(pages)
    asked = pl.DataFrame(
        {"question": ["the seal of the wheel"] * 3, "within": ["wh*; acc*", "pumps.md", None]}
    )
    within, one, everywhere = model.predict(asked).iter_rows(named=True)
    assert within["documents"] == ["wheels.md"]
    assert one["documents"] == ["pumps.md"]
    assert {place["document"] for place in within["citations"]} == {"wheels.md"}
    assert set(everywhere["documents"]) == {"wheels.md", "pumps.md"}


def test_a_search_within_no_document_is_one_error(pages):
    with pytest.raises(
        ParamError, match=r"No document has a name to search within.*\n.*'pump.md'\n.*'pumps.md'"
    ):
        fitted(pages).predict(pl.DataFrame({"question": ["seal"], "within": ["pump.md"]}))


def test_passages_that_repeat_each_other_make_room():
    rows = [
        {"document": "a", "text": "The seal of the pump leaks."},
        {"document": "b", "text": "The seal of the pump leaks again."},
        {"document": "c", "text": "The seal of the pump leaks once more."},
        {"document": "d", "text": "A seal swims in the sea."},
    ]
    table, _ = documents.read(rows, settings=Settings())
    plain = fitted(table, questions=found_again(table))
    model = plain.with_strategy(diversity=0.7)
    scores, similar = model.scores("seal pump")
    read, unlike = (one.found("seal pump", scores, similar).passages for one in (plain, model))
    assert [passage.document for passage in read] == [0, 1, 2]
    assert [passage.document for passage in unlike][:2] == [0, 3]
    assert len(unlike) == 3
