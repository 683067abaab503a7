"""Any bytes, cut anywhere: the frame follower loses none and judges alike; a head is read, refused or bounded."""

from __future__ import annotations

import structlog
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.limits import Limits
from proxy.wire.frames import PROTOCOL_ERROR, TOO_BIG, FrameFollower
from tests.differential import grammar
from tests.effort import effort
from tests.unit.gateway.memory import World
from tests.unit.wire.test_frames import frame

_LARGEST = 1000

_FRAMES = st.builds(
    lambda size, opcode, masked, final: frame(b"p" * size, opcode=opcode, masked=masked, final=final),
    st.sampled_from([0, 1, 5, 125, 126, 127, 999, 1000, 1001, 65_535, 65_536]),
    st.sampled_from([0, 1, 2, 2, 2, 3, 8, 9, 10, 15]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([True, True, True, False]),
)
_STREAMS = st.lists(_FRAMES | st.binary(max_size=6), max_size=6).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[begin:end] for begin, end in zip([0, *at], [*at, len(data)], strict=True)]


def reference(data: bytes) -> tuple[int, int, bool]:
    """Return where the last frame that may pass ends or its payload breaks off, the problem, and whether a close passed."""
    at, closed = 0, False
    while True:
        rest = data[at:]
        if len(rest) < 2:
            return at, 0, closed
        opcode, size = rest[0] & 15, rest[1] & 127
        is_bad = closed or not rest[1] & 128 or rest[0] & 0x70 or opcode not in {0, 1, 2, 8, 9, 10}
        if is_bad or (opcode >= 8 and (size > 125 or not rest[0] & 128)):
            return at, PROTOCOL_ERROR, closed
        extra = {126: 2, 127: 8}.get(size, 0)
        if len(rest) < 2 + extra + 4:
            return at, 0, closed
        if extra:
            size = int.from_bytes(rest[2 : 2 + extra], "big")
        if size > _LARGEST:
            return at, TOO_BIG, closed
        closed = opcode == 8
        at += 2 + extra + 4 + size
        if at >= len(data):
            return len(data), 0, closed


@effort(12_000, long=60_000)
@given(stream=_STREAMS, places=st.lists(st.integers(0, 70_000), max_size=12))
def test_the_frame_follower_judges_a_stream_alike_however_it_is_cut(stream, places):
    following = FrameFollower(masked=True, max_frame_bytes=_LARGEST)
    passed = b""
    for piece in cut(stream, places):
        passed += following.feed(piece)
        if following.problem:
            break
    end, problem, closed = reference(stream)
    assert passed == stream[:end]
    assert following.problem == problem
    assert following.close_seen == closed


@effort(8_000, long=50_000)
@given(stream=_STREAMS, places=st.lists(st.integers(0, 70_000), max_size=6), last=st.integers(0, 6))
def test_up_to_the_boundary_is_up_to_the_end_of_the_present_frame(stream, places, last):
    """As a tunnel does that wants to close: from ``last`` on, only what ends the frame that is under way."""
    following = FrameFollower(masked=True, max_frame_bytes=_LARGEST)
    passed = b""
    for number, piece in enumerate(cut(stream, places)):
        if number >= last and following.at_boundary:
            break
        passed += following.feed(piece, to_boundary=number >= last)
        assert stream.startswith(passed)
        if following.problem:
            break
    if following.at_boundary:
        again = FrameFollower(masked=True, max_frame_bytes=_LARGEST)
        assert again.feed(passed) == passed
        assert again.at_boundary, "a close frame of ours would stand inside a frame"


@effort(8_000, long=60_000)
@given(data=st.data(), raw=st.binary(max_size=300) | grammar.request_streams())
def test_a_head_of_any_bytes_is_read_refused_or_waited_for(data, raw):
    """Whatever comes, in whatever pieces: no fault inside, and after the time for a head somebody was answered or cut."""
    with structlog.testing.capture_logs(), World() as world:
        viewer = world.viewer()
        for piece in data.draw(grammar.cuts(raw), "segments"):
            viewer.send(piece)
        world.tick(20)
        side = viewer.protocol
        if raw.strip(b"\r\n"):
            assert viewer.taken or viewer.is_lost or side.exchange is not None
        viewer.lose()
        assert not world.board.connections
        assert not world.board.tasks


@effort(500, long=5_000)
@given(
    start=st.sampled_from([b"", b"GET ", b"GET /open/", b"GET /open/ HTTP/1.1\r\nX", b"GET /open/ HTTP/1.1\r\nX: "]),
    filler=st.sampled_from([b"a", b"a: b\r\n", b"\r\n", b" ", b"\xff"]),
    size=st.integers(1, 9000),
)
def test_no_head_takes_more_memory_than_its_limit(start, filler, size):
    """One kind of byte for ever: refused when the limit is reached, whatever the pieces."""
    limit = 4096
    with structlog.testing.capture_logs(), World(limits=Limits(max_head_bytes=limit)) as world:
        viewer = world.viewer()
        viewer.send(start)
        sent = len(start)
        while sent <= 3 * limit and not viewer.taken and viewer.is_open:
            viewer.send(filler * size)
            sent += len(filler) * size
        assert viewer.taken or filler == b"\r\n"
        assert not world.content_lines
        viewer.lose()
