from __future__ import annotations

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


@pytest.mark.parametrize("write", [fill, lambda path: files.write_text(path, "text")])
def test_a_place_that_cannot_be_written(tmp_path, write):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        write(tmp_path / "file" / "x")
    assert str(caught.value) == (
        f"Cannot write {tmp_path / 'file' / 'x'}.\n  got: File exists\n"
        "  do:  Free some space, or set NORIA_HOME to a folder that can be written."
    )
