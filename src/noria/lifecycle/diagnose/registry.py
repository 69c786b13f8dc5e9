"""What a diagnostic is: a code with its explanation, and a function that looks for it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from noria.core.insight import Code, Finding, Severity
from noria.lifecycle.diagnose.facts import Facts

__all__ = ["HIGH", "LOW", "MEDIUM", "Diagnostic", "Seen", "diagnostic"]

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


class Seen(NamedTuple):
    """What a diagnostic has found.

    Attributes
    ----------
    severity : Severity
    text : str
        What was measured, with its numbers, in a sentence.
    columns : tuple of str
        Those that it is about.
    """

    severity: Severity
    text: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnostic:
    """Something that can be wrong with a run.

    Attributes
    ----------
    code : Code
    look : callable
        What was found in the facts of a run, or None: nothing, too little to tell, or it does not apply.
    """

    code: Code
    look: Callable[[Facts], Seen | None]

    def __call__(self, facts: Facts) -> Finding | None:
        """The finding, if there is one."""
        return self.finding(self.look(facts))

    def finding(self, seen: Seen | None) -> Finding | None:
        """What was seen with the texts of the code."""
        if seen is None:
            return None
        return Finding(self.code.code, seen.severity, self.code.title, seen.text, self.code.do, seen.columns)


def diagnostic(code: str) -> Callable[[Callable[[Facts], Seen | None]], Diagnostic]:
    """Make a function the diagnostic of a code, whose texts stand in ``codes.toml``."""
    return lambda look: Diagnostic(_codes()[code], look)


@cache
def _codes() -> dict[str, Code]:
    """What every code stands for, each text on one line."""
    told = tomllib.loads((Path(__file__).parent / "codes.toml").read_text(encoding="utf-8"))
    return {
        code: Code(code, **{key: text.replace("\n", " ") for key, text in texts.items()})
        for code, texts in told.items()
    }
