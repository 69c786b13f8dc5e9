"""``noria export``: a model as a folder that runs elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes

if TYPE_CHECKING:
    from noria.lifecycle.export import Exported

__all__ = ["export"]

_TARGETS = ("docker", "kubernetes", "space", "onnx", "mlflow")


def _complete_target(incomplete: str) -> list[str]:
    return [name for name in _TARGETS if name.startswith(incomplete)]


@takes(OUTPUT)
def export(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="NAME, NAME@3 or NAME@alias.", autocompletion=complete_model),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="docker, kubernetes, space, onnx or mlflow.",
            autocompletion=_complete_target,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="The new folder [NAME-TARGET].")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier export; your own files in it stay.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Try everything, and only show what would be written.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Take feature code that was not trained here.")
    ] = False,
    **flags: Any,
) -> None:
    """Write a model and what it needs elsewhere into a folder.

    \b
    Targets:
      docker      image, and compose file with PostgreSQL, Prometheus and Grafana
      kubernetes  image, and manifests with probes, autoscaling and network policy
      space       a Hugging Face Space with the model's page
      onnx        one graph, encodings included, checked against the model
      mlflow      a pyfunc model that MLflow serves

    \b
    Examples:
      noria export titanic --to docker
      noria export titanic@3 --to kubernetes -o deploy/titanic --force
      noria export diamonds --to onnx --dry-run
    """  # noqa: D301 - \b keeps click from joining the lines
    import noria
    from noria.cli.ui import following, print_json

    with following(model, quiet=flags["quiet"] or flags["json"]) as session:
        done = noria.export(
            model, to=to, output=output, force=force, dry_run=dry_run, trust=trust, session=session
        )
    if flags["json"]:
        print_json(done.to_dict())
    else:
        _show(done)


def _show(done: Exported) -> None:
    """The files at the folder's top, and what comes next."""
    from noria.cli.ui import grid, show
    from noria.pages.units import data_size

    sizes: dict[str, int] = {}
    for name, size in sorted(done.files.items()):
        first, slash, _ = name.partition("/")
        sizes[first + slash] = sizes.get(first + slash, 0) + size
    made = grid()
    made.add_column()
    made.add_column(justify="right")
    for name, size in sizes.items():
        made.add_row(f"  {name}", data_size(size))
    did = "is in" if done.written else "would be in"
    head = f"{done.model}@{done.version} for {done.target} {did} {done.folder}: {data_size(done.bytes)}"
    typer.echo(head)
    show(made)
    if done.written and done.next:
        typer.echo("\n".join(["\nNext:", *(f"  {line}" for line in done.next)]))
