"""What we add to a request for content: who the viewer is, their tokens, and where the request came from.

Values are checked when the block is built, once per viewer and content, and written as they are on every request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from proxy.model import HeaderRules, Identity, Secret
from proxy.policy.header_names import ACCESS_TOKEN, CONNECT_NAMES, SESSION_TOKEN, name_for, token_header

MAX_TOKEN_CHARS = 16 * 1024
"""A longer token is not injected (content's own header limits are near); the exchange serves it."""

LONG_HEADER_BYTES = 7 * 1024
"""gunicorn refuses a header of 8,190 bytes; Werkzeug, Tornado, uvicorn and httpuv take 60 KB and more (measured)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedToken:
    """One integration's token on its way to the content."""

    slug: str
    access_token: Secret | None
    """``None``: the viewer declined; no header, and no other integration moves up into its place."""
    expires_at: int | None
    """Epoch seconds; ``None``: it does not expire."""


def header_block(
    *, session_token: str, tokens: Sequence[InjectedToken], identity: Identity | None, rules: HeaderRules
) -> bytes:
    """Return the lines for one viewer at one content, each with its CRLF, under the names that ``rules`` give.

    ``tokens``: in the order of the content's associations; the first also gets the header without a slug. Values are
    checked here, once, and written as they are on every request: a value with a control character is left out, a token
    that is not visible ASCII or is longer than 16 KiB too. Other text is percent-encoded UTF-8 (``%`` included, so that
    decoding always gives the original). An e-mail address is sent only when the authorization server verified it.
    """
    lines = [(SESSION_TOKEN, session_token if _is_injectable(session_token) else "")]
    for position, token in enumerate(tokens):
        value = token.access_token.reveal() if token.access_token is not None else ""
        if not _is_injectable(value):
            continue
        lines.append((token_header(token.slug), value))
        if position == 0:
            lines.append((ACCESS_TOKEN, value))
            lines.append((f"{ACCESS_TOKEN}-Expires", "" if token.expires_at is None else str(token.expires_at)))
    if identity is not None:
        lines += [
            ("X-Forwarded-User", _encoded(identity.subject)),
            ("X-Forwarded-Email", _encoded(identity.email) if identity.email_verified else ""),
            ("X-Forwarded-Preferred-Username", _encoded(identity.preferred_username)),
            ("X-Forwarded-Groups", ",".join(filter(None, (_encoded(group, ",") for group in identity.groups)))),
            *((name, _connect_credentials(identity)) for name in CONNECT_NAMES),
        ]
    named = [(name_for(rules, name), value) for name, value in lines if value]
    return "".join(f"{name}: {value}\r\n" for name, value in named if name is not None).encode("ascii")


def long_headers(block: bytes) -> list[str]:
    """Return the names in a header block whose lines some servers of content refuse (7 KiB and more)."""
    lines = [line for line in block.split(b"\r\n") if len(line) >= LONG_HEADER_BYTES]
    return [line.partition(b":")[0].decode("ascii") for line in lines]


def forwarded_headers(
    *, client: str, host: bytes, proto: bytes, prefix: bytes | None, trusted_for: bytes | None
) -> bytes:
    """Return the ``X-Forwarded-*`` lines, each with its CRLF.

    ``client``: the peer's address, empty for a Unix socket. ``prefix``: the content's path when it was stripped (its last
    slash is not sent), else ``None``. ``trusted_for``: the ``X-Forwarded-For`` that a trusted proxy sent.
    """
    lines = b"X-Forwarded-Host: %b\r\nX-Forwarded-Proto: %b\r\n" % (host, proto)
    if client:
        address = client.encode("ascii")
        lines += b"X-Forwarded-For: %b\r\n" % (trusted_for + b", " + address if trusted_for else address)
    elif trusted_for:
        lines += b"X-Forwarded-For: %b\r\n" % trusted_for
    if prefix and prefix != b"/":
        lines += b"X-Forwarded-Prefix: %b\r\n" % prefix.removesuffix(b"/")
    return lines


def _connect_credentials(identity: Identity) -> str:
    """Return ``{"user": …, "groups": […]}`` as ASCII JSON; empty without a verified e-mail address.

    Apps decide by ``user``, and a preferred user name is one that people can choose at some providers.
    """
    if not identity.email_verified or not identity.email:
        return ""
    text = json.dumps({"user": identity.email, "groups": list(identity.groups)}, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f")  # the one control character that JSON lets pass


def _is_injectable(token: str) -> bool:
    return 0 < len(token) <= MAX_TOKEN_CHARS and token.isascii() and token.isprintable() and " " not in token


_READABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def _encoded(text: str, separator: str = "") -> str:
    """Return a value that cannot leave its line; empty when it carries control characters (nobody's name does)."""
    text = text.strip(" ")
    if any(character < " " or character == "\x7f" for character in text):
        return ""
    return quote(text, safe=_READABLE.replace(separator, "") if separator else _READABLE, errors="replace")
