"""Where readers of HTTP differ, and why that is right: a difference outside these tables fails the tests."""

from __future__ import annotations

POLICY = {
    "backslash": "frameworks and browsers read it as a slash",
    "broken-escape": "what decodes to nothing is decoded differently by everybody",
    "content-length": "digits and nothing else: a trailing tab is allowed by RFC 9110 and sent by nobody",
    "dot-segment": "the content would resolve it to a path that we did not route",
    "empty-first-segment": "a host to whoever joins URLs",
    "expectation unknown": "RFC 9110 §10.1.1 allows 417",
    "fragment": "never part of a target (RFC 9112 §3.2); nginx and aiohttp cut it off",
    "header repeated": "a header that decides something is not chosen from",
    "host missing": "an empty Host names nobody",
    "method forbidden": "CONNECT and TRACE have no meaning behind a gateway",
    "method unknown": "llhttp knows methods that no content here serves",
    "not-origin-form": "absolute-form would name a second host",
    "nul": "ends the string in half of all servers",
    "overlong-utf8": "hides a dot or a slash",
    "too many headers": "the limit is ours",
    "transfer-encoding in HTTP/1.0": "RFC 9112 §6.1: a sign of smuggling; aiohttp reads it all the same",
    "transfer-encoding unknown": "only chunked is framed by us",
    "two framings": "RFC 9112 §6.3: a sign of smuggling",
    "unprintable": "no byte beyond visible ASCII in a target (RFC 9112 §3.2); nginx passes it on",
    "upgrade refused": "only a whole WebSocket handshake may change the protocol",
    "version": "only 1.0 and 1.1 are read here",
}
"""Reasons of ours to refuse what another reads."""

AIOHTTP_READS = {
    rb"(?i)\r\ntransfer-encoding:[ \t]*\r\n": "an empty Transfer-Encoding is none to aiohttp",
}
"""What llhttp refuses for us and aiohttp's reads, as patterns."""

STRICT_REFUSES_WE_READ = {
    "empty line": "a line before the request, or a stray CR, is passed over (RFC 9112 §2.2); the head is written anew",
    "spaces": "llhttp passes over more than one space in the request line; the head is written anew with one",
    "preface": "llhttp waits for the rest of an HTTP/2 preface, until the time for a head is up; nobody is dialled",
}

MALFORMED_TO_US_ALONE = {
    "method": "llhttp knows a list of methods, RFC 9110 any token",
    "chunk extension": "llhttp takes no blank in front of its name (RFC 9112 §7.1.1 calls it bad); nobody sends extensions",
    "target": "llhttp takes the four forms of RFC 9112 §3.2 only; the strict reader leaves that to who routes",
}

NGINX_READS = {
    "method": "nginx takes every upper-case method",
    "bare LF": "nginx ends a line at LF (RFC 9112 §2.2 allows it)",
    "bare CR": "nginx takes CR inside a line of no meaning to it",
    "field line": "nginx leaves out a field that it cannot read, and goes on (ignore_invalid_headers)",
    "request line": "nginx takes spaces and odd bytes around the target, and versions above 1.1 as 1.1",
    "chunk size": "nginx takes odd chunk extensions",
    "chunk end": "nginx ends a chunk at LF alone",
    "content-length": "nginx reads a length of its own kind",
    "transfer-encoding": "nginx compares the value only",
    "two framings": "nginx prefers chunked",
    "host": "nginx takes the first of several, or none",
    "transfer-encoding in HTTP/1.0": "nginx reads it",
    "framing in a trailer": "nginx passes over trailers",
}
"""What llhttp refuses and nginx does not, by what the strict reader says of it."""

OTHERS_REFUSE = {
    ("aiohttp", "behind HTTP/1.0"): "bytes behind the last request of a connection; we answer that request and close",
    ("aiohttp", "url"): "aiohttp parses the target as a URL; we forward its bytes",
    ("nginx", "behind the path"): "nginx resolves targets; contents get ours as they were",
    ("nginx", "line"): "nginx takes no stray CR before a request",
    ("nginx", "host"): "nginx judges the Host; a foreign one is answered by our application",
    ("nginx", "field"): "nginx judges some fields itself",
}

ANSWERS_WE_REFUSE = {
    "101": "nobody asked for it",
    "endless interim": "sixteen are enough",
    "framing of nothing": "two framings, or an odd one, where no body may be: the content is confused",
}
"""Answers that the strict reader reads and we do not pass on."""

ANSWERS_STRICT_REFUSES = {
    "empty line": "llhttp passes over an empty line before the status line; the head is written anew",
    "no reason": "a status line may end behind the status: many write it so, and nothing can be meant by it",
}
"""Answers that the strict reader does not read and we pass on, written anew."""

ANSWERS_NGINX_REFUSES: dict[str, str] = {
    "interim": "nginx 1.22 takes any 1xx for the final answer, or for a broken one",
}
"""Answers that we pass on and nginx does not."""
