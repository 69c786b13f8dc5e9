"""A PostgreSQL server that goes away in the middle: one clear error, nothing lost."""

from __future__ import annotations

import pytest

import noria
from noria.backends.artefacts_local import LocalArtefacts
from noria.core.runs import RunQuery
from noria.errors import StorageError
from noria.lifecycle.register import Registry
from noria.settings import Settings

ROWS = {"x": [0.5 * at for at in range(80)], "y": [2.0 * at for at in range(80)]}


@pytest.fixture
def settings(postgres, tmp_path) -> Settings:
    pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
    return Settings(home=tmp_path / "home", state=postgres.database(), workers=2)


def train(session: noria.Session, trials: int) -> noria.Run:
    wish = {"trials": trials, "learners": ["ridge"], "budget": "60s"}
    return noria.train(ROWS, "y", name="toy", session=session, **wish)


@pytest.mark.parametrize("stage", ["read", "search", "keep"])
def test_a_run_goes_on_when_the_server_is_back(postgres, settings, stage):
    def stop(event):
        if (event.kind, event.data.get("stage")) == ("stage.started", stage):
            postgres.stop()

    session = noria.Session(settings)
    first = train(session, trials=2)
    session.events.listen(stop)
    try:
        with pytest.raises(StorageError) as caught:
            train(session, trials=3)
        assert caught.value.what == f"The state database {settings.state.replace('secret', '***')} fails."
    finally:
        postgres.start()
        session.events.ignore(stop)
    assert [version.run for version in session.registry.model("toy").versions] == [first.id]
    second = train(session, trials=3)
    assert second.version == 2
    assert sorted(session.artefacts.runs()) == sorted([first.id, second.id])
    indexed = session.registry.runs(RunQuery()), session.state.models()
    made = noria.reindex(session=session)
    assert (made.runs, made.damaged) == (2, {})
    assert (session.registry.runs(RunQuery()), session.state.models()) == indexed


def test_a_change_that_was_written_counts_when_the_server_is_back(postgres, settings):
    class Stopping(LocalArtefacts):
        def add(self, change):
            super().add(change)
            postgres.stop()

    session = noria.Session(settings)
    train(session, trials=2)
    try:
        with pytest.raises(StorageError):
            Registry(Stopping(settings), session.state).tag("toy", 1, {"owner": "Ann"})
    finally:
        postgres.start()
    assert session.registry.find("toy").tags == {}
    session.registry.promote("toy", 1, "tested")
    assert session.registry.find("toy").tags == {"owner": "Ann"}
    assert session.state.changes("toy") == session.artefacts.changes("toy")
