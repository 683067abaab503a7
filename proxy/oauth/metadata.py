"""Where an authorization server listens and what it announces, in the names of RFC 8414 §2."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServer:
    """One authorization server; ``None`` is an endpoint that it does not have, or that nobody told us."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str | None = None
    issuer: str | None = None
    """Compared with ``iss`` of callbacks byte for byte; ``None``: not known, nothing is compared."""
    iss_in_response_supported: bool = False
    """``authorization_response_iss_parameter_supported`` (RFC 9207 §3): a callback without ``iss`` is refused."""
