"""``noria explain``: why a model says what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, page_path, takes, words
from noria.errors import ParamError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from noria.core.result import Figure
    from noria.lifecycle.explain import Explained

__all__ = ["explain"]

_ROWS, _SHOWN, _HALF = 10, 12, 14
_SHADES, _LETTERS, _TALL = "·░▒▓█", "ox+*#%@&", 15
_STYLES = ("blue", "yellow", "magenta", "cyan", "red", "green")


_WISHES: Mapping[str, Any] = {
    "columns": Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Draw what is predicted by the values of two columns."),
    ],
    "counterfactual": Annotated[
        bool, typer.Option("--counterfactual", "-c", help="Look for what would have to change.")
    ],
    "want": Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The wanted class, or '>= 250000'; implies --counterfactual."),
    ],
    "keep": Annotated[str | None, typer.Option(metavar="A,B", help="Columns that cannot change.")],
}


@takes(_WISHES, OUTPUT)
def explain(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A trained name, or a model folder.", autocompletion=complete_model
        ),
    ],
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Rows, such as row.json; without them, the model as a whole."),
    ] = None,
    row: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only this row of the file, from 1.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write a web page of one file as well."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the feature code of a model that was not trained here.")
    ] = False,
    **flags: Any,
) -> None:
    """Say why a model predicts what it predicts.

    What each feature added to the prediction of each row, exactly where the model allows it, else sampled
    and with its standard error; what would have to change for another prediction; and without a FILE, what
    the model goes by as a whole.

    \b
    Examples:
      noria explain titanic
      noria explain titanic row.json --counterfactual --keep age,sex
      noria explain houses new.csv --row 3 --want '>= 250000' -o explanation.html
      noria explain iris --columns petal_length,petal_width -o boundary.html
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following, print_json, show
    from noria.core.files import write_text

    page_path(output, file)
    _check(file, {**flags, "row": row})
    with following(Path(model).name, quiet=flags["quiet"]) as session:
        found = noria.explain(
            model, file, row=row or range(1, _ROWS + 1), columns=words(flags["columns"]),
            counterfactual=flags["want"] or flags["counterfactual"], keep=words(flags["keep"]), trust=trust,
            session=session,
        )  # fmt: skip
    if output is not None:
        write_text(output, found.page())
    if flags["json"]:
        print_json(found.to_dict())
        return
    show(*_parts(found))
    if output is not None:
        typer.echo(f"\nThe page is in {output}")


def _check(file: str | None, flags: Mapping[str, Any]) -> None:
    """Refuse options that would say nothing."""
    rows = {"--row": "row", "--counterfactual": "counterfactual", "--want": "want", "--keep": "keep"}
    given = [name for name, flag in rows.items() if flags[flag] not in (None, False)]
    if given and file is None:
        raise ParamError(
            f"{given[0]} is about rows, and there are none.", do="Name a FILE of rows, such as row.json."
        )
    if flags["keep"] is not None and flags["want"] is None and not flags["counterfactual"]:
        raise ParamError("--keep is about a change that is looked for.", do="Add --counterfactual or --want.")
    asked = words(flags["columns"])
    if flags["columns"] is not None and len(set(asked)) != 2:
        raise ParamError("--columns needs two different columns.", got=repr(flags["columns"]),
                         do="Write it as --columns a,b.")  # fmt: skip


def _parts(found: Explained) -> Iterator[RenderableType]:
    """Everything that is shown, in order."""
    from rich.text import Text

    if found.explanation is None and found.importance:
        yield Text(f"What {found.name} goes by: {found.metric} lost by shuffling a column\n", "bold")
        yield _importance(found)
        yield Text(
            "".join(f"\n{one.text}" for one in found.figures if one.name.endswith("importance")), "dim"
        )
    for at in range(found.predictions.height):
        if at:
            yield Text()
        yield from _row(found, at)
    for figure in found.figures if found.explanation is None or found.predictions.height == 1 else ():
        if figure.name in ("boundary", "surface"):
            yield from _picture(figure)


def _row(found: Explained, at: int) -> Iterator[RenderableType]:
    """One row: what is predicted, what led there, and what would have to change."""
    from rich.text import Text

    from noria.cli.ui import table_of
    from noria.pages.units import number

    assert found.explanation is not None
    why, parts, card = found.explanation, found.explanation.row(at), found.card(at)
    number_of = f"row {at + 1}: " if found.predictions.height > 1 else ""
    yield Text.assemble(number_of, (card["said"], "bold"))
    base, output = number(why.base[at]), number(why.outputs[at])
    of = f" of what {found.made_by} makes" if found.made_by else ""
    yield Text(f"{card['unit']}: {output}, {base} if nothing were known; {why.method}, parts{of}\n", "dim")
    most = max(parts["added"].abs().max() or 0.0, 1e-12)
    lines: list[dict[str, str | Text]] = []
    for line in parts.head(_SHOWN).iter_rows(named=True):
        error = {"±": number(line["error"])} if why.errors is not None else {}
        value, added = _short(line["value"] or ""), _signed(line["added"])
        lines.append({"feature": _short(line["feature"]), "value": value, "added": added, **error,
                      "": _bar(line["added"] / most)})  # fmt: skip
    rest = parts.slice(_SHOWN)
    if rest.height:
        more = {"feature": f"{rest.height} more", "added": _signed(float(rest["added"].sum()))}
        lines.append({**dict.fromkeys(lines[0], ""), **more})
    yield table_of(lines, right=("added", "±"), spared=("",))
    if found.counterfactuals:
        yield Text(f"\n{found.counterfactuals[at]}")


def _importance(found: Explained) -> Table:
    """Bars of what each column's shuffling costs."""
    from noria.cli.ui import table_of
    from noria.pages.units import number

    most = max((abs(one.value) for one in found.importance), default=0.0) or 1.0
    lines: list[dict[str, str | Text]] = [
        {"feature": _short(one.feature), "lost": number(one.value),
         "95% interval": f"{_signed(one.low)} to {_signed(one.high)}", "": _bar(one.value / most)}
        for one in found.importance[: 2 * _SHOWN]
    ]  # fmt: skip
    return table_of(lines, right=("lost",), spared=("",))


def _picture(figure: Figure) -> Iterator[RenderableType]:
    """A figure over two columns, in characters."""
    from rich.text import Text

    cells = figure.frame.filter(kind="cell") if "kind" in figure.frame.columns else figure.frame
    field = "class" if "class" in cells.columns else "mean"
    axes = [list(dict.fromkeys(cells[name].to_list())) for name in ("x", "y")]
    shown = dict(zip(zip(cells["x"], cells["y"]), cells[field]))
    values = sorted(set(cells[field].to_list()))
    marks = {value: _mark(at, value, values) for at, value in enumerate(values)}
    tall, wide = axes[1][:: max(1, len(axes[1]) // _TALL)], axes[0]
    yield Text(f"\n{figure.title}\n", "bold")
    for y in reversed(tall):
        side = _label(y) if isinstance(y, str) or y in (tall[0], tall[len(tall) // 2], tall[-1]) else ""
        yield Text.assemble((f"{side:>12} ", "dim"), *(marks[shown[x, y]] for x in wide))
    yield Text(f"{'':13}{_label(wide[0])} to {_label(wide[-1])}", "dim")
    legend = values if field == "class" else [values[0], values[-1]]
    yield Text.assemble(
        " " * 13, *(part for value in legend for part in (marks[value], f" {_label(value)}   "))
    )


def _mark(at: int, value: Any, values: list[Any]) -> tuple[str, str]:
    """Two characters, and their style, for a class or for how large a number is among others."""
    if isinstance(value, str):
        return 2 * _LETTERS[at % len(_LETTERS)], _STYLES[at % len(_STYLES)]
    span = values[-1] - values[0]
    place = int((value - values[0]) / span * (len(_SHADES) - 1) + 0.5) if span else 0
    return 2 * _SHADES[place], ""


def _bar(share: float) -> Text:
    """A bar to the right of a middle line, or to the left of it where the share is negative."""
    from rich.text import Text

    size = round(abs(share) * _HALF)
    left, right = ("━" * size if share < 0 else "", "━" * size if share >= 0 else "")
    return Text.assemble((f"{left:>{_HALF}}", "yellow"), ("│", "dim"), (right, "blue"))


def _signed(value: float) -> str:
    from noria.pages.units import number

    return ("-" if value < 0 else "+") + number(abs(value))


def _label(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _short(str(value), 12)


def _short(text: str, most: int = 28) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
