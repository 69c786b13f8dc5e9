from __future__ import annotations

import os
import threading
from dataclasses import replace

import polars as pl
import pytest

import noria
from noria.api import desk
from noria.errors import NotFoundError, OverloadError, ParamError
from noria.lifecycle.serve import Limits
from noria.lifecycle.serve.files import Files
from noria.settings import Settings


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    session = noria.Session(Settings(home=tmp_path_factory.mktemp("shop") / "home", workers=2))
    rows = {"x": [0.5 * x for x in range(60)], "y": [2.0 * x for x in range(60)]}
    noria.train(rows, "y", name="line", task="regression", budget="3s", learners=["ridge"], session=session)
    return desk("line", session=session).endpoint("line").serving


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "files")


def scored(files, serving, name="rows.csv", output="csv", text="x,note\n1,a\n2,b\n"):
    job = files.open(serving, name, output)
    files.upload(job).write_text(text)
    files.claim(job)
    return files.run(job, serving)


@pytest.mark.parametrize("output", ["csv", "parquet", "jsonl"])
def test_a_file_is_scored_as_noria_predict_does(files, serving, tmp_path, output):
    job = scored(files, serving, output=output)
    assert (job.state, job.rows, job.total, job.name) == ("done", 2, 2, f"rows-scored.{output}")
    assert files.find("line", job.id) == job
    (tmp_path / "rows.csv").write_text("x,note\n1,a\n2,b\n")
    expected = tmp_path / f"expected.{output}"
    noria.predict(serving.folder, tmp_path / "rows.csv", output=expected)
    assert files.result(job).read_bytes() == expected.read_bytes()
    assert job.bytes == expected.stat().st_size
    assert not files.upload(job).exists()


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("../../etc/passwd.csv", "passwd-scored.csv"),
        ("C:\\Users\\ann\\my rows.CSV", "my_rows-scored.csv"),
        ("a\r\nset-cookie: b\0.ndjson", "a_set-cookie_b-scored.csv"),
        ("....csv", "rows-scored.csv"),
        ("мои данные 🚩.tsv", "мои_данные-scored.csv"),
    ],
)
def test_a_name_is_only_a_name(files, serving, name, called):
    job = files.open(serving, name, "csv")
    assert job.name == called
    assert files.upload(job).resolve().parent == (files.folder / job.id).resolve()
    files.close(job)
    assert list(files.folder.iterdir()) == []


def test_other_formats_are_refused(files, serving):
    with pytest.raises(ParamError, match=r"A file of kind '.exe' is not scored here\.") as caught:
        files.open(serving, "rows.exe", "csv")
    assert caught.value.do == "Use one of: .csv, .jsonl, .parquet, .tsv."
    with pytest.raises(ParamError, match=r"kind '.xlsx'"):
        files.open(serving, "rows.csv", "xlsx")


@pytest.mark.parametrize("text", ["z\n1\n2\n", "", "x,y\n1,2\n3,4,5,6\n"])
def test_what_cannot_be_scored_is_told_without_its_place(files, serving, text):
    job = scored(files, serving, text=text)
    assert job.state == "failed"
    assert str(files.folder) not in str(job.error)
    assert not files.result(job).exists()


def test_a_model_that_fails_is_told_as_that(files, serving):
    class Fragile:
        signature = serving.model.signature

        def predict(self, rows):
            raise ZeroDivisionError("a secret")

    job = scored(files, replace(serving, model=Fragile()))
    assert (job.state, job.error["what"]) == ("failed", "The model failed on this file.")
    assert files.find("line", job.id) == job
    assert "secret" not in str(job.error)


def test_as_many_as_may_be_at_once(files, serving):
    """Those count that are scored, and not those that are on their way."""
    jobs = [files.open(serving, "a.csv", "csv") for _ in range(4)]
    for job in jobs[:2]:
        files.upload(job).write_text("x\n1\n")
        files.claim(job)
    for refused in (lambda: files.open(serving, "a.csv", "csv"), lambda: files.claim(jobs[2])):
        with pytest.raises(OverloadError, match="Other files are being scored"):
            refused()
    assert files.run(jobs[0], serving).state == "done"
    files.claim(jobs[3])
    with pytest.raises(NotFoundError):
        files.find("line", jobs[2].id)


def test_one_that_is_removed_stops_after_the_batch_at_hand(files, serving):
    job = files.open(serving, "rows.csv", "csv")
    files.upload(job).write_text("x\n" + "1\n" * 400_000)
    files.claim(job)
    thread = threading.Thread(target=files.run, args=(job, serving))
    thread.start()
    while files.find("line", job.id).rows == 0:
        pass
    files.remove(job)
    with pytest.raises(NotFoundError, match="no such file"):
        files.find("line", job.id)
    thread.join()
    assert list(files.folder.iterdir()) == []


@pytest.mark.parametrize("limits", [Limits(file_rows=1_000_000), Limits(result=1_000_000)])
def test_few_bytes_that_hold_many_rows(serving, tmp_path, limits):
    files = Files(tmp_path / "files", limits=limits)
    job = files.open(serving, "rows.parquet", "csv")
    pl.DataFrame({"x": pl.Series([1.0]).new_from_index(0, 3_000_000)}).write_parquet(files.upload(job))
    assert files.upload(job).stat().st_size < 200_000
    files.claim(job)
    job = files.run(job, serving)
    assert (job.state, job.error["what"]) == ("failed", "The file is more than is scored here at once.")
    assert job.rows < 1_100_000
    assert not list((files.folder / job.id).glob("*scored*"))


def test_files_leave_space_to_the_log(files, serving, monkeypatch):
    monkeypatch.setattr("noria.lifecycle.serve.files._SPARE", 2**60)
    job = scored(files, serving)
    assert (job.state, job.error["what"]) == ("failed", "The service has no room for this file.")


def test_what_a_dead_process_left_is_told_and_swept(files, serving, tmp_path):
    job = files.open(serving, "rows.csv", "csv")
    other = Files(files.folder, keep=60)
    assert other.find("line", job.id).state == "running"
    files._locks[job.id].close()  # as the end of its process does
    found = other.find("line", job.id)
    assert (found.state, found.error["what"]) == ("failed", "The service stopped while it scored this file.")
    other.sweep()
    assert other.find("line", job.id).state == "failed"
    os.utime(files.folder / job.id, (0, 0))
    other.sweep()
    assert list(files.folder.iterdir()) == []


@pytest.mark.parametrize("id_", ["", ".", "..", "../files", "x" * 300, "\0"])
def test_an_id_leads_nowhere_else(files, serving, id_):
    job = scored(files, serving)
    with pytest.raises(NotFoundError):
        files.find("line", id_)
    with pytest.raises(NotFoundError):
        files.find("other", job.id)
    assert pl.read_csv(files.result(job)).height == 2
