"""Danger points of a proxy that no other module here has. All fourteen, each with its fault: ``tests/danger/points.py``.

In memory, one event after the other, so that a race is an order and not luck.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from proxy.gateway.pool import Pool
from proxy.gateway.switchboard import Switchboard
from proxy.gateway.viewer_side import ViewerSide
from proxy.model import ContentGuid
from proxy.wire.request_reader import RequestReader
from tests.unit.gateway.harness import NAMES, OK, get
from tests.unit.gateway.memory import Line, World

POST = b"Content-Length: 0\r\n"


@pytest.fixture
def world() -> Iterator[World]:
    """A gateway in memory; ``ada`` is signed in; contents say only what a test lets them say."""
    with structlog.testing.capture_logs(), World() as one:
        one.admit("ada")
        yield one


def asked(world: World, raw: bytes) -> tuple[Line, Line]:
    """Send a request on a new viewer's connection; return it and the content's."""
    viewer = world.viewer()
    viewer.send(raw)
    return viewer, world.content_lines[-1]


def idle_connection(world: World) -> Line:
    """Let one exchange end well; return the content's connection, which waits in the pool."""
    _, content = asked(world, get())
    content.send(OK)
    assert content.is_open
    content.taken.clear()
    return content


def content_pool(world: World) -> Pool:
    return world.board.pools[ContentGuid("content-sales")]


# — 1: never raw bytes —————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("is_cut", [False, True], ids=["one segment", "every byte"])
def test_a_trailer_is_no_header_also_in_the_segment_of_its_head(world: World, is_cut: bool) -> None:
    """Seen to fail with trailers added to the headers of their request."""
    raw = get("/open/", method=b"POST", extra=b"Transfer-Encoding: chunked\r\n")
    raw += b"3\r\nabc\r\n0\r\nX-Trailer: evil\r\n\r\n"
    viewer = world.viewer()
    for piece in [raw[i : i + 1] for i in range(len(raw))] if is_cut else [raw]:
        viewer.send(piece)
    [content] = world.content_lines
    assert content.taken.endswith(b"0\r\n\r\n")
    assert b"evil" not in content.taken


def test_what_connection_names_ends_here_in_both_directions(world: World) -> None:
    """Seen to fail with nominated names passed on like any other."""
    viewer, content = asked(world, get("/open/", extra=b"Connection: X-Near, Cookie\r\nX-Near: evil\r\nX-Far: a\r\n"))
    assert b"\r\nX-Far: a\r\n" in content.taken
    assert b"evil" not in content.taken
    content.send(b"HTTP/1.1 200 OK\r\nConnection: x-near\r\nX-Near: evil\r\nX-Far: b\r\nContent-Length: 0\r\n\r\n")
    assert b"\r\nX-Far: b\r\n" in viewer.taken
    assert b"evil" not in viewer.taken


@pytest.mark.parametrize("behind", [b"GET /open/ HTTP/1.1\r\n", b"\r\n", b"x"])
def test_the_end_of_a_chunked_body_is_written_once_whatever_comes_behind_it(world: World, behind: bytes) -> None:
    """Seen to fail with the end of a body written again: it stood before the next viewer's request on that connection."""
    viewer, content = asked(world, get("/open/", method=b"POST", extra=CHUNKED) + b"3\r\nabc\r\n0\r\n\r\n")
    viewer.send(behind)
    assert content.taken.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


# — 2: endless heads ———————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("start", [b"GET /open/", b"GET /open/ HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_an_endless_head_in_small_pieces_is_cut_at_the_limit(world: World, start: bytes) -> None:
    """Seen to fail with no count of the bytes of a head: the parser holds an unfinished line for ever."""
    viewer = world.viewer()
    viewer.send(start)
    limit = world.board.limits.max_head_bytes
    for _ in range(limit // 1000):
        assert viewer.taken == b""
        viewer.send(b"x" * 1000)
    viewer.send(b"x" * 1000)
    assert viewer.taken.startswith(b"HTTP/1.1 431 ")
    assert viewer.eof_taken


CHUNKED = b"Transfer-Encoding: chunked\r\n"
WITHOUT_END = [
    pytest.param(b"0\r\nX-Trailer: ", id="a trailer"),
    pytest.param(b"0\r\nX-Trailer", id="a trailer's name"),
    pytest.param(b"1;extension=", id="an extension of a chunk"),
]


@pytest.mark.parametrize("start", WITHOUT_END)
def test_what_stands_around_a_viewers_chunks_is_cut_where_a_head_would_be(world: World, start: bytes) -> None:
    """Seen to fail with no count of what is no body: the parser puts the line together, in memory and ever more slowly."""
    viewer, content = asked(world, get("/open/", method=b"POST", extra=CHUNKED) + b"3\r\nabc\r\n" + start)
    piece = b"x" * 1000
    for _ in range(world.board.limits.max_head_bytes // len(piece) + 2):
        assert content.is_open
        viewer.send(piece)
    assert viewer.taken.startswith(b"HTTP/1.1 431 ")
    assert not content.is_open


@pytest.mark.parametrize("start", WITHOUT_END)
def test_what_stands_around_a_contents_chunks_is_cut_where_a_head_would_be(world: World, start: bytes) -> None:
    """Seen to fail with no count of what is no body of an answer."""
    viewer, content = asked(world, get("/open/"))
    content.send(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n3\r\nabc\r\n" + start)
    piece = b"x" * 1000
    for _ in range(world.board.limits.max_head_bytes // len(piece) + 2):
        assert viewer.is_open
        content.send(piece)
    assert not viewer.is_open
    assert not viewer.taken.endswith(b"0\r\n\r\n"), "nobody takes it for whole"
    assert not content.is_open


def test_a_long_body_in_small_chunks_is_no_endless_line(world: World) -> None:
    viewer, content = asked(world, get("/open/", method=b"POST", extra=CHUNKED))
    count = world.board.limits.max_head_bytes // 5
    for _ in range(count):
        for piece in (b"1;a=b\r\n", b"x", b"\r\n"):
            viewer.send(piece)
    viewer.send(b"0\r\n\r\n")
    content.send(OK)
    assert content.taken.count(b"1\r\nx\r\n") == count
    assert viewer.taken.startswith(b"HTTP/1.1 200 OK\r\n")


# — 5: which connection may be used again ——————————————————————————————————————————————————————————


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_connection_lost_just_as_it_was_taken_is_tried_once_more(world: World, method: bytes) -> None:
    """Seen to fail with no second try."""
    stale = idle_connection(world)
    viewer, same = asked(world, get(method=method))
    assert same is stale
    stale.lose()
    assert len(world.content_lines) == 2
    fresh = world.content_lines[-1]
    assert fresh.taken.startswith(method + b" / HTTP/1.1\r\n")
    fresh.send(OK if method == b"GET" else OK[:-2])
    assert viewer.taken.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_second_try_is_the_last(world: World) -> None:
    """Seen to fail with a retry on every connection, fresh ones too: a content that dies would be asked for ever."""
    stale = idle_connection(world)
    viewer, _ = asked(world, get())
    stale.lose()
    world.content_lines[-1].lose()
    assert len(world.content_lines) == 2
    assert viewer.taken.startswith(b"HTTP/1.1 500 Control\r\n")


@pytest.mark.parametrize(
    ("method", "extra", "received"),
    [
        pytest.param(b"POST", POST, b"", id="POST"),
        pytest.param(b"DELETE", b"", b"", id="DELETE"),
        pytest.param(b"GET", b"Content-Length: 3\r\n", b"", id="GET with a body"),
        pytest.param(b"GET", b"", b"HT", id="GET, two bytes of an answer came"),
        pytest.param(b"GET", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", id="GET, an interim answer came"),
    ],
)
def test_what_may_have_been_done_is_not_asked_again(world: World, method: bytes, extra: bytes, received: bytes) -> None:
    """Seen to fail with a retry of whatever was lost: an order would be placed twice."""
    stale = idle_connection(world)
    viewer, _ = asked(world, get(method=method, extra=extra) + (b"abc" if b"3" in extra else b""))
    if received:
        stale.send(received)
    stale.lose()
    assert world.content_lines == [stale]
    assert viewer.taken.startswith((b"HTTP/1.1 500 Control\r\n", b"HTTP/1.1 103 "))
    assert world.control_requests, "the viewer is told that the content cannot be reached"


def test_a_connection_older_than_the_contents_patience_is_not_taken(world: World) -> None:
    """Seen to fail with the age not looked at when a connection is taken: the tick alone comes up to a second late."""
    old = idle_connection(world)
    world.board.now += world.board.limits.content_keep_alive_s
    _, fresh = asked(world, get())
    assert fresh is not old
    assert not old.is_open


def test_the_connection_used_last_is_taken_first(world: World) -> None:
    """Seen to fail with the oldest taken first: under a light load all of them would stay open, and each grow stale."""
    pairs = [asked(world, get()) for _ in range(2)]
    for _, content in pairs:
        content.send(OK)
    asked(world, get())
    assert [bytes(content.taken).count(b"GET / ") for _, content in pairs] == [1, 2]


def test_a_whole_answer_before_the_end_of_its_request_ends_the_connection(world: World) -> None:
    """Seen to fail with the request's end not asked for: the rest of a body would be read as the next request."""
    viewer, content = asked(world, get("/sales/", method=b"POST", extra=b"Content-Length: 500\r\n") + b"half")
    content.send(OK)
    assert viewer.taken.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in viewer.taken
    assert not content.is_open
    assert not content_pool(world).open


# — 6: bodies where none may be, interim answers, old viewers ——————————————————————————————————————


def test_a_body_behind_the_answer_to_head_reaches_nobody(world: World) -> None:
    """Seen to fail with HEAD framed by Content-Length: what comes is passed on as the body, and waited for.

    Seen to fail with a connection kept after HEAD: what comes is taken for the next answer.
    """
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    first, content = asked(world, get(method=b"HEAD"))
    content.send(b"HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n")
    second, other = asked(world, get())
    content.send(poison)
    assert first.taken == b"HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n"
    assert second.taken == b""
    assert other is not content
    other.send(OK)
    assert second.taken == OK


def test_a_viewer_of_http_1_0_gets_neither_interim_answers_nor_chunks(world: World) -> None:
    """Seen to fail with the version not looked at before an interim answer."""
    viewer, content = asked(world, get().replace(b"HTTP/1.1", b"HTTP/1.0"))
    content.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    content.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert viewer.taken == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"
    assert not viewer.is_open


# — 7: 100-continue ————————————————————————————————————————————————————————————————————————————————


def test_a_viewer_who_waits_for_100_is_not_told_to_go_on_by_us() -> None:
    """Seen to fail with a 100 of our own: the body would come before the content has agreed to take it."""
    dials: list[None] = []

    async def dial() -> None:
        dials.append(None)

    with structlog.testing.capture_logs(), World(dial=dial) as world:
        world.admit("ada")
        head = get("/sales/", method=b"POST", extra=b"Content-Length: 3\r\nExpect: 100-continue\r\n")
        viewer, content = asked(world, head)
        assert dials
        assert viewer.taken == b""
        content.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert viewer.taken == b"HTTP/1.1 100 Continue\r\n\r\n"
        viewer.send(b"abc")
        assert content.taken.endswith(b"abc")


# — 9, 10: ends ————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("answer", "is_whole"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nhello", True, id="up to the end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", False, id="inside its length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", False, id="inside a chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", False, id="no last chunk"),
    ],
)
@pytest.mark.parametrize("end", ["eof", "reset"])
def test_only_a_whole_answer_ends_cleanly(world: World, answer: bytes, is_whole: bool, end: str) -> None:
    """Seen to fail with every end of the content's connection taken for the end of its answer."""
    viewer, content = asked(world, get())
    content.send(answer)
    if end == "eof":
        content.send_eof()
    else:
        content.lose()
    is_clean = viewer.taken.endswith(b"5\r\nhello\r\n0\r\n\r\n")
    assert is_clean is (is_whole and end == "eof")
    assert viewer.is_open is is_clean, "a viewer that got a part must see that it is one"


@pytest.mark.parametrize("how", ["FIN", "reset"])
def test_a_viewer_who_leaves_ends_the_contents_work_at_once(world: World, how: str) -> None:
    """Seen to fail with the content's connection left to its answer: work would go on that nobody waits for."""
    viewer, content = asked(world, get())
    if how == "FIN":
        viewer.send_eof()
    else:
        viewer.lose()
    assert not content.is_open
    assert not content_pool(world).open
    assert not world.board.connections


# — 11: the hand-over to our own application ———————————————————————————————————————————————————————


@pytest.mark.parametrize("is_cut", [False, True], ids=["one segment", "every byte"])
def test_application_and_content_take_turns_on_one_connection(world: World, is_cut: bool) -> None:
    """Seen to fail with a request's body kept for the next event: bytes replayed, the fault of handing sockets over."""
    viewer = world.viewer()
    for number in range(4):
        is_ours = number % 2 == 0
        path = f"/__oauth__/{number}" if is_ours else f"/open/{number}"
        raw = get(path, method=b"POST", extra=b"Content-Length: 5\r\n") + b"body%d" % number
        for piece in [raw[i : i + 1] for i in range(len(raw))] if is_cut else [raw]:
            viewer.send(piece)
        if is_ours:
            assert viewer.taken.endswith(b"control " + path.encode())
        else:
            [content] = world.content_lines
            assert content.taken.startswith(b"POST /%d HTTP/1.1\r\n" % number)
            assert content.taken.endswith(b"\r\n\r\nbody%d" % number)
            content.taken.clear()
            content.send(OK)
            assert viewer.taken.endswith(b"\r\n\r\nok")
    assert viewer.taken.count(b"HTTP/1.1 ") == 4


# — 12: our cookie —————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    "cookies",
    [
        b"Cookie: a=1; %b=ada; b=2\r\n",
        b"Cookie: a=1;%b=ada;b=2\r\n",
        b"Cookie: a=1;\t%b=ada ;  b=2\r\n",
        b"Cookie: a=1\r\nCookie: %b=ada\r\nCookie: b=2\r\n",
    ],
    ids=["usual", "no spaces", "odd spaces", "three headers"],
)
def test_our_cookie_admits_and_stays_here_in_every_form(world: World, cookies: bytes) -> None:
    """Seen to fail with only the usual form cut out: each app could act as its viewers elsewhere."""
    _, content = asked(world, get(session=None, extra=cookies % NAMES.session.encode()))
    assert b"X-Forwarded-Access-Token: token-of-ada\r\n" in content.taken
    assert NAMES.session.encode() not in content.taken
    assert b"a=1" in content.taken
    assert b"b=2" in content.taken


def test_two_sessions_in_one_header_are_none(world: World) -> None:
    """Seen to fail with the first of two sessions believed: a sibling domain could plant one before ours."""
    name = NAMES.session.encode()
    viewer = world.viewer()
    viewer.send(get(session=None, extra=b"Cookie: %b=ada; %b=eve\r\n" % (name, name)))
    assert not world.content_lines
    assert viewer.taken.startswith(b"HTTP/1.1 500 Control\r\n")


# — 14: exactly one end ————————————————————————————————————————————————————————————————————————————


class _FaultyReader(RequestReader):
    def on_url(self, url: bytes) -> None:
        raise ZeroDivisionError


class _FaultyViewerSide(ViewerSide):
    def __init__(self, board: Switchboard) -> None:
        super().__init__(board)
        self._reader = _FaultyReader(max_head_bytes=1000, max_headers=10, max_target_bytes=100)


def test_a_fault_inside_a_callback_of_the_parser_is_one_answer(world: World) -> None:
    """Seen to fail with only the gateway's own refusals caught: the viewer would wait, and its connection stay."""
    side = _FaultyViewerSide(world.board)
    viewer = Line(world, side, peer="10.0.0.1")
    world.do(side.connection_made, viewer)
    viewer.send(get())
    assert viewer.taken.startswith(b"HTTP/1.1 400 ")
    assert viewer.taken.count(b"HTTP/1.1 ") == 1
    assert viewer.eof_taken
    assert not world.content_lines


# — our own application is behind few connections ——————————————————————————————————————————————————


def test_slow_bodies_for_our_own_pages_keep_nobody_else_from_them(world: World) -> None:
    """Fails when a connection to our application is taken before the body is there: a few slow senders had them all."""
    slow = [world.viewer() for _ in range(5)]
    for viewer in slow:
        viewer.send(get("/__oauth__/logout", method=b"POST", extra=b"Content-Length: 11\r\n") + b"every")
    other = world.viewer()
    other.send(get("/__oauth__/login"))
    assert other.taken.startswith(b"HTTP/1.1 500 Control\r\n")
    assert len(world.control_requests) == 1
    for viewer in slow:
        viewer.send(b"where=")
        assert viewer.taken.startswith(b"HTTP/1.1 500 Control\r\n")
    assert len(world.control_requests) == 6


def test_a_body_too_large_for_us_is_not_collected(world: World) -> None:
    viewer = world.viewer()
    viewer.send(get("/__oauth__/logout", method=b"POST", extra=b"Content-Length: 1000000\r\n") + b"x" * 70_000)
    assert viewer.taken.startswith(b"HTTP/1.1 413 ")
    assert world.control_requests == []


@pytest.mark.parametrize("body", [b"hello", b"5\r\nhello\r\n0\r\n\r\n"], ids=["length", "chunked"])
def test_who_asks_us_before_sending_a_body_hears_once_to_go_on(world: World, body: bytes) -> None:
    framing = b"Content-Length: 5\r\n" if body == b"hello" else CHUNKED
    viewer = world.viewer()
    viewer.send(get("/__oauth__/logout", method=b"POST", extra=b"Expect: 100-continue\r\n" + framing))
    assert viewer.taken == b"HTTP/1.1 100 Continue\r\n\r\n"
    viewer.send(body)
    assert viewer.taken.count(b" 100 ") == 1
    assert b"HTTP/1.1 500 Control\r\n" in viewer.taken
    [seen] = world.control_requests
    assert b"Expect" not in seen


def test_who_takes_no_answers_is_asked_for_no_more_requests(world: World) -> None:
    """Fails when the next request is read while answers wait: each held a connection to our application, for a minute."""
    viewer = world.viewer()
    viewer.stall()
    for _ in range(3000):
        viewer.send(get("/__oauth__/signed-out"))
    unread = 3000 - len(world.control_requests)
    assert unread > 1000
    assert all(line.is_open and not line.is_paused for line in world.lines if line is not viewer)
    other = world.viewer()
    other.send(get("/__oauth__/login"))
    assert other.taken.startswith(b"HTTP/1.1 500 Control\r\n")
    viewer.unstall()
    viewer.stall()
    assert len(world.control_requests) > 3001 - unread, "it goes on when the answers are taken"
