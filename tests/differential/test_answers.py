"""Answers: what a viewer reads is what the content wrote, or the viewer can see that it is not whole."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog
from hypothesis import event, given
from hypothesis import strategies as st

from proxy.policy import headers as policy
from proxy.policy.header_names import injected_names
from tests.differential import grammar
from tests.differential.known import ANSWERS_NGINX_REFUSES, ANSWERS_STRICT_REFUSES, ANSWERS_WE_REFUSE
from tests.differential.rigs import Nginx
from tests.differential.strict import End, Header, Reading, read_answer, read_requests
from tests.effort import effort
from tests.unit.gateway.harness import get
from tests.unit.gateway.memory import UPSTREAM, Line, World, content_at

_CONTENT = content_at(UPSTREAM)
_METHODS = st.sampled_from([b"GET"] * 5 + [b"HEAD", b"POST"])
_FRAMING = {b"content-length", b"transfer-encoding", b"connection"}
PHRASE_DROPPED = re.compile(
    rb"(?:HTTP/1\.[01] 1[0-9]{2}[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)*HTTP/1\.[01] [0-9]{3} [^\r\n]*[\x00-\x08\x0b-\x1f\x7f]"
)
"""llhttp lets control bytes of a reason phrase pass; the gateway drops the whole phrase."""
VICTIM = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nfor-victim!!"


@dataclass
class Relayed:
    """What became of one answer."""

    viewer: bytes
    is_closed: bool
    victim: bytes
    """What another viewer got who asked afterwards."""


def relay(segments: list[bytes], *, closes: bool, method: bytes) -> Relayed:
    """Let a content give one answer, then let another viewer ask."""
    with structlog.testing.capture_logs():
        return _relay(segments, closes=closes, method=method)


def _relay(segments: list[bytes], *, closes: bool, method: bytes) -> Relayed:
    state = {"asked": 0}

    def on_content(line: Line) -> None:
        line.on_taken = asked

    def asked(line: Line) -> None:
        if not read_requests(bytes(line.taken)).messages:
            return
        line.taken.clear()
        state["asked"] += 1
        if state["asked"] == 1:
            state["line"] = line
        else:
            line.send(VICTIM)

    with World(on_content=on_content) as world:
        world.admit("ada")
        viewer = world.viewer()
        viewer.send(get(method=method, extra=b"Content-Length: 0\r\n" if method == b"POST" else b""))
        content = state["line"]
        for segment in segments:
            content.send(segment)
        if closes:
            content.send_eof()
        answered, is_closed = bytes(viewer.taken), viewer.eof_taken or viewer.is_lost
        other = world.viewer()
        other.send(get())
        victim = bytes(other.taken)
        for each in (viewer, other):
            each.lose()
        assert not world.board.connections
        assert not world.board.tasks
        for pool in world.board.pools.values():
            assert len(pool.open) == len(pool._idle), "a connection belongs to nobody"
    return Relayed(answered, is_closed, victim)


def shown(headers: list[Header]) -> list[Header]:
    """Return what of a content's headers a viewer may see."""
    kept = policy.to_viewer(headers, content=_CONTENT, injected=injected_names([], []))
    return [(name, value.strip()) for name, value in kept if name.lower() not in _FRAMING]


def as_seen(relayed: Relayed, method: bytes) -> Reading:
    return read_answer(relayed.viewer, method=method, at_end=relayed.is_closed)


@effort(2000, long=20_000)
@given(data=st.data(), answer=grammar.answers(), method=_METHODS)
def test_what_a_viewer_reads_is_what_the_content_wrote(data, answer, method):
    raw, closes = answer
    segments = data.draw(grammar.cuts(raw), "segments")
    relayed = relay(segments, closes=closes, method=method)
    # Whatever the content wrote: the next viewer gets an answer of its own.
    assert relayed.victim == VICTIM, relayed.victim
    written = read_answer(raw, method=method, at_end=closes)
    if not relayed.viewer:
        assert written.end is not End.WHOLE or written.messages[0].status == 101, "no answer"
        event("nothing")
        return
    seen = as_seen(relayed, method)
    assert seen.end is not End.MALFORMED, (seen.because, relayed.viewer)
    if b"\r\n\r\ncontrol /" in relayed.viewer or b" 500 Control" in relayed.viewer:
        event("refused")
        assert written.end is not End.WHOLE or refusable(raw, written), f"refused: {written}"
        return
    if seen.end is End.WAITING:
        event("cut")
        assert written.end is not End.WHOLE or refusable(raw, written), (relayed, written)
        return
    assert not seen.rest, f"more than one answer: {seen.rest!r}"
    event("passed on")
    got = seen.messages[0]
    if written.end is not End.WHOLE:
        assert known_lenient(raw, written, got.status), (
            f"{raw!r} is {written.because or 'not whole'}, and yet passed on: {got}"
        )
        return
    sent = written.messages[0]
    assert (got.status, got.body) == (sent.status, sent.body)
    assert [header for header in got.headers if header[0].lower() not in _FRAMING] == shown(sent.headers)
    assert set(got.interim) <= {103}


def refusable(raw: bytes, written: Reading) -> bool:
    """Whether an answer that the strict reader reads is one that we refuse on purpose."""
    sent = written.messages[0]
    if sent.status == 101:
        return bool(ANSWERS_WE_REFUSE["101"])
    if len(sent.interim) > 16:
        return bool(ANSWERS_WE_REFUSE["endless interim"])
    interims = raw.split(b"\r\n\r\n")[: len(sent.interim)]
    if any(re.search(rb"(?i)\n(?:content-length|transfer-encoding):", head) for head in interims):
        return bool(ANSWERS_WE_REFUSE["framing of nothing"])
    if not re.fullmatch(rb"[0-9]{3}", b"%d" % sent.status):
        return False
    framed = sent.values(b"content-length") + sent.values(b"transfer-encoding")
    if sent.status in {204, 304} or not sent.body:
        # The body is empty by status or method, and the strict reader did not look at its framing.
        return bool(framed and ANSWERS_WE_REFUSE["framing of nothing"])
    return False


def known_lenient(raw: bytes, written: Reading, status: int) -> bool:
    """Whether the gateway may read what the strict reader does not."""
    if raw[:1] in {b"\r", b"\n"}:
        return bool(ANSWERS_STRICT_REFUSES["empty line"])
    if re.match(rb"HTTP/1\.[01] [0-9]{3}\r\n", raw):
        return bool(ANSWERS_STRICT_REFUSES["no reason"])
    return PHRASE_DROPPED.match(raw) is not None or written.because in ANSWERS_STRICT_REFUSES


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, loop: asyncio.AbstractEventLoop) -> Iterator[Nginx]:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    running = Nginx(tmp_path_factory.mktemp("nginx"), loop)
    yield running
    running.stop()


@effort(500, long=5_000)
@given(answer=grammar.answers())
def test_nginx_and_we_relay_the_same_where_both_do(answer, nginx):
    raw, _ = answer
    relayed = relay([raw], closes=True, method=b"GET")
    theirs, _ = nginx.ask(
        b"GET /sales/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        lambda got: raw if got.endswith(b"\r\n\r\n") else None,
    )
    ours, seen = as_seen(relayed, b"GET"), read_answer(theirs, at_end=True)
    is_confused = b"HTTP/1.1 1" in theirs or (seen.messages and seen.messages[0].status >= 500)
    if re.match(rb"\s*HTTP/1\.. 1", raw) and is_confused:
        assert ANSWERS_NGINX_REFUSES["interim"]
        return
    if ours.end is not End.WHOLE or b" 500 Control" in relayed.viewer:
        return  # nginx forgives contents much
    if seen.end is not End.WHOLE or seen.messages[0].status == 502:
        written = read_answer(raw, at_end=True)
        status = ours.messages[0].status
        assert (
            written.because in ANSWERS_NGINX_REFUSES or status in {204, 304} or known_lenient(raw, written, status)
        ), f"we relay {raw!r}, nginx does not: {theirs!r}"
        return
    assert ours.messages[0].body == seen.messages[0].body
    assert ours.messages[0].status == seen.messages[0].status
