from __future__ import annotations

import pytest

from noria.backends.state_sql import SqlState
from noria.settings import Settings
from noria.testing import StateContract


class TestSqlite(StateContract):
    @pytest.fixture
    def connect(self, tmp_path):
        return lambda: SqlState(Settings(home=tmp_path / "home"))


class TestPostgres(StateContract):
    @pytest.fixture
    def connect(self, tmp_path, postgres):
        pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
        address = postgres.database()
        return lambda: SqlState(Settings(home=tmp_path, state=address))
