import json
import math

import polars as pl
import pytest

import noria
from noria.core.protocol import Evidence, Task
from noria.core.schema import Column, Role, Schema, Type
from noria.errors import ParamError, RecipeError, TargetError
from noria.systems.retrieval import RetrievalSystem, figures
from noria.systems.retrieval.metrics import metrics
from noria.testing.served import served
from noria.testing.toy import problems

TOY = problems()[-1]
TEXT = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)), rows=4)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return noria.Session(noria.Settings(home=tmp_path_factory.mktemp("home"), workers=2))


@pytest.fixture(scope="module")
def run(session):
    return noria.train(
        TOY.table, "relevant", documents=TOY.documents, name="pages", learners=["bm25"], trials=3,
        budget="30s", session=session,
    )  # fmt: skip


def predictions(documents, found):
    return pl.DataFrame({"documents": documents, "found": found, "confidence": [0.5] * len(found)})


def test_it_takes_questions_and_nothing_else():
    number = TEXT.change("question", type=Type.NUMBER)
    assert RetrievalSystem.accepts(TEXT, Task.QUESTION_ANSWERING)
    assert not RetrievalSystem.accepts(number, Task.QUESTION_ANSWERING)
    assert not RetrievalSystem.accepts(TEXT, Task.CLASSIFICATION)


def test_rankings_are_judged_where_there_is_an_answer_and_decisions_everywhere():
    truth = pl.DataFrame({"relevant": ["a; b", "c", "not in the documents", "not in the documents"]})
    said = predictions([["a", "x", "b"], ["x"], ["x"], ["x"]], [True, False, False, True])
    scores = {metric.name: metric.bind(truth, said)(None) for metric in metrics("relevant")}
    ideal = 1 + 1 / math.log2(3)
    assert scores == pytest.approx(
        {"ndcg@10": 1.5 / ideal / 2, "recall@10": 0.5, "recall@3": 0.5, "mrr@10": 0.5, "decided": 0.5}
    )
    losses = metrics("relevant")[0].losses(truth, said)
    assert losses == pytest.approx([1 - 1.5 / ideal, 1, 0, 0])


def test_a_metric_of_no_answerable_question_is_zero():
    truth = pl.DataFrame({"relevant": ["not in the documents"]})
    assert metrics("relevant")[0].bind(truth, predictions([["a"]], [False]))(None) == 0


def test_the_walk_ends_in_a_model_that_refuses_what_is_not_there(run):
    scores, floor = run.evaluation.scores, run.evaluation.baseline
    assert scores["ndcg@10"].low > floor["ndcg@10"].high
    assert scores["decided"].value > 0.8
    assert run.record["documents"] == run.record["lineage"]["data"]["documents"]
    assert "30 documents" in run.notes
    assert {"confidence", "places", "worst_questions"} <= {figure.name for figure in run.figures}


def test_the_same_again_is_not_done_again_and_other_documents_are(run, session):
    same = {"name": "pages", "learners": ["bm25"], "trials": 3, "budget": "30s", "session": session}
    again = noria.train(TOY.table, "relevant", documents=TOY.documents, **same)
    other = noria.train(TOY.table, "relevant", documents=TOY.documents.head(29), **same)
    assert again.id == run.id
    assert other.id != run.id


def test_a_question_is_asked_by_name(run, session):
    words = TOY.documents["text"][3].split()
    answer = noria.predict("pages", ask=f"what of {words[1]} and {words[4].strip('.')}", session=session)
    assert answer["documents"][0].to_list()[0] == "page-3"
    assert answer["citations"][0].to_list()[0]["document"] == "page-3"


def test_a_question_may_be_asked_of_some_documents(run, session):
    answer = noria.predict("pages", ask="what was seen", within="page-1?; page-3", session=session)
    assert {name[:6] for name in answer["documents"][0]} == {"page-1", "page-3"}


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (" \n", "The question is empty"),
        (
            "why " * 25_000,
            r"The question is too long\.\n  got: 100,000 characters\n  do:  Ask in at most 10,000",
        ),
    ],
)
def test_a_question_that_is_none(run, session, question, why):
    with pytest.raises(ParamError, match=why):
        noria.predict("pages", ask=question, session=session)


def test_a_model_of_rows_takes_no_question(session):
    rows = {"x": [0.5 * x for x in range(60)], "y": [2.0 * x for x in range(60)]}
    noria.train(rows, "y", name="line", task="regression", budget="3s", learners=["ridge"], session=session)
    with pytest.raises(ParamError, match="does not take a question"):
        noria.predict("line", ask="why?", session=session)


def test_answers_are_explained_by_what_they_cite(run):
    with pytest.raises(ParamError, match="column 'citations'"):
        run.model.explain(TOY.table.head(1))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_answers_are_written_with_their_citations(run, session, tmp_path, ending):
    rows, output = TOY.table.select("question").head(3), tmp_path / f"out{ending}"
    noria.predict("pages", rows, output=output, session=session)
    readers = {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}
    cited = readers[ending](output)["citations"][0]
    first = (json.loads(cited) if ending == ".csv" else cited.to_list())[0]
    assert first["document"].startswith("page-")


def test_a_run_of_documents_is_reproduced(run, session):
    repeated = noria.reproduce("pages", session=session)
    assert not repeated.files
    assert all(then == now for then, now in repeated.scores.values())


def test_answers_whose_documents_were_told_are_judged_and_learned_from(run, session):
    served("pages", TOY.table.drop("relevant"), session)
    ids = noria.predictions("pages", session=session)["id"]
    noria.feedback("pages", pl.DataFrame({"id": ids, "label": TOY.table["relevant"]}), session=session)
    told = noria.watch("pages", session=session)
    assert {one.score.metric: one.score.value for one in told.scores}["recall@10"] > 0.9
    done = noria.retrain("pages", pl.concat([TOY.table] * 2), session=session)
    again = noria.predict(f"pages@{done.version}", ask=TOY.table["question"][0], session=session)
    assert again["found"].all()


def test_figures_of_questions_that_all_succeed():
    truth = pl.DataFrame({"question": ["x"], "relevant": ["a"]})
    said = predictions([["a"]], [True])
    drawn = figures.draw(Evidence(truth, truth, said, said, truth, said), "relevant", metrics("relevant")[0])
    assert [figure.frame.height for figure in drawn] == [12, 20, 1]


def test_the_column_of_questions_is_found_by_its_name(session):
    table = TOY.table.with_columns(number=pl.int_range(pl.len()), topic=pl.lit("a b c d e"))
    run = noria.train(
        table, "relevant", documents=TOY.documents, name="named", learners=["bm25"], trials=2, budget="20s",
        session=session,
    )  # fmt: skip
    assert [column.name for column in run.model.signature.columns] == ["question"]
    with pytest.raises(RecipeError, match="Which column holds the questions"):
        noria.train(table.rename({"question": "q"}), "relevant", documents=TOY.documents, session=session)


def test_documents_by_address_are_part_of_the_recipe(session, tmp_path):
    for name, text in TOY.documents.rows():
        (tmp_path / f"{name}.txt").write_text(text)
    table = TOY.table.with_columns(pl.col("relevant").str.replace(r"(page-\d+)", "$1.txt"))
    run = noria.train(
        table, "relevant", documents=tmp_path, name="folder", learners=["bm25"], trials=2, budget="20s",
        session=session,
    )  # fmt: skip
    again = noria.refit("folder", table.head(50), session=session)
    assert run.recipe.data.documents == [str(tmp_path)]
    assert again.version == run.version + 1


def test_without_questions_some_are_made_and_it_is_said(session, tmp_path):
    for name, text in TOY.documents.rows():
        (tmp_path / f"{name}.txt").write_text(text)
    run = noria.train(
        documents=tmp_path, name="unasked", learners=["bm25"], trials=2, budget="20s", session=session
    )
    made = "No questions were given, so some were made from headings and sentences of the documents"
    assert run.notes[0].startswith(made)
    assert made in run.report.read_text()
    assert run.evaluation.scores["ndcg@10"].value > 0.8
    assert run.recipe.data.target == "relevant"
    assert noria.refit("unasked", session=session).record["snapshot"] == run.record["snapshot"]
    assert not noria.reproduce("unasked", session=session).files


def test_a_changed_folder_is_followed_by_a_refit(session, tmp_path):
    for name, text in TOY.documents.rows():
        (tmp_path / f"{name}.txt").write_text(text)
    keys = {"learners": ["bm25"], "trials": 2, "budget": "20s", "session": session}
    noria.train(documents=tmp_path, name="kept", **keys)
    (tmp_path / "page-3.txt").unlink()
    (tmp_path / "new.txt").write_text("Zygomorphic orchids are watered by a noria of bamboo every evening.")
    assert noria.predict("kept", ask="zygomorphic orchids", session=session)["documents"].item().is_empty()
    run = noria.refit("kept", session=session)
    answer = noria.predict(f"kept@{run.version}", ask="zygomorphic orchids", session=session)
    assert answer["documents"][0][0] == "new.txt"
    assert "page-3.txt" not in run.model.index.corpus.names


def test_names_that_no_document_has_are_said(session):
    unknown = TOY.table.with_columns(pl.col("relevant").str.replace("page-", "pages-"))
    keys = {"documents": TOY.documents, "learners": ["bm25"], "trials": 2, "budget": "20s"}
    with pytest.raises(TargetError, match=r"No document has a name.*\n.*'pages-\d+'\n.*Did you mean 'page-"):
        noria.train(unknown, "relevant", name="unknown", session=session, **keys)
    told = []
    session.events.listen(lambda event: told.append(event.data.get("text", "")))
    some = TOY.table.with_columns(pl.col("relevant").str.replace("^page-3$", "page-333"))
    noria.train(some, "relevant", name="some", session=session, **keys)
    assert "1 relevant document is not among the documents, such as 'page-333'" in told


def test_questions_of_one_group_stay_together():
    schema = Schema((*TEXT.columns, Column("who", Type.CATEGORY, Role.GROUP)), rows=40)
    table = TOY.table.head(40).with_columns(who=pl.Series([f"p{at // 4}" for at in range(40)]))
    for split in RetrievalSystem(schema, Task.QUESTION_ANSWERING).folds(table, 4, 0):
        assert not set(table["who"][split.train]) & set(table["who"][split.valid])
