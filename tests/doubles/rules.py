"""The rules by which an authorization server judges a request before it looks at any grant (RFC 6749, RFC 7636)."""

from __future__ import annotations

import hmac
from collections import Counter
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from aiohttp import web

from tests.doubles.assertions import Assertions
from tests.doubles.grants import GrantError, Grants, RegisteredClient
from tests.doubles.journal import Entry
from tests.doubles.profile import Profile

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def authenticate(entry: Entry, profile: Profile, grants: Grants, assertions: Assertions) -> RegisteredClient:
    """Exactly one mechanism; Basic halves form-decoded (RFC 6749 §2.3.1) unless the profile's are raw."""
    _check_form(entry)
    basic, body_secret, assertion = (
        entry.basic_halves(),
        entry.value("client_secret"),
        entry.value("client_assertion"),
    )
    proofs = [name for name, proof in (("basic", basic), ("post", body_secret), ("assertion", assertion)) if proof]
    named_twice = profile.basic_stands_alone and basic is not None and entry.value("client_id") is not None
    entry.client_auth = "multiple" if len(proofs) > 1 or named_twice else (proofs or ["none"])[0]
    if entry.client_auth == "multiple":
        raise GrantError("multiple_proofs")
    client_id, secret = entry.value("client_id") or "", body_secret or ""
    if basic is not None:
        client_id, secret = (unquote_plus(half) for half in basic) if profile.basic_encoding == "form" else basic
    elif profile.needs_client_id and not client_id:
        raise GrantError("no_client_id")
    client = grants.clients.get(client_id)
    if client is None:
        raise GrantError("unknown_client")
    _check_proof(client, entry, secret, assertion, assertions)
    return client


def _check_form(entry: Entry) -> None:
    if entry.method != "POST":
        raise GrantError("method")
    if not is_form(entry):
        raise GrantError("no_form")
    names = Counter(name for name, _ in entry.pairs)
    if entry.leak_in_query or any(count > 1 for count in names.values()):
        raise GrantError("repeated")


def _check_proof(
    client: RegisteredClient, entry: Entry, secret: str, assertion: str | None, assertions: Assertions
) -> None:
    if client.is_public:
        if entry.client_auth != "none":
            raise GrantError("secret_of_public_client")
    elif entry.client_auth == "none":
        raise GrantError("no_secret")
    elif assertion is not None:
        if problem := assertions.problem(assertion, client):
            entry.outcome = problem
            raise GrantError("wrong_assertion")
    elif not any(hmac.compare_digest(secret.encode(), right.encode()) for right in client.secrets):
        raise GrantError("wrong_secret")


def is_form(entry: Entry) -> bool:
    media_type = (entry.header("Content-Type") or "").partition(";")[0]
    return media_type.strip().lower() == "application/x-www-form-urlencoded"


def authorization_problem(pairs: list[tuple[str, str]], profile: Profile) -> str | None:
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
    if challenge is None and profile.requires_pkce:
        return "invalid_request"
    if challenge is not None and (asked.get("code_challenge_method") != "S256" or len(challenge) != 43):
        return "invalid_request"
    if not profile.is_scope(asked.get("scope", "").split()):
        return "invalid_scope"
    return None


def page(status: int, body: str) -> web.Response:
    text = f'<!doctype html><meta charset="utf-8"><title>Fake sign-in</title>{body}'
    return web.Response(status=status, text=text, content_type="text/html", headers=NO_STORE)


def query_of(url: str) -> dict[str, str]:
    """The query of an authorization URL or a callback URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
