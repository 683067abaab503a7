"""The demo's authorization server as an aiohttp application: sign in as one of three people, consent, and an API.

Endpoints: ``/authorize`` (RFC 6749 §3.1, pages), ``/token``, ``/revoke`` (RFC 7009), ``/userinfo`` (OpenID Connect Core
§5.3), ``/.well-known/oauth-authorization-server`` (RFC 8414), ``/api/orders`` (the protected resource) and ``/``, where
people see what they granted and withdraw it. It keeps no cookie: who signs in stands in the URL, as nobody has a
password here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from aiohttp import web
from authlib.oauth2 import OAuth2Error
from yarl import URL

from proxy.demo.grants import Answer, PlainRequest, Server, resource_protector
from proxy.demo.pages import page, static
from proxy.demo.people import PEOPLE
from proxy.demo.records import SCOPES, IssuedToken, Records, Registration

_NO_STORE = {"Cache-Control": "no-store"}


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def authorization_server(
    *,
    issuer: str,
    clients: Sequence[Registration],
    access_ttl_s: int = 60,
    now: Callable[[], datetime] = utc_now,
) -> web.Application:
    """Return the application.

    ``issuer``: the URL under which browsers and clients reach it, without a slash at the end; authlib accepts http only
    on loopback.
    """
    records = Records(
        issuer=issuer, clients={client.client_id: client for client in clients}, access_ttl_s=access_ttl_s, now=now
    )
    endpoints = _Endpoints(records)
    app = web.Application()
    app.add_routes(
        [
            web.get("/", endpoints.home),
            web.post("/grants/{id}/withdraw", endpoints.withdraw),
            web.get("/authorize", endpoints.ask),
            web.post("/authorize", endpoints.decide),
            web.post("/token", endpoints.token),
            web.post("/revoke", endpoints.revoke),
            web.get("/userinfo", endpoints.userinfo),
            web.get("/api/orders", endpoints.orders),
            web.get("/.well-known/oauth-authorization-server", endpoints.metadata),
            web.get("/static/{name}", static),
        ]
    )
    return app


class _Endpoints:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._server = Server(records)
        self._protector = resource_protector(records)

    # — pages ——————————————————————————————————————————————————————————————————————————————————

    async def home(self, _request: web.Request) -> web.Response:
        newest_first = sorted(self._records.grants.values(), key=lambda grant: grant.granted_at, reverse=True)
        return page("home.html", grants=newest_first, scopes=SCOPES, access_ttl_s=self._records.access_ttl_s)

    async def withdraw(self, request: web.Request) -> web.Response:
        grant = self._records.grants.get(request.match_info["id"])
        if request.headers.get("Origin") != str(URL(self._records.issuer).origin()):
            raise web.HTTPForbidden(text="This form was not sent from this server's own page.")
        if grant is None:
            raise web.HTTPNotFound
        grant.is_revoked = True
        raise web.HTTPSeeOther("../../")

    async def ask(self, request: web.Request) -> web.Response:
        """Show the three people; once one is chosen, the consent page."""
        asked = _from_query(request, self._records)
        try:
            self._server.get_consent_grant(asked)
        except OAuth2Error as error:
            return self._refused(asked, error)
        client = self._records.clients[asked.payload.client_id]
        person = PEOPLE.get(request.query.get("person", ""))
        query = request.rel_url.query
        if person is None:
            choices = [(someone, str(URL.build(query={**query, "person": someone.key}))) for someone in PEOPLE.values()]
            return page("sign_in.html", client=client, choices=choices)
        elsewhere = str(URL.build(query={name: value for name, value in query.items() if name != "person"}))
        return page(
            "consent.html",
            client=client,
            person=person,
            wishes=[SCOPES[scope] for scope in client.get_allowed_scope(asked.payload.scope).split()],
            elsewhere=elsewhere,
            access_ttl_s=self._records.access_ttl_s,
        )

    async def decide(self, request: web.Request) -> web.Response:
        """Take the consent page's answer back to the client: a code, or ``access_denied``."""
        asked = _from_query(request, self._records)
        decision = (await request.post()).get("decision")
        person = PEOPLE.get(request.query.get("person", ""))
        try:
            grant = self._server.get_consent_grant(asked)
        except OAuth2Error as error:
            return self._refused(asked, error)
        says_yes = decision == "approve"
        return _response(
            self._server.create_authorization_response(asked, grant_user=person if says_yes else None, grant=grant)
        )

    def _refused(self, asked: PlainRequest, error: OAuth2Error) -> web.Response:
        answer = self._server.refusal(asked, error)
        if answer.location:
            return _response(answer)
        # Unknown client or redirect URI: nobody to send the browser back to (RFC 6749 §4.1.2.1).
        return page("refused.html", status=400, error=error.error, description=error.get_error_description())

    # — endpoints for the client ———————————————————————————————————————————————————————————————

    async def token(self, request: web.Request) -> web.Response:
        return _response(self._server.create_token_response(await _from_form(request, self._records)))

    async def revoke(self, request: web.Request) -> web.Response:
        return _response(self._server.create_endpoint_response("revocation", await _from_form(request, self._records)))

    async def metadata(self, _request: web.Request) -> web.Response:
        issuer = self._records.issuer
        return web.json_response(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "revocation_endpoint": f"{issuer}/revoke",
                "userinfo_endpoint": f"{issuer}/userinfo",
                "scopes_supported": list(SCOPES),
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    # — protected resources ————————————————————————————————————————————————————————————————————

    async def userinfo(self, request: web.Request) -> web.Response:
        token = self._bearer(request, "openid")
        if isinstance(token, web.Response):
            return token
        return web.json_response(token.grant.person.claims(), headers=_NO_STORE)

    async def orders(self, request: web.Request) -> web.Response:
        token = self._bearer(request, "orders")
        if isinstance(token, web.Response):
            return token
        person, now = token.grant.person, self._records.now()
        return web.json_response(
            {
                "owner": person.name,
                "orders": [asdict(order) for order in person.orders],
                "token_expires_in": int((token.expires_at - now).total_seconds()),
                "served_at": now.isoformat(timespec="seconds"),
            },
            headers=_NO_STORE,
        )

    def _bearer(self, request: web.Request, scope: str) -> IssuedToken | web.Response:
        try:
            token: IssuedToken = self._protector.validate_request([scope], request)
        except OAuth2Error as error:
            return _response(Answer(*error()))
        return token


def _from_query(request: web.Request, records: Records) -> PlainRequest:
    pairs = list(request.rel_url.query.items())
    return PlainRequest(request.method, records.issuer + str(request.rel_url), request.headers, pairs)


async def _from_form(request: web.Request, records: Records) -> PlainRequest:
    pairs = [(name, str(value)) for name, value in (await request.post()).items()]
    return PlainRequest(request.method, records.issuer + request.path, request.headers, pairs)


def _response(answer: Answer) -> web.Response:
    # The client's page is fetched with GET whatever brought the browser here.
    status = 303 if answer.status == 302 else answer.status
    text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
    return web.Response(status=status, text=text, headers=list(answer.headers))
