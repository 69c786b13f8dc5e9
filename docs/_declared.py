"""The reference of what the code declares as data: commands, recipe keys, learners, settings, exit codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from noria import errors
from noria.cli import app
from noria.core.params import Param
from noria.core.recipe import Recipe
from noria.lifecycle.diagnose import codes
from noria.settings import Settings
from noria.systems.tabular.learners import LEARNERS
from noria.systems.tabular.options import TabularOptions


def pages() -> dict[str, str]:
    """File name and Markdown of every page."""
    return {
        "commands.md": commands(),
        "recipe.md": recipe(),
        "learners.md": learners(),
        "settings.md": settings(),
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def shown(value: object) -> str:
    """A default as the reader would write it."""
    if value in (None, "", PydanticUndefined) or value == {} or value == [] or value is ...:
        return ""
    return f"`{value}`"


def commands() -> str:
    """Every command with its arguments and options, as the command line declares them."""
    root = typer.main.get_command(app)
    parts = ["# Commands"]
    for name, command in sorted(root.commands.items()):
        context = typer.Context(command, info_name=f"noria {name}")
        about, _, examples = (command.help or "").replace("\b", "").partition("Examples:")
        shown_lines = [command.get_usage(context), "", *(line.strip() for line in examples.splitlines())]
        parts += [f"## noria {name}", " ".join(about.split())]
        parts.append("```text\n" + "\n".join(shown_lines).replace("\n\n\n", "\n\n").strip() + "\n```")
        rows = [parameter(item, context) for item in command.params]
        parts.append(table(["argument or option", "default", "what it does"], rows))
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.NoriaError)
    ]
    codes = [[str(kind.exit_code), kind.__name__, summary(kind)] for kind in kinds]
    parts += ["## Exit codes", table(["exit code", "error", "what happened"], sorted(codes))]
    return "\n\n".join(parts) + "\n"


def parameter(item: Any, context: typer.Context) -> list[str]:
    """One argument or option."""
    names = ", ".join(f"`{name}`" for name in [*item.opts, *item.secondary_opts])
    default = item.get_default(context, call=False)
    text = getattr(item, "help", None) or ""
    if item.param_type_name == "argument":
        names = f"`{item.metavar or item.name.upper()}`"
    return [names, shown(None if default is False or callable(default) else default), " ".join(text.split())]


def summary(kind: type) -> str:
    """The first line of a docstring."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def recipe() -> str:
    """Every key of a recipe, and the options of each system."""
    parts = [
        "# Recipe keys",
        "What may stand in a `recipe.yaml`. Unknown keys are errors.",
        table(["key", "default", "meaning"], list(keys(Recipe))),
        "## Options of the tabular system",
        table(["key", "default", "meaning"], list(keys(TabularOptions, "options."))),
    ]
    return "\n\n".join(parts) + "\n"


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[list[str]]:
    """The keys of a model and of the models in it."""
    for name, info in model.model_fields.items():
        if info.exclude:
            continue
        inner = [kind for kind in (info.annotation, *get_args(info.annotation)) if is_model(kind)]
        if inner:
            yield from keys(inner[0], f"{prefix}{name}.")
        else:
            meaning = [info.description or "", options_of(info)]
            yield [f"`{prefix}{name}`", default_of(info), " ".join(part for part in meaning if part)]


def is_model(kind: Any) -> bool:
    """Whether a type is a pydantic model."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def options_of(info: FieldInfo) -> str:
    """The values that a key may have, if they are few."""
    kinds = [kind for kind in (info.annotation, *get_args(info.annotation)) if get_origin(kind) is Literal]
    values = [f"`{value}`" for kind in kinds for value in get_args(kind)]
    return f"One of {', '.join(values)}." if values else ""


def default_of(info: FieldInfo) -> str:
    """The default of a key."""
    return "required" if info.is_required() else shown(info.default)


def learners() -> str:
    """The tabular learners with the parameters that they declare."""
    parts = [
        "# Learners",
        "What the tabular system compares, simple first; the tuner searches within the ranges.",
    ]
    for kind in LEARNERS:
        parts += [f"## {kind.name}", summary(kind), "For " + " and ".join(sorted(kind.tasks)) + "."]
        rows = [
            [f"`{name}`", shown(param.default), span(param), param.doc]
            for name, param in kind.settings.fields.items()
        ]
        if rows:
            parts.append(table(["parameter", "default", "range", "meaning"], rows))
    return "\n\n".join(parts) + "\n"


def span(param: Param) -> str:
    """The range of a parameter in words."""
    if param.options:
        return ", ".join(f"`{option}`" for option in param.options)
    if param.low is None:
        return ""
    return f"{param.low:g} to {param.high:g}" + (", logarithmic" if param.log else "")


FINDINGS = """# Findings

What may be wrong with a run, found once its model was judged: in the terminal at the end of `noria run` and
`noria train`, all of them in `noria show` and in the report, and in Python as `run.findings`. Each has a
code, a severity, the numbers seen and what to do. `noria findings NOR021`
explains a code, and `noria.findings()` has all of them.
What `noria profile` finds about tables has [codes of its own](findings-tables.md).

A finding is not an error: the run is kept and its model registered. Findings that claim something are made
so that chance alone raises one in fewer than one of a thousand runs; those that say that there is too little
to tell (NOR002, NOR006, NOR007, NOR008) are told until enough was seen. Where rows come in groups, or in
time series, a group or series counts as one. Of large tables a sample is looked at, and what does not fit
into 6% of the budget, which all insight shares, is left out.

What is known and accepted is silenced by its code, in a recipe or a command; all that was found stays in the
run's `run.json`.

```yaml
silence: [NOR024, NOR025]
```

```text
noria train houses.csv --target price --silence NOR024,NOR025
```
"""


def findings() -> str:
    """Every code of findings."""
    parts = [FINDINGS.strip(), table(["code", "what is found"], [
        [f"[{one.code}](#{one.code.lower()}-{anchor(one.title)})", one.title] for one in codes().values()
    ])]  # fmt: skip
    for one in codes().values():
        parts += [f"## {one.code}: {one.title}", one.why]
        parts += [f"**How it is measured.** {one.how}", f"**When it is wrong.** {one.wrong}"]
        parts.append(f"**What to do.** {one.do}")
    return "\n\n".join(parts) + "\n"


def anchor(title: str) -> str:
    """The end of a heading's anchor."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def settings() -> str:
    """The environment variables."""
    rows = [
        [f"`NORIA_{name.upper()}`", default_of(info), info.description or ""]
        for name, info in Settings.model_fields.items()
    ]
    return (
        "\n\n".join(
            ["# Settings", "Read from the environment.", table(["variable", "default", "meaning"], rows)]
        )
        + "\n"
    )
