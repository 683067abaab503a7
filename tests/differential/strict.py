"""A small HTTP/1.1 reader that forgives nothing (RFC 9112): what a careful content, or a careful viewer, would read.

It shares no code with the gateway or with llhttp; slow and plain on purpose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD = re.compile(
    rb"(" + _TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
_CHUNK = re.compile(rb"(0*[0-9A-Fa-f]{1,15})((?:;[\t\x20-\x7e\x80-\xff]*)?)")

Header = tuple[bytes, bytes]


class End(Enum):
    """How reading a stream ended."""

    WHOLE = auto()
    """At the end of a message."""
    WAITING = auto()
    """In the middle of one."""
    MALFORMED = auto()


class _Malformed(Exception):
    pass


class _More(Exception):
    pass


@dataclass
class Message:
    """One request or one answer."""

    headers: list[Header]
    method: bytes = b""
    target: bytes = b""
    status: int = 0
    reason: bytes = b""
    minor: int = 1
    body: bytes = b""
    interim: list[int] = field(default_factory=list)

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name]


@dataclass
class Reading:
    """What stands in a stream, and how it ended."""

    messages: list[Message]
    end: End
    because: str = ""
    rest: bytes = b""
    """What was not read as a whole message."""
    begun: Message | None = None
    """The message in which it ended, when its head is whole."""


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            piece = self.data[self.at :]
            if b"\r" in piece[:-1]:
                raise _Malformed("bare CR")
            raise _More
        line = self.data[self.at : end]
        if not line.endswith(b"\r"):
            raise _Malformed("bare LF")
        if b"\r" in line[:-1]:
            raise _Malformed("bare CR")
        self.at = end + 1
        return line[:-1]

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) < count:
            raise _More
        self.at += count
        return piece


def read_requests(data: bytes) -> Reading:
    """Read requests up to the first fault or the end."""
    cursor, messages = _Cursor(data), []
    while cursor.at < len(data):
        start, begun = cursor.at, None
        try:
            begun = _request_head(cursor)
            begun.body = _body(cursor, begun, otherwise=b"")
        except _More:
            return Reading(messages, End.WAITING, rest=data[start:], begun=begun)
        except _Malformed as fault:
            return Reading(messages, End.MALFORMED, str(fault), data[start:], begun)
        messages.append(begun)
    return Reading(messages, End.WHOLE)


def read_answer(data: bytes, *, method: bytes = b"GET", at_end: bool) -> Reading:
    """Read one answer with its 1xx; ``at_end``: the connection was closed behind the data."""
    cursor, interim, begun = _Cursor(data), [], None
    try:
        while True:
            begun = _answer_head(cursor)
            if begun.status >= 200 or begun.status == 101:
                break
            interim.append(begun.status)
        begun.interim = interim
        if begun.status >= 200:
            is_bodyless = method == b"HEAD" or begun.status in {204, 304}
            begun.body = b"" if is_bodyless else _body(cursor, begun, otherwise=None, at_end=at_end)
    except _More:
        return Reading([], End.WAITING, rest=data, begun=begun)
    except _Malformed as fault:
        return Reading([], End.MALFORMED, str(fault), data, begun)
    return Reading([begun], End.WHOLE, rest=data[cursor.at :])


def _request_head(cursor: _Cursor) -> Message:
    line = cursor.line()
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _Malformed("request line")
    message = Message(_fields(cursor), method=match[1], target=match[2], minor=int(match[3]))
    if len(message.values(b"host")) != 1 and (message.minor or message.values(b"host")):
        raise _Malformed("host")
    return message


def _answer_head(cursor: _Cursor) -> Message:
    match = _STATUS_LINE.fullmatch(cursor.line())
    if match is None:
        raise _Malformed("status line")
    return Message(_fields(cursor), status=int(match[2]), reason=match[3], minor=int(match[1]))


def _fields(cursor: _Cursor) -> list[Header]:
    headers = []
    while line := cursor.line():
        match = _FIELD.fullmatch(line)
        if match is None:
            raise _Malformed("field line")
        headers.append((match[1], match[2]))
    return headers


def _body(cursor: _Cursor, message: Message, *, otherwise: bytes | None, at_end: bool = False) -> bytes:
    codings, lengths = message.values(b"transfer-encoding"), message.values(b"content-length")
    if codings:
        if lengths:
            raise _Malformed("two framings")
        if not message.minor:
            raise _Malformed("transfer-encoding in HTTP/1.0")
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise _Malformed("transfer-encoding")
        return _chunks(cursor)
    if lengths:
        if len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,20}", lengths[0]) or int(lengths[0]) >= 2**64:
            raise _Malformed("content-length")
        return cursor.take(int(lengths[0]))
    if otherwise is not None:
        return otherwise
    if not at_end:
        raise _More
    return cursor.take(len(cursor.data) - cursor.at)


def _chunks(cursor: _Cursor) -> bytes:
    body = b""
    while True:
        match = _CHUNK.fullmatch(cursor.line())
        if match is None:
            raise _Malformed("chunk size")
        size = int(match[1], 16)
        if not size:
            if any(name.lower() == b"content-length" for name, _ in _fields(cursor)):
                raise _Malformed("framing in a trailer")  # RFC 9110 §6.5.1
            return body
        body += cursor.take(size)
        if cursor.take(2) != b"\r\n":
            raise _Malformed("chunk end")
