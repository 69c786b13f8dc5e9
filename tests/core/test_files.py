from __future__ import annotations

import os
from pathlib import Path

import pytest

from noria.core import files
from noria.errors import StorageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_appears_complete_or_not_at_all(tmp_path):
    def half():
        with files.new_folder(tmp_path / "a" / "made") as draft:
            (draft / "half.txt").write_text("half")
            assert not (tmp_path / "a" / "made").exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert names(tmp_path / "a") == []
    with files.new_folder(tmp_path / "a" / "made") as draft:
        (draft / "whole.txt").write_text("whole")
    assert names(tmp_path / "a") == ["made"]


def test_write_text_replaces_the_whole(tmp_path):
    files.write_text(tmp_path / "x" / "y.json", "long text")
    files.write_text(tmp_path / "x" / "y.json", "ü")
    assert (tmp_path / "x" / "y.json").read_text(encoding="utf-8") == "ü"
    assert names(tmp_path / "x") == ["y.json"]


def fill(folder: Path) -> None:
    with files.new_folder(folder):
        pass


@pytest.mark.parametrize(
    ("write", "got"),
    [(fill, "File exists"), (lambda path: files.write_text(path, "text"), "Not a directory")],
)
def test_a_place_that_cannot_be_written(tmp_path, write, got):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        write(tmp_path / "file" / "x")
    assert str(caught.value) == (
        f"Cannot write {tmp_path / 'file' / 'x'}.\n  got: {got}\n"
        "  do:  Name another place: a part of this path is a file."
    )


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to("b/real")
    for text in ("new", "again"):
        files.write_text(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "b" / "real").read_text() == text


def test_what_is_no_file_is_never_replaced_by_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, got, do in (
        ("pipe", "a device or a pipe", "Name a file."),
        ("folder", "Is a directory", "Name a file in it."),
        ("x" * 300, "File name too long", "Give it a shorter name."),
    ):
        with pytest.raises(StorageError) as caught:
            files.write_text(tmp_path / name, "text")
        assert (caught.value.got, caught.value.do) == (got, do)
    assert names(tmp_path) == ["folder", "pipe"]
    assert (tmp_path / "pipe").is_fifo()
