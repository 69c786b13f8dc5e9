from __future__ import annotations

import hashlib

import pytest

from noria.core import manifest
from noria.errors import ArtifactError


def test_files_are_named_by_their_paths_and_hashed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_bytes(b"abc")
    (tmp_path / "b.txt").write_bytes(b"")
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    told = manifest.hashed(tmp_path, paths)
    assert list(told) == ["b.txt", "deep/a.txt"]
    assert told["deep/a.txt"] == {"sha256": hashlib.sha256(b"abc").hexdigest(), "bytes": 3}
    manifest.verify(tmp_path, told, "run")


@pytest.mark.parametrize("place", [".", "rows.zip", "none"])
def test_what_is_no_folder_of_a_model(tmp_path, place):
    (tmp_path / "rows.zip").write_bytes(b"PK")
    with pytest.raises(ArtifactError) as caught:
        manifest.read(tmp_path / place, "model", 1)
    assert caught.value.what == f"{tmp_path / place} is not a model folder: it has no manifest.json."


def test_what_was_added_is_an_error_only_where_nothing_else_may_lie(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"abc")
    manifest.verify(tmp_path, {}, "run")
    with pytest.raises(ArtifactError, match=r"file 'a\.txt' is not in the manifest"):
        manifest.verify(tmp_path, {}, "model", present=["a.txt"])


@pytest.mark.parametrize(
    ("text", "said"), [("{", "Expecting"), ("[1]", "It holds no fields."), ("\xff", "utf-8")]
)
def test_a_damaged_file_of_fields(tmp_path, text, said):
    path = tmp_path / "run.json"
    assert manifest.read_json(path) is None
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ArtifactError) as caught:
        manifest.read_json(path)
    assert caught.value.what == f"{path} is damaged."
    assert said in str(caught.value.got)
    assert caught.value.do == "Restore it from a copy, or remove its folder."
