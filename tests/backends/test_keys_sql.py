from __future__ import annotations

import pytest

from noria.backends.keys_sql import SqlKeys
from noria.core.serving import Key
from noria.settings import Settings

ANN = Key("1", "ann", "d" * 64, ("titanic", "churn"), ("predict",), 1.0, expires=9.0)
BOB = Key("2", "bob", "e" * 64, (), ("predict", "admin"), 0.5)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path) -> Settings:
    if request.param == "sqlite":
        return Settings(home=tmp_path / "home")
    pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
    return Settings(home=tmp_path / "home", state=request.getfixturevalue("postgres").database())


def test_keys_come_back_as_they_were_added(settings):
    assert SqlKeys(settings).all() == []
    for key in (ANN, BOB):
        SqlKeys(settings).add(key)
    assert SqlKeys(settings).all() == [BOB, ANN]


def test_a_revoked_key_stays_in_the_list(settings):
    keys = SqlKeys(settings)
    keys.add(ANN)
    keys.revoke("1", 5.0)
    keys.revoke("nobody", 5.0)
    (found,) = keys.all()
    assert (found.revoked, found.state(6.0), ANN.state(6.0), ANN.state(9.0)) == (
        5.0,
        "revoked",
        "valid",
        "expired",
    )
