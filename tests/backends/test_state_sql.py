from __future__ import annotations

import json
import os
import subprocess
import sys

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


def test_recording_loads_nothing_heavy(tmp_path):
    """A run is recorded, registered and promoted without the libraries that made its model."""
    code = (
        "import json, sys, noria\n"
        "from noria.core.runs import RunEntry\n"
        "registry = noria.Session().registry\n"
        "registry.state.put(RunEntry('a', 'demo', 1.0, 'k', 's', '0.1'))\n"
        "registry.promote('demo', registry.register('demo', 'a'))\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "NORIA_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert "sqlalchemy" in loaded
    assert loaded & {"alembic", "duckdb", "mlflow", "numpy", "optuna", "pandas", "polars", "sklearn"} == set()
