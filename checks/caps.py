"""Caps on size with a ratchet: no file, function, signature or class of src/ may outgrow them.

A file has at most 500 lines, a function 60 (its docstring not counted), a signature 8 arguments (self and
cls not counted), a class 15 public methods and properties. Exemptions stand in ``checks/caps.toml``; an
exempt thing may not grow, an exemption that is no longer needed must go, and their number may only fall
below that of any version of the file which git knows.

Run as ``python checks/caps.py`` from anywhere; ``--root`` checks another tree.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CAPS = {"file": 500, "function": 60, "arguments": 8, "methods": 15}
UNITS = {"file": "lines", "function": "lines", "arguments": "arguments", "methods": "public methods"}
LIST = "checks/caps.toml"
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Size(NamedTuple):
    """How large one thing is by one cap."""

    where: str
    cap: str
    size: int
    line: int

    def __str__(self) -> str:
        path = self.where.partition(":")[0]
        return f"{path}:{self.line}: {self.where}: {self.size} {UNITS[self.cap]}, the cap is {CAPS[self.cap]}"


def function_lines(node: Function) -> int:
    """Lines from ``def`` to the last statement, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def argument_count(node: Function, *, method: bool) -> int:
    """Arguments that a caller may give."""
    arguments = node.args
    count = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
    count += (arguments.vararg is not None) + (arguments.kwarg is not None)
    static = any(isinstance(name, ast.Name) and name.id == "staticmethod" for name in node.decorator_list)
    return count - (method and not static)


def public_methods(node: ast.ClassDef) -> int:
    """Distinct public names that the class body defines with ``def``."""
    names = {item.name for item in node.body if isinstance(item, Function)}
    return sum(not name.startswith("_") for name in names)


def sizes_within(node: ast.AST, where: str, separator: str = ":") -> Iterator[Size]:
    """Sizes of all that is defined inside a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            name = f"{where}{separator}{child.name}"
            method = isinstance(node, ast.ClassDef)
            yield Size(name, "function", function_lines(child), child.lineno)
            yield Size(name, "arguments", argument_count(child, method=method), child.lineno)
            yield from sizes_within(child, name, ".")
        elif isinstance(child, ast.ClassDef):
            name = f"{where}{separator}{child.name}"
            yield Size(name, "methods", public_methods(child), child.lineno)
            yield from sizes_within(child, name, ".")
        else:
            yield from sizes_within(child, where, separator)


def sizes(root: Path) -> Iterator[Size]:
    """Sizes of all that stands in ``src/`` of a tree."""
    for path in sorted((root / "src").rglob("*.py")):
        where, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        yield Size(where, "file", len(text.splitlines()), 1)
        yield from sizes_within(ast.parse(text, filename=where), where)


def exemptions(text: str) -> dict[tuple[str, str], int]:
    """The allowed size per place and cap."""
    entries = tomllib.loads(text).get("exempt", [])
    for entry in entries:
        missing = {"where", "cap", "size", "why"} - entry.keys()
        if missing or not str(entry["why"]).strip():
            raise SystemExit(f"{LIST}: an exemption needs where, cap, size and why; got {entry}")
    return {(entry["where"], entry["cap"]): entry["size"] for entry in entries}


def fewest_committed(root: Path) -> int | None:
    """The smallest number of exemptions in any committed version; None where git knows none."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else ""

    commits = git("log", "--format=%H", "--", LIST).split()
    texts = [git("show", f"{commit}:./{LIST}") for commit in commits]
    return min((len(exemptions(text)) for text in texts if text), default=None)


def problems(root: Path) -> Iterator[str]:
    """One line per thing to mend."""
    file = root / LIST
    allowed = exemptions(file.read_text(encoding="utf-8") if file.exists() else "")
    above = {(size.where, size.cap): size for size in sizes(root) if size.size > CAPS[size.cap]}
    for key, size in above.items():
        if key not in allowed:
            yield f"{size}. Split it."
        elif size.size > allowed[key]:
            yield f"{size}, its exemption {allowed[key]}. It may shrink, not grow."
    for where, cap in allowed.keys() - above.keys():
        yield f"{LIST}: {where} ({cap}) is below its cap. Delete the exemption."
    before = fewest_committed(root)
    if before is not None and len(allowed) > before:
        yield f"{LIST}: {len(allowed)} exemptions, {before} were committed. Their number may only fall."


def main() -> int:
    """Print what is above a cap; exit 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    found = sorted(problems(root))
    for line in found:
        print(line)
    counted = list(sizes(root))
    files = sum(size.cap == "file" for size in counted)
    functions = sum(size.cap == "function" for size in counted)
    print(f"caps: {files} files, {functions} functions, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
