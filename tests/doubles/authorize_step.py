"""The authorization endpoint: judge the request, ask or decide, send the browser back (RFC 6749 §4.1.1, §4.1.2)."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from tests.doubles.grants import RegisteredClient
from tests.doubles.journal import Entry
from tests.doubles.rules import NO_STORE, authorization_problem, page

if TYPE_CHECKING:
    from tests.doubles.authorization_server import AuthorizationServer


async def authorize(server: AuthorizationServer, request: web.Request, entry: Entry) -> web.Response:
    # The consent page posts back to its own URL: the query is the authorization request both times.
    asked = dict(entry.query)
    client = server.grants.clients.get(asked.get("client_id", ""))
    redirect_uri = asked.get("redirect_uri", "")
    tenant, profile = request.match_info.get("tenant"), server.profile
    if tenant is not None and tenant not in profile.tenants:
        entry.outcome = "unknown tenant"
        return page(400, "There is no such directory.")
    if client is None or not profile.redirect_matches(redirect_uri, client.redirect_uris):
        entry.outcome = "unknown client or redirect_uri"
        return page(400, "This application is not registered here.")
    state = asked.get("state", "")
    if profile.max_state_chars is not None and (len(state) > profile.max_state_chars or not state.isascii()):
        entry.outcome = "state"
        return page(400, "The state is too long.")
    if problem := authorization_problem(entry.query, profile):
        entry.outcome = problem
        forgets_state = problem == "invalid_scope" and profile.forgets_state_on_invalid_scope
        return _back(server, redirect_uri, {} if forgets_state else asked, {"error": problem})
    if server.shows_consent_page and request.method == "GET":
        entry.outcome = "asked"
        return _consent_page(server, asked)
    return _decided(server, client, asked, entry)


def _decided(
    server: AuthorizationServer, client: RegisteredClient, asked: dict[str, str], entry: Entry
) -> web.Response:
    answered, redirect_uri = dict(entry.pairs), asked["redirect_uri"]
    default = answered.get("decision") or "approve"
    decision, _, detail = (server.decisions.popleft() if server.decisions else default).partition(":")
    user_id = answered.get("user") or entry.header("Person") or server.current_user
    entry.outcome = decision
    match decision:
        case "html_error":
            return page(200, "The sign-in service has a problem.")
        case "deny":
            denied = {"error": "access_denied", "error_description": "<b>The viewer said no</b>"}
            return _back(server, redirect_uri, asked, denied)
        case "deny_no_state":
            return _back(server, redirect_uri, {}, {"error": "access_denied"})
        case "error":
            failed = {"error": detail, "error_description": f"scripted {detail}"}
            return _back(server, redirect_uri, asked, failed)
    scope = detail if decision == "reduce_scope" else asked.get("scope", "")
    if not server.profile.denied_scopes.isdisjoint(scope.split()):
        return _back(server, redirect_uri, asked, {"error": "access_denied", "error_description": "Not this role."})
    user_id = detail if decision == "other_user" else user_id
    code = server.grants.new_code(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scope=scope,
        challenge=asked.get("code_challenge"),
        nonce=asked.get("nonce", ""),
        user_id=user_id,
        now=server.clock.now(),
        asked=asked,
    )
    if "claims" in asked:  # the claims challenge is answered: the person has shown what was wanted
        server.standing.pop(user_id, None)
    iss = {"wrong_iss": "https://other.example", "drop_iss": ""}.get(decision)
    return _back(server, redirect_uri, asked, {"code": code, **server.profile.callback_extras(scope)}, iss=iss)


def _back(
    server: AuthorizationServer,
    redirect_uri: str,
    asked: Mapping[str, str],
    answer: Mapping[str, str],
    *,
    iss: str | None = None,
) -> web.Response:
    """Redirect to the client; an existing query of ``redirect_uri`` stays."""
    state = {"state": asked["state"]} if "state" in asked else {}
    issuer = (server.issuer if server.profile.sends_iss else "") if iss is None else iss
    query = urlencode({**answer, **state} | ({"iss": issuer} if issuer else {}))
    separator = "&" if urlsplit(redirect_uri).query else "?"
    return web.Response(status=302, headers={"Location": f"{redirect_uri}{separator}{query}", **NO_STORE})


def _consent_page(server: AuthorizationServer, asked: Mapping[str, str]) -> web.Response:
    people = "".join(
        f'<button name="user" value="{user.id}">Continue as {html.escape(user.name)}</button>'
        for user in server.grants.users.values()
    )
    scope = html.escape(asked.get("scope", ""))
    return page(
        200,
        f"<h1>Sign in</h1><p>Allow {html.escape(asked['client_id'])} to use: {scope}</p>"
        f'<form method="post">{people}<button name="decision" value="deny">Deny</button></form>',
    )
