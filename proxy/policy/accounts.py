"""Whether a viewer who consents again does so with the account at the provider that they used before."""

from __future__ import annotations

from enum import Enum

from proxy.model import Identity


class AccountChange(Enum):
    """What is known of the account of a new grant, beside the one that it replaces."""

    NONE = "none"
    """The same, or there is nothing to compare with."""
    OTHER = "other"
    UNKNOWN = "unknown"
    """The provider did not say this time whose grant it is."""


def account_change(before: Identity | None, now: Identity | None) -> AccountChange:
    """Compare by the provider's stable key; both are of the same client at the same server."""
    if before is None:
        return AccountChange.NONE
    if now is None:
        return AccountChange.UNKNOWN
    return AccountChange.NONE if now.subject == before.subject else AccountChange.OTHER


def shown_name(account: Identity) -> str:
    """Return what an account is called towards its own viewer; ``""`` when the provider told nothing that people know."""
    return account.email or account.preferred_username or account.name
