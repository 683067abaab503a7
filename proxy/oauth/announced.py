"""What an authorization server's document promises beside its endpoints (RFC 8414 §2): for whoever checks a registration.

Nothing at run time depends on it: servers do more than they announce, and some announce more than they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.oauth.discovery import MAX_NAMES
from proxy.oauth.text import is_visible_ascii, json_object, one_line

MAX_ISSUER_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Each list is ``None`` when the document does not have it; an absent list says nothing."""

    issuer: str = ""
    scopes: frozenset[str] | None = None
    grant_types: frozenset[str] | None = None
    code_challenge_methods: frozenset[str] | None = None


def announced(body: bytes) -> Announced:
    """Read a document; never raises, what cannot be read says nothing."""
    members = json_object(body) or {}
    return Announced(
        issuer=one_line(members.get("issuer"), MAX_ISSUER_CHARS),
        scopes=_names(members, "scopes_supported"),
        grant_types=_names(members, "grant_types_supported"),
        code_challenge_methods=_names(members, "code_challenge_methods_supported"),
    )


def _names(members: Mapping[str, object], name: str) -> frozenset[str] | None:
    said = members.get(name)
    if not isinstance(said, list) or len(said) > MAX_NAMES:
        return None
    return frozenset(one for one in said if isinstance(one, str) and is_visible_ascii(one))
