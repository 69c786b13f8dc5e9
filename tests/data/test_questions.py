import re

import polars as pl
import pytest

from noria.data import documents
from noria.data.documents.questions import made
from noria.errors import DataError
from noria.settings import Settings

KINDS = [
    f"{metal} {part}" for metal in ("iron", "brass", "zinc", "tin") for part in ("pump", "wheel", "valve")
]

LAST = "Ask the keeper of all waters for his price"


@pytest.fixture
def folder(tmp_path):
    for kind in KINDS:
        name = kind.replace(" ", "-")
        text = f"# The {kind}\n\nA {kind} was built by the {name}s of Hama in {len(name) + 1300}.\n\n"
        (tmp_path / f"{name}.md").write_text(f"{text}## Costs\n\n{LAST}.\n")
    return tmp_path


def asked(folder, **how):
    return made(documents.read(folder, settings=Settings())[0], **how)


def test_questions_are_headings_and_what_is_left_of_sentences(folder):
    table = asked(folder)
    headings = table.filter(pl.col("question").str.contains("^The [a-z ]+$"))
    assert headings.row(0, named=True)["relevant"] in {f"{kind.replace(' ', '-')}.md" for kind in KINDS}
    assert len(headings) == len(KINDS)
    said = {path.name: set(re.findall(r"\w+", path.read_text())) for path in folder.glob("*.md")}
    for question, relevant in table.iter_rows():
        words = set(re.findall(r"\w+", question))
        assert all(words <= said[name] for name in relevant.split("; "))


def test_what_stands_in_several_documents_is_answered_by_all_of_them(folder):
    table = asked(folder)
    shared = table.filter(pl.col("relevant").str.count_matches("; ") == len(KINDS) - 1)
    assert len(shared) == 1
    assert set(shared["question"][0].split()) <= set(LAST.split())
    assert "The iron pump Costs" in table["question"]


def test_they_are_drawn_anew_by_the_seed_alone(folder):
    assert asked(folder).equals(asked(folder))
    assert not asked(folder).equals(asked(folder, seed=1))
    assert asked(folder, most=10).height == 10


def test_a_document_that_changes_moves_few_questions_but_its_own(folder):
    before = asked(folder)
    (folder / "iron-pump.md").write_text("# The bicycle\n\nNothing here is like what was here before it.\n")
    after = asked(folder)
    others = ~pl.col("relevant").str.contains("iron-pump")
    kept = set(before.filter(others)["question"])
    assert len(kept & set(after["question"])) > 0.9 * len(kept)


def test_names_with_marks_of_grades_and_lists_can_be_read():
    rows = [{"document": f"a={at}", "text": f"Wheel number {at} lifts with great force."} for at in range(11)]
    rows.append({"document": "a;b", "text": "This one has a name that parts names."})
    table = made(documents.read(rows, settings=Settings())[0])
    assert sorted(table["relevant"]) == sorted(f"a={at}=1" for at in range(11))


def test_scripts_without_spaces():
    rows = [{"document": str(at), "text": f"水车第{at}号把河水提到高处的田里去。"} for at in range(11)]
    assert made(documents.read(rows, settings=Settings())[0]).height == 11


def test_too_little_is_one_error():
    table, _ = documents.read([{"document": "a", "text": "Too short."}], settings=Settings())
    with pytest.raises(DataError, match=r"say too little to make questions from\.\n  got: enough for 0"):
        made(table)
