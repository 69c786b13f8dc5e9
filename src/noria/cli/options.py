"""Options that several verbs share, each declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from noria.errors import Interrupted, ParamError

__all__ = [
    "CHANGE",
    "OUTPUT",
    "SEARCH",
    "TABLE",
    "WALK",
    "complete_model",
    "complete_recipe",
    "complete_run",
    "goals",
    "page_path",
    "pairs",
    "search",
    "takes",
    "words",
]

SEARCH: Mapping[str, Any] = {
    "budget": Annotated[
        str | None, typer.Option("--budget", "-b", metavar="TIME", help="Wall-clock time: 60s, 5m, 1h.")
    ],
    "metric": Annotated[
        str | None,
        typer.Option("--metric", "-m", metavar="NAME", help="What to optimise: accuracy, rmse, ..."),
    ],
    "learners": Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Only these learners; 'noria learners' lists them."),
    ],
    "folds": Annotated[
        int | None,
        typer.Option(min=0, max=50, metavar="N", help="Cross-validation folds; 0 lets the rows decide."),
    ],
    "trials": Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after this many trials.")],
    "seed": Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Same seed, same trials, same model.")
    ],
}
"""What the search section of a recipe says, as flags; each one given overrides it."""

TABLE: Mapping[str, Any] = {
    "name": Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the model; the file's if not given.")
    ],
    "task": Annotated[
        str | None,
        typer.Option(
            metavar="TASK", help="classification, regression or forecasting; inferred, save the last."
        ),
    ],
    "documents": Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            help="What FILE, of questions, is asked of; without FILE, questions are made. Repeat for more.",
        ),
    ],
    "test": Annotated[str | None, typer.Option(metavar="FILE", help="Rows that are only ever evaluated on.")],
    "holdout": Annotated[
        float | None,
        typer.Option(min=0.0, max=0.9, metavar="SHARE", help="Share of rows kept for the evaluation [0.2]."),
    ],
    "drop": Annotated[str | None, typer.Option(metavar="A,B", help="Columns to leave out.")],
    "column": Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=TYPE",
            help="Say what a column is: zip=category, site=group, day=time. Repeat for more.",
        ),
    ],
    "option": Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A setting of the system: imbalance=weights. Repeat for more."
        ),
    ],
    "goal": Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="What to reach: 'accuracy >= 0.9'. Repeat for more."),
    ],
    "silence": Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Findings that are left out: NOR004,NOR024; see 'noria findings'."),
    ],
    "features": Annotated[
        str | None, typer.Option(metavar="FILE:FUNCTION", help="A table-to-table function of your own.")
    ],
}
"""What the data section of a recipe says, as flags of ``noria train``."""

WALK: Mapping[str, Any] = {
    "fresh": Annotated[
        bool,
        typer.Option("--fresh", help="Start anew, even if a run was interrupted or nothing has changed."),
    ],
    "require_goal": Annotated[
        bool, typer.Option("--require-goal", help="Exit with code 9 if the goal is missed.")
    ],
}
"""How a run begins and ends."""

CHANGE: Mapping[str, Any] = {
    "alias": Annotated[str | None, typer.Option(metavar="WORD", help="What it answers to [champion].")],
    "why": Annotated[str | None, typer.Option(metavar="TEXT", help="The reason, for the history.")],
}
"""What a promotion and its undoing say."""

OUTPUT: Mapping[str, Any] = {
    "json": Annotated[bool, typer.Option("--json", help="Print JSON; progress and errors go to stderr.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
}
"""What every verb takes."""


def takes(*groups: Mapping[str, Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb, through its ``**flags``, the options of some groups.

    Ctrl-C inside the verb becomes `Interrupted`.

    Examples
    --------
    >>> @takes(OUTPUT)
    ... def verb(name: str, **flags):
    ...     return name, flags["json"]
    >>> list(inspect.signature(verb).parameters)
    ['name', 'json', 'quiet', 'debug']
    """

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        own = inspect.signature(verb, eval_str=True).parameters.values()
        parameters = [parameter for parameter in own if parameter.kind is not parameter.VAR_KEYWORD]
        for name, annotation in {key: value for group in groups for key, value in group.items()}.items():
            default = False if get_args(annotation)[0] is bool else None
            parameters.append(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
                )
            )

        @functools.wraps(verb)
        def guarded(*args: Any, **values: Any) -> Any:
            try:
                return verb(*args, **values)
            except KeyboardInterrupt as error:
                raise Interrupted("Stopped.", do="Run the same command again.") from error

        guarded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        guarded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return guarded

    return decorate


def search(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags of a search that were given, as the API takes them.

    Examples
    --------
    >>> search({"budget": "5s", "learners": "ridge, lasso", "seed": None})
    {'budget': '5s', 'learners': ['ridge', 'lasso']}
    """
    given = {name: flags[name] for name in SEARCH if flags.get(name) is not None}
    if "learners" in given:
        given["learners"] = words(given["learners"])
    return given


def words(text: str | None) -> list[str]:
    """The words of a comma-separated list."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def page_path(output: Path | None, *inputs: str | None, endings: tuple[str, ...] = (".html", ".htm")) -> None:
    """Refuse an output that is no page's name, or an input, before there is any work.

    Raises
    ------
    ParamError, StorageError

    Examples
    --------
    >>> page_path(Path("houses.csv"))
    Traceback (most recent call last):
    noria.errors.ParamError: The output is a page, and not called like one.
      got: 'houses.csv'
      do:  End its name in .html or .htm.
    """
    from noria.core.files import check_output

    if output is None:
        return
    if output.suffix.lower() not in endings:
        raise ParamError(
            "The output is a page, and not called like one.",
            got=repr(str(output)),
            do=f"End its name in {' or '.join(endings)}.",
        )
    check_output(output, [given for given in inputs if given])


def pairs(items: list[str] | None, flag: str) -> dict[str, Any]:
    """Read ``KEY=VALUE`` options; values are YAML.

    Raises
    ------
    ParamError
        If one has no ``=`` or its value is not YAML.

    Examples
    --------
    >>> pairs(["coverage=0.8", "imbalance=weights"], "--option")
    {'coverage': 0.8, 'imbalance': 'weights'}
    """
    import yaml

    read = {}
    for item in items or ():
        key, equals, value = item.partition("=")
        try:
            read[key.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            equals = ""
        if not equals or not key.strip():
            raise ParamError(f"{flag} is not a pair.", got=repr(item), do=f"Write it as {flag} key=value.")
    return read


def goals(items: list[str] | None) -> dict[str, str]:
    """Read ``metric >= value`` options.

    Raises
    ------
    ParamError
        If one is not a comparison.

    Examples
    --------
    >>> goals(["accuracy >= 0.9"])
    {'accuracy': '>= 0.9'}
    """
    import re

    read = {}
    for item in items or ():
        match = re.fullmatch(r"\s*([\w-]+)\s*((?:>=|<=|>|<).+)", item)
        if match is None:
            raise ParamError(
                "--goal is not a comparison.", got=repr(item), do="Write it as --goal 'accuracy >= 0.9'."
            )
        read[match[1]] = match[2].strip()
    return read


def complete_recipe(incomplete: str) -> list[str]:
    """Names of shipped recipes, and of recipe folders here, that begin like this."""
    import noria

    roots = (Path(noria.__file__).parent / "recipes", Path(), Path("recipes"))
    names = {path.parent.name for root in roots for path in root.glob("*/recipe.yaml")}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_model(incomplete: str) -> list[str]:
    """Names of trained models that begin like this."""
    from noria.settings import Settings

    names = (path.name for path in Settings().models.glob("*/"))
    return sorted(name for name in names if name.startswith(incomplete))


def complete_run(incomplete: str) -> list[str]:
    """Names of trained models and ids of runs that begin like this."""
    from noria.settings import Settings

    runs = Settings().runs
    ids = (path.name for path in runs.glob("[!.]*") if path.name.startswith(incomplete))
    return [*complete_model(incomplete), *sorted(ids)]
