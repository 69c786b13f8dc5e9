"""What a table is like: one pass over its rows, in bounded memory, then `Profiler.finish`."""

from __future__ import annotations

from noria.data.profile.codes import CODES, Kind
from noria.data.profile.profiler import Profiler

__all__ = ["CODES", "Kind", "Profiler"]
