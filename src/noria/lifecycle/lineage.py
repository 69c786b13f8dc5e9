"""Where a run came from: the code it was started from."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["commit"]


def commit(folder: Path | None) -> str | None:
    """The Git commit that a folder, or the working directory, is checked out at; None outside of Git."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, cwd=folder or Path(), capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None
