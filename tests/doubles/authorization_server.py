"""An authorization server that a test scripts: RFC 6749, 7636, 7009, 9207 and OpenID Connect as plain providers speak them.

It runs in the test's own event loop and is driven by its Python attributes. People are the users of
:mod:`tests.doubles.grants`; who sits at the browser is ``current_user``, unless the request says so itself with a
``Person`` header or on the consent page.
"""

from __future__ import annotations

import html
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from tests.doubles.clock import Clock
from tests.doubles.faults import Faults
from tests.doubles.gate import Gate
from tests.doubles.grants import CLIENT_SECRET_MARKER, Family, GrantError, Grants, RegisteredClient, User, new_secret
from tests.doubles.id_tokens import IdTokens
from tests.doubles.journal import Entry, Journal
from tests.doubles.rules import NO_STORE, authenticate, authorization_problem, page
from tests.doubles.serving import serving

Handler = Callable[[web.Request, Entry], Awaitable[web.StreamResponse]]


class AuthorizationServer:
    """The double; ``async with AuthorizationServer.running() as server``."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.url = ""
        self.journal = Journal()
        self.grants = Grants()
        self.faults = Faults()
        self.gate = Gate()
        """Token requests wait here before they are processed."""
        self.answer_gate = Gate()
        """Token requests wait here after they were processed, with the answer in hand."""
        self.current_user = "ada"
        self.id_tokens = IdTokens()
        self.gives_id_tokens = True
        """When ``openid`` was granted."""
        self.decisions: deque[str] = deque()
        """Next outcomes of the authorize step, used once each; ``approve`` when empty. Others: ``deny``,
        ``error:<code>``, ``deny_no_state``, ``html_error``, ``wrong_iss``, ``drop_iss``, ``other_user:<id>``,
        ``reduce_scope:<scope>``."""
        self.shows_consent_page = False
        """Ask on a page who is there and whether they consent, instead of approving at once."""
        self.access_ttl_s = 3600.0
        self.token_size = 0
        """Access tokens are padded to this many characters."""
        self.refresh_token_field = "normal"
        """What a refresh answers as ``refresh_token``: ``normal`` (by the rotation), ``absent``, ``null``, ``empty``."""
        self.refresh_tokens_in_flight: Counter[str] = Counter()
        self.concurrent_max = 0
        """Most token requests that were ever in flight at once for one refresh token."""

    @classmethod
    @asynccontextmanager
    async def running(
        cls, *, clock: Clock | None = None, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[AuthorizationServer]:
        server = cls(clock)
        async with serving(server.application(), port=port, tls=tls) as server.url:
            yield server

    # — what tests call ————————————————————————————————————————————————————————————————————————

    def register(self, redirect_uri: str, *, client_id: str = "sidecar", public: bool = False) -> RegisteredClient:
        """Register a client with a fresh recognisable secret whose characters need encoding in HTTP Basic."""
        secrets = [] if public else [new_secret(CLIENT_SECRET_MARKER, "+/=%:~")]
        client = RegisteredClient(client_id=client_id, secrets=secrets, redirect_uris={redirect_uri})
        self.grants.clients[client_id] = client
        return client

    def config_for(self, client: RegisteredClient) -> dict[str, str]:
        """The integration's ``config`` in the sidecar's configuration."""
        config = {
            "authorization_uri": f"{self.url}/authorize",
            "token_uri": f"{self.url}/token",
            "userinfo_uri": f"{self.url}/userinfo",
            "revocation_uri": f"{self.url}/revoke",
            "issuer": self.url,
            "client_id": client.client_id,
            "scopes": "openid profile email offline_access",
        }
        return config | ({"client_secret": client.secrets[0]} if client.secrets else {})

    def signed_config_for(self, client: RegisteredClient) -> dict[str, str]:
        """The same for a sidecar that takes identity from ID tokens."""
        return self.config_for(client) | {"jwks_uri": f"{self.url}/jwks"}

    def oidc_config_for(self, client: RegisteredClient) -> dict[str, str]:
        """The ``config`` of the template ``oidc``: everything but the client is discovered."""
        config = {"issuer": self.url, "client_id": client.client_id}
        return config | ({"client_secret": client.secrets[0]} if client.secrets else {})

    def owner_of(self, access_token: str) -> User | None:
        """Whose live access token this is."""
        return self.grants.owner_of(access_token, now=self.clock.now())

    def client_of(self, access_token: str) -> str | None:
        """Which client's own live access token this is."""
        return self.grants.client_of(access_token, now=self.clock.now())

    @property
    def token_requests(self) -> list[Entry]:
        return self.journal.at("/token")

    # — HTTP ———————————————————————————————————————————————————————————————————————————————————

    def application(self) -> web.Application:
        app = web.Application(client_max_size=4 * 1024**2)
        app.router.add_route("*", "/authorize", self._recorded("authorize", self._authorize))
        app.router.add_route("*", "/token", self._recorded("token", self._token))
        app.router.add_route("*", "/revoke", self._recorded("revoke", self._revoke))
        app.router.add_route("*", "/userinfo", self._recorded("userinfo", self._userinfo))
        app.router.add_get("/jwks", self._recorded("jwks", self._jwks))
        app.router.add_get("/.well-known/oauth-authorization-server", self._recorded("metadata", self._metadata))
        app.router.add_get("/.well-known/openid-configuration", self._recorded("metadata", self._metadata))
        return app

    def _recorded(self, endpoint: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            entry = Entry(
                time=self.clock.now(),
                method=request.method,
                target=request.raw_path,
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers],
                body=await request.read(),
            )
            self.journal.append(entry)
            fault = self.faults.next(endpoint)
            if fault is not None and fault.before is not None:
                entry.outcome = fault.name
                return await fault.before(request)
            response = await handler(request, entry)
            if fault is not None and fault.after is not None and isinstance(response, web.Response):
                entry.outcome += f" {fault.name}"
                return await fault.after(request, response)
            return response

        return handle

    async def _metadata(self, _: web.Request, __: Entry) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "revocation_endpoint": f"{self.url}/revoke",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    # — authorize ——————————————————————————————————————————————————————————————————————————————

    async def _authorize(self, request: web.Request, entry: Entry) -> web.Response:
        # The consent page posts back to its own URL: the query is the authorization request both times.
        pairs = entry.query
        asked = dict(pairs)
        client = self.grants.clients.get(asked.get("client_id", ""))
        redirect_uri = asked.get("redirect_uri", "")
        if client is None or redirect_uri not in client.redirect_uris:
            entry.outcome = "unknown client or redirect_uri"
            return page(400, "This application is not registered here.")
        if problem := authorization_problem(pairs):
            entry.outcome = problem
            return self._back(redirect_uri, asked, {"error": problem})
        if self.shows_consent_page and request.method == "GET":
            entry.outcome = "asked"
            return self._consent_page(asked)
        answered = dict(entry.pairs)
        default = answered.get("decision") or "approve"
        decision, _, detail = (self.decisions.popleft() if self.decisions else default).partition(":")
        user_id = answered.get("user") or entry.header("Person") or self.current_user
        entry.outcome = decision
        match decision:
            case "html_error":
                return page(200, "The sign-in service has a problem.")
            case "deny":
                return self._back(
                    redirect_uri, asked, {"error": "access_denied", "error_description": "<b>The viewer said no</b>"}
                )
            case "deny_no_state":
                return self._back(redirect_uri, {}, {"error": "access_denied"})
            case "error":
                return self._back(redirect_uri, asked, {"error": detail, "error_description": f"scripted {detail}"})
        code = self.grants.new_code(
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            scope=detail if decision == "reduce_scope" else asked.get("scope", ""),
            challenge=asked.get("code_challenge"),
            nonce=asked.get("nonce", ""),
            user_id=detail if decision == "other_user" else user_id,
            now=self.clock.now(),
        )
        iss = {"wrong_iss": "https://other.example", "drop_iss": ""}.get(decision, self.url)
        return self._back(redirect_uri, asked, {"code": code}, iss=iss)

    def _back(
        self, redirect_uri: str, asked: dict[str, str], answer: dict[str, str], *, iss: str | None = None
    ) -> web.Response:
        """Redirect to the client; an existing query of ``redirect_uri`` stays."""
        state = {"state": asked["state"]} if "state" in asked else {}
        issuer = self.url if iss is None else iss
        query = urlencode(answer | state | ({"iss": issuer} if issuer else {}))
        separator = "&" if urlsplit(redirect_uri).query else "?"
        return web.Response(status=302, headers={"Location": f"{redirect_uri}{separator}{query}", **NO_STORE})

    def _consent_page(self, asked: dict[str, str]) -> web.Response:
        people = "".join(
            f'<button name="user" value="{user.id}">Continue as {html.escape(user.name)}</button>'
            for user in self.grants.users.values()
        )
        scope = html.escape(asked.get("scope", ""))
        return page(
            200,
            f"<h1>Sign in</h1><p>Allow {html.escape(asked['client_id'])} to use: {scope}</p>"
            f'<form method="post">{people}<button name="decision" value="deny">Deny</button></form>',
        )

    # — token ——————————————————————————————————————————————————————————————————————————————————

    async def _token(self, request: web.Request, entry: Entry) -> web.Response:
        refresh_token = entry.value("refresh_token") or ""
        self.refresh_tokens_in_flight[refresh_token] += 1
        if refresh_token:
            self.concurrent_max = max(self.concurrent_max, self.refresh_tokens_in_flight[refresh_token])
        try:
            await self.gate.pass_through()
            if request.transport is None or request.transport.is_closing():
                # Its sender gave up at the gate: as if it had never arrived.
                entry.outcome = "sender gone"
                return web.Response()
            response = self._answer_token(request, entry)
            await self.answer_gate.pass_through()
        finally:
            self.refresh_tokens_in_flight[refresh_token] -= 1
        return response

    def _answer_token(self, request: web.Request, entry: Entry) -> web.Response:
        try:
            client = authenticate(entry, self.grants.clients)
            answer = self._grant(client, entry)
        except GrantError as error:
            entry.outcome = error.error
            challenge = {"WWW-Authenticate": 'Basic realm="fake"'} if error.status == 401 else {}
            return web.json_response(
                {"error": error.error, "error_description": error.description},
                status=error.status,
                headers=NO_STORE | challenge,
            )
        entry.outcome = "ok"
        return web.json_response(answer, headers=NO_STORE)

    def _grant(self, client: RegisteredClient, entry: Entry) -> dict[str, object]:
        now = self.clock.now()
        match entry.value("grant_type"):
            case "authorization_code":
                family = self.grants.redeem_code(
                    entry.value("code") or "",
                    client_id=client.client_id,
                    redirect_uri=entry.value("redirect_uri") or "",
                    verifier=entry.value("code_verifier"),
                    now=now,
                )
                offline = "offline_access" in family.scope.split()
                nonce = family.nonce
                refresh: dict[str, object] = {"refresh_token": self.grants.new_refresh_token(family)} if offline else {}
            case "client_credentials":
                if not client.secrets:
                    raise GrantError("unauthorized_client")
                family, nonce = self.grants.own(client.client_id, entry.value("scope") or ""), ""
                # §4.4.3: should not be given; some servers do, and nobody may use it.
                refresh = {"refresh_token": self.grants.new_refresh_token(family)}
            case "refresh_token":
                presented = entry.value("refresh_token") or ""
                known = self.grants.family_of(presented)
                asked = set((entry.value("scope") or "").split())
                if known is not None and not asked <= set(known.scope.split()):
                    raise GrantError("invalid_scope", "More than was granted.")
                family, rotated = self.grants.rotate(presented, client_id=client.client_id, now=now)
                refresh, nonce = self._refresh_member(rotated), ""
            case _:
                raise GrantError("unsupported_grant_type")
        return {
            "access_token": self._new_access_token(family, now),
            "token_type": "Bearer",
            "expires_in": int(self.access_ttl_s),
            "scope": family.scope,
            **refresh,
            **self._id_token_member(family, nonce, now),
        }

    def _id_token_member(self, family: Family, nonce: str, now: float) -> dict[str, object]:
        if "openid" not in family.scope.split() or not self.gives_id_tokens:
            return {}
        claims = self.grants.users[family.user_id].claims()
        token = self.id_tokens.new(claims, issuer=self.url, client_id=family.client_id, nonce=nonce, now=now)
        return {"id_token": token}

    def _new_access_token(self, family: Family, now: float) -> str:
        return self.grants.new_access_token(family, ttl_s=self.access_ttl_s, now=now, size=self.token_size)

    def _refresh_member(self, rotated: str | None) -> dict[str, object]:
        match self.refresh_token_field:
            case "null":
                return {"refresh_token": None}
            case "empty":
                return {"refresh_token": ""}
            case "absent":
                return {}
        return {} if rotated is None else {"refresh_token": rotated}

    # — the others —————————————————————————————————————————————————————————————————————————————

    async def _revoke(self, request: web.Request, entry: Entry) -> web.Response:
        try:
            authenticate(entry, self.grants.clients)
        except GrantError as error:
            entry.outcome = error.error
            return web.json_response({"error": error.error}, status=error.status)
        self.grants.revoke(entry.value("token") or "")
        entry.outcome = "ok"
        return web.Response()

    async def _jwks(self, _: web.Request, entry: Entry) -> web.Response:
        entry.outcome = "ok"
        return web.Response(body=self.id_tokens.published(), content_type="application/json")

    async def _userinfo(self, _: web.Request, entry: Entry) -> web.Response:
        scheme, _, token = (entry.header("Authorization") or "").partition(" ")
        user = self.owner_of(token) if scheme.lower() == "bearer" else None
        entry.outcome = "ok" if user else "invalid_token"
        if user is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return web.json_response(user.claims())
