"""``noria train``: a model of a file, without a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from noria.cli.options import (
    OUTPUT,
    SEARCH,
    TABLE,
    WALK,
    complete_model,
    goals,
    pairs,
    search,
    takes,
    words,
)
from noria.cli.run import finish

__all__ = ["train"]

_SAME = ("name", "task", "test", "documents", "holdout", "features")
_REFIT = (*OUTPUT, "test", "require_goal")


@takes(TABLE, SEARCH, WALK, OUTPUT)
def train(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A table: path, pattern, URL, package:, openml:, hf: or sql:"),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", metavar="COLUMN", help="The column to be learned.")
    ] = None,
    refit: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Fit this model's pipeline on FILE, or on its own source anew, without a search.",
            autocompletion=complete_model,
        ),
    ] = None,
    **flags: Any,
) -> None:
    """Train a model on a table and say how good it is.

    \b
    Examples:
      noria train houses.csv --target price
      noria train churn.parquet -t left --budget 5m --drop customer_id --option imbalance=weights
      noria train visits.csv -t sales --column day=time --goal "r2 >= 0.8" --require-goal
      noria train houses-2027.csv --refit houses
      noria train --documents handbook --documents 'notes/*.pdf' --name handbook
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following
    from noria.core.schema import Role
    from noria.errors import ParamError

    if refit is not None:
        given = [name for name, value in {**flags, "target": target}.items() if value and name not in _REFIT]
        if given:
            raise ParamError(
                "--refit takes everything but the data from the earlier run.",
                got=f"--{given[0].replace('_', '-')}",
                do="Leave it out, or train without --refit.",
            )
        with following(refit, quiet=flags["quiet"]) as session:
            done = noria.refit(refit, file, test=flags["test"], session=session)
        finish(done, flags)
        return
    alone = bool(flags["documents"]) and file is None and target is None
    if not alone and (file is None or target is None):
        missing = "FILE" if file is None else "--target"
        raise ParamError(f"{missing} is missing.", do="Write: noria train FILE --target COLUMN")
    roles = [role.value for role in Role]  # no set: a wish may be a dict
    columns = {**pairs(flags["column"], "--column"), **dict.fromkeys(words(flags["drop"]), Role.IGNORE)}
    first = file or flags["documents"][0]
    with following(flags["name"] or Path(first).stem or first, quiet=flags["quiet"]) as session:
        done = noria.train(
            file,
            target or "",
            columns={name: {"role": wish} if wish in roles else wish for name, wish in columns.items()},
            options=pairs(flags["option"], "--option"),
            goal=goals(flags["goal"]),
            silence=words(flags["silence"]),
            session=session,
            resume=not flags["fresh"],
            **{name: flags[name] for name in _SAME if flags[name] is not None},
            **search(flags),
        )
    finish(done, flags)
