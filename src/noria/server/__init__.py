"""The HTTP service: parses requests, asks the desk, renders its answers."""

from __future__ import annotations

from noria.server.app import create_app
from noria.server.run import serve

__all__ = ["create_app", "serve"]
