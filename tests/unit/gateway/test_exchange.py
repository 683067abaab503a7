"""Requests and answers through the gateway, over raw sockets: framing, reuse, order, endings."""

import asyncio
from dataclasses import replace

import pytest

from proxy.admission import AdmissionTable, session_hash
from proxy.gateway.patience import check
from proxy.model import (
    ChangesLost,
    ConsentEnded,
    ContentGuid,
    CredentialsChanged,
    IntegrationGuid,
    SessionEnded,
    ViewerGuid,
)
from tests.unit.gateway.harness import BLOCK, OK, answering, get, read_head


async def test_a_known_viewers_request_reaches_the_content_with_the_header_block(start):
    one = await start(answering(OK))
    client = await one.connect()
    client.send(
        get("/sales/a?b=%20c", extra=b"X-Forwarded-User: mallory\r\nX_Forwarded_Access_Token: forged\r\nA: b\r\n")
    )
    assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert await client.exactly(2) == b"ok"
    seen = one.content.bytes
    assert seen.startswith(b"GET /a?b=%20c HTTP/1.1\r\nHost: localhost\r\n")
    assert BLOCK in seen
    assert seen.lower().count(b"x-forwarded-access-token: ") == 1
    assert b"mallory" not in seen
    assert b"forged" not in seen
    assert b"Cookie" not in seen
    assert b"A: b\r\n" in seen
    assert b"X-Forwarded-Prefix: /sales\r\n" in seen
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in seen
    client.close()


async def test_without_session_the_control_plane_answers_and_the_content_sees_nothing(start):
    one = await start(answering(OK))
    answer = await one.ask(get(session=None, extra=b"Oauth-Sidecar-Client: evil\r\nConnection: close\r\n"))
    assert b"control:sign-in:0" in answer
    request = one.control_requests[0]
    assert request.headers["Oauth-Sidecar-Content"] == "content-sales"
    assert request.headers["Oauth-Sidecar-Integration"] == "integration-warehouse"
    assert request.headers.getall("Oauth-Sidecar-Client") == ["127.0.0.1"]
    assert one.content.bytes == b""


async def test_a_hot_request_asks_no_slow_lane_and_makes_no_task(start):
    one = await start(answering(OK))
    client = await one.connect()
    made: list[object] = []

    def counting(loop, coroutine, **options):
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    for round_number in range(6):
        if round_number == 1:
            asyncio.get_running_loop().set_task_factory(counting)
        client.send(get())
        await read_head(client.reader)
        await client.reader.readexactly(2)
    asyncio.get_running_loop().set_task_factory(None)
    assert one.slow_calls == ["ada"], "the only way from the gateway to the store, taken by the first request"
    assert one.control_requests == []
    assert not made
    assert len(one.content.received) == 1
    client.close()


async def test_the_content_may_see_its_prefix(start):
    one = await start(answering(OK), strip_prefix=False)
    await one.ask(get("/sales/x", extra=b"Connection: close\r\n"))
    assert one.content.bytes.startswith(b"GET /sales/x HTTP/1.1\r\n")
    assert b"X-Forwarded-Prefix" not in one.content.bytes


async def test_a_path_without_its_slash_is_sent_to_the_slash(start):
    one = await start(answering(OK))
    answer = await one.ask(get("/sales?a=b", extra=b"Connection: close\r\n"))
    assert answer.startswith(b"HTTP/1.1 307 ")
    assert b"\r\nLocation: /sales/?a=b\r\n" in answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"Content-Length: 3\r\n\r\nabc", id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            id="chunked anew, extension and trailer gone",
        ),
        pytest.param(
            b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", id="204"
        ),
        pytest.param(
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n",
            id="304 keeps its validators",
        ),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            id="103 passes",
        ),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            id="103 announces no body",
        ),
    ],
)
async def test_answers_are_framed_anew_and_the_connection_stays(start, answer, expected):
    """Seen to fail with an answer's chunks passed on as one."""
    one = await start(answering(answer))
    client = await one.connect()
    for _ in range(2):
        client.send(get())
        assert (await client.exactly(len(expected) if expected.startswith(b"HTTP") else 0)) in {expected, b""}
        if not expected.startswith(b"HTTP"):
            got = await asyncio.wait_for(client.reader.readuntil(expected), 5)
            assert got.endswith(expected)
    client.close()


async def test_an_answer_until_close_becomes_chunked_for_a_new_viewer_and_closes_for_an_old_one(start):
    answer = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello"
    one = await start(answering(answer, then_close=True))
    client = await one.connect()
    client.send(get())
    assert b"Transfer-Encoding: chunked" in await client.head()
    assert await client.exactly(15) == b"5\r\nhello\r\n0\r\n\r\n"
    client.close()
    old = await one.ask(get().replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert old == b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nhello"


async def test_http10_keep_alive_is_agreed_upon(start):
    one = await start(answering(OK))
    client = await one.connect()
    for _ in range(2):
        client.send(get(extra=b"Connection: keep-alive\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert b"Connection: keep-alive" in await client.head()
        assert await client.exactly(2) == b"ok"
    client.close()


async def test_a_head_answer_has_no_body_and_its_connection_is_not_used_again(start):
    """Fails when HEAD is framed by Content-Length: the next answer would be swallowed as its body.

    Seen to fail with HEAD framed by Content-Length.
    """
    one = await start(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", OK))
    client = await one.connect()
    client.send(get(method=b"HEAD"))
    assert b"Content-Length: 5\r\n" in await client.head()
    client.send(get())
    await client.head()
    assert await client.exactly(2) == b"ok"
    assert len(one.content.received) == 2
    client.close()


async def test_a_body_after_head_never_reaches_the_next_viewer(start):
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    one = await start(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n" + poison, OK))
    first = await one.connect()
    first.send(get(method=b"HEAD"))
    await first.head()
    second = await one.connect()
    second.send(get())
    await second.head()
    assert b"poison" not in await second.exactly(2)
    for client in (first, second):
        client.close()


async def test_bytes_on_an_idle_content_connection_end_it(start):
    """Seen to fail with bytes on an idle connection overlooked."""
    sent = asyncio.Event()

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        sent.set()
        while True:
            await read_head(reader)
            writer.write(OK)

    one = await start(handler)
    client = await one.connect()
    client.send(get())
    await client.head()
    await client.exactly(2)
    await sent.wait()
    await asyncio.sleep(0.05)
    client.send(get())
    await client.head()
    assert await client.exactly(2) == b"ok"
    assert len(one.content.received) == 2
    client.close()


async def test_more_bytes_than_announced_are_dropped_with_their_connection(start):
    """Seen to fail with bytes behind an answer forgiven."""
    one = await start(answering(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", OK))
    client = await one.connect()
    for _ in range(2):
        client.send(get())
        await client.head()
        assert await client.exactly(2) == b"ok"
    assert len(one.content.received) == 2
    client.close()


async def test_a_204_with_chunks_behind_it_is_answered_and_its_connection_dropped(start):
    """Seen to fail with a 204 framed like any other answer."""
    bad = b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n12345678901234567890\r\n0\r\n\r\n"
    one = await start(answering(bad, bad))
    client = await one.connect()
    for _ in range(2):
        client.send(get())
        assert await client.head() == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert len(one.content.received) == 2
    client.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", id="unasked 101"
        ),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="bare 101"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", id="two framings"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", id="unknown coding"),
        pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunked in 1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\x01c\r\nContent-Length: 0\r\n\r\n", id="control character"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20, id="endless interim answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", id="head too large"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n", id="too many headers"),
        pytest.param(b"garbage\r\n\r\n", id="garbage"),
    ],
)
async def test_a_broken_answer_becomes_content_unavailable(start, answer):
    """Seen to fail with no limit for the head of an answer.
    Seen to fail with a tunnel made of every 101.
    """
    one = await start(answering(answer))
    got = await one.ask(get(extra=b"Connection: close\r\n"))
    assert b"control:content-unavailable:0" in got
    assert len(one.board.pools["content-sales"].open) == 0


async def test_an_answer_cut_inside_its_length_cuts_the_viewer(start):
    """Fails when the end of the content's connection is taken for the end of the body: a cache would keep the half.

    Seen to fail with every end of the content's connection taken for the end of its answer.
    """
    one = await start(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then_close=True))
    client = await one.connect()
    client.send(get())
    await client.head()
    assert await client.until_cut() in {b"", b"half"}


async def test_a_chunked_answer_cut_in_its_middle_has_no_last_chunk(start):
    """Seen to fail with every end of the content's connection taken for the end of its answer."""
    one = await start(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", then_close=True))
    client = await one.connect()
    client.send(get())
    await client.head()
    assert await client.until_cut() in {b"", b"4\r\nhalf\r\n"}


async def test_a_content_that_is_down_is_a_502_of_ours(start):
    one = await start(answering(OK))
    await one.content.stop()
    assert b"control:content-unavailable:0" in await one.ask(get(extra=b"Connection: close\r\n"))


async def test_a_stale_connection_is_retried_once_and_only_for_get(start):
    """The content closes an idle connection in the moment it is taken: nothing was answered, GET may be sent again.

    Seen to fail with no second try.
    """
    seen = 0

    async def handler(reader, writer):
        nonlocal seen
        seen += 1
        await read_head(reader)
        writer.write(OK)
        await read_head(reader)
        writer.transport.abort()

    one = await start(handler)
    client = await one.connect()
    client.send(get())
    await client.head()
    await client.exactly(2)
    client.send(get())
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    await client.exactly(2)
    assert seen == 2
    client.send(get(method=b"POST", extra=b"Content-Length: 0\r\n"))
    await client.head()
    assert seen == 2
    assert one.control_requests[-1].headers["Oauth-Sidecar-Reason"] == "content-unavailable"
    client.close()


async def test_a_client_that_goes_away_aborts_the_contents_work(start):
    """Seen to fail with the content's connection left to its answer."""
    gone = asyncio.Event()

    async def handler(reader, writer):
        await read_head(reader)
        try:
            if not await reader.read(1):
                gone.set()
        except ConnectionError:
            gone.set()
            raise

    one = await start(handler)
    client = await one.connect()
    client.send(get())
    while not one.content.bytes:
        await asyncio.sleep(0.01)
    client.close()
    await asyncio.wait_for(gone.wait(), 5)


async def test_a_half_closed_viewer_counts_as_gone(start):
    """Seen to fail with a half-closed connection kept."""

    async def never(reader, writer):
        await read_head(reader)
        await reader.read()

    one = await start(never)
    client = await one.connect()
    client.send(get())
    while not one.content.bytes:
        await asyncio.sleep(0.01)
    client.writer.write_eof()
    assert await client.rest() == b""
    client.close()


async def test_a_stream_ends_with_the_absolute_end_of_its_session(start):
    """Fails when only sockets are looked at: the stream would go on until sessions are purged, ten minutes later."""

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()

    one = await start(handler)
    ada, anybody = await one.connect(), await one.connect()
    ada.send(get())
    anybody.send(get("/open/"))
    for client in (ada, anybody):
        await client.head()
    ends_at = one.admitted["ada"].expires_at
    for now in (ends_at - 0.001, ends_at):
        assert len(one.board.connections) == 2
        for viewer in tuple(one.board.connections):
            check(viewer, now)
    assert b"0\r\n\r\n" not in await ada.until_cut()
    assert len(one.board.connections) == 1
    anybody.close()


async def test_a_stream_ends_with_its_session_also_when_the_table_has_forgotten_that(start):
    """Fails when the end is looked up in the table, which is bounded: who was pushed out of it would never end."""

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()

    one = await start(handler)
    one.board.admission = AdmissionTable(max_sessions=1, idle_s=3600)
    ada = await one.connect()
    ada.send(get())
    await ada.head()
    other = replace(one.admitted["ada"], session_hash=session_hash("bob"), viewer_guid="viewer-bob")
    one.board.admission.fill(other, ContentGuid("content-sales"), epoch=0, now=one.board.now)
    (viewer,) = one.board.connections
    check(viewer, one.admitted["ada"].expires_at)
    assert b"0\r\n\r\n" not in await ada.until_cut()


ENDINGS = {
    "signed out": SessionEnded(session_hash("ada")),
    "disconnected": ConsentEnded(ViewerGuid("viewer-ada"), ContentGuid("content-sales")),
    "disconnected with everybody": ConsentEnded(None, ContentGuid("content-sales")),
    "nobody knows": ChangesLost(),
}


@pytest.mark.parametrize("change", ENDINGS.values(), ids=ENDINGS.keys())
async def test_an_ending_cuts_a_stream_that_is_under_way(start, change):
    """Fails when only WebSockets end: an event stream would go on with the token of a viewer who has left."""

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await reader.read()

    one = await start(handler)
    ada, other = await one.connect(), await one.connect()
    ada.send(get())
    other.send(get("/open/"))
    for client in (ada, other):
        await client.head()
        await client.exactly(14)
    one.gateway.apply(
        SessionEnded(session_hash("bob")),
        ConsentEnded(ViewerGuid("viewer-bob"), ContentGuid("content-sales")),
        ConsentEnded(None, ContentGuid("content-open")),
        CredentialsChanged(ViewerGuid("viewer-ada"), IntegrationGuid("warehouse")),
    )
    assert len(one.board.connections) == 2, "none of these is hers, or ends anything"
    one.gateway.apply(change)
    assert b"0\r\n\r\n" not in await ada.until_cut()
    assert len(one.board.connections) == 1
    other.close()


async def test_a_204_that_announces_a_body_is_the_last_answer_of_its_connection(start):
    """Seen to fail with the connection kept after a 204 that announced a body."""
    one = await start(answering(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"))
    client = await one.connect()
    for _ in range(2):
        client.send(get())
        assert await client.head() == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert len(one.content.received) == 2
    client.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="a chunk that is none"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
            id="a length in a trailer",
        ),
    ],
)
async def test_an_answer_that_breaks_before_a_byte_of_it_went_out_becomes_a_page(start, answer):
    """Fails when a head that was only prepared counts as sent: the viewer's connection is cut without a word."""
    one = await start(answering(answer))
    said = await one.ask(get("/open/", extra=b"Connection: close\r\n"))
    assert said.endswith(b"control:content-unavailable:0")
