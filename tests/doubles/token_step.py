"""The token endpoint: who asks, for which grant, and the answer in the vendor's words (RFC 6749 §4.1.3, §5, §6)."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web

from tests.doubles.grants import Family, GrantError, RegisteredClient
from tests.doubles.journal import Entry
from tests.doubles.profile import Issued, Profile
from tests.doubles.rules import NO_STORE, authenticate

if TYPE_CHECKING:
    from tests.doubles.authorization_server import AuthorizationServer

LOOP_WITHIN_S = 300.0


async def answer_token(server: AuthorizationServer, request: web.Request, entry: Entry) -> web.Response:
    refresh_token = entry.value("refresh_token") or ""
    server.refresh_tokens_in_flight[refresh_token] += 1
    if refresh_token:
        server.concurrent_max = max(server.concurrent_max, server.refresh_tokens_in_flight[refresh_token])
    try:
        await server.gate.pass_through()
        if request.transport is None or request.transport.is_closing():
            # Its sender gave up at the gate: as if it had never arrived.
            entry.outcome = "sender gone"
            return web.Response()
        response = _answer(server, request, entry)
        await server.answer_gate.pass_through()
    finally:
        server.refresh_tokens_in_flight[refresh_token] -= 1
    return response


def _answer(server: AuthorizationServer, request: web.Request, entry: Entry) -> web.Response:
    profile, now = server.profile, server.clock.now()
    headers = NO_STORE | {"Date": formatdate(now + server.date_offset_s, usegmt=True)}
    status = 200
    try:
        members = _grant(server, _client(server, request, entry, now), entry, now)
        entry.outcome = "ok"
    except GrantError as error:
        refusal = profile.refusal(error.reason)
        entry.outcome, status, members = refusal.error, refusal.status, profile.error_members(refusal, now)
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="fake"'
    body, media_type = profile.render(members, entry)
    return web.Response(status=status, body=body, headers=headers | {"Content-Type": media_type})


def _client(server: AuthorizationServer, request: web.Request, entry: Entry, now: float) -> RegisteredClient:
    tenant, profile = request.match_info.get("tenant"), server.profile
    if tenant is not None and tenant not in profile.tenants:
        raise GrantError("unknown_tenant")
    client = authenticate(entry, profile, server.grants, server.assertions)
    if profile.loop_limit is not None and _is_loop(server, entry, profile.loop_limit, now):
        raise GrantError("client_loop")
    return client


def _is_loop(server: AuthorizationServer, entry: Entry, limit: int, now: float) -> bool:
    same = [one for one in server.token_requests if one.body == entry.body and one.time > now - LOOP_WITHIN_S]
    return len(same) > limit


def _grant(server: AuthorizationServer, client: RegisteredClient, entry: Entry, now: float) -> dict[str, object]:
    match entry.value("grant_type"):
        case "authorization_code":
            return _for_code(server, client, entry, now)
        case "refresh_token":
            return _for_refresh_token(server, client, entry, now)
        case "client_credentials":
            return _for_the_client(server, client, entry, now)
        case _:
            raise GrantError("unsupported_grant_type")


def _for_code(server: AuthorizationServer, client: RegisteredClient, entry: Entry, now: float) -> dict[str, object]:
    family = server.grants.redeem_code(
        entry.value("code") or "",
        client_id=client.client_id,
        redirect_uri=entry.value("redirect_uri") or "",
        verifier=entry.value("code_verifier"),
        now=now,
    )
    scope = _token_scope(server.profile, family, entry)
    gives = server.profile.gives_refresh_token(family, len(server.grants.consents(family)))
    refresh_token = server.grants.new_refresh_token(family) if gives else None
    return _members(server, family, scope, refresh_token, now, is_refresh=False)


def _for_refresh_token(
    server: AuthorizationServer, client: RegisteredClient, entry: Entry, now: float
) -> dict[str, object]:
    presented = entry.value("refresh_token") or ""
    known = server.grants.family_of(presented)
    scope = "" if known is None else _token_scope(server.profile, known, entry)
    standing = "" if known is None else server.standing.get(known.user_id, "")
    if known is not None and standing:
        known.revoked |= standing in server.profile.deadly
        raise GrantError(standing)
    family, rotated = server.grants.rotate(presented, client_id=client.client_id, now=now)
    members = _members(server, family, scope, rotated, now, is_refresh=True)
    match server.refresh_token_field:
        case "null" | "empty" as how:
            return members | {"refresh_token": None if how == "null" else ""}
        case "absent":
            members.pop("refresh_token", None)
    return members


def _for_the_client(
    server: AuthorizationServer, client: RegisteredClient, entry: Entry, now: float
) -> dict[str, object]:
    """RFC 6749 §4.4: no ID token, and nobody behind it."""
    profile = server.profile
    if profile.service_scope is None:
        raise GrantError("unsupported_grant_type")
    if client.is_public:
        raise GrantError("no_secret")
    scope = entry.value("scope") or ""
    if not profile.service_scope(scope):
        raise GrantError("scope")
    family, ttl_s = server.grants.own(client.client_id, scope), server.access_ttl_s
    token = server.grants.new_access_token(family, ttl_s=ttl_s, now=now, size=server.token_size)
    members = {"access_token": token, "token_type": "Bearer", "expires_in": int(ttl_s), "scope": scope}
    # §4.4.3: should not be given; some servers do, and nobody may use it.
    more = {"refresh_token": server.grants.new_refresh_token(family)} if profile.gives_clients_refresh_tokens else {}
    return members | more


def _token_scope(profile: Profile, family: Family, entry: Entry) -> str:
    scope = profile.token_scope(family, entry.value("scope"), entry.value("grant_type") or "")
    if scope is None:
        raise GrantError("scope")
    return scope


def _members(
    server: AuthorizationServer, family: Family, scope: str, refresh_token: str | None, now: float, *, is_refresh: bool
) -> dict[str, object]:
    profile, user = server.profile, server.grants.users[family.user_id]
    ttl_s = server.access_ttl_s + (server.random.randrange(profile.access_spread_s) if profile.access_spread_s else 0)
    token = server.grants.new_access_token(
        family, ttl_s=ttl_s, now=now, size=server.token_size, prefix=profile.access_prefix
    )
    server.grants.access_tokens[token].scope = scope
    id_token = None
    if "openid" in family.scope.split() and server.gives_id_tokens:
        nonce = "" if is_refresh else family.nonce
        id_token = server.id_tokens.new(
            profile.id_claims(user), issuer=server.issuer, client_id=family.client_id, nonce=nonce, now=now
        )
    ends = family.refresh_expires_at
    return profile.members(
        Issued(
            family=family,
            user=user,
            is_refresh=is_refresh,
            access_token=token,
            refresh_token=refresh_token,
            scope=scope,
            expires_in=int(ttl_s),
            refresh_expires_in=None if ends is None else int(ends - now),
            id_token=id_token,
        )
    )
