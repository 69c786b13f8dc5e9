"""Documents that change: ``python -m benchmarks.rag_changes`` (needs the mirror of public data).

Up to date: of 5,000 files one is changed, and the model is fitted again (`noria.refit`), in this process and
by the command line. Kills: the same, killed with SIGKILL at moments drawn at random over all that it takes;
after each kill the model must answer from the documents as they were before or after, and fit again.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

import noria
from benchmarks._common import machine, say, versions
from benchmarks.tabular.report import table
from noria.data import documents
from noria.settings import Settings
from noria.systems.retrieval.chunks import sentences

__all__ = ["main"]

_OLD = 3600  # seconds since the files were last changed
_REPEATS = 5
_NEW = "Zygomorphic orchids number {} are watered by a noria of bamboo."
_COMMAND = "from noria.cli import main; main()"


def _written(folder: Path, count: int) -> list[Path]:
    """Notes of a title and two sentences of real abstracts."""
    real = documents.read("collection:cacm", settings=Settings())[0]
    pool = [text[a:b] for text in real["text"] for a, b in sentences(text) if b - a < 200]
    rng, paths = np.random.default_rng(0), []
    for number in range(count):
        said = [pool[at] for at in rng.integers(len(pool), size=3)]
        path = folder / f"part-{number % 50}" / f"note-{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {said[0]}\n\n{said[1]} {said[2]}\n")
        os.utime(path, (time.time() - _OLD,) * 2)
        paths.append(path)
    return paths


def _session(home: Path) -> noria.Session:
    settings = Settings()
    return noria.Session(settings.model_copy(update={"state": None, "home": home, "cache": home / "cache"}))


def _first(session: noria.Session, number: int) -> str:
    answer = noria.predict("notes", ask=_NEW.format(number), session=session)
    return answer["documents"][0].to_list()[0] if answer["found"][0] else ""


def _up_to_date(learner: str, count: int) -> list[list[str]]:
    """Seconds until one changed file of many is answered from."""
    with TemporaryDirectory() as root:
        home, folder = Path(root, "home"), Path(root, "notes")
        paths, session = _written(folder, count), _session(home)
        clock = time.monotonic()
        noria.train(
            documents=folder, name="notes", learners=[learner], trials=2, budget="1h", session=session,
            options={},
        )  # fmt: skip
        first, spent, cpu = time.monotonic() - clock, [], []
        for number in range(_REPEATS):
            path = paths[37 * (number + 1)]
            path.write_text(f"# Orchids\n\n{_NEW.format(number)}\n")
            clock, busy = time.monotonic(), time.process_time()
            run = noria.refit("notes", session=session)
            spent.append(time.monotonic() - clock)
            cpu.append(time.process_time() - busy)
            asked = pl.DataFrame({"question": [_NEW.format(number)]})
            found = run.model.predict(asked)["documents"][0].to_list()[0]
            assert found == path.relative_to(folder).as_posix()
        command = [sys.executable, "-c", _COMMAND, "train", "--refit", "notes", "-q"]
        environment = {**os.environ, "NORIA_HOME": str(home), "NORIA_CACHE": str(home / "cache")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        lines = []
        for number in range(99, 102):  # the first one compiles, as pip does what it installs
            paths[1].write_text(f"# Orchids\n\n{_NEW.format(number)}\n")
            clock = time.monotonic()
            subprocess.run(command, env=environment, check=True, capture_output=True)
            lines.append(time.monotonic() - clock)
        line = min(lines[1:])
    low, middle, busy = min(spent), statistics.median(spent), statistics.median(cpu)
    return [[learner, f"{first:.1f}", f"{low:.2f}", f"{middle:.2f}", f"{busy:.2f}", f"{line:.2f}"]]


def _killed(kills: int, count: int, draw: random.Random) -> list[list[str]]:
    """How a model answers after its refits were killed."""
    outcomes = {"answered as before": 0, "answered as after": 0, "faults": 0}
    with TemporaryDirectory() as root:
        home, folder = Path(root, "home"), Path(root, "notes")
        paths = _written(folder, count)
        noria.train(documents=folder, name="notes", learners=["bm25"], trials=2, session=_session(home))
        environment = {**os.environ, "NORIA_HOME": str(home), "NORIA_CACHE": str(home / "cache")}
        command = [sys.executable, "-c", "import noria; noria.refit('notes')"]
        clock = time.monotonic()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        whole = time.monotonic() - clock
        for number in range(kills):
            path = paths[draw.randrange(len(paths))]
            name = path.relative_to(folder).as_posix()
            path.write_text(f"# Orchids\n\n{_NEW.format(number)}\n")
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            try:
                process.wait(draw.random() * whole)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            try:
                after = _first(_session(home), number) == name
                outcomes["answered as after" if after else "answered as before"] += 1
                run = noria.refit("notes", session=_session(home))
                asked = pl.DataFrame({"question": [_NEW.format(number)]})
                outcomes["faults"] += run.model.predict(asked)["documents"][0].to_list()[:1] != [name]
            except noria.NoriaError as error:
                say(f"kill {number}: {error}")
                outcomes["faults"] += 1
            say(f"kill {number + 1} of {kills}: {outcomes}")
    return [[name, str(times)] for name, times in outcomes.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--learners", nargs="*", default=["bm25", "hybrid_weights"])
    given = parser.parse_args(arguments)
    out = [f"{machine()} {versions(['noria', 'numpy', 'onnxruntime', 'polars'])}"]
    if given.learners:
        lines = [line for learner in given.learners for line in _up_to_date(learner, given.files)]
        head = [
            "one changed file",
            "first fit, s",
            "least, s",
            "median, s",
            "median CPU, s",
            "command line, s",
        ]
        out.append(table(head, lines))
    if given.kills:
        out.append(table(["after a kill", "times"], _killed(given.kills, 600, random.Random(0))))
    sys.stdout.write("\n\n".join(out) + "\n")


if __name__ == "__main__":
    main()
