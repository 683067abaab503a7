"""Whose account it is: where each kind of server says so, and how its words become an :class:`Identity`.

A recipe lists its sources in order; the names of claims are data. What cannot be stored and sent as it is, is left out: a
name that is missing lets nobody in, a cut or cleaned one would be somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from proxy.model import Identity

MAX_CLAIM_CHARS = 1000
MAX_GROUPS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """What the parts of an identity are called; OpenID Connect's standard claims (Core §5.1) unless said otherwise.

    A name is that of a member; where there is none, its dots lead into members and lists: ``emails.0.value``.
    """

    subject: tuple[str, ...] = ("sub",)
    """All are needed: together they are the stable key."""
    email: str = "email"
    email_verified: str = "email_verified"
    """``""``: nothing vouches for the address."""
    preferred_username: str = "preferred_username"
    name: str = "name"
    groups: str = "groups"


@dataclass(frozen=True, slots=True)
class FromIdToken:
    """The ID token, verified; where it is silent about e-mail or groups, userinfo adds them."""

    names: ClaimNames = ClaimNames()


@dataclass(frozen=True, slots=True)
class FromUserinfo:
    """The userinfo endpoint (Core §5.3)."""

    names: ClaimNames = ClaimNames()


@dataclass(frozen=True, slots=True)
class FromAnswer:
    """Members of the token answer beside the standard ones; refreshes may lack them."""

    names: ClaimNames


@dataclass(frozen=True, slots=True)
class FromResource:
    """A JSON object that the provider's own API gives for the access token."""

    url: str
    """Template over the fields."""
    names: ClaimNames


IdentitySource = FromIdToken | FromUserinfo | FromAnswer | FromResource


def identity_from(claims: Mapping[str, object], names: ClaimNames) -> Identity | None:
    """Read an identity; ``None`` without a usable subject, other oddities are left out."""
    keys = [_key(_at(claims, name)) for name in names.subject]
    if not all(keys) or any(":" in key for key in keys[:-1]):  # two pairs must never make one subject
        return None
    return Identity(
        subject=":".join(keys),
        email=_text(_at(claims, names.email)),
        email_verified=_is_true(_at(claims, names.email_verified)),
        preferred_username=_text(_at(claims, names.preferred_username)),
        name=_text(_at(claims, names.name)),
        groups=_groups(_at(claims, names.groups)),
    )


def is_complete(identity: Identity) -> bool:
    """Say whether a rule by e-mail or group can be judged without asking further."""
    return bool(identity.email and identity.groups)


def completed(identity: Identity, more: Identity) -> Identity:
    """Fill what ``identity`` leaves open from ``more``, which is of the same subject; an address comes with its word."""
    with_email = identity if identity.email else more
    return replace(
        identity,
        email=with_email.email,
        email_verified=with_email.email_verified,
        preferred_username=identity.preferred_username or more.preferred_username,
        name=identity.name or more.name,
        groups=identity.groups or more.groups,
    )


def _at(claims: Mapping[str, object], name: str) -> object:
    """Return what stands under the name (names may be web addresses, with dots), or else along its dots."""
    if name in claims:
        return claims[name]
    here: object = claims
    for step in name.split("."):
        if isinstance(here, list):
            here = here[int(step)] if step.isdecimal() and len(step) < 4 and int(step) < len(here) else None
        else:
            here = here.get(step) if isinstance(here, dict) else None
    return here


def _groups(value: object) -> tuple[str, ...]:
    names = [_text(group) for group in (value if isinstance(value, list) else [value])[:MAX_GROUPS]]
    return tuple(dict.fromkeys(name for name in names if name))


def _key(value: object) -> str:
    return _text(str(value) if type(value) is int else value)


def _is_true(value: object) -> bool:
    """Some servers send the word; a number is nobody's way to say it."""
    return value is True or value == "true"


def _text(value: object) -> str:
    """Return text that can be stored and sent; ``""`` for anything else (a cut key would be another key)."""
    if not isinstance(value, str) or len(value) > MAX_CLAIM_CHARS or not value.isprintable():
        return ""
    return value
