"""Mail: one message, or a box of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from mimetypes import guess_extension
from typing import Any

from noria.data.documents.blocks import Block, Outline, Unreadable, paragraphs
from noria.data.documents.html import html
from noria.data.documents.text import decoded

__all__ = ["mail", "mailbox"]

_Attached = Callable[[str, bytes], list[Block]]
_ENVELOPE = ("from", "to", "cc", "date")
_BEGIN = re.compile(rb"^From .*\d:\d\d.*\d{4}.*\r?\n", re.MULTILINE)  # with the time that it came
_BROKEN = (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def mail(content: bytes, attached: _Attached) -> Iterator[Block]:
    r"""The subject as a heading, who wrote to whom and when, what was written, and what was sent along.

    Parameters
    ----------
    content : bytes
    attached : callable
        Reads an attachment, by its name and its content. One that it cannot read is named, and why.

    Raises
    ------
    Unreadable
        If it is no message, or a damaged one.

    Examples
    --------
    >>> [one.text for one in mail(b"From: ann@example.org\nSubject: Pumps\n\nThey leak.", attached=dict)]
    ['Pumps', 'From: ann@example.org', 'They leak.']
    """
    yield from _message(content, Outline(), 1, attached)


def mailbox(content: bytes, attached: _Attached) -> Iterator[list[Block]]:
    """What each message of a box in the format mbox holds; of one that cannot be read, why.

    Raises
    ------
    Unreadable
        If it is no box of messages.
    """
    first, *messages = _BEGIN.split(content)
    read = 0
    for message in messages if not first.strip() else ():
        try:
            yield list(_message(re.sub(rb"(?m)^>(>*From )", rb"\1", message), Outline(), 1, attached))
            read += 1
        except Unreadable as error:
            yield [Block("text", f"The message is left out: {error}.")]
    if not read:
        raise Unreadable("it is no box of messages")


def _message(content: bytes, outline: Outline, level: int, attached: _Attached) -> Iterator[Block]:
    try:
        message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
        if not any(name in message for name in ("subject", *_ENVELOPE)):
            raise Unreadable("it is no mail")
        subject = str(message.get("subject", "")).strip() or "No subject"
        yield Block("heading", subject, outline.enter(level, subject))
        for name in _ENVELOPE:
            if name in message:
                yield Block("text", f"{name.title()}: {message[name]}", outline.path)
        body = message.get_body(("plain", "html"))
        if body is not None:
            path = " > ".join(filter(None, (outline.path, _by(message))))
            yield from (_below(path, block) for block in _written(body))
        for part in message.iter_attachments():
            yield from _attachment(part, outline, level + 1, attached)
    except _BROKEN as error:
        raise Unreadable(f"it is damaged: {error}") from error


def _by(message: EmailMessage) -> str:
    """Who wrote a message, and on which day."""
    people = getattr(message["from"], "addresses", ())
    when = getattr(message["date"], "datetime", None)
    said = [one.display_name or one.addr_spec for one in people[:1]]
    return ", ".join([*filter(None, said), *([when.date().isoformat()] if when else [])])


def _written(part: MIMEPart[Any, Any]) -> Iterator[Block]:
    """The text of a part, in the encoding that it names if that is true."""
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    text = None
    with suppress(LookupError, UnicodeDecodeError):
        text = content.decode(part.get_content_charset("utf-8"))
    text = decoded(content) if text is None else text
    if part.get_content_subtype() == "html":
        return html(text.encode())
    return (Block("text", " ".join(map(str.strip, run))) for _, run in paragraphs(text.splitlines()))


def _attachment(
    part: MIMEPart[Any, Any], outline: Outline, level: int, attached: _Attached
) -> Iterator[Block]:
    kind = part.get_content_type()
    if kind == "message/rfc822":
        name, content = "message.eml", part.get_content().as_bytes()
    else:
        name = part.get_filename() or (f"attachment{guess_extension(kind) or ''}")
        content = part.get_payload(decode=True) or b""
    path = outline.enter(level, name)
    try:
        found = attached(name, content)
    except Unreadable as error:
        yield Block("text", f"The attachment {name} is left out: {error}.", path)
        return
    yield Block("heading", name, path)
    yield from (_below(path, block) for block in found)


def _below(path: str, block: Block) -> Block:
    """A block of a part, under the headings of the message."""
    return block._replace(heading=f"{path} > {block.heading}" if block.heading else path, line=None)
