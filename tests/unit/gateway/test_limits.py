"""Every limit at its edge: what is just allowed passes, a little more does not. Time is ours here, to the millisecond."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from proxy.admission import AdmissionTable, session_hash
from proxy.model import ContentGuid
from proxy.policy.limits import Limits
from proxy.wire.frames import PING, close_frame
from tests.unit.flows import test_exchange
from tests.unit.gateway import test_requests
from tests.unit.gateway.harness import OK, get
from tests.unit.gateway.memory import Line, World
from tests.unit.gateway.test_tunnel import AGREED, handshake
from tests.unit.web import test_start_limits
from tests.unit.web.api import test_permissions
from tests.unit.wire.test_frames import frame

MOMENT_S = 0.001


def answering(raw: bytes) -> Callable[[Line], None]:
    """A content that answers each request with the same bytes."""

    def on_content(line: Line) -> None:
        def answer(line: Line) -> None:
            if line.taken.endswith(b"\r\n\r\n"):
                line.taken.clear()
                line.send(raw)

        line.on_taken = answer

    return on_content


def silent(line: Line) -> None:
    """A content that takes everything and says nothing."""


def world(on_content: Callable[[Line], None] = silent, **limits: float) -> World:
    return World(on_content=on_content, limits=replace(Limits(), **limits))


def asked(one: World, raw: bytes) -> Line:
    line = one.viewer()
    line.send(raw)
    return line


# — connections ————————————————————————————————————————————————————————————————————————————————————


def test_so_many_connections_are_served_and_one_more_is_refused_until_one_ends():
    with world(answering(OK), max_connections=3) as one:
        lines = [asked(one, get("/open/")) for _ in range(3)]
        assert all(line.taken.startswith(b"HTTP/1.1 200 ") for line in lines)
        assert asked(one, get("/open/")).taken.startswith(b"HTTP/1.1 503 ")
        one.tick(60)
        lines[0].lose()
        assert asked(one, get("/open/")).taken.startswith(b"HTTP/1.1 200 ")


def test_so_many_connections_from_one_address_are_served_and_one_more_is_refused():
    with world(answering(OK), max_connections_per_peer=2) as one:
        lines = [one.viewer("192.0.2.7") for _ in range(3)]
        for line in lines:
            line.send(get("/open/"))
        assert [bytes(line.taken[9:12]) for line in lines] == [b"200", b"200", b"503"]
        assert asked(one, get("/open/")).taken.startswith(b"HTTP/1.1 200 "), "another address"
        lines[0].lose()
        one.tick(60)
        again = one.viewer("192.0.2.7")
        again.send(get("/open/"))
        assert again.taken.startswith(b"HTTP/1.1 200 ")


# — time ———————————————————————————————————————————————————————————————————————————————————————————


def test_a_head_may_take_so_long_and_no_longer():
    with world(head_timeout_s=15) as one:
        slow = asked(one, b"GET /open/ HTTP/1.1\r\n")
        one.tick(7)
        slow.send(b"Host: loc")  # a byte now and then wins no time
        one.tick(8)
        assert slow.taken == b""
        one.tick(MOMENT_S)
        assert slow.taken.startswith(b"HTTP/1.1 408 ")


def test_a_body_may_stand_still_so_long_and_no_longer():
    with world(body_progress_timeout_s=60) as one:
        upload = asked(one, get("/open/", method=b"POST", extra=b"Content-Length: 10\r\n") + b"abc")
        one.tick(60)
        upload.send(b"d")  # each byte is progress
        one.tick(60)
        assert upload.is_open
        one.tick(MOMENT_S)
        assert not upload.is_open


def test_an_answer_may_wait_for_its_viewer_so_long_and_no_longer():
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100_000
    with world(answering(big), body_progress_timeout_s=60) as one:
        download = one.viewer()
        download.stall()
        download.send(get("/open/"))
        one.tick(60)
        assert download.is_open
        one.tick(MOMENT_S)
        assert not download.is_open


def test_an_idle_connection_is_kept_so_long_and_no_longer():
    with world(answering(OK), keep_alive_s=75) as one:
        fresh, used = one.viewer(), asked(one, get("/open/"))
        one.tick(75)
        assert (fresh.is_open, used.is_open) == (True, True)
        one.tick(MOMENT_S)
        assert (fresh.is_open, used.is_open) == (False, False)


def test_content_may_take_so_long_to_be_reached_and_no_longer():
    async def never() -> None:
        await asyncio.Event().wait()

    with World(dial=never, limits=replace(Limits(), content_connect_timeout_s=5)) as one:
        clock = _Clock(one)
        line = asked(one, get("/open/"))
        clock.advance(5 - MOMENT_S)
        assert line.taken == b""
        clock.advance(2 * MOMENT_S)
        assert b"control" in line.taken
        assert b"content-unavailable" in one.control_requests[0].lower()


def test_content_may_take_so_long_to_answer_and_no_longer():
    with world(content_response_timeout_s=300) as one:
        line = asked(one, get("/open/"))
        one.tick(300)
        assert line.taken == b""
        one.tick(MOMENT_S)
        assert b"content-slow" in one.control_requests[0].lower()


def test_an_idle_connection_to_content_is_used_again_so_long_and_no_longer():
    with world(answering(OK), content_keep_alive_s=4) as one:
        line = asked(one, get("/open/"))
        one.board.now += 4 - MOMENT_S  # between two ticks: it is not closed yet, only too old to be used
        line.send(get("/open/"))
        assert len(one.content_lines) == 1
        one.board.now += 4
        line.send(get("/open/"))
        assert len(one.content_lines) == 2
        one.tick(4 - MOMENT_S)
        assert one.content_lines[1].is_open
        one.tick(MOMENT_S)
        assert not one.content_lines[1].is_open


def test_draining_waits_so_long_for_what_runs_and_no_longer():
    with world(drain_timeout_s=25) as one:
        clock = _Clock(one)
        line = asked(one, get("/open/"))
        one.do(lambda: one.loop.create_task(one.gateway.drain(one.board.limits.drain_timeout_s)))
        clock.advance(25 - MOMENT_S)
        assert line.is_open
        clock.advance(2 * MOMENT_S)
        assert not line.is_open


# — WebSockets —————————————————————————————————————————————————————————————————————————————————————


def opened(one: World) -> Line:
    one.admit("ada")
    line = asked(one, handshake())
    assert line.taken.startswith(b"HTTP/1.1 101 ")
    line.taken.clear()
    return line


@pytest.mark.parametrize("sender", ["viewer", "content"])
def test_a_frame_may_be_so_large_and_no_larger(sender):
    with world(answering(AGREED), max_websocket_frame_bytes=1000) as one:
        viewer = opened(one)
        [content] = one.content_lines
        source, other = (viewer, content) if sender == "viewer" else (content, viewer)
        largest = frame(b"x" * 1000, masked=sender == "viewer")
        source.send(largest)
        assert other.taken.endswith(largest)
        other.taken.clear()
        source.send(frame(b"x" * 1001, masked=sender == "viewer"))
        assert len(other.taken) < 1000  # a close frame at most; its random mask may hold any byte
        assert viewer.taken.endswith(close_frame(1009))


def test_a_socket_may_grow_so_old_and_no_older_however_busy_it_is():
    with world(answering(AGREED), max_websocket_age_s=3600, websocket_ping_s=0) as one:
        line = opened(one)
        one.tick(1800)
        line.send(frame(b"busy", masked=True))
        one.tick(1800 - MOMENT_S)
        assert line.taken == b""
        one.tick(MOMENT_S)
        assert line.taken == close_frame(1012)


def test_a_socket_without_a_session_grows_old_too():
    with world(answering(AGREED), max_websocket_age_s=3600, websocket_ping_s=0) as one:
        line = asked(one, handshake("/open/stream", session=None))
        one.tick(3600)
        assert line.taken.endswith(close_frame(1012))


def test_without_a_limit_no_socket_is_too_old():
    with world(answering(AGREED), max_websocket_age_s=0, websocket_ping_s=0) as one:
        line = opened(one)
        one.tick(365 * 86_400)
        assert line.taken == b""


def test_a_browser_may_be_silent_so_long_before_it_is_asked():
    with world(answering(AGREED), websocket_ping_s=25) as one:
        line = opened(one)
        one.tick(25 - MOMENT_S)
        assert line.taken == b""
        one.tick(MOMENT_S)
        assert line.taken == PING
        one.tick(50)
        assert line.is_open, "three times as long before it counts as dead"
        one.tick(MOMENT_S)
        assert not line.is_open


# — memory —————————————————————————————————————————————————————————————————————————————————————————


def test_so_many_sessions_are_in_memory_and_one_more_drops_the_one_unused_for_longest():
    with world() as one:
        table = one.board.admission = AdmissionTable(max_sessions=3, idle_s=1e9)
        for name in ("a", "b", "c"):
            one.admit(name)
        content = ContentGuid("content-sales")
        assert all(table.find(session_hash(name), content, one.board.now) for name in ("a", "b", "c"))
        one.admit("d")
        assert len(table) == 3
        assert table.find(session_hash("a"), content, one.board.now) is None
        assert all(table.find(session_hash(name), content, one.board.now) for name in ("b", "c", "d"))


# — none is forgotten ——————————————————————————————————————————————————————————————————————————————


EDGES = {
    "max_head_bytes": test_requests.test_a_head_at_the_limit_passes_and_one_byte_more_does_not,
    "max_headers": test_requests.test_the_number_of_headers_is_limited,
    "max_target_bytes": test_requests.test_the_length_of_the_target_is_limited,
    "max_connections": test_so_many_connections_are_served_and_one_more_is_refused_until_one_ends,
    "max_connections_per_peer": test_so_many_connections_from_one_address_are_served_and_one_more_is_refused,
    "max_websocket_frame_bytes": test_a_frame_may_be_so_large_and_no_larger,
    "max_sessions_in_memory": test_so_many_sessions_are_in_memory_and_one_more_drops_the_one_unused_for_longest,
    "max_sign_in_starts_per_address_per_minute": test_start_limits.test_so_many_starts_from_one_address_and_no_more,
    "max_sign_in_starts_per_browser_per_minute": test_start_limits.test_so_many_starts_of_one_browser_and_no_more,
    "max_exchanges_per_session_per_minute": test_exchange.test_so_many_exchanges_of_one_session_token_and_no_more,
    "max_api_requests_per_key_per_minute": test_permissions.test_each_key_has_its_own_rate_and_exchanges_do_not_count,
    "head_timeout_s": test_a_head_may_take_so_long_and_no_longer,
    "body_progress_timeout_s": test_a_body_may_stand_still_so_long_and_no_longer,
    "keep_alive_s": test_an_idle_connection_is_kept_so_long_and_no_longer,
    "content_connect_timeout_s": test_content_may_take_so_long_to_be_reached_and_no_longer,
    "content_response_timeout_s": test_content_may_take_so_long_to_answer_and_no_longer,
    "content_keep_alive_s": test_an_idle_connection_to_content_is_used_again_so_long_and_no_longer,
    "websocket_ping_s": test_a_browser_may_be_silent_so_long_before_it_is_asked,
    "max_websocket_age_s": test_a_socket_may_grow_so_old_and_no_older_however_busy_it_is,
    "drain_timeout_s": test_draining_waits_so_long_for_what_runs_and_no_longer,
}
"""The test of each limit at its edge."""


def test_every_limit_has_a_test_at_its_edge():
    assert set(EDGES) == {field.name for field in fields(Limits)}


class _Clock:
    """The time of the loop itself, for what waits with ``asyncio.timeout``."""

    def __init__(self, one: World) -> None:
        self._world = one
        self._now = one.loop.time()
        one.loop.time = lambda: self._now

    def advance(self, seconds: float) -> None:
        """Let time pass in small steps, so that whoever sleeps for a moment wakes up in between."""
        end = self._now + seconds
        while self._now < end:
            self._now = min(end, self._now + 0.05)
            self._world.settle()
