"""``noria watch``: what became of a served model."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes, words

if TYPE_CHECKING:
    from noria.core.watch import Alarm, Check

__all__ = ["watch"]

ALARM = 12
"""The exit code while an alarm is open."""
_DRIFTS = 8

WINDOW: Mapping[str, Any] = {
    "since": Annotated[
        str | None, typer.Option(metavar="TIME", help="Look at rows of the last 7d, 1h, ... [7d].")
    ],
    "last": Annotated[
        int | None, typer.Option(min=50, metavar="N", help="At most so many of the latest rows [50000].")
    ],
    "notify": Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Whom to tell: an address of apprise. Repeat for more."),
    ],
}
"""Which rows are looked at, and who is told."""

LOOP: Mapping[str, Any] = {
    "every": Annotated[str | None, typer.Option(metavar="TIME", help="Look again and again, until Ctrl-C.")],
    "no_retrain": Annotated[
        bool, typer.Option("--no-retrain", help="Leave the recipe's 'monitor: retrain' alone.")
    ],
    "history": Annotated[bool, typer.Option("--history", help="List earlier looks, and look no more.")],
}
"""When it looks, and what it does."""

SILENCE: Mapping[str, Any] = {
    "silence": Annotated[
        str | None, typer.Option(metavar="TIME", help="Tell nobody of alarms for so long; 'off' ends that.")
    ],
    "kinds": Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Only of drift, quality, decay, estimate, unanswered, latency, errors."
        ),
    ],
    "why": Annotated[str | None, typer.Option(metavar="TEXT", help="The reason, for the history.")],
}
"""What keeps it quiet."""


@takes(WINDOW, LOOP, SILENCE, OUTPUT)
def watch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A served name.", autocompletion=complete_model)
    ],
    **flags: Any,
) -> None:
    """Look at what a service has answered, and raise alarms.

    It looks at drift, quality, how good the model is, latency and errors. An alarm opens when something is
    found in two windows in a row, and is told once. If the recipe says so, it begins a retraining. The exit
    code is 12 while an alarm is open.

    \b
    Examples:
      noria watch titanic
      noria watch titanic --every 1h --notify slack://token_a/token_b/token_c
      noria watch titanic --since 1d --json
      noria watch titanic --silence 2h --kinds drift --why "a campaign"
      noria watch titanic --silence off
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json
    from noria.core.deadline import seconds

    if flags["silence"]:
        lasts = 0.0 if flags["silence"] == "off" else flags["silence"]
        entry = noria.silence(name, lasts, kinds=words(flags["kinds"]), why=flags["why"] or "")
        told = ", ".join(entry.body["kinds"]) or "any alarm"
        if flags["json"]:
            print_json(entry._asdict())
        elif lasts:
            typer.echo(f"Nobody is told of {told} of {name} for {lasts}.")
        else:
            typer.echo(f"Alarms of {name} are told again.")
    elif flags["history"]:
        _show_history(noria.checks(name), flags)
    elif flags["every"]:
        _loop(name, seconds(flags["every"], "A schedule"), flags)
    else:
        check = _look(name, flags)
        if check.open:
            raise typer.Exit(ALARM)


def _look(name: str, flags: Mapping[str, Any]) -> Check:
    """One check, shown, and the retraining that it leads to."""
    import noria
    from noria.cli.retrain import show_retrained
    from noria.cli.ui import show

    check = noria.watch(name, since=flags["since"], rows=flags["last"], notify=flags["notify"])
    if flags["json"]:
        _line(check.to_dict())
    elif not flags["quiet"]:
        show(*_parts(check))
    if not flags["no_retrain"] and "@" not in name:
        done = noria.retrain(name, only_due=True)
        if done.outcome != "not due" and not flags["quiet"]:
            show_retrained(done, flags)
    return check


def _loop(name: str, every: float, flags: Mapping[str, Any]) -> None:
    """Look again and again; what fails is told, and tried again the next time."""
    from noria.cli.ui import show_error
    from noria.errors import NoriaError, NotFoundError

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        while not stopped.is_set():
            try:
                _look(name, flags)
            except NotFoundError:
                raise
            except NoriaError as error:
                show_error(error, as_json=flags["json"])
            sys.stdout.flush()
            stopped.wait(every)
    except KeyboardInterrupt:
        return


def _line(fields: Mapping[str, Any]) -> None:
    """One line of JSON."""
    import json

    typer.echo(json.dumps(fields, default=str, ensure_ascii=False))


def _parts(check: Check) -> list[Any]:
    """What a check has found, to be read."""
    from rich.text import Text

    from noria.cli.ui import grid, table
    from noria.pages.watch import facts, scores

    colour = {"ok": "green", "alarm": "bold red"}.get(check.verdict, "yellow")
    parts: list[Any] = [Text.assemble((check.verdict, colour), f"  {check.name}@{check.version}")]
    told = list(facts(check))
    if told:
        used = grid()
        for line in told:
            used.add_row(*line)
        parts += ["", used]
    for alarm in check.alarms:
        parts += ["", Text(_named(alarm), "bold"), *(f"  {why}" for why in alarm.reasons)]
    measured = list(scores(check))
    if measured:
        made = table("metric", "with labels", "estimated", "when judged")
        for score in measured:
            made.add_row(*score)
        parts += ["", made]
    moved = [one for one in check.report.drifts if one.test][:_DRIFTS]
    if moved:
        made = table("drift of", "test", "distance", "normal up to", "", right=("distance", "normal up to"))
        for one in moved:
            word = "drifted" if one.drifted else ""
            made.add_row(one.name, one.test, f"{one.statistic:.3f}", f"{one.threshold:.3f}", word)
        parts += ["", made]
    parts += ["", *(Text(one, "dim") for one in check.notes)] if check.notes else []
    return parts + (["", *check.acted] if check.acted else [])


def _named(alarm: Alarm) -> str:
    if alarm.open:
        return f"{alarm.kind} (not in the last window)" if alarm.quiet else alarm.kind
    return f"{alarm.kind}: not found often enough for an alarm yet"


def _show_history(checks: list[Check], flags: Mapping[str, Any]) -> None:
    from noria.cli.ui import print_json, show, table_of
    from noria.pages.units import ago

    if flags["json"]:
        print_json([check.to_dict() for check in checks])
    elif not checks:
        show("Nobody has looked yet.")
    else:
        asked = any(check.shares for check in checks)
        lines = [
            {
                "when": ago(check.when),
                "version": str(check.version),
                "verdict": check.verdict,
                "rows": f"{check.usage.rows:,}",
                "labels": f"{check.labelled:,}",
                **({"shares": _shares(check)} if asked else {}),
                "alarms": ", ".join(alarm.kind for alarm in check.open),
                "done": "; ".join(check.acted),
            }
            for check in checks
        ]
        show(table_of(lines, right=("rows", "labels"), spared=("done", *(["shares"] if asked else []))))


def _shares(check: Check) -> str:
    from noria.core.words import percent

    return ", ".join(f"{percent(one.value)} {one.metric}" for one in check.shares)
