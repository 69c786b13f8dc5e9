from __future__ import annotations

import shutil

import pytest

import noria
from noria.errors import NotFoundError
from noria.lifecycle.serve import Traffic
from noria.lifecycle.serve.endpoint import Exchange


def test_an_alias_that_moves_is_followed(endpoint, session):
    made = endpoint()
    assert made.refresh() == []
    noria.promote("line@2", session=session)
    before = made.serving
    assert made.refresh() == [Exchange("line", "champion", 1, 2)]
    assert (before.version, made.serving.version, made.refresh()) == (1, 2, [])
    noria.rollback("line", session=session)
    assert made.refresh() == [Exchange("line", "champion", 2, 1)]


def test_a_version_that_cannot_be_loaded_leaves_the_one_before(endpoint, session):
    made = endpoint()
    folder = session.registry.folder("line@2") / "model"
    copy = shutil.copytree(folder, folder.with_name("copy"))
    next(folder.glob("member*")).write_bytes(b"broken")
    noria.promote("line@2", session=session)
    (failed,) = made.refresh()
    assert (failed.before, failed.after) == (1, 2)
    assert failed.problem == f"The model in {folder} is damaged or was tampered with."
    assert made.problems == {"champion": failed.problem}
    assert made.serving.version == 1
    assert made.refresh() == [], "it is not told, nor tried, every second"
    shutil.rmtree(folder)
    copy.rename(folder)
    made._tried.clear()
    assert made.refresh() == [Exchange("line", "champion", 1, 2)]
    assert made.problems == {}


def test_a_version_that_fails_in_a_way_of_its_own_too(endpoint, session):
    made = endpoint()

    def fail(_):
        raise ValueError("a format of the future")

    made._load = fail
    noria.promote("line@2", session=session)
    assert [one.problem for one in made.refresh()] == ["ValueError: a format of the future"]
    noria.promote("line@1", session=session)
    assert made.refresh() == []
    assert made.problems == {}


def test_an_alias_that_nobody_has(endpoint):
    with pytest.raises(NotFoundError):
        endpoint(Traffic({}, shadow="best"))


def test_rows_go_to_the_version_of_their_key(endpoint):
    made = endpoint(Traffic({"challenger": 0.5}, by="customer"))
    rows = [{"x": 1.0, "customer": at % 10} for at in range(40)]
    served = [one.version for one in made.routed(rows, "request")]
    assert set(served) == {1, 2}
    assert served[:10] * 4 == served


def test_requests_go_to_the_version_of_theirs(endpoint):
    made = endpoint(Traffic({"challenger": 0.5}))
    versions = [[one.version for one in made.routed([{}, {}], f"{key}")] for key in range(20)]
    assert all(first == second for first, second in versions)
    assert len({first for first, _ in versions}) == 2
    assert endpoint(Traffic({}, shadow="challenger")).shadow.version == 2
