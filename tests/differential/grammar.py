"""What is sent: HTTP/1.1 as people write it, as attackers write it, and either with some bytes changed."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.unit.gateway.harness import NAMES

_COOKIE = f"Cookie: {NAMES.session}=ada".encode()

_METHODS = st.sampled_from(
    [b"GET"] * 6 + [b"POST"] * 6 + [b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"] * 2
    + [b"get", b"CONNECT", b"TRACE", b"PRI", b"BREW", b"GE T", b"M-SEARCH", b""]
)  # fmt: skip
_TARGETS = st.sampled_from(
    [b"/open/"] * 6 + [b"/sales/", b"/sales/a/b?c=d&e", b"/open/%41", b"/open/a%2Fb"] * 2
    + [
        b"/open", b"/open/?", b"/open/?a=b?c", b"/open/;p=1", b"/open/..;/", b"/open/../sales/", b"/open/./a",
        b"/open/%2e%2e/a", b"/open//a", b"//open/", b"/open/a//b", b"/open/%", b"/open/%zz", b"/open/%00", b"/open/\\a",
        b"/open/#f", b"/open/?#", b"/open/\x80", b"/open/\xc3\xa9", b"/open/?\xff", b"/nowhere", b"/", b"*", b"open/",
        b"http://localhost/open/", b"localhost:80", b"/__oauth__/x", b"/open/\x7f", b"/open/ a", b"/open/\ta",
        b'/open/?<>"{}|^`', b"/open/<>", b"/open/" + b"a" * 300,
    ]
)  # fmt: skip
_VERSIONS = st.sampled_from(
    [b"HTTP/1.1"] * 14 + [b"HTTP/1.0"] * 3
    + [b"HTTP/1.2", b"HTTP/0.9", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"HTTP/1.10", b"HTTP/1,1", b"ICE/1.1", b""]
)  # fmt: skip

_NAME = st.sampled_from([
    b"Accept", b"X-Tag", b"x_tag", b"X-Forwarded-For", b"X-Forwarded-Access-Token", b"X_Forwarded_User", b"Proxy",
    b"Te", b"Trailer", b"Keep-Alive", b"X-Ta\xe9", b"X-@", b"X Tag", b"", b"X-Tag\t", b"Accept ",
])  # fmt: skip
_VALUE = st.sampled_from([
    b"", b" ", b"a", b"a b", b"\ta\t", b"\xe9", b"a\x00b", b"a\x01b", b"a\x7f", b"a\rb", b"a\nb", b"a\r\n b", b"a:b",
    b'"a, b"', b"x" * 300,
])  # fmt: skip
_LINES = st.sampled_from([
    _COOKIE, b"Cookie: other=1", b"Connection: close", b"Connection: keep-alive", b"Connection: X-Tag",
    b"Connection: close, X-Tag", b"Connection: Content-Length", b"Connection: Host, Transfer-Encoding", b"Host: localhost",
    b"Host: evil", b"Upgrade: h2c", b"Connection: Upgrade\r\nUpgrade: h2c", b"Connection: Upgrade\r\nUpgrade: websocket",
    b"Expect: 100-continue", b"Expect: 200-ok", b"Expect: 100-continue\r\nExpect: 100-continue", b"Origin: http://evil",
    b"Origin: http://localhost", b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 05", b"Content-Length: +5",
    b"Content-Length: -5", b"Content-Length: 5,5", b"Content-Length: 5, 6", b"Content-Length: 0x5", b"Content-Length: 5 5",
    b"Content-Length:", b"Content-Length: 1_0", b"Content-Length: \xb2", b"Content-Length : 5", b"Content_Length: 5",
    b"Content-Length: 99999999999999999999", b"Content-Length: 18446744073709551621", b"Content-Length:\t5\t",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: CHUNKED",
    b"Transfer-Encoding:\tchunked", b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding : chunked",
    b"Transfer_Encoding: chunked", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding:", b"Transfer-Encoding: chunked;a",
    b"Transfer-Encoding\n: chunked", b" Transfer-Encoding: chunked", b"X:a\n\nGET /open/ HTTP/1.1",
    b"TE: trailers", b'Transfer-Encoding: "chunked"', b'Content-Length: "5"', b"Content-Encoding: gzip",
])  # fmt: skip
_FREE = st.builds(lambda name, value: name + b": " + value, _NAME, _VALUE)

_PIECE = st.sampled_from(
    [b"a", b"hello", b"x" * 17, b"\r\n\r\n", b"GET /sales/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"0\r\n\r\n"]
)
_SIZES = st.sampled_from(
    [None] * 20
    + [b"%X", b"0%x", b"%x ", b" %x", b"%x;a=b", b"%x;a", b'%x;a="b"', b"+%x", b"0x%x", b"%x\t", b"%x;\na", b"%x;\x00", b"-%x", b"_%x",
       b"1%x", b"ffffffffffffffff%x", b"00000000000000000%x", b"%x;a\r"]
)  # fmt: skip
_AFTER = st.sampled_from([b"\r\n"] * 20 + [b"\n", b"\r", b"", b"\r\n\r\n", b"xx"])
_LAST = st.sampled_from(
    [b"0\r\n\r\n"] * 12
    + [b"0\r\nX-Trailer: a\r\n\r\n", b"0\r\nContent-Length: 3\r\n\r\n", b"0\n\n", b"0\r\n", b"", b"00\r\n\r\n", b"0;a=b\r\n\r\n",
       b"0\r\nX Bad: a\r\n\r\n", b"0\r\n\r\nX"]
)  # fmt: skip


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """Return a chunked body, mostly a right one."""
    body = b""
    for piece in draw(st.lists(_PIECE, max_size=3)):
        size = draw(_SIZES) or b"%x"
        body += size.replace(b"%x", b"%x" % len(piece)).replace(b"%X", b"%X" % len(piece))
        body += draw(_AFTER) + piece + draw(_AFTER)
    return body + draw(_LAST)


@st.composite
def request(draw: st.DrawFn) -> bytes:
    """Return one request."""
    lines = [draw(_METHODS) + b" " + draw(_TARGETS) + b" " + draw(_VERSIONS)]
    lines += draw(st.sampled_from([[b"Host: localhost"]] * 10 + [[], [b"Host:"], [b"host: LOCALHOST"], [b"Host: a b"]]))
    if draw(st.booleans()):
        lines.append(_COOKIE)
    lines += draw(st.lists(_LINES | _FREE, max_size=3))
    match draw(st.sampled_from(["none", "none", "length", "length", "chunked", "chunked", "wrong", "both"])):
        case "length":
            body = draw(_PIECE)
            lines.append(b"Content-Length: %d" % len(body))
        case "chunked":
            body = draw(chunked())
            lines.append(b"Transfer-Encoding: chunked")
        case "wrong":
            body = draw(_PIECE)
            lines.append(b"Content-Length: %d" % max(0, len(body) + draw(st.integers(-3, 3))))
        case "both":
            body = draw(chunked())
            both = [b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(body)]
            lines += both if draw(st.booleans()) else reversed(both)
        case _:
            body = b""
    ending = draw(st.sampled_from([b"\r\n"] * 30 + [b"\n", b"\r", b"\r\r\n"]))
    return b"\r\n".join(lines) + ending + b"\r\n" + body


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """Change up to three places of a message: a byte put in, taken out or replaced, a piece doubled or dropped."""
    data = bytearray(whole)
    odd = st.sampled_from(list(b'\r\n\t \x00\x0b\x0c\x7f\x80\xff:;,=/%#?0159aAf-_+"')) | st.integers(0, 255)
    for _ in range(draw(st.integers(1, 3))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["insert", "delete", "replace", "double", "drop"])):
            case "insert":
                data.insert(at, draw(odd))
            case "delete":
                del data[at]
            case "replace":
                data[at] = draw(odd)
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case _:
                del data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


@st.composite
def request_streams(draw: st.DrawFn) -> bytes:
    """Return what one viewer sends on one connection."""
    stream = b"".join(draw(st.lists(request(), min_size=1, max_size=3 if draw(st.integers(0, 4)) == 0 else 1)))
    return draw(mutated(stream)) if draw(st.integers(0, 2)) == 0 else stream


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Return the segments in which ``data`` arrives: one, some, or a byte each."""
    match draw(st.sampled_from(["one", "one", "some", "bytes"])):
        case "one":
            return [data]
        case "bytes" if len(data) < 400:
            return [data[at : at + 1] for at in range(len(data))]
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True) if begin < end]


# — answers ————————————————————————————————————————————————————————————————————————————————————————

_STATUS = st.sampled_from(
    [b"HTTP/1.1 200 OK"] * 12
    + [b"HTTP/1.1 404 Not Found", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"] * 2
    + [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 99 Low", b"HTTP/1.1 1000 High", b"HTTP/1.1 600 Odd", b"HTTP/2 200 OK",
       b"HTTP/1.2 200 OK", b"HTTP/1.1  200 OK", b"http/1.1 200 OK", b"HTTP/1.1 200 O\xe9", b"HTTP/1.1 200 O\x00K", b"ICY 200 OK",
       b"HTTP/1.1 2x0 OK", b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 100 Continue", b"HTTP/1.1 205 Reset", b""]
)  # fmt: skip
_INTERIM = st.sampled_from(
    [b""] * 8
    + [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n",
       b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 20, b"\r\n"]
)  # fmt: skip
_ANSWER_LINES = st.sampled_from([
    b"Set-Cookie: a=b; Path=/", f"Set-Cookie: {NAMES.session}=eve".encode(), b"Connection: close", b"Connection: keep-alive",
    b"Connection: X-Tag", b"Location: http://content.internal/x", b"Content-Type: text/html", b"Server: s", b"Keep-Alive: 5",
    b"Upgrade: h2c", b"Connection: Upgrade\r\nUpgrade: h2c", b"Oauth-Sidecar-Reason: x", b"X-Forwarded-User: eve",
    b"Clear-Site-Data: *", b"Content-Encoding: gzip", b"Trailer: X", b"Content-Length: 0", b"Content-Length: 3",
    b"Content-Length: +3", b"Content-Length: -3", b"Content-Length: 3,3", b"Content-Length:", b"Content-Length: 0x3",
    b"Content-Length: 3 3", b"Content-Length : 3", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\tChunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding:",
    b"X: a\r\n b", b"X: a\x00b", b"X: a\nb", b"X: a\rb", b": a", b"X a", b"X\xe9: a",
])  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bool]:
    """Return what a content writes for one request, and whether it closes the connection then."""
    lines = [draw(_STATUS), *draw(st.lists(_ANSWER_LINES | _FREE, max_size=3))]
    match draw(st.sampled_from(["none", "length", "length", "length", "chunked", "chunked", "wrong", "both", "close"])):
        case "length":
            body = draw(_PIECE)
            lines.append(b"Content-Length: %d" % len(body))
        case "chunked":
            body = draw(chunked())
            lines.append(b"Transfer-Encoding: chunked")
        case "wrong":
            body = draw(_PIECE)
            lines.append(b"Content-Length: %d" % max(0, len(body) + draw(st.integers(-3, 3))))
        case "both":
            body = draw(chunked())
            lines += [b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(body)]
        case "close":
            body = draw(_PIECE)
        case _:
            body = b""
    whole = draw(_INTERIM) + b"\r\n".join(lines) + b"\r\n\r\n" + body
    if draw(st.integers(0, 2)) == 0:
        whole = draw(mutated(whole))
    return whole, draw(st.booleans())
