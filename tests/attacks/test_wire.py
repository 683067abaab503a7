"""The raw client sends what it is given and forgives nothing."""

from __future__ import annotations

import pytest

from tests.attacks.wire import SEGMENTS, MalformedError, Wire, request
from tests.doubles.content import RecordingContent


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_the_bytes_arrive_as_they_are(segments: str) -> None:
    sent = request(b"/a", b"x_y:  odd", method=b"POST", body=b"abc")
    async with RecordingContent.running() as content, Wire.to(content.address) as wire:
        await wire.send(sent, segments=segments)
        response = await wire.response()
        assert (response.status, response.body) == (200, b"hello")
        assert content.everything == sent


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            b"ab",
        ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
    ],
)
async def test_each_framing_is_read(answer: bytes, body: bytes) -> None:
    async with RecordingContent.running(answer) as content, Wire.to(content.address) as wire:
        content.close_after = True
        await wire.send(request(b"/"))
        assert (await wire.response()).body == body


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
        b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nnot announced",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    ],
)
async def test_a_malformed_answer_is_not_forgiven(answer: bytes) -> None:
    async with RecordingContent.running(answer) as content, Wire.to(content.address) as wire:
        content.close_after = True
        await wire.send(request(b"/"))
        with pytest.raises(MalformedError):
            await wire.response()


async def test_an_end_without_an_answer_is_none() -> None:
    async with RecordingContent.running(b"") as content, Wire.to(content.address) as wire:
        content.close_after = True
        await wire.send(request(b"/"))
        assert await wire.response_or_close() is None
