"""How we prove to an authorization server who we are (RFC 6749 §2.3).

Ours instead of authlib's ``ClientAuth``, which puts the halves of Basic on the wire raw (in Latin-1 only): RFC 6749 §2.3.1
wants them form-encoded first, and Snowflake answers ``invalid_client`` otherwise.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never
from urllib.parse import quote_plus, urlencode

from proxy.oauth.message import OutboundRequest


class ClientAuthMethod(StrEnum):
    """Names of the OAuth Token Endpoint Authentication Methods registry (RFC 7591 §2)."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105  # the name of a method
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105  # the name of a method
    NONE = "none"
    """A public client: PKCE alone ties the code to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are at one authorization server."""

    client_id: str
    client_secret: str | None = field(repr=False)
    auth_method: ClientAuthMethod

    def __post_init__(self) -> None:
        if self.client_secret is None and self.auth_method is not ClientAuthMethod.NONE:
            raise ValueError(f"{self.auth_method.value} needs a client secret")


def authenticate(client: Client, pairs: Sequence[tuple[str, str]]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return headers and form pairs that carry exactly one proof.

    With Basic the body names no client: Databricks and Snowflake refuse two mechanisms in one request.
    """
    identified = [*pairs, ("client_id", client.client_id)]
    secret = client.client_secret or ""
    match client.auth_method:
        case ClientAuthMethod.CLIENT_SECRET_BASIC:
            halves = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
            return {"Authorization": "Basic " + b64encode(halves.encode()).decode()}, list(pairs)
        case ClientAuthMethod.CLIENT_SECRET_POST:
            return {}, [*identified, ("client_secret", secret)]
        case ClientAuthMethod.NONE:
            return {}, identified
        case _ as unknown:
            assert_never(unknown)


def authenticated_form(url: str, client: Client, pairs: Sequence[tuple[str, str]]) -> OutboundRequest:
    """Return the POST of a form to an endpoint that wants to know who asks."""
    headers, form = authenticate(client, pairs)
    return OutboundRequest(
        method="POST",
        url=url,
        headers={**headers, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        body=urlencode(form).encode(),
    )
