"""Events as they come in: a live picture on a terminal, one line per stage elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from noria.core.events import Event
from noria.core.words import times
from noria.pages.units import ago, data_size, duration, number

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Lines", "Screen", "State"]

_DOING = {
    "read": "reading",
    "search": "searching",
    "evaluate": "evaluating",
    "examine": "examining",
    "keep": "saving",
    "mirror": "sending to MLflow",
    "import": "importing",
    "export": "exporting",
    "index": "writing the index",
    "profile": "relating columns",
}
_LONG = 30.0  # seconds that people may not want to wait for a first result
_PER_SECOND = 8
_BAR = 40


@dataclass
class State:
    """What the events so far amount to.

    Examples
    --------
    >>> state = State("demo")
    >>> state.take(Event("trial.finished", {"learner": "ridge", "score": 0.5, "best": 0.5}))
    >>> state.trials, state.best_learner
    (1, 'ridge')
    """

    name: str
    doing: str = "starting"
    began: float = field(default_factory=time.monotonic)
    budget: float | None = None
    metric: str = ""
    best: float | None = None
    best_learner: str = ""
    trials: int = 0
    pruned: int = 0
    trying: str = ""
    share: float | None = None
    said: str = ""

    def take(self, event: Event) -> None:
        """Let one event change the state; kinds that are not known change nothing."""
        handler = getattr(self, "_" + event.kind.replace(".", "_"), None)
        if handler is not None:
            handler(event.data)

    @property
    def left(self) -> float | None:
        """Seconds until the budget ends, if there is one."""
        return None if self.budget is None else max(self.began + self.budget - time.monotonic(), 0.0)

    def _stage_started(self, data: dict[str, Any]) -> None:
        self.doing, self.trying, self.share = _DOING.get(data["stage"], data["stage"]), "", None

    def _run_started(self, data: dict[str, Any]) -> None:
        self.name, self.budget = data["name"], data["budget"]

    def _search_started(self, data: dict[str, Any]) -> None:
        self.metric, self.budget = data["metric"], data["budget"]

    def _trial_started(self, data: dict[str, Any]) -> None:
        self.trying = data["learner"]

    def _trial_finished(self, data: dict[str, Any]) -> None:
        self.trials += 1
        if data["best"] == data["score"]:
            self.best, self.best_learner = data["best"], data["learner"]

    def _trial_pruned(self, data: dict[str, Any]) -> None:
        del data
        self.pruned += 1

    def _run_resumed(self, data: dict[str, Any]) -> None:
        self.trials = data["trials"]

    def _download_progress(self, data: dict[str, Any]) -> None:
        done, total = data["done"], data.get("total")
        self.doing, self.share = "downloading", done / total if total else None
        self.trying = data_size(done) + (f" of {data_size(total)}" if total else "")

    def _upload_progress(self, data: dict[str, Any]) -> None:
        done, total = data["done"], data["total"]
        self.doing, self.share = "uploading", done / total if total else None
        self.trying = f"{data_size(done)} of {data_size(total)}"

    def _prune_progress(self, data: dict[str, Any]) -> None:
        self.doing, self.share = "removing", data["done"] / data["total"]
        self.trying = f"{data['done']} of {data['total']}"

    def _document_progress(self, data: dict[str, Any]) -> None:
        self.share = data["done"] / data["total"]
        self.trying = f"{data['done']:,} of {data['total']:,} documents"

    def _embedding_progress(self, data: dict[str, Any]) -> None:
        learner = self.trying.partition(",")[0]
        self.trying = f"{learner}, {data['done']:,} of {data['total']:,} texts embedded"

    def _predict_progress(self, data: dict[str, Any]) -> None:
        self.doing, self.trying = "predicting", times(data["rows"], "row")

    def _profile_progress(self, data: dict[str, Any]) -> None:
        self.doing, self.trying = "profiling", times(data["rows"], "row")

    def _reindex_progress(self, data: dict[str, Any]) -> None:
        self.doing, self.share = "reading", data["done"] / data["total"]
        self.trying = f"{data['done']:,} of {data['total']:,} runs"


class Screen:
    """Lines that are kept up to date: time left, what is known and tried, and what can be done meanwhile.

    Parameters
    ----------
    console : Console
        Of a terminal.
    label : str
        What the work is called until it has a name.
    """

    def __init__(self, console: Console, label: str) -> None:
        from rich.live import Live

        self.state = State(label)
        self._console = console
        self._lock = threading.Lock()
        self._live = Live(
            console=console, refresh_per_second=_PER_SECOND, transient=True, get_renderable=self.draw
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def hear(self, event: Event) -> None:
        """Take note of an event; the next picture shows it."""
        with self._lock:
            self.state.take(event)
        said = _SAID.get(event.kind)
        if said is not None:
            self._console.print(said(event.data), style="dim")

    def draw(self) -> RenderableType:
        """The lines as of now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        state, left = self.state, self.state.left
        share = state.share
        if share is None and state.budget:
            share = 1 - (left or 0.0) / state.budget
        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(
            total=1.0,
            completed=share or 0.0,
            width=min(_BAR, self._console.width // 3),
            pulse=share is None,
        )
        title = Text.assemble((state.name, "bold"), f"  {state.doing}")
        head.add_row(title, bar, Text(_left(state.budget, left), style="cyan"))
        lines = [self._details(), *self._meanwhile()]
        return Group(
            head, *(Text("  " + line, overflow="ellipsis", no_wrap=True, style="dim") for line in lines)
        )

    def _meanwhile(self) -> list[str]:
        """What can be done while a search goes on."""
        if self.state.doing != "searching":
            return []
        sooner = "; sooner done with --budget 10s" if (self.state.budget or 0.0) > _LONG else ""
        return ["Ctrl-C stops, the same command goes on" + sooner]

    def _details(self) -> str:
        state = self.state
        parts = []
        if state.best is not None:
            parts.append(f"best {state.metric} {number(state.best)} ({state.best_learner})")
        if state.trials:
            parts.append(f"{state.trials} trials" + (f", {state.pruned} cut short" if state.pruned else ""))
        if state.trying:
            parts.append(f"trying {state.trying}" if state.doing == "searching" else state.trying)
        return "   ".join(parts)


def _left(budget: float | None, left: float | None) -> str:
    """The time left, as m:ss."""
    if budget is None or left is None:
        return ""
    minutes, seconds = divmod(int(left + 0.5), 60)
    return f"{minutes}:{seconds:02d} left" if left > 0 else "finishing"


def _resumed(data: dict[str, Any]) -> str:
    return f"Going on from an interrupted run with {times(data['trials'], 'trial')}; --fresh starts anew."


def _unchanged(data: dict[str, Any]) -> str:
    return f"Nothing has changed since run {data['run']} ({ago(data['ended'])}); --fresh runs it again."


_SAID: dict[str, Callable[[dict[str, Any]], str]] = {
    "copy.used": itemgetter("what"),
    "predict.unread": itemgetter("what"),
    "run.resumed": _resumed,
    "run.unchanged": _unchanged,
}


class Lines:
    """One line per stage, for pipes and logs.

    Parameters
    ----------
    console : Console
    label : str
    """

    def __init__(self, console: Console, label: str) -> None:
        self.state = State(label)
        self._console = console
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hear(self, event: Event) -> None:
        """Print the event's line, if it has one."""
        with self._lock:
            self.state.take(event)
            line = _LINES.get(event.kind, lambda _data, _state: None)(event.data, self.state)
            if line is not None:
                self._console.print(f"{self.state.name}: {line}", soft_wrap=True)


def _stage_line(data: dict[str, Any], state: State) -> str | None:
    """Searching has a line of its own, with more in it."""
    return None if data["stage"] == "search" else state.doing


def _search_line(data: dict[str, Any], _: State) -> str:
    learners, folds = len(data["learners"]), data["folds"]
    doing = f"searching for up to {duration(data['budget'])}" if data["budget"] else "fitting known settings"
    return (
        f"{doing} by {data['metric']}: {times(data['rows'], 'row')}, "
        f"{times(folds, 'fold')}, {times(learners, 'learner')}"
    )


def _table(data: dict[str, Any]) -> str:
    return f"{times(data['rows'], 'row')}, {times(data['columns'], 'column')}"


def _found_line(data: dict[str, Any], state: State) -> str:
    best = (
        f", best {state.metric} {number(state.best)} ({state.best_learner})" if state.best is not None else ""
    )
    return (
        f"{times(data['trials'], 'trial')} in {duration(data['seconds'])}{best}; ended because {data['why']}"
    )


_LINES = {
    "stage.started": _stage_line,
    "data.read": lambda data, _: f"{_table(data)} from {data['source']}",
    "run.resumed": lambda data, _: _resumed(data),
    "run.unchanged": lambda data, _: _unchanged(data),
    "copy.used": lambda data, _: data["what"],
    "predict.unread": lambda data, _: data["what"],
    "search.started": _search_line,
    "search.finished": _found_line,
    "reindex.progress": lambda data, _: f"{data['done']:,} of {data['total']:,} runs read",
    "run.finished": lambda data, _: f"done in {duration(data['seconds'])}",
}
