"""Requests: what the gateway forwards is what was sent, to everybody who reads it; what it refuses, nobody sees."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from proxy.policy import headers as policy
from proxy.policy.header_names import injected_names
from tests.differential import grammar
from tests.differential.known import (
    AIOHTTP_READS,
    MALFORMED_TO_US_ALONE,
    NGINX_READS,
    OTHERS_REFUSE,
    POLICY,
    STRICT_REFUSES_WE_READ,
)
from tests.differential.rigs import Nginx, Outcome, through_aiohttp, through_gateway
from tests.differential.strict import End, Header, Message, Reading, read_requests
from tests.effort import effort
from tests.unit.gateway.harness import NAMES

_STATUS = re.compile(rb"HTTP/1\.1 [0-9]{3} ")
_TAG = re.compile(rb"answer-[0-9]+")
_LLHTTP_METHOD = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|M-SEARCH|COPY|LOCK|MKCOL|MOVE|PROPFIND|PROPPATCH|SEARCH"
    rb"|UNLOCK|BIND|REBIND|UNBIND|ACL|REPORT|MKACTIVITY|CHECKOUT|MERGE|NOTIFY|SUBSCRIBE|UNSUBSCRIBE|PURGE|MKCALENDAR"
    rb"|LINK|UNLINK|SOURCE|QUERY)"
)
_OURS = {b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-for", b"x-forwarded-prefix", *(
    name.lower() for name in injected_names([], [])
)}  # fmt: skip
_FRAMING = {b"host", b"content-length", b"transfer-encoding", b"expect"}


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, loop: asyncio.AbstractEventLoop) -> Iterator[Nginx]:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    with_socket: Path = tmp_path_factory.mktemp("nginx")
    running = Nginx(with_socket, loop)
    yield running
    running.stop()


def passed(headers: list[Header]) -> list[Header]:
    """Return the part of a request's headers that is the viewer's to say."""
    kept = policy.to_content(headers, names=NAMES, injected=injected_names([], []), keep_upgrade=False)
    return [(name, value.strip()) for name, value in kept if name.lower() not in _FRAMING]


def is_same(sent: Message, got: Message) -> bool:
    """Whether the content got the request that was sent."""
    theirs = [(name, value.strip()) for name, value in got.headers if name.lower() not in _OURS | _FRAMING]
    hosts = [value for name, value in sent.headers if name.lower() == b"host"]
    return (
        (got.method, got.body) == (sent.method, sent.body)
        and sent.target in {b"/open" + got.target, b"/sales" + got.target}
        and theirs == passed(sent.headers)
        and got.values(b"host") == (hosts or [b"localhost"])
    )


def own_refusals(outcome: Outcome) -> list[str]:
    return [reason for reason in outcome.refusals if reason not in {"head timeout", "body timeout"}]


def check_all(raw: bytes, outcome: Outcome, loop: asyncio.AbstractEventLoop) -> None:
    sent = read_requests(raw)
    if raw[:1] in {b"\r", b"\n"} and outcome.recorder.bytes:
        assert STRICT_REFUSES_WE_READ["empty line"]
        raw = raw.lstrip(b"\r\n")
        sent = read_requests(raw)
    if sent.because == "request line" and outcome.recorder.bytes:
        assert STRICT_REFUSES_WE_READ["spaces"]
        raw = re.sub(rb"(?m)^([A-Z]+) +([^ \r\n]+) +(HTTP/1\.[01]\r)$", rb"\1 \2 \3", raw)
        sent = read_requests(raw)
    # Two strict readers read the same in what the content got.
    for line, reading in zip(outcome.recorder.lines, outcome.recorder.readings, strict=True):
        assert reading.end is not End.MALFORMED, reading
        theirs = through_aiohttp(loop, bytes(line.taken))
        assert theirs.end is not End.MALFORMED, theirs
        assert [(m.method, m.target, m.body, m.headers) for m in theirs.messages] == [
            (m.method, m.target, m.body, m.headers) for m in reading.messages
        ]
    # And that is what was sent: in order, none twice, none invented.
    left = iter(re_read(raw, sent))
    for got in outcome.recorder.messages:
        assert any(is_same(one, got) for one in left), (got, sent)
    # Answers: each to its own request, in order, never more of them than requests.
    tags = _TAG.findall(outcome.viewer)
    assert tags == [tag for tag in outcome.recorder.tags if tag in tags]
    assert len(_STATUS.findall(outcome.viewer)) <= len(re_read(raw, sent)) + (sent.end is not End.WHOLE)
    assert outcome.viewer.count(b"control ") <= len(outcome.control)


def re_read(raw: bytes, sent: Reading) -> list[Message]:
    """Return the requests of a stream, an empty line between them passed over."""
    messages = list(sent.messages)
    rest = sent.rest
    while sent.end is End.MALFORMED and rest[:1] in {b"\r", b"\n"}:
        sent = read_requests(rest.lstrip(b"\r\n"))
        messages += sent.messages
        if sent.rest == rest:
            break
        rest = sent.rest
    return messages


@effort(1500, long=15_000)
@given(data=st.data(), raw=grammar.request_streams())
def test_what_is_forwarded_is_what_was_sent(data, raw, loop):
    segments = data.draw(grammar.cuts(raw), "segments")
    outcome = through_gateway(segments)
    check_all(raw, outcome, loop)
    sent = read_requests(raw)
    refused = own_refusals(outcome)
    event("refused: " + refused[0] if refused else "read")
    # A head that is refused, however it was cut, or anything in one segment with it: nobody behind us heard of it.
    if refused and not outcome.recorder.messages and (len(segments) == 1 or refused[0] in POLICY):
        assert not outcome.recorder.lines, "refused, and yet the content was dialled"
        assert not outcome.control
    if not refused and sent.messages:
        first = sent.messages[0]
        answered = _STATUS.findall(outcome.viewer)
        # llhttp waits behind PRI for the rest of HTTP/2's preface; then the time for a head is over.
        assert answered or first.method == b"PRI", f"no answer to {first}"


def verdict(reading_messages: int, end: End) -> str:
    return "reads" if reading_messages else "refuses" if end is End.MALFORMED else "waits"


def answers_at_once(outcome: Outcome) -> bool:
    """Whether it was ourselves who answered, be the body there or not: our application, or a slash that lacks."""
    return bool(outcome.control) or outcome.viewer.startswith(b"HTTP/1.1 307 ")


def single() -> st.SearchStrategy[bytes]:
    return st.one_of(grammar.request(), grammar.request().flatmap(grammar.mutated))


def ours(outcome: Outcome) -> tuple[str, str]:
    refused = own_refusals(outcome)
    if refused:
        return "refuses", refused[0]
    return ("reads", "") if outcome.viewer else ("waits", "")


@effort(1500, long=15_000)
@given(raw=single())
def test_the_strict_reader_and_we_differ_where_known(raw):
    outcome = through_gateway([raw])
    we, because = ours(outcome)
    sent = read_requests(raw)
    they = verdict(len(sent.messages), sent.end)
    if we == they or because in POLICY or answers_at_once(outcome):
        return
    first = sent.messages[0] if sent.messages else sent.begun
    match we, they:
        case "refuses", "reads" | "waits" if because == "malformed" and known_malformed(raw, first):
            return
        case "reads" | "waits", "refuses" if raw[:1] in {b"\r", b"\n"}:
            assert STRICT_REFUSES_WE_READ["empty line"]
            return
        case "reads" | "waits", "refuses" if re.match(rb"[A-Z]+ +[^ \r\n]+ +HTTP/1\.[01]\r\n", raw) and (
            sent.because == "request line"
        ):
            assert STRICT_REFUSES_WE_READ["spaces"]
            return
        case "waits", "refuses" if raw.startswith(b"PRI ") and not outcome.recorder.lines:
            assert STRICT_REFUSES_WE_READ["preface"]
            return
        case "waits", "refuses" if not outcome.recorder.lines and b"\r\n\r\n" not in raw:
            return  # its head is not whole: llhttp judges a line when the next begins, and nothing was forwarded
        case "refuses", "waits" if because == "malformed":
            return  # a fault in an unfinished line
    raise AssertionError(f"we {we} {because}, the strict reader {they} {sent.because}: {raw!r}")


def known_malformed(raw: bytes, first: Message | None) -> bool:
    """Whether llhttp refuses it for a reason of its own."""
    method = raw.split(b" ", 1)[0] if first is None else first.method
    if not _LLHTTP_METHOD.fullmatch(method):
        return bool(MALFORMED_TO_US_ALONE["method"])
    if first is not None and not first.target.startswith(b"/"):
        return bool(MALFORMED_TO_US_ALONE["target"])
    if re.search(rb"\r\n[0-9A-Fa-f]+[ \t]*;[ \t]", raw):
        return bool(MALFORMED_TO_US_ALONE["chunk extension"])
    return False


@effort(1000, long=10_000)
@given(raw=single())
def test_aiohttp_and_we_differ_where_known(raw, loop):
    outcome = through_gateway([raw])
    we, because = ours(outcome)
    theirs = through_aiohttp(loop, raw)
    they = verdict(len(theirs.messages), theirs.end)
    if we == they == "reads" and outcome.recorder.messages:
        got, read = outcome.recorder.messages[0], theirs.messages[0]
        assert (got.method, got.body) == (read.method, read.body)
        assert read.target in {b"/open" + got.target, b"/sales" + got.target}
    if we == they or because in POLICY or (answers_at_once(outcome) and they == "waits"):
        return
    if because == "malformed" and any(re.search(pattern, raw) for pattern in AIOHTTP_READS):
        return
    if we == "waits" and they == "refuses" and b"\r\n\r\n" not in raw:
        return  # its head is not whole, and nobody was dialled
    if we == "reads" and they == "refuses":
        sent = read_requests(raw.lstrip(b"\r\n"))
        if sent.messages and sent.rest:
            assert OTHERS_REFUSE["aiohttp", "behind HTTP/1.0"]
            return
    raise AssertionError(f"we {we} {because}, aiohttp {they} {theirs.because}: {raw!r}")


@effort(700, long=7_000)
@given(raw=single())
def test_nginx_and_we_differ_where_known(raw, nginx):
    def answer(got: bytes) -> bytes | None:
        reading = read_requests(got)
        if reading.messages or reading.end is End.MALFORMED:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        return None

    outcome = through_gateway([raw])
    we, because = ours(outcome)
    _, records = nginx.ask(raw, answer)
    they = "reads" if records else "refuses"
    if we == they == "reads" and outcome.recorder.messages:
        got, read = outcome.recorder.messages[0], read_requests(records[0]).messages[0]
        assert (got.method, got.body) == (read.method, read.body)
        assert read.target in {b"/open" + got.target, b"/sales" + got.target}
    if we == they or because in POLICY or answers_at_once(outcome) or (we == "waits" and they == "refuses"):
        return
    sent = read_requests(raw)
    if we == "refuses":
        first = sent.messages[0] if sent.messages else sent.begun
        if sent.because in NGINX_READS or known_malformed(raw, first):
            return
    elif raw[:1] in {b"\r", b"\n"}:
        assert OTHERS_REFUSE["nginx", "line"]
        return
    elif we == "waits" and not outcome.recorder.lines and sent.because in NGINX_READS:
        return  # llhttp judges a line when the next begins
    raise AssertionError(f"we {we} {because}, nginx {they} ({sent.because}): {raw!r} {records}")
