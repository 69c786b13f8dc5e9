"""``noria findings``: the codes of what can be wrong with a run or a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, takes

if TYPE_CHECKING:
    from rich.text import Text

    from noria.core.insight import Code

__all__ = ["findings"]


@takes(OUTPUT)
def findings(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="Only this one, with all that is known of it.")
    ] = None,
    **flags: Any,
) -> None:
    """List what can be wrong with a run or a table.

    \b
    Examples:
      noria findings
      noria findings NOR021
      noria train houses.csv -t price --silence NOR024,NOR025
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import print_json, show, table
    from noria.errors import NotFoundError, suggestion

    known = noria.findings()
    code = None if code is None else code.upper()
    if code is not None and code not in known:
        raise NotFoundError(f"There is no code {code!r}.", do=suggestion(code, known))
    chosen = known if code is None else {code: known[code]}
    if flags["json"]:
        facts = [one.to_dict() for one in chosen.values()]
        print_json(facts if code is None else facts[0])
    elif code is None:
        made = table("code", "what is found")
        for one in known.values():
            made.add_row(one.code, one.title)
        show(made)
    else:
        show(_explained(known[code]))


def _explained(code: Code) -> Text:
    """A code with all of its texts."""
    from rich.text import Text

    text = Text.assemble((f"{code.code} {code.title}", "bold"), f"\n\n{code.why}")
    parts = {"How it is measured": code.how, "When it is wrong": code.wrong, "What to do": code.do}
    for head, said in parts.items():
        if said:
            text.append(f"\n\n{head}", "dim").append(f"\n{said}")
    return text
