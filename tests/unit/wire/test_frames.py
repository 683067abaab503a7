import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.frames import PROTOCOL_ERROR, TOO_BIG, FrameFollower, close_frame


def frame(payload: bytes, *, opcode: int = 2, masked: bool = False, final: bool = True) -> bytes:
    first = (0x80 if final else 0) | opcode
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes((first, bit | len(payload)))
    elif len(payload) < 65536:
        head = bytes((first, bit | 126)) + struct.pack(">H", len(payload))
    else:
        head = bytes((first, bit | 127)) + struct.pack(">Q", len(payload))
    return head + (b"\0\0\0\0" if masked else b"") + payload


def follower(*, masked: bool = False, largest: int = 1 << 20) -> FrameFollower:
    return FrameFollower(masked=masked, max_frame_bytes=largest)


@given(
    payloads=st.lists(st.sampled_from([b"", b"x", b"y" * 125, b"z" * 126, b"w" * 70_000]), max_size=4),
    cuts=st.lists(st.integers(1, 50_000), max_size=12),
    masked=st.booleans(),
)
def test_bytes_pass_unchanged_however_they_are_cut(payloads, cuts, masked):
    stream = b"".join(frame(payload, masked=masked) for payload in payloads)
    following = follower(masked=masked)
    passed, rest = b"", stream
    for cut in cuts:
        passed += following.feed(rest[:cut])
        rest = rest[cut:]
    passed += following.feed(rest)
    assert passed == stream
    assert following.at_boundary
    assert not following.problem


def test_split_at_every_byte_nothing_is_passed_on_inside_a_header():
    following = follower()
    stream = frame(b"a" * 300) + frame(b"b")
    passed = b""
    for byte in stream:
        passed += following.feed(bytes((byte,)))
        if following.at_boundary:
            assert passed in {b"", frame(b"a" * 300), stream}
    assert passed == stream


def test_up_to_the_boundary_only_the_present_frame_passes():
    following = follower()
    first, second = frame(b"a" * 10), frame(b"b" * 10)
    assert following.feed(first[:5]) == first[:5]
    assert following.feed(first[5:] + second, to_boundary=True) == first[5:]
    assert following.at_boundary


@pytest.mark.parametrize(
    ("bad", "masked", "code"),
    [
        pytest.param(frame(b"x", masked=False), True, PROTOCOL_ERROR, id="client frame without mask"),
        pytest.param(frame(b"x", masked=True), False, PROTOCOL_ERROR, id="server frame with mask"),
        pytest.param(frame(b"x", opcode=3), False, PROTOCOL_ERROR, id="reserved opcode"),
        pytest.param(bytes((0xB2, 0x00)), False, PROTOCOL_ERROR, id="reserved bit"),
        pytest.param(bytes((0xC1, 0x00)), False, PROTOCOL_ERROR, id="compressed, and nobody agreed"),
        pytest.param(frame(b"x" * 126, opcode=9), False, PROTOCOL_ERROR, id="ping over 125 bytes"),
        pytest.param(frame(b"x", opcode=8, final=False), False, PROTOCOL_ERROR, id="fragmented close"),
        pytest.param(frame(b"x" * 2048), False, TOO_BIG, id="frame over the limit"),
        pytest.param(bytes((0x82, 127)) + b"\x7f" + b"\xff" * 7, False, TOO_BIG, id="eight exabytes announced"),
    ],
)
def test_a_frame_that_is_not_allowed_stops_the_stream_before_it(bad, masked, code):
    following = FrameFollower(masked=masked, max_frame_bytes=1024)
    good = frame(b"fine", masked=masked)
    assert following.feed(good + bad) == good
    assert following.problem == code


def test_nothing_may_follow_a_close():
    following = follower()
    closing = close_frame(1001)
    assert following.feed(closing) == closing
    assert following.close_seen
    assert following.feed(frame(b"late")) == b""
    assert following.problem == PROTOCOL_ERROR


def test_a_close_frame_is_masked_as_a_client_must():
    assert close_frame(1012) == b"\x88\x02\x03\xf4"
    masked = close_frame(1012, mask=b"\x01\x02\x03\x04")
    assert masked == b"\x88\x82\x01\x02\x03\x04" + bytes((0x03 ^ 1, 0xF4 ^ 2))


def test_with_an_extension_data_frames_may_be_compressed_and_control_frames_not():
    following = follower()
    following.may_reserve = True
    assert following.feed(bytes((0xC1, 0x00))) == bytes((0xC1, 0x00))
    assert not following.problem
    assert following.feed(bytes((0xC9, 0x00))) == b""
    assert following.problem == PROTOCOL_ERROR


@given(
    before=st.sampled_from([b"", frame(b"x"), frame(b"x" * 300)[:200], b"\x82", b"\x82\x7e\x01", close_frame(1001), b"\xff\x00"]),
    segment=st.sampled_from([
        frame(b""), frame(b"x" * 125), frame(b"x" * 126), frame(b"x", opcode=1), frame(b"x", opcode=0), frame(b"", opcode=9),
        frame(b"x", masked=True), frame(b"x", final=False), frame(b"x") + b"\x82", frame(b"x")[:-1], b"\xc2\x01x", b"\x82\x01xy",
    ]),
    largest=st.sampled_from([1, 125, 1 << 20]),
)  # fmt: skip
def test_one_segment_is_read_as_the_same_bytes_one_by_one(before, segment, largest):
    at_once, one_by_one = follower(largest=largest), follower(largest=largest)
    passed = fed(at_once, [before, segment])
    assert passed == fed(one_by_one, [bytes((byte,)) for byte in before + segment])
    for state in ("problem", "close_seen", "at_boundary"):
        assert getattr(at_once, state) == getattr(one_by_one, state)


def fed(following: FrameFollower, pieces: list[bytes]) -> bytes:
    """Feed until there is a problem; nothing is fed after one."""
    passed = b""
    for piece in pieces:
        if not following.problem:
            passed += following.feed(piece)
    return passed
