"""A service in this process, or in several that share a socket."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from noria.errors import ParamError
from noria.settings import Settings

if TYPE_CHECKING:
    from noria.api import Session
    from noria.server.reply import App

__all__ = ["Address", "serve"]

_BACKLOG = 2_048
_UNWELL = 30  # seconds after which a worker that does not answer is started again
_POLL = 1.0


@dataclass(frozen=True)
class Address:
    """Where a service listens.

    Attributes
    ----------
    url : str
    models : tuple of str
    workers : int
    """

    url: str
    models: tuple[str, ...]
    workers: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return {
            "url": self.url,
            "docs": f"{self.url}/openapi.json",
            "models": {name: f"{self.url}/v1/models/{name}/predict" for name in self.models},
            "workers": self.workers,
            "pid": os.getpid(),
        }


@dataclass(frozen=True)
class Plan:
    """What a worker needs to know."""

    models: tuple[str, ...]
    settings: Settings
    keys: bool
    public: bool
    hosts: tuple[str, ...] | None
    options: dict[str, Any] = field(default_factory=dict)
    parent: int | None = None


def serve(
    *models: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    keys: bool = False,
    ready: Callable[[Address], object] | None = None,
    session: Session | None = None,
    **options: Any,
) -> None:
    """Serve the champions of some names over HTTP until the process is told to stop.

    Parameters
    ----------
    *models : str
        Names; ``titanic@challenger`` chooses another version.
    host : str
        Where to listen; anywhere but on loopback every caller needs a key, unless it is public.
    port : int
        0 picks a free one.
    workers : int
        Processes; one that dies is started again.
    keys : bool
        Whether callers need a key on loopback too.
    ready : callable, optional
        Called with the `Address` once requests are answered.
    session : Session, optional
    **options
        ``split``, ``by``, ``shadow``, ``log``, ``mask`` and ``limits``, as `noria.api.desk` takes them;
        ``hosts``: names besides localhost that a service on loopback may be called by; ``public``: whether
        everybody may predict and explain without a key, wherever the service listens; of files, less then;
        ``watch``: ``"1h"``, how often the models are watched, by a process of its own.

    Raises
    ------
    NotFoundError, ArtifactError
        If there is no such model, or it is damaged.
    ParamError
        If the address is taken or is none, or a key is needed and there is none.
    """
    from noria.api import Session, desk, keyring
    from noria.core.deadline import seconds
    from noria.lifecycle.serve import Limits
    from noria.server.watching import watching

    session = session or Session()
    local = _is_loopback(host)
    public, more, every = options.pop("public", False), options.pop("hosts", ()), options.pop("watch", None)
    if public and keys:
        raise ParamError("A service that is public asks for no keys.", do="Give only one of the two.")
    keys = keys or public or not local
    if keys and not public and not len(keyring(session)):
        raise ParamError(
            f"A service on {host} needs keys, and there is no valid one.",
            do="Run: noria keys create --name me; or let everybody predict: --public",
        )
    names = _names(host, more) if local else None
    if public:
        options.setdefault("limits", Limits(file=10**8, file_rows=10**6, result=10**9))
    plan = Plan(models, session.settings, keys, public, names, options)
    listening = _listening(host, port)
    try:
        made = desk(*models, session=session, **options)
        address = Address(_url(listening, host), tuple(made.endpoints), workers)
        tell = partial(ready, address) if ready is not None else _nothing
        turn = None if every is None else seconds(every, "A schedule")
        with watching(models, turn, session.settings):
            if workers == 1:
                _alone(_app(plan, made, session), listening, tell)
            else:
                del made
                _together(plan, listening, workers, tell)
    finally:
        listening.close()


def application(plan: Plan) -> App:
    """The application of one worker."""
    from noria.api import Session, desk

    session = Session(plan.settings)
    return _app(plan, desk(*plan.models, session=session, **plan.options), session)


def _app(plan: Plan, made: Any, session: Session) -> App:
    from noria.api import keyring
    from noria.server.apart import apart_uploads
    from noria.server.app import create_app

    known = keyring(session) if plan.keys else None
    app = create_app(
        made, keyring=known, hosts=plan.hosts, public=plan.public, files=plan.settings.cache / "files",
        uploads=apart_uploads(plan.settings),
        poll=_POLL, beside=[partial(_follow, plan.parent)],
    )  # fmt: skip
    gc.freeze()
    gc.enable()
    return app


def _follow(parent: int | None) -> None:
    """End when the process that started this one is gone, and remove what it cannot remove any more."""
    if parent is not None and os.getppid() != parent:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
        os.kill(os.getpid(), signal.SIGTERM)


def _config(app: Any, **more: Any) -> Any:
    import uvicorn

    from noria.server.patient import Patient

    logging.getLogger("noria").setLevel(logging.INFO)
    return uvicorn.Config(
        app, http=Patient, ws="none", log_level="warning", access_log=False, server_header=False,
        date_header=False, backlog=_BACKLOG, timeout_graceful_shutdown=30, timeout_keep_alive=30,
        timeout_worker_healthcheck=_UNWELL, **more,
    )  # fmt: skip


def _alone(app: App, listening: socket.socket, ready: Callable[[], object]) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    try:
        Server(_config(app)).run([listening])
    except KeyboardInterrupt:
        return


def _together(plan: Plan, listening: socket.socket, workers: int, ready: Callable[[], object]) -> None:
    from dataclasses import replace

    from prometheus_client.multiprocess import mark_process_dead
    from uvicorn.supervisors import Multiprocess

    class Crew(Multiprocess):
        known: frozenset[int | None] = frozenset()

        def init_processes(self) -> None:
            super().init_processes()
            if all(one.wait_until_ready(_UNWELL, self.should_exit) for one in self.processes):
                ready()

        def keep_subprocess_alive(self) -> None:
            super().keep_subprocess_alive()
            alive = frozenset(one.pid for one in self.processes)
            for gone in self.known - alive:
                mark_process_dead(gone)
            self.known = alive

    counters = tempfile.mkdtemp(prefix="noria-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = counters
    try:
        make = partial(application, replace(plan, parent=os.getpid()))
        Crew(_config(make, factory=True, workers=workers), [listening]).run()
    finally:
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]
        shutil.rmtree(counters, ignore_errors=True)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ParamError(f"There is no address {host!r} here.", got=error.strerror) from error
    family, kind, protocol, _, place = found[0]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.set_inheritable(True)
    try:
        made.bind(place)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise _taken(host, port, error) from error
    return made


def _taken(host: str, port: int, error: OSError) -> ParamError:
    return ParamError(
        f"Cannot listen on {host}, port {port}.",
        got=error.strerror,
        do="Choose another port: --port 0 picks a free one.",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _names(host: str, more: Sequence[str]) -> tuple[str, ...]:
    from noria.server.guard import LOCAL

    return (*LOCAL, host, *more)


def _url(listening: socket.socket, host: str) -> str:
    port = listening.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _nothing() -> None:
    return None
