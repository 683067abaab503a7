"""Readers without a socket: the same bytes mean the same, however they are cut."""

from hashlib import sha256

import pytest

from proxy.policy.cookies import cookie_names
from proxy.wire.answer_reader import AnswerReader, BrokenAnswer, Framing
from proxy.wire.request_reader import RequestReader

NAMES = cookie_names("http://localhost")

REQUEST = (
    b"POST /sales/?a=1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
)
LIMITS = {"max_head_bytes": 1000, "max_headers": 10, "max_target_bytes": 100}


class Heard:
    """What a reader told, in order."""

    def __init__(self):
        self.said = []

    def switching(self, headers):
        self.said.append(("switching", headers))

    def interim(self, status, reason, headers):
        self.said.append((status, headers))

    def answer_head(self, status, reason, headers, framing):
        self.said.append((status, headers, framing))

    def answer_body(self, data):
        self.said.append(data)

    @property
    def body(self):
        return b"".join(part for part in self.said if isinstance(part, bytes))


@pytest.mark.parametrize("cut", range(len(REQUEST)))
def test_a_request_is_the_same_wherever_it_is_cut(cut):
    reader = RequestReader(**LIMITS)

    assert reader.feed(REQUEST[:cut]) is None
    assert reader.feed(REQUEST[cut:]) is None

    assert (reader.head.method, reader.head.target) == (b"POST", b"/sales/?a=1")
    assert reader.head.headers == [(b"Host", b"localhost"), (b"Transfer-Encoding", b"chunked")]
    assert b"".join(reader.take_body()) == b"abc"
    assert reader.is_complete


def test_a_head_one_byte_over_the_limit_is_refused_before_it_is_parsed():
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    fits, small = RequestReader(**LIMITS | {"max_head_bytes": len(head)}), len(head) - 1

    assert fits.feed(head) is None
    assert RequestReader(**LIMITS | {"max_head_bytes": small}).feed(head).status == 431


def test_what_follows_an_upgrade_is_kept_apart_also_beyond_the_head_limit():
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    head += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    frames = b"\x81\x82\0\0\0\0hi" * 50
    reader = RequestReader(**LIMITS | {"max_head_bytes": len(head) + 3})

    assert reader.feed(head + frames) is None
    assert reader.behind_upgrade == frames


def test_a_second_request_waits_for_nobody_and_harms_nothing():
    reader = RequestReader(**LIMITS)
    one = b"GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n"

    assert reader.feed(one + b"GET /2 HTTP/1.1\r\nHost: \x00") is None

    assert reader.has_more
    assert reader.head.target == b"/1"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_body_has_a_listener_only_when_it_may_be_there(method):
    reader, heard = AnswerReader(max_head_bytes=1000), Heard()
    reader.begin(heard, is_head=method == "HEAD")

    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") is None

    assert heard.body == (b"" if method == "HEAD" else b"hi")
    assert reader.is_complete
    assert reader.may_follow is (method == "GET")


def test_trailers_of_an_answer_reach_nobody():
    reader, heard = AnswerReader(max_head_bytes=1000), Heard()
    reader.begin(heard, is_head=False)

    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Late: 1\r\n\r\n")

    assert heard.said[0] == (200, [(b"Transfer-Encoding", b"chunked")], Framing.CHUNKED)
    assert heard.body == b"hi"


def test_nobody_hears_of_an_answer_whose_reader_rests():
    reader, heard = AnswerReader(max_head_bytes=1000), Heard()
    reader.begin(heard, is_head=False)
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")

    reader.rest()
    reader.feed(b"late")

    assert heard.body == b""


def test_the_end_of_the_connection_ends_only_what_nothing_else_ends():
    endless, counted = AnswerReader(max_head_bytes=1000), AnswerReader(max_head_bytes=1000)
    endless.begin(Heard(), is_head=False)
    endless.feed(b"HTTP/1.1 200 OK\r\n\r\nhi")
    counted.begin(Heard(), is_head=False)
    counted.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi")

    assert endless.end()
    assert not counted.end()
    assert (endless.may_follow, counted.may_follow) == (False, False)


def test_a_head_that_never_ends_is_broken():
    reader = AnswerReader(max_head_bytes=100)
    reader.begin(Heard(), is_head=False)

    with pytest.raises(BrokenAnswer):
        reader.feed(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100)


def ask(reader, target, *headers):
    reader.next_request()
    lines = b"".join(b"%b: %b\r\n" % header for header in ((b"Host", b"localhost"), *headers))
    assert reader.feed(b"GET %b HTTP/1.1\r\n%b\r\n" % (target, lines)) is None
    return reader.head


def test_requests_with_equal_headers_share_what_follows_from_them_and_nothing_else():
    reader = RequestReader(**LIMITS)

    one = ask(reader, b"/sales/1", (b"Cookie", NAMES.session.encode() + b"=ada"))
    two = ask(reader, b"/sales/2", (b"Cookie", NAMES.session.encode() + b"=ada"))

    assert two.set is one.set
    assert (one.target, two.target) == (b"/sales/1", b"/sales/2")
    assert two.set.cookie(NAMES) == ("ada", sha256(b"ada").digest())


def test_two_sets_that_take_turns_are_both_remembered():
    reader = RequestReader(**LIMITS)

    one, two, three, four = (ask(reader, b"/", (b"A", letter)) for letter in (b"1", b"2", b"1", b"2"))

    assert (three.set, four.set) == (one.set, two.set)


def test_of_a_large_head_nothing_waits_in_memory_for_the_next_one():
    """Fails when every head is remembered: ten thousand idle connections could hold 64 KiB each, twice."""
    reader = RequestReader(**LIMITS | {"max_head_bytes": 100_000})
    long = (b"X-Long", b"x" * 60_000)

    small, large, again, last = (ask(reader, b"/", *headers) for headers in ([], [long], [long], []))

    assert large.headers == again.headers
    assert again.set is not large.set
    assert last.set is small.set


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([(b"Cookie", NAMES.session.encode() + b"=eve")], id="another cookie"),
        pytest.param([(b"cookie", NAMES.session.encode() + b"=ada")], id="another spelling"),
        pytest.param([(b"Cookie", NAMES.session.encode() + b"=ada"), (b"A", b"")], id="one header more"),
        pytest.param([], id="no cookie"),
    ],
)
def test_requests_whose_headers_differ_in_anything_share_nothing(other):
    reader = RequestReader(**LIMITS)

    one = ask(reader, b"/sales/", (b"Cookie", NAMES.session.encode() + b"=ada"))
    two = ask(reader, b"/sales/", *other)

    assert two.set is not one.set
    expected = dict(other).get(b"Cookie", dict(other).get(b"cookie"))
    value = None if expected is None else expected.partition(b"=")[2].decode()
    assert two.set.cookie(NAMES) == (None if value is None else (value, sha256(value.encode()).digest()))


@pytest.mark.parametrize("status", [103, 200])
def test_a_reason_with_control_characters_reaches_nobody(status):
    reader, reasons = AnswerReader(max_head_bytes=1000), []

    class Listener(Heard):
        def interim(self, status, reason, headers):
            reasons.append(reason)

        def answer_head(self, status, reason, headers, framing):
            reasons.append(reason)

    reader.begin(Listener(), is_head=False)
    reader.feed(b"HTTP/1.1 %d \x00OK\r\nContent-Length: 0\r\n\r\n" % status)

    assert reasons == [b""]
