"""How we prove to an authorization server who we are (RFC 6749 §2.3, RFC 7523 §2.2).

Ours instead of authlib's ``ClientAuth``, which puts the halves of Basic on the wire raw (in Latin-1 only): RFC 6749 §2.3.1
wants them form-encoded first, and Snowflake answers ``invalid_client`` otherwise.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from urllib.parse import quote_plus, urlencode

from proxy.oauth.client_assertion import AssertionKey, client_assertion
from proxy.oauth.message import OutboundRequest

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientAuthMethod(StrEnum):
    """Names of the OAuth Token Endpoint Authentication Methods registry (RFC 7591 §2)."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105  # the name of a method
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105  # the name of a method
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"
    """A public client: PKCE alone ties the code to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are at one authorization server: with what its method needs, and nothing else."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    assertion_key: AssertionKey | None = None
    auth_method: ClientAuthMethod
    encodes_basic: bool = True
    """``False``: the halves of Basic go raw, for servers that do not decode them."""

    def __post_init__(self) -> None:
        needs_secret = self.auth_method in {
            ClientAuthMethod.CLIENT_SECRET_BASIC,
            ClientAuthMethod.CLIENT_SECRET_POST,
        }
        if needs_secret is (self.client_secret is None):
            raise ValueError(f"{self.auth_method.value} {'needs a' if needs_secret else 'has no'} client secret")
        needs_key = self.auth_method is ClientAuthMethod.PRIVATE_KEY_JWT
        if needs_key is (self.assertion_key is None):
            raise ValueError(f"{self.auth_method.value} {'needs a' if needs_key else 'has no'} private key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What is new in each request that names its client: an assertion is dated, and never used twice."""

    now: datetime
    jti: str
    """At least 128 bits of randomness, as printable ASCII."""


def authenticate(
    client: Client, pairs: Sequence[tuple[str, str]], once: Once
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return headers and form pairs that carry exactly one proof.

    With Basic the body names no client: Databricks and Snowflake refuse two mechanisms in one request.
    """
    identified = [*pairs, ("client_id", client.client_id)]
    secret = client.client_secret or ""
    match client.auth_method:
        case ClientAuthMethod.CLIENT_SECRET_BASIC:
            halves = [client.client_id, secret]
            written = ":".join(quote_plus(half) for half in halves) if client.encodes_basic else ":".join(halves)
            return {"Authorization": "Basic " + b64encode(written.encode()).decode()}, list(pairs)
        case ClientAuthMethod.CLIENT_SECRET_POST:
            return {}, [*identified, ("client_secret", secret)]
        case ClientAuthMethod.PRIVATE_KEY_JWT:
            assert client.assertion_key is not None, "the constructor saw to it"
            assertion = client_assertion(client.client_id, client.assertion_key, now=once.now, jti=once.jti)
            proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]
            return {}, [*identified, *proof]  # the id is for Entra; RFC 7521 §4.2 lets it be there
        case ClientAuthMethod.NONE:
            return {}, identified
        case _ as unknown:
            assert_never(unknown)


def authenticated_form(url: str, client: Client, pairs: Sequence[tuple[str, str]], once: Once) -> OutboundRequest:
    """Return the POST of a form to an endpoint that wants to know who asks."""
    headers, form = authenticate(client, pairs, once)
    return OutboundRequest(
        method="POST",
        url=url,
        headers={**headers, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        body=urlencode(form).encode(),
    )
