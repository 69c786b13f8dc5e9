"""What every log of predictions must do; whoever writes one inherits this class in a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from noria.core.ports import PredictionLog
from noria.core.serving import Label, LoggedPrediction, Outcome

__all__ = ["PredictionLogContract"]

Connect = Callable[[], PredictionLog]


class PredictionLogContract:
    """Tests of a `noria.core.ports.PredictionLog`, for pytest.

    A subclass whose name begins with ``Test`` has a fixture ``connect``: a function that opens one and the
    same log as often as it is called, empty at the start of a test.

    Examples
    --------
    >>> class TestMine(PredictionLogContract):
    ...     def connect(self, tmp_path):  # decorate it with pytest.fixture
    ...         return lambda: MyLog(tmp_path)
    """

    def test_a_line_comes_back_as_it_was_added(self, connect: Connect) -> None:
        """Every field, absent ones and any text included."""
        full = _line("a", caller="k", inputs='{"naïve \\u0000 <b>":"\'; -- 日本"}', seconds=0.1 + 0.2)
        bare = _line("b", name="naïve 'x'; --", when=2.0**40)
        assert connect().append([full])
        assert connect().append([bare])
        assert list(connect().read()) == [full, bare]

    def test_a_line_that_is_known_is_not_added_again(self, connect: Connect) -> None:
        """One per row and role: whoever does not know whether it was kept adds it once more."""
        log = connect()
        lines = [_line("a"), _line("a", role="shadow"), _line("b")]
        assert log.append(lines[:2])
        assert log.append(lines)
        assert list(log.read()) == lines

    def test_reading_makes_nothing(self, connect: Connect) -> None:
        """A log that is not there reads as an empty one."""
        log = connect()
        assert list(log.read()) == []
        assert list(log.labels("demo")) == []
        assert log.count() == 0

    def test_lines_are_found_by_model_and_time(self, connect: Connect) -> None:
        """Oldest first; of more than the limit the latest."""
        log = connect()
        log.append([_line(f"{at}", name=("x", "y")[at % 2], when=float(at)) for at in range(6)])
        assert _ids(log.read("x")) == ["0", "2", "4"]
        assert _ids(log.read("x", since=2.0)) == ["2", "4"]
        assert _ids(log.read(limit=2)) == ["4", "5"]
        assert (log.count(), log.count("y"), log.count("z")) == (6, 3, 0)

    def test_no_lines_are_no_fault(self, connect: Connect) -> None:
        """So a service asks whether the log can be written again."""
        log = connect()
        assert log.append([])
        assert log.count() == 0

    def test_lines_of_many_threads_are_all_there(self, connect: Connect) -> None:
        """Each group whole and in its order."""
        groups = [[_line(f"{group}-{at}") for at in range(20)] for group in range(8)]
        logs = [connect(), connect()]
        _together(lambda at: logs[at % 2].append(groups[at]), len(groups))
        found = _ids(logs[0].read())
        assert sorted(found) == sorted(line.id for group in groups for line in group)
        for group in range(8):
            assert [one for one in found if one.startswith(f"{group}-")] == [
                line.id for line in groups[group]
            ]

    def test_many_lines_in_one_call(self, connect: Connect) -> None:
        """More than a statement has places for."""
        log = connect()
        assert log.append([_line(f"{at:05}") for at in range(20_000)])
        assert log.count() == 20_000

    def test_a_log_goes_on_after_it_was_closed(self, connect: Connect) -> None:
        """Closing lets go of the database, and nothing else."""
        log = connect()
        log.append([_line("a")])
        log.close()
        log.append([_line("b")])
        log.tidy()
        assert _ids(connect().read()) == ["a", "b"]

    def test_what_becomes_of_labels(self, connect: Connect) -> None:
        """Kept once, known the second time; others do not take their place unless they may."""
        log = connect()
        log.append([_line("a"), _line("b"), _line("c", name="other")])
        yes, no = Label.of("a", "yes", 1.0, "k"), Label.of("a", "no", 2.0)
        assert log.tell("demo", [yes, Label.of("c", 1, 1.0), Label.of("nobody", 1, 1.0)]) == [
            Outcome.KEPT, Outcome.UNKNOWN, Outcome.UNKNOWN,
        ]  # fmt: skip
        assert log.tell("demo", [yes, no]) == [Outcome.SAME, Outcome.CONTRADICTS]
        assert list(connect().labels("demo")) == [yes]
        assert log.tell("demo", [no], replace=True) == [Outcome.REPLACED]
        assert list(connect().labels("demo")) == [no]
        assert list(log.labels("demo", since=2.5)) == []
        assert list(log.labels("other")) == []

    def test_labels_that_contradict_each_other_in_one_call(self, connect: Connect) -> None:
        """The first one counts."""
        log = connect()
        log.append([_line("a")])
        told = [Label.of("a", label, 1.0) for label in ("yes", "yes", "no")]
        assert log.tell("demo", told) == [Outcome.KEPT, Outcome.SAME, Outcome.CONTRADICTS]
        assert list(log.labels("demo")) == [told[0]]

    def test_labels_told_at_once(self, connect: Connect) -> None:
        """Of two that say the same at the same time one is kept, and nobody fails."""
        connect().append([_line(f"{at:04}") for at in range(1_500)])
        labels = [Label.of(f"{at:04}", at, 1.0) for at in range(1_500)]
        logs = [connect() for _ in range(4)]
        outcomes: list[list[Outcome]] = [[] for _ in logs]

        def tell(at: int) -> None:
            outcomes[at] = logs[at].tell("demo", labels)

        _together(tell, len(logs))
        for told in zip(*outcomes, strict=True):
            assert sorted(told) == [Outcome.KEPT, *[Outcome.SAME] * 3]


def _line(row: str, name: str = "demo", when: float = 1.0, **more: Any) -> LoggedPrediction:
    known: dict[str, Any] = {
        "version": 1, "role": "champion", "seconds": 0.001, "caller": None, "inputs": "{}", "outputs": "{}",
        "cpu": 0.0005,
    }  # fmt: skip
    return LoggedPrediction(id=row, request=row, name=name, when=when, **{**known, **more})


def _ids(lines: Iterable[LoggedPrediction]) -> list[str]:
    return [line.id for line in lines]


def _together(work: Callable[[int], object], count: int) -> None:
    """Do it in threads that begin at the same time."""
    barrier = threading.Barrier(count)
    failed: list[int] = list(range(count))

    def begin(at: int) -> None:
        barrier.wait()
        work(at)
        failed.remove(at)

    threads = [threading.Thread(target=begin, args=(at,)) for at in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, f"{len(failed)} of {count} failed"
