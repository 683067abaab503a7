"""Where an authorization server listens and what it announces, in the names of RFC 8414 §2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TENANT = "{tid}"
"""Stands in an issuer for the tenant that a token names in its claim ``tid``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServer:
    """One authorization server; ``None`` is an endpoint that it does not have, or that nobody told us."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str | None = None
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None
    """Where people sign out of the server itself (OpenID Connect RP-Initiated Logout 1.0 §2)."""
    jwks_uri: str | None = None
    """Where its signing keys are; ``None``: its ID tokens cannot be verified, and are not looked at."""
    issuer: str | None = None
    """Compared with ``iss`` of callbacks and ID tokens byte for byte; ``None``: not known, nothing is compared.

    May contain :data:`TENANT`: then one server speaks for many tenants, and only ``tenants`` are believed."""
    issuer_aliases: tuple[str, ...] = ()
    """What else it calls itself in ID tokens (Google: without scheme)."""
    tenants: frozenset[str] = frozenset()
    iss_in_response_supported: bool = False
    """``authorization_response_iss_parameter_supported`` (RFC 9207 §3): a callback without ``iss`` is refused."""
    id_token_signing_alg_values_supported: frozenset[str] = frozenset()
    """Empty: not said, any that we take."""
    token_endpoint_auth_methods_supported: frozenset[str] = frozenset()
    """Empty: not said."""

    def is_issuer(self, iss: str, *, tenant: str | None) -> bool:
        """Say whether a token from ``iss`` is of this server, and of a tenant that may sign in here."""
        if self.issuer is None:
            return False
        if TENANT not in self.issuer:
            return iss == self.issuer or iss in self.issuer_aliases
        return tenant in self.tenants and iss == self.issuer.replace(TENANT, tenant or "")

    def is_response_issuer(self, iss: str) -> bool:
        """Say whether a callback with this ``iss`` is of this server (RFC 9207 §2.4); of many tenants, one that may."""
        if self.issuer is None or TENANT not in self.issuer:
            return iss == self.issuer
        return iss in {self.issuer.replace(TENANT, tenant) for tenant in self.tenants}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undiscovered:
    """An authorization server of which only the issuer is known: the rest is in a document there (``discovery``)."""

    issuer: str
    origins: frozenset[str] = frozenset()
    """Where else its endpoints may be: ``https://host[:port]``. The issuer's own origin is always one."""
    issuer_aliases: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Endpoints that the administrator wrote down, by their names in RFC 8414: they go before the document's."""
