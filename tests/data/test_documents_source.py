"""Source code as documents."""

from __future__ import annotations

import pytest

from noria._lazy import installed
from noria.data import documents
from noria.data.documents import source
from noria.data.documents.source import GRAMMARS, code
from noria.settings import Settings

needs_grammars = pytest.mark.skipif(not installed("tree_sitter"), reason='pip install "noria[rag]"')
PYTHON = b'''"""Notes."""

import x

# turns it
@cache
def turn(a):
    """Turn."""

    return a


class Wheel:
    """A wheel."""

    size = 1

    def lift(self):
        def inner():
            pass

        return inner

    class Hub:
        async def turn(self): ...


if x:
    def late(): ...
'''


def told(content, ending):
    return [(block.heading, block.line, block.text) for block in code(content, ending)]


@needs_grammars
def test_python():
    found = told(PYTHON, ".py")
    assert [(heading, line) for heading, line, _ in found] == [
        ('"""Notes."""', 1),
        ("import x", 3),
        ("turn", 5),
        ("Wheel", 13),
        ("Wheel.lift", 18),
        ("Wheel.Hub", 24),
        ("Wheel.Hub.turn", 25),
        ("if x", 28),
        ("late", 29),
    ]
    assert found[2][2] == '# turns it\n@cache\ndef turn(a):\n    """Turn."""\n\n    return a'
    assert found[4][2].startswith("    def lift(self):\n        def inner():")
    lines = [line for _, _, text in found for line in text.splitlines() if line.strip()]
    assert lines == [line for line in PYTHON.decode().splitlines() if line.strip()]


@needs_grammars
@pytest.mark.parametrize(
    ("ending", "content", "names"),
    [
        (".c", "static int *f(int a) { return 0; }\nint main(void) { return 1; }", ["f", "main"]),
        (
            ".cpp",
            "namespace n { class A { int f() { return 1; } }; }\nvoid n::A::g() { }",
            ["n", "n.A", "n.A.f", "n.A.g"],
        ),
        (".h", "template <class T> T h(T a) { return a; }", ["h"]),
        (".cs", "namespace N { class A { public A() {} int F() => 1; } }", ["N", "N.A", "N.A.A", "N.A.F"]),
        (".go", "type A struct { x int }\nfunc (a *A) F() int { return 1 }\nfunc G() {}", ["A", "A.F", "G"]),
        (
            ".java",
            "class A { A(){} int f(){return 1;} interface J { void q(); } }",
            ["A", "A.A", "A.f", "A.J", "A.J.q"],
        ),
        (".js", "export class A { f(){} }\nconst k = (a) => { return a }", ["A", "A.f", "k"]),
        (".rs", "impl<T> Tr for A<T> { fn f(&self) {} }\nmod m { pub fn h() {} }", ["A", "A.f", "m", "m.h"]),
        (
            ".ts",
            "namespace N { export class A<T> { private f(): T {} } }\ntype T = string",
            ["N", "N.A", "N.A.f", "T"],
        ),
        (".tsx", "export function Page() { return <p/> }", ["Page"]),
    ],
)
def test_other_languages(ending, content, names):
    assert [heading for heading, *_ in told(content.encode(), ending)] == names


@needs_grammars
@pytest.mark.parametrize(
    "content", ["def f(:\n  )\nclass A\n  def g(self)", "x" + "(" * 5_000, "日本 = '語'\n\ndef 関数(): ..."]
)
def test_code_that_is_broken_is_kept(content):
    kept = "".join(text for _, _, text in told(content.encode(), ".py"))
    assert "".join(kept.split()) == "".join(content.split())


def test_without_the_package_code_is_cut_at_blank_lines_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "installed", lambda _: False)
    (tmp_path / "a.py").write_bytes(PYTHON)
    (tmp_path / "b.yaml").write_text("a: 1")
    table, notes = documents.read(tmp_path, settings=Settings(home=tmp_path / "home"))
    assert "class Wheel" in table["heading"].to_list()
    assert notes == [
        "Source code (.py) was cut at blank lines; into functions and classes it is cut with tree-sitter: "
        'pip install "noria[rag]"'
    ]


def test_other_code_is_cut_at_blank_lines():
    assert [line for _, line, _ in told(b"a: 1\n  b\n\nc: 2\n\n  d\n", ".yaml")] == [1, 4]


@needs_grammars
def test_every_grammar_can_be_had():
    for ending in GRAMMARS:
        assert not source.uncut(ending)
        list(code(b"x", ending))
