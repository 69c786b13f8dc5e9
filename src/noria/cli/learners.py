"""``noria learners``: the algorithms and their parameters, as they are declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, takes

if TYPE_CHECKING:
    from noria.core.params import Param
    from noria.core.protocol import Learner

__all__ = ["learners"]


@takes(OUTPUT)
def learners(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only this one, with its parameters.")
    ] = None,
    **flags: Any,
) -> None:
    """List the learners, or one learner's parameters.

    \b
    Examples:
      noria learners
      noria learners lightgbm
      noria run iris --learners logistic,svm
    """  # noqa: D301 - \b keeps click from joining the lines
    from noria.cli.ui import print_json, show, table
    from noria.errors import NotFoundError, suggestion

    found = _all()
    if name is not None and name not in found:
        raise NotFoundError(f"There is no learner {name!r}.", do=suggestion(name, found))
    if flags["json"]:
        facts = [_facts(learner, tasks) for learner, tasks in found.values()]
        print_json(facts if name is None else next(fact for fact in facts if fact["name"] == name))
        return
    if name is None:
        made = table("learner", "tasks", "parameters")
        for learner, tasks in found.values():
            made.add_row(learner.name, ", ".join(tasks), ", ".join(learner.params.fields))
    else:
        made = table("parameter", "default", "range", "tuned", "what it does")
        for key, param in found[name][0].params.fields.items():
            tuned = "no" if not param.tune else "yes" if param.least is None else f"from {param.least:g}"
            made.add_row(key, str(param.default), _range(param), tuned, param.doc)
    show(made)


def _all() -> dict[str, tuple[Learner, list[str]]]:
    """Every learner of every system, with the tasks that it solves."""
    from noria.core import registry
    from noria.core.protocol import Task
    from noria.core.schema import Column, Role, Schema, Type

    kinds = {Task.CLASSIFICATION: Type.CATEGORY, Task.REGRESSION: Type.NUMBER}
    found: dict[str, tuple[Learner, list[str]]] = {}
    for task, kind in kinds.items():
        target = Column("y", kind, Role.TARGET, levels=("a", "b"), distinct=2)
        schema = Schema((Column("x", Type.NUMBER), target), rows=1000)
        for system in registry.systems().values():
            if system.accepts(schema, task):
                for learner in system(schema, task).learners():
                    found.setdefault(learner.name, (learner, []))[1].append(task.value)
    return found


def _facts(learner: Learner, tasks: list[str]) -> dict[str, Any]:
    return {"name": learner.name, "tasks": tasks, "parameters": learner.params.json_schema()["properties"]}


def _range(param: Param) -> str:
    if param.options:
        return ", ".join(map(str, param.options))
    if param.low is None:
        return ""
    return f"{param.low:g} to {param.high:g}{' (log)' if param.log else ''}"
