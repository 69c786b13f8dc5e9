"""Documents of strangers, read in a process of their own, which ends where they ask too much of it."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import PurePath

from noria.data.documents.blocks import Unreadable
from noria.data.documents.kinds import blocks

__all__ = ["MEMORY", "SECONDS", "check"]

SECONDS = 20
"""Of a processor, that reading one document may take."""
MEMORY = 2 * 2**30
"""Bytes that it may take."""
_PATIENCE = 4  # times the seconds, where others keep the processors busy
_SAID = 65  # what the process ends with if the document cannot be read


def check(name: str, content: bytes) -> None:
    """Raise Unreadable unless a document can be read, within `SECONDS` and `MEMORY`.

    Parameters
    ----------
    name : str
        Its ending decides how it is read.
    content : bytes

    Examples
    --------
    >>> check("notes.docx", b"no archive")
    Traceback (most recent call last):
    noria.data.documents.blocks.Unreadable: it is damaged
    """
    command = [sys.executable, "-m", __name__, PurePath(name).suffix]
    long = f"reading it takes longer than {SECONDS} s"
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=_PATIENCE * SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unreadable(long) from error
    if done.returncode == _SAID:
        raise Unreadable(done.stdout.decode())
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise Unreadable(long)
    if done.returncode:
        raise Unreadable("reading it fails")


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        blocks(f"document{sys.argv[1]}", sys.stdin.buffer.read())
    except Unreadable as error:
        said = str(error)
    except MemoryError:
        said = f"reading it takes more than {MEMORY // 2**30} GiB of memory"
    else:
        return
    sys.stdout.buffer.write(said.encode(errors="replace"))
    sys.exit(_SAID)


if __name__ == "__main__":
    _main()
