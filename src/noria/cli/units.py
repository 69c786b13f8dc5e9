"""Numbers, times and sizes as people write them, on the terminal as on pages."""

from __future__ import annotations

from noria.pages.units import ago, data_size, duration, interval, number

__all__ = ["ago", "data_size", "duration", "interval", "number"]
