"""What is exported, and the templates that it is written into."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria._version import __version__
from noria.core.features import FeaturedModel
from noria.core.protocol import Model
from noria.core.runs import Version

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Package", "render"]

_DNS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Package:
    """A version of a model, whose files were found to be what they were when it was registered.

    Attributes
    ----------
    version : Version
    run : Path
        Its run's folder, with the model in ``model/``.
    record : mapping
        What stands in the run's ``run.json``.
    load : callable
        Reads the model.
    pack : callable
        From a run's folder to a new folder that MLflow reads.
    """

    version: Version
    run: Path
    record: Mapping[str, Any]
    load: Callable[[], Model | FeaturedModel]
    pack: Callable[[Path, Path], None]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.version.name

    @property
    def number(self) -> int:
        """The version's number."""
        return self.version.number

    @property
    def label(self) -> str:
        """The name as a DNS label, which begins with a letter, for containers and services.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> Package(SimpleNamespace(name="House_Prices.v2"), None, {}, None, None).label
        'house-prices-v2'
        >>> Package(SimpleNamespace(name="2026"), None, {}, None, None).label
        'model-2026'
        """
        plain = _DNS.sub("-", self.name.lower())[:50].strip("-")
        return plain if plain[0].isalpha() else f"model-{plain}"

    @property
    def title(self) -> str:
        """What a reader calls it, on one line."""
        return " ".join(str(self.record["recipe"].get("title") or self.name).split())

    @property
    def python(self) -> str:
        """The Python that it was trained with, ``3.11``."""
        return ".".join(str(self.record["lineage"]["environment"]["python"]).split(".")[:2])

    @property
    def memory(self) -> int:
        """Mebibytes that a process which serves it may be expected to stay under."""
        size = sum(path.stat().st_size for path in (self.run / "model").rglob("*") if path.is_file())
        return 64 * (6 + -(-8 * size // 2**26))


def render(folder: str, draft: Path, package: Package, **fields: Any) -> None:
    """Write all templates of a folder below ``templates/``; those that end in ``.j2`` are filled in.

    A name's ``dot-`` becomes a dot: the files of a package should not be hidden ones.
    """
    environment = _templates()
    known = {"it": package, "noria": __version__, **fields}
    for name in environment.list_templates(filter_func=lambda name: name.startswith(f"{folder}/")):
        path = draft / name.removeprefix(f"{folder}/").replace("dot-", ".").removesuffix(".j2")
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".j2"):
            text = environment.get_template(name).render(known)
        else:
            text = (Path(__file__).with_name("templates") / name).read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("noria.lifecycle.export"), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return made
