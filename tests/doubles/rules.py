"""The rules by which an authorization server judges a request before it looks at any grant (RFC 6749, RFC 7636)."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from aiohttp import web

from tests.doubles.grants import GrantError, RegisteredClient
from tests.doubles.journal import Entry

SCOPES = frozenset({
    "openid", "profile", "email", "groups", "offline_access", "read", "write",
    "all-apis", "session:role:ANALYST", "refresh_token",
})  # fmt: skip
"""All that anybody may ask for; the last ones are Databricks' and Snowflake's."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def authenticate(entry: Entry, clients: Mapping[str, RegisteredClient]) -> RegisteredClient:
    """Exactly one mechanism, Basic halves form-decoded (RFC 6749 §2.3.1)."""
    if entry.method != "POST" or not is_form(entry):
        raise GrantError("invalid_request", "POST a form.", 405 if entry.method != "POST" else 400)
    names = Counter(name for name, _ in entry.pairs)
    if entry.leak_in_query or any(count > 1 for count in names.values()):
        raise GrantError("invalid_request", "A parameter is repeated, or in the query.")
    basic, body_secret = entry.basic_halves(), entry.value("client_secret")
    if basic is not None and body_secret is not None:
        entry.client_auth = "multiple"
        raise GrantError("invalid_request", "One way to authenticate is enough.")
    if basic is not None:
        entry.client_auth = "basic"
        client_id, secret = (unquote_plus(half) for half in basic)
    else:
        entry.client_auth = "none" if body_secret is None else "post"
        client_id, secret = entry.value("client_id") or "", body_secret or ""
    client = clients.get(client_id)
    if client is None or bool(client.secrets) != (entry.client_auth != "none"):
        raise GrantError("invalid_client", "Unknown client, or the wrong way to authenticate.", 401)
    known = client.secrets or [""]
    if not any(hmac.compare_digest(secret.encode(), right.encode()) for right in known):
        raise GrantError("invalid_client", "Wrong secret.", 401)
    return client


def is_form(entry: Entry) -> bool:
    media_type = (entry.header("Content-Type") or "").partition(";")[0]
    return media_type.strip().lower() == "application/x-www-form-urlencoded"


def authorization_problem(pairs: list[tuple[str, str]]) -> str | None:
    """RFC 6749 §4.1.2.1 and RFC 7636 §4.4.1: the error code of a faulty authorization request.

    Only ``resource`` may come more than once (RFC 8707 §2).
    """
    once = [name for name, _ in pairs if name != "resource"]
    asked = dict(pairs)
    if len(set(once)) != len(once):
        return "invalid_request"
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    challenge = asked.get("code_challenge")
    if challenge is not None and (asked.get("code_challenge_method") != "S256" or len(challenge) != 43):
        return "invalid_request"
    if not set(asked.get("scope", "").split()) <= SCOPES:
        return "invalid_scope"
    return None


def page(status: int, body: str) -> web.Response:
    text = f'<!doctype html><meta charset="utf-8"><title>Fake sign-in</title>{body}'
    return web.Response(status=status, text=text, content_type="text/html", headers=NO_STORE)


def query_of(url: str) -> dict[str, str]:
    """The query of an authorization URL or a callback URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
