"""The token endpoint: redeem a code, refresh, and read the answer (RFC 6749 §4.1.3, §5, §6).

Ours instead of authlib's client, which takes a 4xx object without ``error`` for a token, fails on ``"error": null``, drops
the refresh token when an answer has ``"refresh_token": null``, and loses status, Retry-After and error codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl

from proxy.oauth.authorization import AuthorizationCode
from proxy.oauth.client_auth import Client, Once, authenticated_form
from proxy.oauth.message import OutboundRequest, OutboundResponse
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.spans import MAX_REFRESH_TTL_S, MAX_TTL_S, retry_after_s, seconds, seconds_until
from proxy.oauth.text import is_visible_ascii, json_object, one_line

STANDARD_MEMBERS = frozenset({
    "access_token", "refresh_token", "token_type", "expires_in", "scope", "id_token",
    "refresh_token_expires_in", "refresh_expires_in", "error",
})  # fmt: skip

BOUND_TOKEN_TYPES = frozenset({"mac", "dpop", "pop", "n_a"})
"""Tokens that are worth nothing without a proof that content cannot give (RFC 6749 §7.1). Other odd words mean Bearer:
Slack says ``user`` and ``bot``."""

MAX_ERROR_CHARS = 200
MAX_DESCRIPTION_CHARS = 1000
MAX_FORM_FIELDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """Tokens (RFC 6749 §5.1)."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    """``None``: none in this answer; on a refresh the one that was sent stays in use."""
    token_type: str = "Bearer"  # noqa: S105  # a type, not a token
    ttl_s: float | None = None
    """Whole seconds, at most a year; ``None``: the answer does not say, or nothing that can be used."""
    refresh_ttl_s: float | None = None
    scope: str | None = None
    """As granted, separated by spaces; ``None``: not said, thus as requested."""
    id_token: str | None = field(default=None, repr=False)
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)
    """All other members (``username``, ``instance_url``, …), unchecked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenError:
    """Any answer that could be read and grants nothing; GitHub sends its errors with status 200."""

    status: int
    error: str
    """RFC 6749 §5.2; ``""`` when the answer names none."""
    description: str = ""
    """For operators and provider patterns; one line, foreign text."""
    retry_after_s: float | None = None
    claims: str | None = field(default=None, repr=False)
    """Entra's claims challenge."""
    error_codes: frozenset[int] = frozenset()
    """Entra's AADSTS numbers."""
    subtype: str = ""
    """Google's ``error_subtype``, Entra's ``suberror``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Neither a JSON object nor a form: the page of a proxy, or no body."""

    status: int
    retry_after_s: float | None = None


def code_request(
    server: AuthorizationServer,
    client: Client,
    *,
    code: AuthorizationCode,
    redirect_uri: str,
    code_verifier: str | None,
    scope: str | None = None,
    once: Once,
) -> OutboundRequest:
    """Return the request that redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.5); to be sent once, codes are single-use.

    ``scope`` is Entra's: which resource the first access token is for.
    """
    pairs = [("grant_type", "authorization_code"), ("code", code.value), ("redirect_uri", redirect_uri)]
    if code_verifier is not None:
        pairs.append(("code_verifier", code_verifier))
    return _token_request(server, client, pairs, scope, once)


def refresh_request(
    server: AuthorizationServer, client: Client, *, refresh_token: str, scope: str | None, once: Once
) -> OutboundRequest:
    """Return the request for new tokens (RFC 6749 §6); without ``scope`` the server grants what it granted before."""
    pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)]
    return _token_request(server, client, pairs, scope, once)


def client_credentials_request(
    server: AuthorizationServer, client: Client, *, scope: str | None, extra: Sequence[tuple[str, str]] = (), once: Once
) -> OutboundRequest:
    """Return the request for a token of the client itself (RFC 6749 §4.4.2). A refresh token in the answer is nobody's:
    §4.4.3.
    """
    return _token_request(server, client, [("grant_type", "client_credentials"), *extra], scope, once)


def parse_token_response(response: OutboundResponse, *, now: datetime) -> TokenResponse | TokenError | Unreadable:
    """Read an answer of the token endpoint; never raises. ``now`` turns dates in it into spans."""
    wait_s = retry_after_s(response.headers, now=now)
    members = json_object(response.body)
    if members is None:
        members = _form(response)
    if members is None:
        return Unreadable(status=response.status, retry_after_s=wait_s)
    token_type = one_line(members.get("token_type"), MAX_ERROR_CHARS) or "Bearer"
    access_token = None if token_type.lower() in BOUND_TOKEN_TYPES else _token(members.get("access_token"))
    if not 200 <= response.status < 300 or members.get("error") or access_token is None:
        return _error(response.status, members, wait_s)
    return TokenResponse(
        access_token=access_token,
        refresh_token=_token(members.get("refresh_token")),
        token_type=token_type,
        ttl_s=_ttl_s(members, now),
        refresh_ttl_s=seconds(members.get("refresh_token_expires_in"), limit_s=MAX_REFRESH_TTL_S)
        or seconds(members.get("refresh_expires_in"), limit_s=MAX_REFRESH_TTL_S),
        scope=_scope(members.get("scope")),
        id_token=_token(members.get("id_token")),
        extra={name: value for name, value in members.items() if name not in STANDARD_MEMBERS},
    )


def _token_request(
    server: AuthorizationServer, client: Client, pairs: list[tuple[str, str]], scope: str | None, once: Once
) -> OutboundRequest:
    return authenticated_form(server.token_endpoint, client, [*pairs, *([("scope", scope)] if scope else [])], once)


def _form(response: OutboundResponse) -> Mapping[str, object] | None:
    """Read ``a=b&c=d``: GitHub's answer to those who do not ask for JSON; a web page is not mistaken for one."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in {"application/x-www-form-urlencoded", "text/plain"}:
        return None
    try:
        pairs = parse_qsl(response.body.decode("utf-8"), max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return None
    members: dict[str, object] = dict(pairs)
    is_answer = "access_token" in members or "error" in members
    return members if is_answer and len(members) == len(pairs) else None


def _error(status: int, members: Mapping[str, object], wait_s: float | None) -> TokenError:
    named = members.get("error") or members.get("errorCode")  # Okta's and Databricks' gateways
    text = members.get("error_description") or members.get("message") or members.get("errorSummary")
    claims, codes = members.get("claims"), members.get("error_codes")
    return TokenError(
        status=status,
        error=one_line(named, MAX_ERROR_CHARS),
        description=one_line(text, MAX_DESCRIPTION_CHARS),
        retry_after_s=wait_s,
        claims=claims if isinstance(claims, str) and claims and claims.isprintable() else None,
        error_codes=frozenset(code for code in codes if type(code) is int) if isinstance(codes, list) else frozenset(),
        subtype=one_line(members.get("error_subtype") or members.get("suberror"), MAX_ERROR_CHARS),
    )


def _token(value: object) -> str | None:
    """Return a token that can stand in a header; null, "" and other types count as absent."""
    return value if isinstance(value, str) and is_visible_ascii(value) else None


def _ttl_s(members: Mapping[str, object], now: datetime) -> float | None:
    """Prefer the span; else an instant: ``expires_on`` (ADFS, Entra v1) or ``expires_at``.

    Not done: ``exp`` of an access token that looks like a JWT; its content is between the server and its API.
    """
    return (
        seconds(members.get("expires_in"), limit_s=MAX_TTL_S)
        or seconds_until(members.get("expires_on"), now=now)
        or seconds_until(members.get("expires_at"), now=now)
    )


def _scope(value: object) -> str | None:
    """Return the granted scope, also from a list; ``""`` (GitHub Apps) says nothing."""
    words = value if isinstance(value, list) else [value]
    return one_line(" ".join(word for word in words if isinstance(word, str)), 16 * 1024) or None
