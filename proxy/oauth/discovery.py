"""Ask an authorization server where its endpoints are (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).

The document is believed about its own server only: its ``issuer`` is the configured one byte for byte (§4.3), and every
endpoint is on the issuer's origin, or on one that the recipe or the administrator names. Otherwise one server's document
could have our codes and secrets sent to another one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.oauth.message import OutboundRequest, OutboundResponse
from proxy.oauth.metadata import AuthorizationServer, Undiscovered
from proxy.oauth.origins import secure_origin
from proxy.oauth.text import json_object

MAX_NAMES = 100
"""Values of a list that are looked at."""

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
_REQUIRED = frozenset({"authorization_endpoint", "token_endpoint"})


@dataclass(frozen=True, slots=True)
class MetadataRefused:
    """The document is not to be believed, or says too little."""

    because: str
    """A constant word: ``unreadable``, ``issuer``, or the member that is missing or elsewhere."""


def discovery_requests(issuer: str) -> tuple[OutboundRequest, OutboundRequest]:
    """Return the two requests for the document, the likelier one first; the second after anything but 200."""
    base = issuer.rstrip("/")
    parts = urlsplit(base)
    inserted = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
    return _get(f"{base}/.well-known/openid-configuration"), _get(inserted)


def parse_metadata(response: OutboundResponse, wanted: Undiscovered) -> AuthorizationServer | MetadataRefused:
    """Read the document of ``wanted``; what the administrator gave goes before what it says. Never raises."""
    members = json_object(response.body)
    if members is None:
        return MetadataRefused("unreadable")
    if members.get("issuer") != wanted.issuer:
        return MetadataRefused("issuer")
    origins = {secure_origin(wanted.issuer), *map(secure_origin, wanted.origins)}
    endpoints: dict[str, str | None] = {}
    for name in _ENDPOINTS:
        said = members.get(name)
        if name in wanted.given:
            endpoints[name] = wanted.given[name]
        elif said is None and name not in _REQUIRED:
            endpoints[name] = None
        elif isinstance(said, str) and (origin := secure_origin(said)) is not None and origin in origins:
            endpoints[name] = said
        else:
            return MetadataRefused(name)
    return AuthorizationServer(
        revocation_endpoint=_further("revocation_endpoint", members, wanted, origins),
        end_session_endpoint=_further("end_session_endpoint", members, wanted, origins),
        authorization_endpoint=endpoints["authorization_endpoint"] or "",
        token_endpoint=endpoints["token_endpoint"] or "",
        userinfo_endpoint=endpoints["userinfo_endpoint"],
        jwks_uri=endpoints["jwks_uri"],
        issuer=wanted.issuer,
        issuer_aliases=wanted.issuer_aliases,
        iss_in_response_supported=members.get("authorization_response_iss_parameter_supported") is True,
        id_token_signing_alg_values_supported=_names(members, "id_token_signing_alg_values_supported"),
        token_endpoint_auth_methods_supported=_names(members, "token_endpoint_auth_methods_supported"),
    )


def _further(
    name: str, members: Mapping[str, object], wanted: Undiscovered, origins: Collection[str | None]
) -> str | None:
    """Return an endpoint that no sign-in hangs on; one on another origin is left out."""
    said = members.get(name)
    is_here = isinstance(said, str) and (origin := secure_origin(said)) is not None and origin in origins
    return wanted.given.get(name) or (str(said) if is_here else None)


def _names(members: Mapping[str, object], name: str) -> frozenset[str]:
    said = members.get(name)
    return frozenset(one for one in said[:MAX_NAMES] if isinstance(one, str)) if isinstance(said, list) else frozenset()


def _get(url: str) -> OutboundRequest:
    return OutboundRequest(method="GET", url=url, headers={"Accept": "application/json"})
