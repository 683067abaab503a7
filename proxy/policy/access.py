"""Who may see a content: its access rule against the viewer's verified identity."""

from __future__ import annotations

from typing import assert_never

from proxy.model import Access, Anyone, Identity, Named, SignedIn, Viewer


def is_allowed(access: Access, viewer: Viewer) -> bool:
    """Say whether the rule lets the viewer in; a viewer without identity passes only rules that name nobody."""
    return admits(access, viewer.identity)


def admits(access: Access, identity: Identity | None) -> bool:
    """Say whether the rule lets in whoever this is."""
    match access:
        case Anyone() | SignedIn():
            return True
        case Named():
            return identity is not None and _is_named(access, identity)
        case _:
            assert_never(access)


def _is_named(rule: Named, identity: Identity) -> bool:
    if not rule.groups.isdisjoint(identity.groups):
        return True
    email = verified_email(identity)
    return email is not None and (email in rule.emails or email.partition("@")[2] in rule.domains)


def verified_email(identity: Identity) -> str | None:
    """Return the address in lower case, or ``None`` when it is not verified or could be read in two ways."""
    return plain_email(identity.email) if identity.email_verified is True else None


def plain_email(email: str) -> str | None:
    """Return the address in lower case, or ``None`` when it could be read in two ways.

    Only plain ASCII with one ``@``: ``"a@corp.example"@evil.example`` has two readings, and lower-casing folds some
    other letters (the Kelvin sign, for one) onto ASCII ones.
    """
    if not email.isascii() or not email.isprintable():
        return None
    local, at, domain = email.lower().partition("@")
    if not (local and at and domain) or "@" in domain or " " in email or '"' in email:
        return None
    return f"{local}@{domain}"
