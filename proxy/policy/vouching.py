"""Who the viewer is, as a single sign-on proxy in front of us says it in headers of each request.

Its word counts only where nobody else can speak: on a Unix socket, or together with a shared secret in a header of its own.
A name is read in its one spelling and only when it comes once; every other spelling, and a header without the secret, is a
viewer's own, and never reaches content either (``names`` are taken out of all requests and answers).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy.model import Identity
from proxy.policy.headers import fold

Header = tuple[bytes, bytes]

MAX_CHARS = 1000
"""Of a name or an address: a longer one is nobody's."""

MAX_GROUPS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouching:
    """The names of the proxy's headers, in lower case; empty: it sends none."""

    user: bytes
    """The stable key of the person."""
    email: bytes = b""
    groups: bytes = b""
    """Separated by commas."""
    secret: bytes = b""
    secret_hash: bytes = field(default=b"", repr=False)
    """SHA-256 of the shared secret; empty: only the proxy can connect to us."""

    @property
    def names(self) -> frozenset[bytes]:
        """The folded names."""
        return frozenset(fold(name) for name in (self.user, self.email, self.groups, self.secret) if name)


def vouched(rule: Vouching, headers: Iterable[Header]) -> str | None:
    """Return who the proxy says the viewer is, as one line of ASCII for :func:`identity_of`; ``None``: it says nobody.

    The same person with the same address and groups gives the same line.
    """
    said = _said(rule, headers)
    if rule.secret_hash and not _is_secret(said.get(rule.secret), rule.secret_hash):
        return None
    user, email = _text(said.get(rule.user)), _text(said.get(rule.email, b""))
    groups = _text(said.get(rule.groups, b""))
    if not user or email is None or groups is None or max(len(user), len(email)) > MAX_CHARS:
        return None
    named = sorted({group.strip() for group in groups.split(",")[:MAX_GROUPS]} - {""})
    return json.dumps([user, email, named], separators=(",", ":"))


def identity_of(line: str) -> Identity:
    """Read what :func:`vouched` wrote."""
    user, email, groups = json.loads(line)
    return Identity(
        subject=user,
        email=email,
        email_verified=bool(email),
        preferred_username=user,
        groups=tuple(groups),
    )


def _said(rule: Vouching, headers: Iterable[Header]) -> dict[bytes, bytes | None]:
    """Return the proxy's headers by name; ``None`` for one that came twice."""
    wanted = {rule.user, rule.email, rule.groups, rule.secret} - {b""}
    said: dict[bytes, bytes | None] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in wanted:
            said[lower] = None if lower in said else value
    return said


def _is_secret(value: bytes | None, secret_hash: bytes) -> bool:
    return value is not None and hmac.compare_digest(hashlib.sha256(value.strip(b" \t")).digest(), secret_hash)


def _text(value: bytes | None) -> str | None:
    """Return printable text; ``None`` for what came twice, or nobody could show."""
    try:
        text = None if value is None else value.decode().strip(" \t")
    except UnicodeDecodeError:
        return None
    return text if text is not None and text.isprintable() else None
