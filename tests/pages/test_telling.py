from __future__ import annotations

from dataclasses import replace

import yaml

from noria.core.schema import Column, Schema, Type
from noria.core.signature import Signature
from noria.lifecycle import report
from noria.pages.render import render
from noria.pages.telling import limits, method, python, values


def test_a_model_card_has_the_head_that_hugging_face_reads(story):
    _, head, body = report.card(story(title="A: # 'title'")).split("---\n", 2)
    told = yaml.safe_load(head)
    assert (told["library_name"], told["pipeline_tag"]) == ("noria", "tabular-classification")
    assert told["metrics"] == ["accuracy", "roc_auc", "mcc"]
    [result] = told["model-index"][0]["results"]
    assert result["task"]["name"] == "A: # 'title'"
    assert result["metrics"][0] == {"type": "accuracy", "name": "accuracy", "value": 0.8441}
    assert result["dataset"]["name"] == "postgresql://host/ships"
    for chapter in ("Intended use", "Data", "Training", "Metrics", "Limits", "How to use", "How it was made"):
        assert f"\n## {chapter}\n" in body
    assert "| accuracy | 0.8441 | 0.7900 to 0.8868 | 0.6578 | >= 0.78: met |" in body
    assert "- age tells all (NOR004): It scores 0.84. Check it." in body


def test_a_readme_has_the_shape_of_a_recipes(story):
    text = render("readme.md", story=story())
    chapters = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert chapters == ["Problem", "Data", "Method", "Results", "Run", "Limits"]
    assert "\n\n\n" not in text
    assert "noria predict titanic new.csv -o scored.csv" in text


def test_names_mean_nothing_but_themselves_in_markdown(story, hostile):
    from markdown_it import MarkdownIt

    text = report.card(story(hostile.markdown, title="# *Title*"))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text.partition("\n---\n")[2])
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<h1># *Title*</h1>" in html
    assert 'href="javascript' not in html
    assert "|[a](javascript:x)`*_" in html


def test_what_to_be_careful_about(story, bare):
    said = list(limits(story()))
    assert said[0] == "It is weaker where age is 60 or more: accuracy 0.6100 there, 0.8700 elsewhere."
    assert said[1] == "1 serious finding should be settled before it is used."
    assert said[2] == "Many values are missing: age. There, it goes by what is usual."
    evaluation = {**story().record["evaluation"], "rows": 30}
    few = list(limits(story(evaluation=evaluation)))
    assert few[0].startswith("Only 30 rows judged it")


def test_how_it_was_made(story):
    said = list(method(story()))
    assert said[0] == "1,050 rows to train, 263 to evaluate: stratified by survived, 20% held out."
    assert "23 settings of 3 learners were tried in 11.1 s, until the time was up." in said
    again = " ".join(method(story(earlier="titanic-1")))
    assert "Search and model were taken from run titanic-1: nothing had changed." in again
    assert "settings of" not in again


def test_the_row_that_is_shown_is_likely_and_none_of_the_data(story):
    code = python(story())
    names: dict = {}
    exec(code.partition("rows = ")[2].partition("\nnoria")[0].join(["rows = ", ""]), names)
    row = {name: value for name, [value] in names["rows"].items()}
    assert (row["age"], row["class"], row["member"], row["remark"]) == (35.6, "3rd", True, "...")
    assert "own words" not in code


def test_years_stay_years(story):
    """The middle of 2007 and 2009 in three digits is 2010; and no year has a comma."""
    year = Column("year", Type.NUMBER, low=2007.0, high=2009.0)
    assert "'year': [2008.0]" in python(replace(story(), signature=Signature(Schema((year,)), ())))
    assert values(year) == "2007 to 2009"
    assert values(replace(year, low=-1.5, high=84_950.0)) == "-1.5 to 84,950"


def test_the_headline_is_a_measure_that_a_sentence_can_say(story):
    evaluation = story().record["evaluation"]
    scores = {"log_loss": {**evaluation["scores"]["accuracy"], "metric": "log_loss"}, **evaluation["scores"]}
    free = story(evaluation={**evaluation, "metric": "log_loss", "scores": scores, "goals": []})
    assert [line.score.metric for line in free.lines][:2] == ["log_loss", "accuracy"]
    assert free.headline.score.metric == "accuracy"
