"""The command line: parse, call the API, render. One file per verb.

Only typer is imported to start; everything else inside the commands.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from noria._version import __version__
from noria.cli.compare import compare
from noria.cli.explain import explain
from noria.cli.export import export
from noria.cli.feedback import feedback
from noria.cli.findings import findings
from noria.cli.history import history
from noria.cli.import_model import import_model
from noria.cli.keys import keys
from noria.cli.learners import learners
from noria.cli.mirror import mirror
from noria.cli.models import models
from noria.cli.new import new
from noria.cli.predict import predict
from noria.cli.predictions import predictions
from noria.cli.profile import profile
from noria.cli.promote import promote
from noria.cli.prune import prune
from noria.cli.publish import publish
from noria.cli.recipes import recipes
from noria.cli.reindex import reindex
from noria.cli.report import report
from noria.cli.reproduce import reproduce
from noria.cli.retrain import retrain
from noria.cli.rollback import rollback
from noria.cli.run import run
from noria.cli.runs import runs
from noria.cli.serve import serve
from noria.cli.show import show
from noria.cli.tag import tag
from noria.cli.train import train
from noria.cli.version import version
from noria.cli.watch import watch
from noria.errors import Interrupted, NoriaError, ParamError, StorageError

__all__ = ["app", "main"]

_VERBS: dict[str, tuple[Callable[..., Any], ...]] = {
    "From data to answers": (run, train, predict, explain, profile, recipes, new),
    "A service": (serve, predictions, feedback, watch, retrain, export),
    "Runs": (runs, show, report, compare, reproduce, publish),
    "Models": (models, history, promote, rollback, tag, prune),
    "More": (mirror, import_model, reindex, learners, findings, version),
}
_NAMES = {import_model: "import"}  # a word that Python keeps for itself
_NEED_NOTHING = (recipes, runs, models, prune, publish, reindex, learners, findings, version)
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
_BROKEN_PIPE = 141
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Verbs(TyperGroup):
    """Help that lists the verbs by what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        known = {name: self.commands[name] for name in self.list_commands(ctx)}
        room = formatter.width - 6 - max(map(len, known))
        parts = {
            title: [_NAMES.get(verb, verb.__name__) for verb in verbs] for title, verbs in _VERBS.items()
        }
        listed = {name for names in parts.values() for name in names}
        parts["A service"] += [name for name in known if name not in listed]
        for title, names in parts.items():
            with formatter.section(title):
                rows = [
                    (f"{name:<{max(map(len, known))}}", known[name].get_short_help_str(room))
                    for name in names
                ]
                formatter.write_dl(rows)


app = typer.Typer(
    name="noria",
    cls=_Verbs,
    help="From raw data to a good model in one command.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with:  noria run titanic   or   noria train houses.csv --target price",
)
for _verb in chain.from_iterable(_VERBS.values()):
    app.command(_NAMES.get(_verb), no_args_is_help=_verb not in _NEED_NOTHING)(_verb)
app.add_typer(keys)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"noria {__version__}")
        raise typer.Exit


@app.callback()
def _noria(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Show the version and leave."
        ),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands after ``noria``; from the command line if not given.

    Raises
    ------
    SystemExit
        Always. The codes are those of `noria.errors`; 2 also for a command that is not understood, 141 if the
        reader of the output went away.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    words = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in words or os.environ.get("NORIA_DEBUG", "0") not in ("", "0")
    if not debug:
        sys.excepthook = _unexpected
    try:
        code = get_command(app).main(args=given, prog_name="noria", standalone_mode=False)
        sys.stdout.flush()
    except NoriaError as error:
        code = _fail(error, as_json="--json" in words, debug=debug)
    except _USAGE_ERROR as error:
        if str(error).startswith("Usage:"):  # a verb without its arguments: the message is its help
            typer.echo(str(error), err=True)
            code = ParamError.exit_code
        else:
            code = _fail(_usage(error), as_json="--json" in words, debug=False)
    except (KeyboardInterrupt, typer.Abort):
        code = _fail(Interrupted("Stopped."), as_json="--json" in words, debug=debug)
    except (BrokenPipeError, SystemExit) as left:  # typer makes an exit of what a verb meets
        if isinstance(left, SystemExit) and not isinstance(left.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _BROKEN_PIPE
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        full = StorageError("The output cannot be written.", got=error.strerror, do="Free some space there.")
        code = _fail(full, as_json="--json" in words, debug=debug)
    sys.exit(code or 0)


def _open_streams() -> None:
    """Put nothing in the place of streams that the caller has closed, or files would take their numbers."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115


def _fail(error: NoriaError, *, as_json: bool, debug: bool) -> int:
    """Say what is wrong on stderr; the exit code of its kind."""
    from noria.cli import ui

    if debug:
        import traceback

        typer.echo("".join(traceback.format_exception(error)), err=True)
    ui.show_error(error, as_json=as_json)
    return error.exit_code


def _usage(error: Any) -> NoriaError:
    """A command line that is not understood, as one of our own errors."""
    command = error.ctx.command_path if error.ctx is not None else "noria"
    return ParamError(error.format_message().rstrip("."), do=f"Run: {command} --help")


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The excepthook of a command that failed in a way nobody foresaw."""
    from noria.cli import ui

    del trace
    got = f"{kind.__name__}: {error}" if str(error) else kind.__name__
    do = "Run the command again with --debug, and report what it prints."
    ui.show_error(NoriaError("Noria failed in a way that it should not.", got=got, do=do))
