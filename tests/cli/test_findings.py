"""``noria findings``, and findings at the end of a run."""

from __future__ import annotations

import json

import pytest

from noria.testing.faults import FAULTS

QUICK = ("-t", "y", "-q", "-b", "60s", "--learners", "ridge", "--trials", "2")


def test_all_codes_are_listed(noria):
    done = noria("findings")
    assert done.code == 0
    assert "NOR001   Far better on the rows that it learned from" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert [one["code"] for one in json.loads(noria("findings", "--json").out)][:2] == ["NOR001", "NOR002"]


def test_one_code_is_explained(noria):
    done = noria("findings", "NOR021")
    assert done.out.startswith(
        "NOR021 A feature gives the target away\n\nA feature that knows the answer alone"
    )
    for head in ("How it is measured", "When it is wrong", "What to do"):
        assert f"\n\n{head}\n" in done.out
    assert json.loads(noria("findings", "NOR021", "--json").out)["title"] == "A feature gives the target away"


def test_codes_of_tables_are_explained_too(noria):
    assert "NOR137   Out of range" in noria("findings").out
    done = noria("findings", "NOR101")
    assert done.out.startswith("NOR101 Constant column\n\nEvery row has the same value")
    assert "How it is measured" not in done.out
    assert "What to do\nLeave it out" in done.out


def test_an_unknown_code_offers_the_nearest(noria):
    done = noria("findings", "N0R021")
    assert (done.code, done.out) == (4, "")
    assert done.err == "error: There is no code 'N0R021'.\n  do:  Did you mean 'NOR021'?\n"


@pytest.fixture
def faulty(tmp_path):
    fault = FAULTS["NOR003"](0)
    fault.table.with_columns(country=1).write_csv(tmp_path / "rows.csv")
    fault.test.with_columns(country=1).write_csv(tmp_path / "test.csv")
    return ("train", tmp_path / "rows.csv", "--test", tmp_path / "test.csv", *QUICK)


def test_the_worst_are_shown_at_the_end_of_a_run_and_all_in_show(noria, faulty):
    done = noria(*faulty)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "findings high Worse than the baseline: rmse is 3.55" in text
    assert "and 1 more: noria show rows-" in text
    assert "NOR024" not in text
    assert max(map(len, done.out.splitlines())) <= 100
    shown = " ".join(noria("show", "rows").out.split())
    assert "low A column never varies: 'country' left out: the same in every row. NOR024" in shown
    assert "Look for what differs between training and held-out rows; do not use the model." in shown
    told = json.loads(noria("show", "rows", "--json").out)["insight"]["findings"]
    assert [one["code"] for one in told] == ["NOR003", "NOR005", "NOR029", "NOR030", "NOR024"]


def test_what_is_silenced_is_not_shown(noria, faulty):
    done = noria(*faulty, "--silence", "NOR003,NOR024", "--json")
    told = json.loads(done.out)
    assert told["recipe"]["silence"] == ["NOR003", "NOR024"]
    assert [one["code"] for one in told["insight"]["findings"]] == ["NOR005", "NOR029", "NOR030"]
    done = noria(*faulty, "--silence", "NOR99")
    assert (done.code, done.out) == (2, "")
    assert "There is no code 'NOR99' to silence." in done.err


def test_a_code_may_be_written_in_any_case(noria):
    assert noria("findings", "nor021") == noria("findings", "NOR021")
