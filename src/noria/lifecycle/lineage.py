"""Where a run came from: the code that it was run with."""

from __future__ import annotations

import hashlib
import subprocess
from importlib import resources
from pathlib import Path

__all__ = ["commit", "package"]


def commit(folder: Path | None) -> str | None:
    """The Git commit that a folder, or the working directory, is checked out at; None outside of Git."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, cwd=folder or Path(), capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def package() -> str:
    """A digest of Noria's own code, which tells a changed checkout from another of the same version."""
    root = Path(str(resources.files("noria")))
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
