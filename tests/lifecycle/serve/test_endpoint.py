from __future__ import annotations

import shutil
import zipfile

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


def test_an_alias_that_moves_while_its_version_is_loaded(endpoint, session):
    """What answers is what its number says."""

    class Moving:
        folder = session.registry.folder

        def find(self, reference):
            found = session.registry.find(reference)
            noria.promote("line@2", session=session)
            return found

    made = endpoint(registry=Moving())
    assert made.serving.version == 1
    assert made.serving.folder == session.registry.folder("line@1")
    assert made.serving.answers([{"x": 10.0}])[0]["prediction"] > 0


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


@pytest.mark.parametrize("kind", [ValueError, zipfile.BadZipFile])
def test_a_version_that_fails_in_a_way_of_its_own_too(endpoint, session, kind):
    made = endpoint()

    def fail(_):
        raise kind("a format of the future")

    made._load = fail
    noria.promote("line@2", session=session)
    assert [one.problem for one in made.refresh()] == [f"{kind.__name__}: a format of the future"]
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


def test_a_number_is_one_key_however_it_is_written_and_without_one_the_request_decides(endpoint):
    made = endpoint(Traffic({"challenger": 0.5}, by="customer"))

    def versions(values, request="request"):
        rows = [{} if value is ... else {"customer": value} for value in values]
        return [one.version for one in made.routed(rows, request)]

    assert versions(range(40)) == versions(map(float, range(40))) == versions(map(str, range(40)))
    assert versions([float("inf"), 0.5]) == versions(["inf", "0.5"])
    for request in map(str, range(9)):
        assert versions([None, ...], request) == versions([request, request])


def test_requests_go_to_the_version_of_theirs(endpoint):
    made = endpoint(Traffic({"challenger": 0.5}))
    versions = [[one.version for one in made.routed([{}, {}], f"{key}")] for key in range(20)]
    assert all(first == second for first, second in versions)
    assert len({first for first, _ in versions}) == 2
    assert endpoint(Traffic({}, shadow="challenger")).shadow.version == 2
