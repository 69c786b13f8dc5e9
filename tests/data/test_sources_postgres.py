"""PostgreSQL, against a throw-away server of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from datetime import date
from pathlib import Path

import pytest

from noria._lazy import installed
from noria.data.sources import read, scan
from noria.errors import ParamError, SourceError
from noria.settings import Settings

_FOUND = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *filter(None, [shutil.which("initdb")])]
pytestmark = [
    pytest.mark.skipif(not _FOUND, reason="PostgreSQL is not installed on this machine"),
    pytest.mark.skipif(
        not installed("adbc_driver_postgresql"), reason="the extra noria[postgres] is not installed"
    ),
]

_SCRIPT = """
CREATE TABLE sales (id bigint, price numeric(10, 2), name text, day date, ok boolean);
INSERT INTO sales VALUES (1, 2.50, 'a', '2024-01-31', true), (2, NULL, NULL, NULL, NULL);
CREATE SCHEMA shop;
CREATE TABLE shop."Odd ""Name" AS SELECT 7 AS seven;
CREATE TABLE empty (a int);
"""


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def uri():
    """The address of a server that lives as long as this module's tests."""
    binaries = Path(_FOUND[0]).parent
    root = os.geteuid() == 0
    if root and not shutil.which("runuser"):
        pytest.skip("root cannot run PostgreSQL, and runuser is absent")
    folder = Path(tempfile.mkdtemp(prefix="noria-pg-"))
    if root:
        shutil.chown(folder, "postgres", "postgres")

    def run(*command, **options):
        prefix = ["runuser", "-u", "postgres", "--"] if root else []
        return subprocess.run(
            [*prefix, *map(str, command)], check=True, cwd=folder, stdout=subprocess.DEVNULL, **options
        )

    port = _free_port()
    data, control = folder / "data", binaries / "pg_ctl"
    serving = f"-c listen_addresses=127.0.0.1 -c fsync=off -k {folder} -p {port}"
    try:
        run(binaries / "initdb", "-D", data, "-U", "noria", "-A", "trust", "--no-sync", "-E", "UTF8")
        run(control, "-D", data, "-o", serving, "-w", "-l", folder / "log", "start")
        psql = [binaries / "psql", "-q", "-h", "127.0.0.1", "-p", port, "-U", "noria", "-d", "postgres"]
        run(*psql, "-v", "ON_ERROR_STOP=1", input=_SCRIPT.encode())
        yield f"postgresql://noria:secret@127.0.0.1:{port}/postgres"
    finally:
        if data.exists():
            run(control, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, mirror=None, offline=True)


def test_table(uri, settings):
    frame = read(uri, settings=settings, table="sales")
    assert frame.columns == ["id", "price", "name", "day", "ok"]
    assert frame.rows() == [(1, 2.5, "a", date(2024, 1, 31), True), (2, None, None, None, None)]
    assert next(scan(uri, settings=settings, table="public.sales")).equals(frame)


def test_table_of_another_schema(uri, settings):
    assert read(uri, settings=settings, table='shop.Odd "Name').item() == 7


def test_query(uri, settings):
    assert read(uri, settings=settings, query="SELECT count(*) AS n FROM sales").item() == 2


def test_errors(uri, settings):
    shown = uri.replace("secret", "***")
    with pytest.raises(SourceError) as caught:
        read(uri, settings=settings, table="sale")
    assert str(caught.value) == f"{shown} has no table 'sale'.\n  do:  Did you mean 'sales'?"
    with pytest.raises(SourceError, match="has 3 tables: which one") as caught:
        read(uri, settings=settings)
    with pytest.raises(SourceError) as caught:
        read(uri, settings=settings, query="SELECT nothing FROM sales")
    assert caught.value.what == f"{shown} cannot answer."
    assert 'column "nothing" does not exist' in str(caught.value.got)
    with pytest.raises(SourceError, match="The query or table has no rows"):
        read(uri, settings=settings, table="empty")
    with pytest.raises(ParamError, match="Give a table or a query, not both"):
        read(uri, settings=settings, table="sales", query="SELECT 1")


def test_a_server_that_is_not_there(settings):
    address = f"postgresql://noria:secret@127.0.0.1:{_free_port()}/postgres"
    with pytest.raises(SourceError) as caught:
        read(address, settings=settings, table="sales")
    assert caught.value.do == "Is the server up, and are user, host and database right?"
    assert "secret" not in str(caught.value)
