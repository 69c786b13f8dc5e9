"""What every index of runs and models must do; whoever writes one inherits this class in a test."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from noria.core.ports import State
from noria.core.result import Score
from noria.core.runs import Change, Condition, ModelEntry, RunEntry, RunQuery

__all__ = ["StateContract"]

Connect = Callable[[], State]


class StateContract:
    """Tests of a `noria.core.ports.State`, for pytest.

    A subclass whose name begins with ``Test`` has a fixture ``connect``: a function that opens one and the
    same index as often as it is called, empty at the start of a test.

    Examples
    --------
    >>> class TestMine(StateContract):
    ...     def connect(self, tmp_path):  # decorate it with pytest.fixture
    ...         return lambda: MyState(tmp_path)
    """

    # -- runs ------------------------------------------------------------------------------------------------

    def test_reading_makes_nothing(self, connect: Connect) -> None:
        """An index that is not there reads as an empty one, and still is not there."""
        state = connect()
        assert state.runs() == []
        assert state.models() == []
        assert state.model("demo") is None
        assert list(state.changes("demo")) == []
        assert not connect().made()
        state.put(_run("a"))
        assert connect().made()

    def test_a_run_comes_back_as_it_was_put(self, connect: Connect) -> None:
        """Every field, absent ones and intervals that are not known included."""
        full = _run(
            "full", ended=9.5, task="classification", metric="auc", seconds=0.1, rows=2**40, trials=3,
            goals_met=False, features="f" * 64, commit="c", auc=Score("auc", 0.1 + 0.2, 0.25, 1 / 3),
            rmse=Score("rmse", -1e300), mape=Score("mape", math.nan), loss=Score("loss", math.inf, -math.inf),
        )  # fmt: skip
        bare = _run("bare", name="naïve 'x'; --")
        for run in (full, bare):
            connect().put(run)
        assert _same(connect().runs(RunQuery(sort="id")), [full, bare])

    def test_a_run_that_is_put_again_takes_its_own_place(self, connect: Connect) -> None:
        """Nothing of the line that was there is left."""
        state = connect()
        state.put(_run("a", accuracy=0.5, auc=0.5))
        state.put(_run("b"))
        again = _run("a", ended=9.0, accuracy=0.6)
        state.put(again)
        assert _same(connect().runs(RunQuery(where=_where("id = a"))), [again])
        assert connect().runs(RunQuery(where=_where("auc > 0"))) == []

    def test_a_run_that_is_forgotten_is_gone(self, connect: Connect) -> None:
        """With its metrics; forgetting what is not there does nothing."""
        state = connect()
        state.forget("a")
        for run in ("a", "b"):
            state.put(_run(run, accuracy=0.5))
        state.forget("a")
        state.forget("a")
        assert _ids(connect()) == ["b"]
        assert _ids(connect(), where=_where("accuracy > 0"), sort="accuracy") == ["b"]

    def test_runs_are_listed_newest_first(self, connect: Connect) -> None:
        """Those of the same moment by their ids, so that every list has one order."""
        state = connect()
        for run, started in (("b", 2.0), ("a", 2.0), ("c", 1.0), ("d", 3.0)):
            state.put(_run(run, started=started))
        assert _ids(state) == ["d", "b", "a", "c"]
        assert _ids(state, limit=2) == ["d", "b"]
        assert _ids(state, limit=0) == []
        assert _ids(state, descending=False) == ["c", "a", "b", "d"]

    def test_runs_are_filtered_by_what_they_are(self, connect: Connect) -> None:
        """Names, ends, texts and numbers; an absent value fulfils nothing."""
        state = connect()
        state.put(_run("a", name="x", ended=9.0, task="regression", seconds=10.0, key="k1"))
        state.put(_run("b", name="x", key="k2"))
        state.put(_run("c", name="y", ended=8.0, task="classification", seconds=20.0))
        found = {
            "name": _ids(state, name="x"),
            "finished": _ids(state, finished=True),
            "unfinished": _ids(state, finished=False),
            "both": _ids(state, name="x", finished=True),
            "text": _ids(state, where=_where("key = k2")),
            "other text": _ids(state, where=_where("task != regression")),
            "number": _ids(state, where=_where("seconds >= 10", "seconds < 20")),
            "nothing": _ids(state, where=_where("seconds > 20")),
        }
        assert found == {
            "name": ["b", "a"], "finished": ["c", "a"], "unfinished": ["b"], "both": ["a"],
            "text": ["b"], "other text": ["c"], "number": ["a"], "nothing": [],
        }  # fmt: skip

    def test_runs_are_filtered_and_sorted_by_metric(self, connect: Connect) -> None:
        """Sorted by a metric, only runs that have a value of it are listed."""
        state = connect()
        for run in (
            _run("a", "x", auc=0.7, rmse=3.0), _run("b", "x", auc=0.9), _run("c", "y", rmse=1.0),
            _run("d", "x", auc=math.nan), _run("e", "y", auc=0.8, rmse=2.0),
        ):  # fmt: skip
            state.put(run)
        assert _ids(state, sort="auc") == ["b", "e", "a"]
        assert _ids(state, sort="auc", descending=False) == ["a", "e", "b"]
        assert _ids(state, sort="auc", name="x", limit=2) == ["b", "a"]
        assert _ids(state, sort="auc", where=_where("auc > 0.7")) == ["b", "e"]
        assert _ids(state, sort="auc", where=_where("rmse <= 3", "auc > 0")) == ["e", "a"]
        assert _ids(state, where=_where("auc != 0.9", "rmse != 3")) == ["e"]
        assert _ids(state, sort="nothing of that name") == []

    # -- models ----------------------------------------------------------------------------------------------

    def test_a_history_is_kept_in_order(self, connect: Connect) -> None:
        """Versions and aliases are what it leads to; every field comes back."""
        told = _history("demo")
        for change in told:
            with connect().alone("demo") as history:
                assert list(history.changes) == told[: change.number - 1]
                history.add(change)
                assert list(history.changes) == told[: change.number]
        assert list(connect().changes("demo")) == told
        assert connect().model("demo") == ModelEntry.of("demo", told)
        assert connect().model("dem") is None

    def test_models_are_listed_by_name(self, connect: Connect) -> None:
        """In one order of letters, whatever the machine's language."""
        names = ["Zebra", "a-b", "aa", "a_b", "ab", "b", "é"]
        for name in reversed(names):
            _tell(connect(), _history(name))
        assert connect().models() == [ModelEntry.of(name, _history(name)) for name in sorted(names)]

    def test_what_fails_in_the_middle_changes_nothing(self, connect: Connect) -> None:
        """An error inside the block takes back what was added in it, and lets the next one in."""
        told = _history("demo")
        _tell(connect(), told[:1])
        state = connect()
        with suppress(LookupError), state.alone("demo") as history:
            history.add(told[1])
            raise LookupError
        assert list(state.changes("demo")) == told[:1]
        _tell(state, told[1:])
        assert list(connect().changes("demo")) == told

    def test_a_history_is_held_by_one_at_a_time(self, connect: Connect) -> None:
        """Nothing is lost when many add to it at once, nor made twice when they are the first ever."""
        started = threading.Barrier(8)

        def add() -> None:
            state = connect()
            started.wait()
            for _ in range(5):
                with state.alone("demo") as history:
                    history.add(_registered("demo", len(history.changes) + 1))

        _at_once([add] * 8)
        assert [change.number for change in connect().changes("demo")] == list(range(1, 41))

    def test_a_run_may_be_put_by_many_at_once(self, connect: Connect) -> None:
        """One of them counts, whole."""
        started = threading.Barrier(8)

        def put(value: float) -> None:
            state = connect()
            started.wait()
            for _ in range(5):
                state.put(_run("a", auc=value, rmse=value))

        _at_once([lambda value=float(at): put(value) for at in range(8)])  # type: ignore[misc]
        (run,) = connect().runs()
        assert run.scores["auc"].value == run.scores["rmse"].value

    # -- rebuilt ---------------------------------------------------------------------------------------------

    def test_an_index_is_rebuilt(self, connect: Connect) -> None:
        """Nothing that was there is left; nothing to put there is fine."""
        state = connect()
        state.put(_run("old", auc=0.5))
        _tell(state, _history("old"))
        runs = [_run(f"r{at:04}", started=float(at), auc=at / 3, rmse=1.0) for at in range(2500)]
        told = [*_history("demo"), *_history("other")]
        state.rebuild(iter(runs), iter(told))
        assert _same(connect().runs(RunQuery(descending=False)), runs)
        assert connect().models() == [ModelEntry.of(name, _history(name)) for name in ("demo", "other")]
        assert len(_ids(connect(), where=_where("auc >= 0.5"))) == 2498
        state.rebuild([], [])
        assert (connect().runs(), connect().models(), connect().made()) == ([], [], True)

    def test_an_index_that_cannot_be_rebuilt_stays_as_it_was(self, connect: Connect) -> None:
        """At once or not at all."""
        state = connect()
        state.put(_run("old", auc=0.5))
        _tell(state, _history("old"))

        def broken() -> Any:
            yield _registered("new", 1)
            raise LookupError

        with suppress(LookupError):
            state.rebuild([_run("new")], broken())
        assert _ids(connect()) == ["old"]
        assert [model.name for model in connect().models()] == ["old"]

    def test_nothing_is_lost_that_is_written_beside_a_rebuild(self, connect: Connect) -> None:
        """Who writes while an index is rebuilt waits, and comes after."""
        connect().put(_run("old"))
        reading = threading.Event()
        writers: list[threading.Thread] = []

        def entries() -> Any:
            reading.set()
            for writer in writers:
                writer.join(0.3)
            yield _run("old")

        def write(work: Callable[[State], None]) -> None:
            state = connect()
            reading.wait()
            work(state)

        for work in (lambda state: state.put(_run("new")), lambda state: _tell(state, _history("demo"))):
            writers.append(threading.Thread(target=write, args=(work,)))
            writers[-1].start()
        connect().rebuild(entries(), [])
        for writer in writers:
            writer.join()
        assert _ids(connect(), sort="id") == ["old", "new"]
        assert list(connect().changes("demo")) == _history("demo")


def _run(run: str, name: str = "demo", started: float = 1.5, key: str = "k", **facts: Any) -> RunEntry:
    """A line of the index; numbers that are no field of it are metrics."""
    known = {field: facts.pop(field) for field in tuple(facts) if field in RunEntry.__dataclass_fields__}
    scores = {
        metric: score if type(score) is Score else Score(metric, score, score - 0.1, score + 0.1)
        for metric, score in facts.items()
    }
    return RunEntry(run, name, started, key, "snapshot", "0.1", scores=scores, **known)


def _registered(name: str, number: int) -> Change:
    return Change(name, number, "registered", number, 1.5 * number, "me@here", run=f"{name}-{number}")


def _history(name: str) -> list[Change]:
    first = _registered(name, 1)
    return [
        first,
        Change(name, 2, "promoted", 1, 2.0, "me", alias="champion", why="the first; '\"\n"),
        replace(first, number=3, version=2, run="second"),
        Change(name, 4, "promoted", 2, 3.0, "you", alias="champion", before=1),
        Change(name, 5, "tagged", 2, 4.0, "you", tags={"owner": "Ann", "naïve": ""}),
        Change(name, 6, "rolled back", 1, 5.0, "you", alias="champion", before=2),
        Change(name, 7, "removed", 2, 6.0, "you"),
    ]


def _tell(state: State, changes: Sequence[Change]) -> None:
    with state.alone(changes[0].name) as history:
        for change in changes:
            history.add(change)


def _where(*texts: str) -> tuple[Condition, ...]:
    return tuple(map(Condition.parse, texts))


def _ids(state: State, **query: Any) -> list[str]:
    return [run.id for run in state.runs(RunQuery(**query))]


def _same(found: Sequence[RunEntry], wanted: Sequence[RunEntry]) -> bool:
    """Whether runs are equal, where one NaN is as good as another."""
    return [_plain(run) for run in found] == [_plain(run) for run in wanted]


def _plain(run: RunEntry) -> tuple[Any, ...]:
    return replace(run, scores={}), sorted(map(repr, run.scores.values()))


def _at_once(works: Sequence[Callable[[], None]]) -> None:
    """Run all at the same time; the first error of any is raised."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()
