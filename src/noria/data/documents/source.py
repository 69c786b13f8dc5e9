"""Source code, cut into functions and classes by tree-sitter, or else at blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from noria._lazy import installed, require
from noria.data.documents.blocks import Block
from noria.data.documents.text import decoded

__all__ = ["GRAMMARS", "code", "uncut"]

GRAMMARS = {
    ".c": ("c", "language"),
    ".cs": ("c_sharp", "language"),
    **dict.fromkeys((".cc", ".cpp", ".h", ".hpp"), ("cpp", "language")),
    ".go": ("go", "language"),
    ".java": ("java", "language"),
    ".js": ("javascript", "language"),
    ".py": ("python", "language"),
    ".rs": ("rust", "language"),
    ".ts": ("typescript", "language_typescript"),
    ".tsx": ("typescript", "language_tsx"),
}
"""By ending, the package of a grammar, after ``tree_sitter_``, and the function that gives it."""
_SCOPES = frozenset(
    {"abstract_class_declaration", "class_declaration", "class_definition", "class_specifier"}
    | {"enum_declaration", "impl_item", "interface_declaration", "internal_module", "mod_item"}
    | {"namespace_declaration", "namespace_definition", "record_declaration", "struct_declaration"}
    | {"struct_specifier", "trait_item"}
)
_UNITS = frozenset(
    {"constructor_declaration", "enum_item", "function_declaration", "function_definition", "function_item"}
    | {"generator_function_declaration", "macro_definition", "method_declaration", "method_definition"}
    | {"struct_item", "type_alias_declaration", "type_spec"}
)
_FUNCTIONS = frozenset({"arrow_function", "function_expression"})  # the value of a variable
_DEEPEST = 12  # nodes above a definition
_WORD = re.compile(rb"[\w\x80-\xff]")
_NAME = re.compile(r"~?\w+(?:(?:::|\.)~?\w+)*")
_RECEIVER = re.compile(r"(\w+)\s*(?:\[[^]]*\])?\s*\)$")
_Mark = tuple[int, str]  # a byte, and the qualified name of what begins there


def uncut(ending: str) -> bool:
    """Whether code of this kind would be cut into functions if the packages for it were installed."""
    return ending in GRAMMARS and not _usable(ending)


def code(content: bytes, ending: str) -> Iterator[Block]:
    r"""Functions and classes below their qualified names, and what is between them.

    Parameters
    ----------
    content : bytes
    ending : str
        Of the file's name, as ``".py"``.

    Examples
    --------
    >>> [one.text for one in code(b"x = 1\n\ny = 2\nz = 3\n", ".py")]
    ['x = 1', 'y = 2\nz = 3']
    """
    text = decoded(content)
    if not _usable(ending):
        yield from _by_lines(text.splitlines(), 1)
        return
    source = text.encode()
    found = [(0, ""), *_marks(_parsed(source, ending), source, "", 0), (len(source), "")]
    saying = [mark for mark, (end, _) in pairwise(found) if _WORD.search(source[mark[0] : end])]
    for (begin, name), (end, _) in pairwise([*saying, found[-1]]):
        lines, first = source[begin:end].decode().splitlines(), source.count(b"\n", 0, begin) + 1
        yield from [_piece(lines, first, name)] if name else _by_lines(lines, first)


def _usable(ending: str) -> bool:
    return ending in GRAMMARS and installed("tree_sitter") and installed(f"tree_sitter_{GRAMMARS[ending][0]}")


def _parsed(source: bytes, ending: str) -> Any:
    """The root of the syntax tree; what is no good code has some all the same."""
    package, grammar = GRAMMARS[ending]
    tree_sitter = require("tree_sitter", extra="rag")
    language = getattr(require(f"tree_sitter_{package}", extra="rag"), grammar)()
    return tree_sitter.Parser(tree_sitter.Language(language)).parse(source).root_node


def _marks(above: Any, source: bytes, path: str, depth: int) -> Iterator[_Mark]:
    """Where definitions below a node begin and end, those of a class within it.

    Comments, decorators and keywords right before a definition belong to it.
    """
    begin: int | None = None
    for node in above.named_children:
        start = node.start_byte if begin is None else begin
        if "comment" in node.type or node.type in ("attribute_item", "decorator"):
            begin = start
            continue
        begin = None
        name = _name(node)
        whole = f"{path}.{name}" if path else name
        if name and node.type in _SCOPES:
            yield _line_start(source, start), whole
            yield from _marks(node, source, whole, depth + 1)
            yield node.end_byte, path
        elif name:
            yield _line_start(source, start), whole
            yield node.end_byte, path
        elif depth < _DEEPEST:
            for at, (place, inner) in enumerate(_marks(node, source, path, depth + 1)):
                yield (_line_start(source, start) if at == 0 and _wraps(node) else place), inner


def _wraps(node: Any) -> bool:
    """Whether a node is no more than words around a definition."""
    return node.type in (
        "decorated_definition", "export_statement", "lexical_declaration", "template_declaration",
        "type_declaration",
    )  # fmt: skip


def _name(node: Any) -> str:
    """What a node defines; empty if it is no definition."""
    field = node.child_by_field_name
    if node.type == "variable_declarator":
        value = field("value")
        return _text(field("name")) if value is not None and value.type in _FUNCTIONS else ""
    if node.type not in _UNITS and (node.type not in _SCOPES or field("body") is None):
        return ""
    named = field("name") or (field("type") if node.type == "impl_item" else field("declarator"))
    while named is not None and (inner := named.child_by_field_name("declarator")) is not None:
        named = inner
    receiver = _RECEIVER.search(_text(field("receiver")))
    own = _NAME.match(_text(named))
    name = own[0].replace("::", ".") if own else ""
    return f"{receiver[1]}.{name}" if receiver and name else name


def _text(node: Any) -> str:
    return "" if node is None else node.text.decode(errors="replace")


def _line_start(source: bytes, at: int) -> int:
    """The beginning of the line, if there is nothing but blanks between."""
    begin = source.rfind(b"\n", 0, at) + 1
    return at if source[begin:at].strip() else begin


def _by_lines(lines: list[str], first: int) -> Iterator[Block]:
    """Cut before each line that is not indented and follows a blank one."""
    part: list[str] = []
    begun, blank = first, False
    for number, line in enumerate(lines, first):
        if blank and line.strip() and not line[0].isspace() and any(map(str.strip, part)):
            yield _piece(part, begun)
            part, begun = [], number
        part.append(line)
        blank = not line.strip()
    if any(map(str.strip, part)):
        yield _piece(part, begun)


def _piece(lines: list[str], begun: int, name: str = "") -> Block:
    at = next(number for number, line in enumerate(lines) if line.strip())
    heading = name or lines[at].strip(" :{(")[:80]
    return Block("code", "\n".join(lines).strip("\n").rstrip(), heading, line=begun + at)
