import io
import os
import time
import zipfile

import polars as pl
import pytest

from noria._lazy import installed
from noria.data import documents
from noria.data.documents.blocks import Unreadable
from noria.data.documents.html import html
from noria.data.documents.office import docx
from noria.data.documents.pdf import pdf
from noria.data.documents.text import decoded, delimited, markdown, plain
from noria.errors import SourceError
from noria.settings import Settings

needs_pypdf = pytest.mark.skipif(not installed("pypdf"), reason='pip install "noria[rag]"')


def read(source):
    return documents.read(source, settings=Settings())


def told(blocks):
    return [(block.kind, block.text, block.heading, block.line) for block in blocks]


def test_markdown():
    text = (
        "---\ntitle: x\n---\n# Top\n\nSome *bold* [link](http://x)\nand more.\n\n"
        "## Sub `code`\n\n- one\n- two\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nrun it\n```\n"
    )
    assert told(markdown(text.encode())) == [
        ("heading", "Top", "Top", 4),
        ("text", "Some bold link and more.", "Top", 6),
        ("heading", "Sub code", "Top > Sub code", 9),
        ("text", "one", "Top > Sub code", 11),
        ("text", "two", "Top > Sub code", 12),
        ("table", "a | b", "Top > Sub code", 14),
        ("table", "1 | 2", "Top > Sub code", 16),
        ("code", "run it", "Top > Sub code", 18),
    ]


def test_html_leaves_boilerplate_out():
    page = (
        b"<html><head><title>t</title><style>p{}</style></head><body><nav>Home</nav>\n"
        b"<h1>Top</h1><p>A &amp; B<br>next</p>\n<script>alert('x')</script>"
        b"<table><tr><th>a</th><th>b</th></tr></table><pre>x\n  y</pre><footer>(c)</footer></body></html>"
    )
    assert told(html(page)) == [
        ("heading", "Top", "Top", 2),
        ("text", "A & B", "Top", 2),
        ("text", "next", "Top", 2),
        ("table", "a | b", "Top", 3),
        ("code", "x\n  y", "Top", 3),
    ]


def test_plain_and_tables():
    assert told(plain(b"one\ntwo\n\nthree\n")) == [("text", "one two", "", 1), ("text", "three", "", 4)]
    assert told(delimited(b"a;b\n1;x\n;\n2;y\n")) == [
        ("table", "a: 1; b: x", "", 2),
        ("table", "a: 2; b: y", "", 4),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding):
    assert decoded("café".encode(encoding)) == "café"


def word(body):
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", f"<w:document {space}><w:body>{body}</w:body></w:document>")
    return buffer.getvalue()


def test_docx():
    heading = '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Top</w:t></w:r></w:p>'
    text = "<w:p><w:r><w:t>One</w:t><w:tab/><w:t>two</w:t></w:r></w:p>"
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    table = f"<w:tbl><w:tr>{cell.format('a')}{cell.format('b')}</w:tr></w:tbl>"
    assert told(docx(word(heading + text + table))) == [
        ("heading", "Top", "Top", None),
        ("text", "One two", "Top", None),
        ("table", "a | b", "Top", None),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 broken", "damaged"),
        (b"\xd0\xcf\x11\xe0 old", "protected by a password, or of Word's format before 2007"),
        (word("<w:p>"), "damaged"),
    ],
    ids=["no zip", "old", "no XML"],
)
def test_a_broken_docx_says_why(content, why):
    with pytest.raises(Unreadable, match=why):
        list(docx(content))


def made_pdf(lines, password=None):
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    for line in lines:
        page = writer.add_blank_page(300, 300)
        names = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
        font = DictionaryObject({NameObject(key): NameObject(value) for key, value in names.items()})
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({line}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@needs_pypdf
def test_pdf_keeps_the_page():
    blocks = list(pdf(made_pdf(["Water rises.", "It falls again."])))
    assert [(block.text, block.page) for block in blocks] == [("Water rises.", 1), ("It falls again.", 2)]


@needs_pypdf
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda: made_pdf(["x"], "secret"), "protected by a password"),
        (lambda: made_pdf([""]), "holds no text"),
        (lambda: made_pdf(["x"])[:200], "damaged"),
        (lambda: b"no pdf at all", "damaged"),
        (lambda: b"", "damaged"),
    ],
    ids=["password", "scan", "cut", "other", "empty"],
)
def test_a_bad_pdf_says_why(content, why):
    with pytest.raises(Unreadable, match=why):
        list(pdf(content()))


def test_a_folder_with_bad_files_is_read_and_says_what_it_left_out(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("# A\n\nText.")
    (tmp_path / "sub" / "b.txt").write_text("Other text.")
    (tmp_path / "copy.txt").write_text("Other \n text.")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "empty.md").write_text("")
    (tmp_path / "what.xyz").write_text("x")
    (tmp_path / ".hidden.md").write_text("x")
    table, notes = read(tmp_path)
    assert table["document"].unique(maintain_order=True).to_list() == ["a.md", "copy.txt"]
    assert table["title"].unique(maintain_order=True).to_list() == ["A", "copy"]
    assert notes == [
        "1 document left out, it is not text: binary.txt",
        "1 document left out, it is empty: empty.md",
        "1 document left out, its kind is not known: what.xyz",
        "1 document left out, it repeats copy.txt: sub/b.txt",
    ]


@pytest.fixture
def folder(tmp_path):
    """Three files that have not been touched for an hour."""
    (tmp_path / "files").mkdir()
    for name in ("a.md", "b.md", "c.md"):
        written(tmp_path / "files" / name, f"# {name}\n\nWhat {name} says.")
    return tmp_path / "files"


def written(path, text, ago=3600):
    path.write_text(text)
    then = time.time() - ago
    os.utime(path, (then, then))


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are opened."""
    names, real = [], documents._read

    def noted(path, *how):
        names.append(path.name)
        return real(path, *how)

    monkeypatch.setattr(documents, "_read", noted)
    return names


def test_only_changed_files_are_read_again_and_deletions_are_followed(folder, opened, tmp_path):
    settings = Settings(home=tmp_path / "home")
    first, _ = documents.read(folder, settings=settings)
    assert opened == ["a.md", "b.md", "c.md"]
    assert documents.read(folder, settings=settings)[0].equals(first)
    assert opened == ["a.md", "b.md", "c.md"]
    opened.clear()
    written(folder / "b.md", "# b.md\n\nSomething else.", ago=1800)
    written(folder / "aa.md", "New.")
    (folder / "c.md").unlink()
    table, _ = documents.read(folder, settings=settings)
    assert opened == ["aa.md", "b.md"]
    assert table["document"].to_list() == ["a.md", "a.md", "aa.md", "b.md", "b.md"]
    assert table["text"].to_list()[2:] == ["New.", "b.md", "Something else."]
    assert table.equals(documents.read(folder, settings=Settings(home=tmp_path / "other"))[0])


def test_a_change_within_the_grain_of_a_clock_is_seen(folder, tmp_path):
    settings = Settings(home=tmp_path / "home")
    for text in ("A day.", "A way."):
        before = (folder / "a.md").stat()
        (folder / "a.md").write_text(text)
        os.utime(folder / "a.md", ns=(before.st_atime_ns, time.time_ns()))
        now = (folder / "a.md").stat().st_mtime_ns
        documents.read(folder, settings=settings)
        (folder / "a.md").write_text(text.replace("A", "I"))
        os.utime(folder / "a.md", ns=(now, now))
        assert documents.read(folder, settings=settings)[0]["text"][0] == text.replace("A", "I")


def test_a_copy_that_is_damaged_or_cannot_be_written_is_done_without(folder, opened, tmp_path):
    settings = Settings(home=tmp_path / "home")
    first, _ = documents.read(folder, settings=settings)
    (copy,) = (tmp_path / "home" / "cache" / "documents").iterdir()
    copy.write_bytes(copy.read_bytes()[:100])
    assert documents.read(folder, settings=settings)[0].equals(first)
    (tmp_path / "file").write_text("")
    assert documents.read(folder, settings=Settings(home=tmp_path / "home", cache=tmp_path / "file"))[
        0
    ].equals(first)
    assert len(opened) == 9


def test_patterns_are_named_from_what_they_have_in_common(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.md").write_text("One.")
    (tmp_path / "deep" / "b.md").write_text("Two.")
    table, _ = read([f"{tmp_path}/*.md", f"{tmp_path}/deep/*.md"])
    assert table["document"].to_list() == ["a.md", "deep/b.md"]


@pytest.mark.parametrize("make", [lambda path: path / "none", lambda path: f"{path}/*.md"])
def test_no_document_is_one_error(tmp_path, make):
    with pytest.raises(SourceError, match="There is no document"):
        read(make(tmp_path))


def test_an_empty_folder_is_one_error(tmp_path):
    with pytest.raises(SourceError, match="There is no document in"):
        read(tmp_path)


def test_only_unreadable_documents_are_one_error_that_says_why(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\0\0")
    with pytest.raises(SourceError, match=r"it is not text: a\.txt"):
        read(tmp_path)


def test_a_table_needs_its_columns():
    with pytest.raises(SourceError, match="has no column 'document'"):
        read(pl.DataFrame({"text": ["x"]}))


def test_noria_carries_its_own_documents():
    table, _ = read(["package:noria/docs/*.md", "package:noria/docs/how-to/*.md"])
    assert {"tutorial.md", "how-to/promote-and-roll-back.md"} <= set(table["document"])
