"""Documents and questions that are not what they seem: one clear error, or left out and said so."""

import json
import os

import polars as pl
import pytest

import noria
from noria._lazy import installed
from noria.data import documents
from noria.errors import ArtifactError, DataError, SourceError
from noria.settings import Settings


def read(folder, home):
    return documents.read(folder, settings=Settings(home=home))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "good.md").write_text("# Good\n\nThis can be read.\n")
    return tmp_path / "docs"


def left_out(folder, tmp_path):
    table, notes = read(folder, tmp_path / "home")
    assert table["document"].unique().to_list() == ["good.md"]
    return notes


def test_an_empty_folder(tmp_path):
    (tmp_path / "docs").mkdir()
    with pytest.raises(
        SourceError, match=r"There is no document in .*docs\.\n  got: no file of a known kind"
    ):
        read(tmp_path / "docs", tmp_path / "home")


def test_a_text_of_500_mb_is_not_even_opened(folder, tmp_path):
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(500_000_000)
    assert left_out(folder, tmp_path) == ["1 document left out, it is larger than 64 MB: huge.txt"]


def test_a_binary_file_that_is_called_text(folder, tmp_path):
    (folder / "program.txt").write_bytes(bytes(range(256)) * 100)
    assert left_out(folder, tmp_path) == ["1 document left out, it is not text: program.txt"]


@pytest.mark.skipif(not installed("pypdf"), reason='pip install "noria[rag]"')
def test_a_protected_pdf_and_a_broken_one(folder, tmp_path):
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(72, 72)
    writer.encrypt("secret", algorithm="RC4-128")
    with (folder / "secret.pdf").open("wb") as file:
        writer.write(file)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    damaged, protected = left_out(folder, tmp_path)
    assert protected == "1 document left out, it is protected by a password: secret.pdf"
    assert damaged.startswith("1 document left out, it is damaged")
    (folder / "good.md").unlink()
    with pytest.raises(SourceError, match=r"protected by a password: secret\.pdf"):
        read(folder, tmp_path / "home")


def test_names_that_are_no_text(folder, tmp_path):
    with open(os.fsencode(folder) + b"/\xff.txt", "w") as file:  # noqa: PTH123
        file.write("Whose name nobody can read.")
    table, _ = read(folder, tmp_path / "home")
    assert sorted(table["document"].unique()) == ["good.md", "\ufffd.txt"]


def test_links_pipes_and_what_is_gone(folder, tmp_path):
    (folder / "loop").symlink_to(folder)
    (folder / "gone.txt").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.txt")
    assert left_out(folder, tmp_path) == []


def test_documents_that_say_too_little_for_questions(folder, tmp_path):
    session = noria.Session(Settings(home=tmp_path / "home"))
    with pytest.raises(DataError, match="say too little to make questions from"):
        noria.train(documents=folder, session=session)
    assert not list(session.settings.runs.glob("*"))


def test_an_index_that_another_embedding_model_made(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for at in range(12):
        (folder / f"{at}.txt").write_text(f"Wheel number {at} lifts water with great force.")
    session = noria.Session(Settings(home=tmp_path / "home", workers=1))
    keys = {"learners": ["bm25"], "trials": 1, "folds": 2, "budget": "20s", "session": session}
    run = noria.train(documents=folder, name="wheels", **keys)
    state = json.loads((run.folder / "model" / "model.json").read_text())
    (run.folder / "model" / "model.json").write_text(
        json.dumps({**state, "embedder": {"name": "other@1234"}})
    )
    with pytest.raises(ArtifactError, match="was tampered with"):
        noria.load("wheels", session=session)
    from noria.systems.retrieval.model import RetrievalModel

    with pytest.raises(ArtifactError, match="made by an embedding model that this version of Noria"):
        RetrievalModel.load(run.folder / "model")


def test_questions_that_say_nothing_are_answered_so_in_a_table(tmp_path):
    rows = [
        {"document": f"{at}", "text": f"Wheel number {at} lifts water with great force."} for at in range(12)
    ]
    session = noria.Session(Settings(home=tmp_path / "home", workers=1))
    keys = {"learners": ["bm25"], "trials": 1, "folds": 2, "budget": "20s", "session": session}
    run = noria.train(documents=pl.DataFrame(rows), name="wheels", **keys)
    asked = pl.DataFrame({"question": ["", None, " ?! ", "x" * 100_000, "\x00\ud7ff"]})
    assert run.model.predict(asked)["prediction"].unique().to_list() == ["Not in the documents."]
