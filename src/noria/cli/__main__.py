"""``python -m noria.cli``: the same as ``noria``."""

from __future__ import annotations

from noria.cli import main

if __name__ == "__main__":
    main()
