from __future__ import annotations

import subprocess
import sys

from noria import __version__


def test_the_package_runs_as_a_module():
    told = subprocess.run(
        [sys.executable, "-m", "noria", "--version"], capture_output=True, text=True, check=True
    )
    assert told.stdout == f"noria {__version__}\n"
