"""``noria serve``: models as a service."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noria.cli.options import OUTPUT, complete_model, takes, words

if TYPE_CHECKING:
    from noria.server.run import Address

__all__ = ["serve"]


PLACE: Mapping[str, Any] = {
    "host": Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where to listen [127.0.0.1]; elsewhere callers need keys."),
    ],
    "port": Annotated[
        int | None, typer.Option("--port", "-p", min=0, max=65535, metavar="N", help="[8000]; 0 picks one.")
    ],
    "workers": Annotated[
        int | None, typer.Option("--workers", "-w", min=1, max=256, metavar="N", help="Processes [1].")
    ],
    "keys": Annotated[bool, typer.Option("--keys", help="Callers of this machine need keys too.")],
    "public": Annotated[
        bool,
        typer.Option("--public", help="Anybody may predict and explain, from anywhere, without a key."),
    ],
    "allow_host": Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name besides localhost, behind a proxy on this machine."),
    ],
}
"""Where a service listens, and to whom."""

TRAFFIC: Mapping[str, Any] = {
    "split": Annotated[
        list[str] | None,
        typer.Option(metavar="ALIAS=SHARE", help="Let another version answer a share: challenger=0.1."),
    ],
    "by": Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Rows of one value go to one version; header:NAME is a header."),
    ],
    "shadow": Annotated[
        list[str] | None,
        typer.Option(metavar="ALIAS", help="A version that answers too, into the log only."),
    ],
}
"""Which versions answer."""

LOG: Mapping[str, Any] = {
    "no_log": Annotated[bool, typer.Option("--no-log", help="Keep no predictions.")],
    "log_share": Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Keep only this share of the requests."),
    ],
    "mask": Annotated[str | None, typer.Option(metavar="A,B", help="Fields whose values are not kept.")],
    "watch": Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Watch the models every 1h, say, as 'noria watch' does."),
    ],
}
"""What is kept of the answers."""


@takes(PLACE, TRAFFIC, LOG, OUTPUT)
def serve(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Trained names; titanic@3 fixes a version.",
            autocompletion=complete_model,
        ),
    ],
    **flags: Any,
) -> None:
    """Serve models over HTTP until Ctrl-C.

    A version that becomes champion is taken up within seconds, and no request fails by it. Every answer is in
    the state database before it goes out. Requests:

    \b
      curl localhost:8000/v1/models/titanic/predict \\
        -H 'content-type: application/json' -d '{"rows": [{"age": 41, ...}]}'

    \b
    Examples:
      noria serve titanic
      noria serve titanic churn --port 9000 --workers 4
      noria serve titanic --split challenger=0.1 --by customer_id
      noria serve titanic --shadow challenger --mask name,email
      noria serve titanic --watch 1h
      noria keys create --name me && noria serve titanic --host 0.0.0.0
    """  # noqa: D301 - \b keeps click from joining the lines
    gc.disable()  # until it serves, nothing is made in vain; `noria.server.run` goes on from there
    try:
        _serve(models, flags)
    finally:
        gc.enable()


def _serve(models: list[str], flags: Mapping[str, Any]) -> None:
    from noria.server import serve as run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    given = {name: flags[name] for name in ("host", "port", "workers", "by") if flags[name] is not None}
    share = 1.0 if flags["log_share"] is None else flags["log_share"]
    run(
        *models,
        **given,
        keys=flags["keys"],
        public=flags["public"],
        hosts=flags["allow_host"] or (),
        ready=None if flags["quiet"] else lambda address: _show(address, as_json=flags["json"]),
        split=flags["split"] or (),
        shadow=flags["shadow"] or (),
        log=0.0 if flags["no_log"] else share,
        mask=words(flags["mask"]),
        watch=flags["watch"],
    )


def _show(address: Address, *, as_json: bool) -> None:
    """The addresses, once requests are answered."""
    import json

    from noria.cli.ui import grid, show

    told = address.to_dict()
    if as_json:
        typer.echo(json.dumps(told))
        sys.stdout.flush()
        return
    lines = grid()
    for name, url in told["models"].items():
        lines.add_row(name, url)
    lines.add_row("pages", f"{address.url}/")
    lines.add_row("description", told["docs"])
    lines.add_row("health", f"{address.url}/health")
    count = f" with {address.workers} workers" if address.workers > 1 else ""
    show(f"Serving at {address.url}{count}; Ctrl-C ends it.", "", lines)
    sys.stdout.flush()
