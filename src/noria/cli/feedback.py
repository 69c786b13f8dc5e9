"""``noria feedback``: what predictions should have been."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

__all__ = ["feedback"]


@takes(OUTPUT)
def feedback(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A served name.", autocompletion=complete_model)
    ],
    file: Annotated[str, typer.Argument(metavar="FILE", help="With the columns id and label.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Labels may take the place of other ones.")
    ] = False,
    **flags: Any,
) -> None:
    """Keep what predictions should have been.

    The id of a predicted row is the one of the answer: its request, and -0, -1, ... if it had several rows.
    `noria predictions` lists them. What forecasts should have been may also come as rows like those of the
    training, with series, time and target: every forecast of that moment gets its truth.

    \b
    Examples:
      noria feedback titanic labels.csv
      noria feedback titanic corrected.parquet --replace
      noria feedback sales november.csv
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table

    counts = noria.feedback(model, file, replace=replace)
    if flags["json"]:
        print_json(counts)
        return
    made = table("labels", "what became of them", right=("labels",))
    for outcome, count in counts.items():
        if count:
            made.add_row(f"{count:,}", _MEANING[outcome])
    show(made if made.row_count else "The file has no labels.")


_MEANING = {
    "kept": "kept",
    "known already": "known already, and the same",
    "replaced": "kept in place of another one",
    "contradicts": "not kept: another label is there; --replace takes the new one",
    "is no number": "not kept: the label is no number, and the model predicts numbers",
    "is no class of this model": "not kept: the label is no class of this model",
    "unknown": "not kept: no such prediction is in the log",
}
