"""Lines of what was done about models, and who may do it, in both databases."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from noria.backends.ledger_sql import SqlLedger
from noria.core.watch import Entry
from noria.settings import Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path) -> SqlLedger:
    if request.param == "sqlite":
        return SqlLedger(Settings(home=tmp_path / "home"))
    pytest.importorskip("psycopg", reason="the extra noria[postgres] is not installed")
    address = request.getfixturevalue("postgres").database()
    return SqlLedger(Settings(home=tmp_path / "home", state=address))


def entry(number: int, name: str = "a", kind: str = "check") -> Entry:
    return Entry(name, kind, float(number), "me@here", {"number": number, "deep": {"x": [None, 1.5]}})


def test_the_latest_lines_come_first_and_the_oldest_go(ledger):
    assert ledger.entries("a") == []
    for number in range(5):
        ledger.add(entry(number), most=3)
        ledger.add(entry(number, kind="silence"))
    ledger.add(entry(9, name="b"))
    assert ledger.entries("a", "check") == [entry(4), entry(3), entry(2)]
    assert len(ledger.entries("a")) == 8
    assert [one.when for one in ledger.entries(limit=2)] == [9, 4]


def test_a_line_that_says_something_else(ledger):
    number = ledger.add(entry(1))
    assert ledger.add(entry(2)) > number
    ledger.change(number, {"number": 7})
    assert [one.body["number"] for one in ledger.entries("a")] == [2, 7]


def test_only_one_holds_a_thing_until_it_lets_go(ledger):
    me, you = f"elsewhere/{os.getpid()}/1", "elsewhere/2/2"
    assert ledger.hold("watch a", me, 60) is None
    assert ledger.hold("watch a", me, 60) is None
    assert ledger.hold("watch a", you, 60) == me
    assert ledger.hold("watch b", you, 60) is None
    ledger.let_go("watch a", you)
    assert ledger.hold("watch a", you, 60) == me
    ledger.let_go("watch a", me)
    assert ledger.hold("watch a", you, 60) is None


def test_what_is_held_is_free_when_its_time_or_its_holder_is_gone(ledger):
    assert ledger.hold("a", "elsewhere/1/1", 0.001) is None
    time.sleep(0.002)
    assert ledger.hold("a", "elsewhere/2/2", 60) is None
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert ledger.hold("b", f"{socket.gethostname()}/{gone.pid}/1", 60) is None
    assert ledger.hold("b", "elsewhere/2/2", 60) is None
    assert ledger.hold("b", f"{socket.gethostname()}/{os.getpid()}/1", 60) == "elsewhere/2/2"
