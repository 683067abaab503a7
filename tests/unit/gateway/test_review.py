"""Ends and pauses: what stays held, paused or waiting when two things happen at the same moment."""

import asyncio
import socket
from dataclasses import replace

import pytest

from proxy.admission import AdmissionTable, Admit
from proxy.gateway.patience import check
from proxy.gateway.pool import Pool
from proxy.model import ConsentEnded, CredentialsChanged, SessionEnded, SessionHash, TcpUpstream
from proxy.policy.limits import Limits
from tests.unit.gateway.harness import OK, answering, get, read_head
from tests.unit.gateway.test_tunnel import AGREED, handshake, silent


async def wait_for(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def slow_viewer(one):
    """Connect with a small receive buffer and do not read."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", one.port))
    return sock


def only_viewer(one):
    (viewer,) = one.board.connections
    return viewer


async def test_a_connection_paused_for_a_slow_viewer_is_read_for_the_next_one(start):
    """Fails when a connection goes back to the pool with its reading paused: the next viewer waits for ever.

    Seen to fail with a connection given back with its reading paused.
    """
    one = await start(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000, OK))
    pool = one.board.pools["content-sales"]
    slow = await slow_viewer(one)
    await wait_for(lambda: one.board.connections)
    viewer = only_viewer(one)
    transport = viewer._transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    transport.set_write_buffer_limits(high=0)  # so that the end of the answer, one segment, finds the buffer full
    await asyncio.get_running_loop().sock_sendall(slow, get())
    await wait_for(lambda: viewer.is_write_paused and viewer.exchange is None)
    (side,) = pool.open
    assert viewer.is_write_paused
    assert pool.open == {side}
    client = await one.connect()
    client.send(get())
    assert (await client.head()).startswith(b"HTTP/1.1 200 OK")
    client.close()
    slow.close()


async def test_a_fault_in_one_connection_stops_neither_clock_nor_the_others(start):
    """Fails when the tick ends with the fault: the clock would stand still and no session would ever expire."""
    one = await start(answering(OK))
    client, other = await one.connect(), await one.connect()
    client.send(get("/open/"))
    await client.head()
    await client.exactly(2)
    await wait_for(lambda: len(one.board.connections) == 2)

    class Faulty:
        limits = property(lambda self: 1 / 0)
        now = one.board.now

    next(iter(one.board.connections)).board = Faulty()
    one.board.now = 0.0
    one.gateway._on_tick()
    assert one.board.now > 0
    one.board.now = 0.0
    await wait_for(lambda: one.board.now > 0)
    for each in (client, other):
        each.close()


async def test_a_queue_before_the_application_moves_on_when_no_connection_can_be_made(start):
    """Fails when only a closed connection wakes the next in the queue: then nobody ever does."""
    one = await start(answering(OK))
    failing = asyncio.Event()

    async def cannot(board):
        await failing.wait()
        raise OSError("too many open files")

    one.board.control._open = cannot
    asked = [asyncio.create_task(one.ask(get(session=None, extra=b"Connection: close\r\n"))) for _ in range(9)]
    await wait_for(lambda: len(one.board.control._waiting) == 5)
    failing.set()
    answers = await asyncio.wait_for(asyncio.gather(*asked), 5)
    assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)


async def test_a_connection_given_up_just_as_it_stood_is_not_kept(start):
    """Fails on uvloop when ``connection_lost`` alone forgets: such a connection is closed, and nobody is told."""
    one = await start(answering(OK))
    pool, loop = one.board.pools["content-sales"], asyncio.get_running_loop()
    for steps in range(12):
        dialling = loop.create_task(pool._open(one.board))
        for _ in range(steps):
            await asyncio.sleep(0)
        dialling.cancel()
        (side,) = await asyncio.gather(dialling, return_exceptions=True)
        if not isinstance(side, asyncio.CancelledError):
            side.abort()
    await asyncio.wait_for(wait_for(lambda: not pool.open), 5)


async def test_whatever_goes_wrong_in_dialling_is_answered(start):
    """Fails when only network errors are expected: the viewer would wait for ever."""
    one = await start(answering(OK), upstream=TcpUpstream("x" * 64 + ".example", 1))
    answer = await one.ask(get(extra=b"Connection: close\r\n"))
    assert b"control:content-unavailable:0" in answer


async def test_a_viewer_that_takes_its_last_answer_slowly_gets_the_whole_of_it(start):
    """Fails when a closing connection is cut by the clock alone: a slow line would lose the end of its answer."""
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"x" * 400_000
    one = await start(answering(big))
    slow = await slow_viewer(one)
    loop = asyncio.get_running_loop()
    await wait_for(lambda: one.board.connections)
    only_viewer(one)._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    await loop.sock_sendall(slow, get(extra=b"Connection: close\r\n"))
    got, now = 0, one.board.now
    try:
        while data := await asyncio.wait_for(loop.sock_recv(slow, 8192), 10):
            got += len(data)
            now += 9
            for viewer in tuple(one.board.connections):
                one.board.now = now
                check(viewer, now)
            await asyncio.sleep(0.005)
    except ConnectionResetError:
        pass
    slow.close()
    assert got > 400_000


async def test_a_content_that_stops_reading_after_its_head_is_not_waited_for_for_ever(start):
    """Fails when only the wait for the head is limited: with reading held, nobody would see the viewer go away."""

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        writer.transport.pause_reading()
        await asyncio.sleep(60)

    one = await start(handler)
    client = await one.connect()
    client.send(get(method=b"POST", extra=b"Content-Length: 50000000\r\n") + b"x" * 20_000_000)
    await client.head()
    viewer = only_viewer(one)
    await wait_for(lambda: viewer.is_reading_held)
    check(viewer, one.board.now + 299)
    assert viewer.exchange is not None
    check(viewer, one.board.now + 301)
    await wait_for(lambda: not one.board.connections)
    client.close()


async def test_a_connection_on_which_a_body_is_still_stuck_serves_nobody_else(start):
    """Fails when an early answer frees a connection whose request has not left: the next request would queue behind it."""

    async def handler(reader, writer):
        await read_head(reader)
        writer.transport.pause_reading()
        await one.gate.wait()
        writer.write(OK)
        await asyncio.sleep(60)

    one = await start(handler)
    one.gate = asyncio.Event()
    client = await one.connect()
    size = 20_000_000
    client.send(get(method=b"POST", extra=b"Content-Length: %d\r\n" % size))
    await wait_for(lambda: one.board.connections and only_viewer(one).exchange is not None)
    exchange = only_viewer(one).exchange
    await wait_for(lambda: exchange.side is not None)
    side = exchange.side
    exchange.request_body([b"x" * size], is_last=True)  # all of it at once: more than the sockets hold
    assert side.is_write_paused
    one.gate.set()
    await client.head()
    await wait_for(lambda: exchange.is_over)
    assert side not in one.board.pools["content-sales"]._idle
    client.close()


# — WebSockets —————————————————————————————————————————————————————————————————————————————————————


async def opened(one):
    client = await one.connect()
    client.send(handshake())
    assert (await client.head()).startswith(b"HTTP/1.1 101 ")
    await wait_for(lambda: only_viewer(one).tunnel is not None)
    return client


async def test_a_browser_is_not_dead_while_we_do_not_listen_to_it(start):
    """Fails when silence is counted while reading is held: a content busy for two minutes would lose its upload."""
    one = await start(silent())
    client = await opened(one)
    viewer = only_viewer(one)
    viewer.hold_reading()
    for seconds in range(0, 200, 20):
        check(viewer, one.board.now + seconds)
    viewer.release_reading()
    check(viewer, one.board.now + 201)
    await asyncio.sleep(0.05)
    assert viewer.tunnel.content_side is not None
    client.close()


async def test_a_socket_ends_with_the_absolute_end_of_its_session(start):
    one = await start(silent())
    client = await opened(one)
    viewer = only_viewer(one)
    end = one.admitted["ada"].expires_at
    one.board.now = end
    viewer.tunnel._heard_at = end
    check(viewer, end)
    got = await client.exactly(4)
    while got != b"\x88\x02\x11\x31":
        got = got[1:] + await client.exactly(1)
    client.close()


async def test_no_socket_opens_while_draining(start):
    waiting = asyncio.Event()

    async def handler(reader, writer):
        await read_head(reader)
        writer.write(AGREED)
        await reader.read()

    one = await start(handler)
    admit = one.board.slow_lane

    async def slow_lane(session_id, content):
        await waiting.wait()
        return await admit(session_id, content)

    one.board.slow_lane = slow_lane
    client = await one.connect()
    client.send(handshake())
    await wait_for(lambda: one.board.tasks)
    draining = asyncio.create_task(one.gateway.drain(5))
    await asyncio.sleep(0)
    waiting.set()
    assert b"control:overloaded:0" in await client.rest()
    await draining
    assert not one.content.received
    client.close()


# — the pool ———————————————————————————————————————————————————————————————————————————————————————


async def test_a_connection_that_was_lost_before_it_was_taken_is_an_answer_not_a_wait(start):
    one = await start(answering(OK))
    pool = one.board.pools["content-sales"]
    really = Pool._open

    async def opening(board):
        side = await really(pool, board)
        side.abort()
        await wait_for(lambda: side.transport is None)
        return side

    pool._open = opening
    assert b"control:content-unavailable:0" in await one.ask(get(extra=b"Connection: close\r\n"))


# — the table ——————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("change", "is_filled"),
    [
        pytest.param(SessionEnded(SessionHash(b"another")), True, id="another session"),
        pytest.param(SessionEnded(SessionHash(b"one")), False, id="this session"),
        pytest.param(CredentialsChanged("viewer-bob", "integration"), True, id="another viewer's credentials"),
        pytest.param(CredentialsChanged("viewer-ada", "integration"), False, id="this viewer's credentials"),
        pytest.param(ConsentEnded("viewer-ada", "other"), True, id="consent for another content"),
        pytest.param(ConsentEnded("viewer-ada", "content"), False, id="this consent"),
        pytest.param(ConsentEnded("viewer-bob", "content"), True, id="another viewer's consent"),
        pytest.param(ConsentEnded(None, "content"), False, id="everybody's consent"),
    ],
)
def test_only_a_change_that_concerns_it_throws_a_fill_away(change, is_filled):
    """Fails when every change does: in a busy hour, nobody's fill would ever succeed."""
    table = AdmissionTable(max_sessions=10, idle_s=10)
    admit = Admit(
        session_hash=SessionHash(b"one"), viewer_guid="viewer-ada", header_block=b"", good_until=99, expires_at=99
    )
    epoch = table.epoch
    table.apply(change)
    assert table.fill(admit, "content", epoch=epoch, now=1) is is_filled


def test_a_fill_older_than_the_remembered_changes_is_thrown_away():
    table = AdmissionTable(max_sessions=10, idle_s=10)
    admit = Admit(
        session_hash=SessionHash(b"one"), viewer_guid="viewer-ada", header_block=b"", good_until=99, expires_at=99
    )
    epoch = table.epoch
    for number in range(5000):
        table.apply(SessionEnded(SessionHash(b"%d" % number)))
    assert not table.fill(admit, "content", epoch=epoch, now=1)


async def test_the_wait_in_the_slow_lane_is_limited_too(start):
    one = await start(answering(OK), limits=replace(Limits(), content_response_timeout_s=1))
    never = asyncio.Event()

    async def slow_lane(session_id, content):
        await never.wait()

    one.board.slow_lane = slow_lane
    client = await one.connect()
    client.send(get())
    await wait_for(lambda: one.board.tasks)
    check(only_viewer(one), one.board.now + 59)
    assert one.board.tasks, "the content was not asked yet: its time has not begun"
    check(only_viewer(one), one.board.now + 61)
    assert b"control:overloaded:0" in await client.reader.readuntil(b"overloaded:0")
    client.close()


async def test_a_callback_may_take_longer_than_content_may(start):
    """Fails when the control plane is held to the content's time: a code would be redeemed and its session lost."""
    one = await start(answering(OK), limits=replace(Limits(), content_response_timeout_s=1))
    one.control_gate.clear()
    client = await one.connect()
    client.send(get("/__oauth__/integrations/callback", extra=b"Connection: close\r\n"))
    await wait_for(lambda: one.control_requests)
    check(only_viewer(one), one.board.now + 30)
    one.control_gate.set()
    assert b"control::0" in await client.rest()
    client.close()


async def test_a_control_plane_that_never_answers_is_given_up(start):
    one = await start(answering(OK), limits=replace(Limits(), content_response_timeout_s=0))
    one.control_gate.clear()
    client = await one.connect()
    client.send(get("/__oauth__/login"))
    await wait_for(lambda: one.control_requests)
    check(only_viewer(one), one.board.now + 61)
    assert (await client.rest()).startswith(b"HTTP/1.1 503 ")
    client.close()
