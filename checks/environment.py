"""What the running environment weighs, and under which licences it stands.

Fails on an AGPL licence, and with ``--max-mb`` on an environment that is larger. Uses the standard library
only, so that it runs inside the environment it judges:
``.venv/bin/python checks/environment.py --max-mb 900``.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from importlib import metadata
from pathlib import Path

FORBIDDEN = re.compile(r"\bAGPL|affero", re.IGNORECASE)


def licences(distribution: metadata.Distribution) -> list[str]:
    """What a distribution says about its licence; the first line of a text that was pasted in whole."""
    fields = distribution.metadata
    stated = [fields.get("License-Expression") or "", *(fields.get("License") or "").strip().splitlines()[:1]]
    stated += [line for line in fields.get_all("Classifier") or [] if line.startswith("License ::")]
    return [line for line in stated if line]


def size_mb(folder: Path) -> float:
    """Megabytes (10^6 bytes) of the files below a folder; a file with several links counts once."""
    seen: dict[tuple[int, int], int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            facts = (Path(parent) / name).lstat()
            seen[facts.st_dev, facts.st_ino] = facts.st_size
    return sum(seen.values()) / 1e6


def main() -> int:
    """Print one line; exit 1 if the environment may not be shipped."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--max-mb", type=float, help="fail if the environment is larger")
    limit = parser.parse_args().max_mb
    distributions = list(metadata.distributions())
    found = [
        f"{distribution.metadata['Name']}: {', '.join(licences(distribution))}. AGPL may not be installed."
        for distribution in distributions
        if any(FORBIDDEN.search(line) for line in licences(distribution))
    ]
    size = size_mb(Path(sys.prefix))
    if limit is not None and size > limit:
        found.append(f"{size:.0f} MB, the limit is {limit:.0f} MB.")
    for line in found:
        print(line)
    print(f"environment: {len(distributions)} packages, {size:.0f} MB, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
