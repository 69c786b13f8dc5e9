"""Mail as documents."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from noria.data import documents
from noria.data.documents.blocks import Unreadable
from noria.data.documents.kinds import blocks
from noria.settings import Settings


def message(subject="Pumps", body="They leak.", **more):
    made = EmailMessage()
    made["From"], made["To"], made["Date"] = (
        "Zoë <zoe@example.org>",
        "ann@example.org",
        "Mon, 02 Nov 2026 10:00:00 +0000",
    )
    made["Subject"] = subject
    made.set_content(body, **more)
    return made


def told(name, content):
    return [(block.kind, block.text, block.heading) for block in blocks(name, content)]


def test_a_message():
    found = told(
        "a.eml", message("Grüße vom Rad", "They leak\nat night.\n\nSince May.", cte="base64").as_bytes()
    )
    assert found == [
        ("heading", "Grüße vom Rad", "Grüße vom Rad"),
        ("text", "From: Zoë <zoe@example.org>", "Grüße vom Rad"),
        ("text", "To: ann@example.org", "Grüße vom Rad"),
        ("text", "Date: Mon, 02 Nov 2026 10:00:00 +0000", "Grüße vom Rad"),
        ("text", "They leak at night.", "Grüße vom Rad > Zoë, 2026-11-02"),
        ("text", "Since May.", "Grüße vom Rad > Zoë, 2026-11-02"),
    ]


def test_html_is_read_where_there_is_no_plain_text():
    made = message(body="<h2>Costs</h2><p>20 euros</p><script>alert(1)</script>", subtype="html")
    assert told("a.eml", made.as_bytes())[4:] == [
        ("heading", "Costs", "Pumps > Zoë, 2026-11-02 > Costs"),
        ("text", "20 euros", "Pumps > Zoë, 2026-11-02 > Costs"),
    ]
    made = message()
    made.add_alternative("<p>They leak, in colour.</p>", subtype="html")
    assert told("a.eml", made.as_bytes())[4:] == [("text", "They leak.", "Pumps > Zoë, 2026-11-02")]


def test_attachments_are_read_or_named():
    made = message()
    made.add_attachment("# Wheels\n\nThey turn.", filename="wheels.md")
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="../leak.png")
    made.add_attachment(b"PK broken", maintype="application", subtype="octet-stream", filename="a.docx")
    made.add_attachment(message("Invoices", "They are paid."))
    assert told("a.eml", made.as_bytes())[5:] == [
        ("heading", "wheels.md", "Pumps > wheels.md"),
        ("heading", "Wheels", "Pumps > wheels.md > Wheels"),
        ("text", "They turn.", "Pumps > wheels.md > Wheels"),
        ("text", "The attachment ../leak.png is left out: its kind is not known.", "Pumps > ../leak.png"),
        ("text", "The attachment a.docx is left out: it is damaged.", "Pumps > a.docx"),
        ("heading", "message.eml", "Pumps > message.eml"),
        ("heading", "Invoices", "Pumps > message.eml > Invoices"),
        ("text", "From: Zoë <zoe@example.org>", "Pumps > message.eml > Invoices"),
        ("text", "To: ann@example.org", "Pumps > message.eml > Invoices"),
        ("text", "Date: Mon, 02 Nov 2026 10:00:00 +0000", "Pumps > message.eml > Invoices"),
        ("text", "They are paid.", "Pumps > message.eml > Invoices > Zoë, 2026-11-02"),
    ]


FROM = b"From zoe Mon Nov  2 10:00:00 2026\n"


def test_each_message_of_a_box_is_a_document(tmp_path):
    bodies = {
        name: message(name, f"About {name}.\n>From here on.").as_bytes() for name in ("Pumps", "Wheels")
    }
    (tmp_path / "in.mbox").write_bytes(b"".join(FROM + body + b"\n" for body in bodies.values()))
    (tmp_path / "old.mbox").write_bytes(FROM + bodies["Wheels"] + b"\n" + FROM + b"no header\n")
    settings = Settings(home=tmp_path / "home")
    for _ in ("read", "known"):
        table, notes = documents.read([tmp_path / "in.mbox", tmp_path / "old.mbox"], settings=settings)
        last = table.filter(document="in.mbox/2").row(-1, named=True)
        assert (last["title"], last["text"]) == ("Wheels", "About Wheels. From here on.")
        assert last["heading"] == "Wheels > Zoë, 2026-11-02"
        assert table.filter(document="old.mbox/2")["text"].to_list() == [
            "The message is left out: it is no mail."
        ]
        assert table["document"].unique(maintain_order=True).to_list() == [
            "in.mbox/1",
            "in.mbox/2",
            "old.mbox/2",
        ]
        assert notes == ["1 document left out, it repeats in.mbox/2: old.mbox/1"]
    with (tmp_path / "in.mbox").open("ab") as box:
        box.write(FROM + message("Gloves", "They are blue.").as_bytes())
    table, _ = documents.read(tmp_path / "in.mbox", settings=settings)
    assert table["title"].unique(maintain_order=True).to_list() == ["Pumps", "Wheels", "Gloves"]


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        (b'text/plain; charset="no-such"', "café".encode("cp1252"), "café"),
        (b'text/plain; charset="us-ascii"', "café".encode(), "café"),
        (b"text/plain", "café".encode(), "café"),
        (b'text/plain; charset="utf-16"', "café".encode("utf-16"), "café"),
        (b"multipart/mixed", b"no boundary", None),
        (b'multipart/mixed; boundary="b"', b"--b\nContent-Type: text/plain\n\ncut of", "cut of"),
        (b"text/plain\nContent-Transfer-Encoding: base64", b"!!!no base64", None),
        (b'text/plain; charset="', b"an open quote", "an open quote"),
    ],
)
def test_broken_messages_give_what_they_hold(head, body, text):
    content = b"Subject: =?utf-8?q?broken?\nDate: no date\nFrom: <<>\nContent-Type: " + head + b"\n\n" + body
    found = [block.text for block in blocks("a.eml", content)]
    assert found[0].startswith("=?utf-8?q?broken")
    assert text is None or found[-1] == text


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.eml", bytes(range(256)), "it is no mail"),
        ("a.eml", b"", "it is no mail"),
        ("a.mbox", b"Subject: one\n\nmessage", "it is no box of messages"),
        ("a.mbox", b"", "it is no box of messages"),
        ("a.mbox", FROM + b"no header\n", "it is no box of messages"),
    ],
)
def test_what_is_no_mail_is_left_out(name, content, why):
    with pytest.raises(Unreadable, match=why):
        blocks(name, content)


def test_messages_in_messages_without_end_are_left_out():
    content = b"Subject: a\nContent-Type: message/rfc822\n\n" * 3_000
    with pytest.raises(Unreadable, match="it is damaged"):
        blocks("a.eml", content)


def test_a_folder_of_mail_has_subjects_as_titles(tmp_path):
    (tmp_path / "a.eml").write_bytes(message().as_bytes())
    (tmp_path / "b.eml").write_bytes(b"\0\0")
    table, notes = documents.read(tmp_path, settings=Settings(home=tmp_path / "home"))
    assert table["title"].unique().to_list() == ["Pumps"]
    assert notes == ["1 document left out, it is no mail: b.eml"]
