"""PostgreSQL, against a throw-away server of its own."""

from __future__ import annotations

from datetime import date

import pytest

from noria._lazy import installed
from noria.data.sources import read, scan
from noria.errors import ParamError, SourceError
from noria.settings import Settings

pytestmark = pytest.mark.skipif(
    not installed("adbc_driver_postgresql"), reason="the extra noria[postgres] is not installed"
)

_SCRIPT = """
CREATE TABLE sales (id bigint, price numeric(10, 2), name text, day date, ok boolean);
INSERT INTO sales VALUES (1, 2.50, 'a', '2024-01-31', true), (2, NULL, NULL, NULL, NULL);
CREATE SCHEMA shop;
CREATE TABLE shop."Odd ""Name" AS SELECT 7 AS seven;
CREATE TABLE empty (a int);
"""


@pytest.fixture(scope="module")
def uri(postgres):
    """The address of a database with three tables."""
    address = postgres.database()
    postgres.sql(_SCRIPT, address.rpartition("/")[2])
    return address


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


def test_columns_of_a_join_that_are_called_alike_are_told_apart(uri, settings):
    query = "SELECT a.id, b.id, a.price, b.price FROM sales a JOIN sales b ON a.id = b.id WHERE a.id = 1"
    frame = read(uri, settings=settings, query=query)
    assert frame.to_dicts() == [{"id": 1, "id_2": 1, "price": 2.5, "price_2": 2.5}]


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


def test_a_server_that_is_not_there(uri, postgres, settings):
    with postgres.away(), pytest.raises(SourceError) as caught:
        read(uri, settings=settings, table="sales")
    assert caught.value.do == "Is the server up, and are user, host and database right?"
    assert "secret" not in str(caught.value)


def test_a_password_among_the_wishes_of_an_address_is_not_told(settings):
    with pytest.raises(SourceError) as caught:
        read("postgresql://ann@127.0.0.1:1/shop?password=secret", settings=settings, table="sales")
    assert caught.value.what == "postgresql://ann@127.0.0.1:1/shop?password=*** cannot answer."
    assert "secret" not in str(caught.value)
