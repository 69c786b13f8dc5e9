"""A registered model as a folder that runs elsewhere: one file per target, templates beside them."""

from __future__ import annotations

from noria.lifecycle.export.export import TARGETS, Exported, export
from noria.lifecycle.export.package import Package

__all__ = ["TARGETS", "Exported", "Package", "export"]
