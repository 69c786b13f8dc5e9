"""``python -m noria`` is ``noria``."""

from __future__ import annotations

from noria.cli import main

if __name__ == "__main__":
    main()
