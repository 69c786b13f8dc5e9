"""``noria train``: a model of a file, without a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, SEARCH, TABLE, WALK, goals, pairs, search, takes, words
from noria.cli.run import finish

__all__ = ["train"]

_SAME = ("name", "task", "test", "holdout", "features")


@takes(TABLE, SEARCH, WALK, OUTPUT)
def train(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A table: path, pattern, URL, package:, openml:, hf: or sql:"),
    ],
    target: Annotated[
        str, typer.Option("--target", "-t", metavar="COLUMN", help="The column to be learned.")
    ],
    **flags: Any,
) -> None:
    """Train a model on a table and say how good it is.

    \b
    Examples:
      noria train houses.csv --target price
      noria train churn.parquet -t left --budget 5m --drop customer_id --option imbalance=weights
      noria train visits.csv -t sales --column day=time --goal "r2 >= 0.8" --require-goal
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following
    from noria.core.schema import Role

    roles = {role.value for role in Role}
    columns = {**pairs(flags["column"], "--column"), **dict.fromkeys(words(flags["drop"]), Role.IGNORE)}
    with following(flags["name"] or Path(file).stem or file, quiet=flags["quiet"]) as session:
        done = noria.train(
            file,
            target,
            columns={name: {"role": wish} if wish in roles else wish for name, wish in columns.items()},
            options=pairs(flags["option"], "--option"),
            goal=goals(flags["goal"]),
            session=session,
            resume=not flags["fresh"],
            **{name: flags[name] for name in _SAME if flags[name] is not None},
            **search(flags),
        )
    finish(done, flags)
