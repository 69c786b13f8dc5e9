"""Watching served models: what their rows are like, how good they are, and whom to tell."""

from noria.lifecycle.watch.check import Watched, Watcher, alone

__all__ = ["Watched", "Watcher", "alone"]
