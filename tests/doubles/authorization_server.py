"""An authorization server that a test scripts: RFC 6749, 7636, 7009, 9207 and OpenID Connect, as one vendor speaks them.

It runs in the test's own event loop and is driven by its Python attributes. People are the users of
:mod:`tests.doubles.grants`; who sits at the browser is ``current_user``, unless the request says so itself with a
``Person`` header or on the consent page. What a vendor does differently is in its :class:`Profile`.
"""

from __future__ import annotations

import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import Random

from aiohttp import web

from tests.doubles.assertions import Assertions
from tests.doubles.authorize_step import authorize
from tests.doubles.clock import Clock
from tests.doubles.faults import Faults
from tests.doubles.gate import Gate
from tests.doubles.grants import CLIENT_SECRET_MARKER, GrantError, Grants, RegisteredClient, User, new_secret
from tests.doubles.id_tokens import IdTokens
from tests.doubles.journal import Entry, Journal
from tests.doubles.profile import PLAIN, Caller, Profile, Resource, bearer
from tests.doubles.rules import authenticate
from tests.doubles.serving import serving
from tests.doubles.token_step import answer_token

Handler = Callable[[web.Request, Entry], Awaitable[web.StreamResponse]]


class AuthorizationServer:
    """The double; ``async with AuthorizationServer.running() as server``."""

    def __init__(self, clock: Clock | None = None, profile: Profile = PLAIN) -> None:
        self.clock = clock or Clock()
        self.profile = profile
        self.url = ""
        """Under which name it is known: what its documents and tokens say."""
        self.address = ""
        """Where it listens."""
        self.journal = Journal()
        self.grants = grants_of(profile)
        self.random = Random(20260101)
        self.standing: dict[str, str] = {}
        """User id → what is said of that person's refreshes, a reason of the profile's ``refusals``."""
        self.assertions = Assertions(
            audiences=self._assertion_audiences,
            now=self.clock.now,
            ttl_s=profile.assertion_ttl_s,
            needs_thumbprint=profile.needs_thumbprint,
        )
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
        self.access_ttl_s = profile.access_ttl_s
        self.date_offset_s = 0.0
        """How wrong the ``Date`` of its answers is."""
        self.token_size = profile.access_size
        """Access tokens are padded to this many characters."""
        self.refresh_token_field = "normal"
        """What a refresh answers as ``refresh_token``: ``normal`` (by the rotation), ``absent``, ``null``, ``empty``."""
        self.refresh_tokens_in_flight: Counter[str] = Counter()
        self.concurrent_max = 0
        """Most token requests that were ever in flight at once for one refresh token."""

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        *,
        clock: Clock | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        profile: Profile = PLAIN,
    ) -> AsyncIterator[AuthorizationServer]:
        """Listen on loopback; with ``tls`` a profile that has an ``origin`` speaks as if it were there."""
        server = cls(clock, profile)
        async with serving(server.application(), port=port, tls=tls) as server.address:
            server.url = profile.origin if tls and profile.origin else server.address
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

    def named_config_for(self, client: RegisteredClient) -> dict[str, str]:
        """The ``config`` of the profile's own type: all that an administrator of this vendor writes down."""
        config = {name: value.format(url=self.url) for name, value in self.profile.config.items()}
        secret = {"client_secret": client.secrets[0]} if client.secrets else {}
        return config | {"client_id": client.client_id} | secret

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
    def issuer(self) -> str:
        return self.profile.issuer.format(url=self.url)

    @property
    def token_requests(self) -> list[Entry]:
        return [entry for entry in self.journal if entry.endpoint == "token"]

    @property
    def refreshes(self) -> list[Entry]:
        return self.journal.grants("refresh_token")

    def _assertion_audiences(self) -> list[str]:
        requests = self.token_requests
        path = requests[-1].path if requests else self.profile.paths.token
        known = {"token_url": self.url + path, "issuer": self.issuer, "url": self.url}
        return [audience.format_map(known) for audience in self.profile.assertion_audiences]

    # — HTTP ———————————————————————————————————————————————————————————————————————————————————

    def application(self) -> web.Application:
        app, paths = web.Application(client_max_size=4 * 1024**2), self.profile.paths
        for endpoint, path, handler in (
            ("authorize", paths.authorize, partial(authorize, self)),
            ("token", paths.token, partial(answer_token, self)),
            ("revoke", paths.revoke, self._revoke),
            ("userinfo", paths.userinfo, self._userinfo),
        ):
            if path:
                app.router.add_route("*", path, self._recorded(endpoint, handler))
        if paths.jwks:
            app.router.add_get(paths.jwks, self._recorded("jwks", self._jwks))
        for path in paths.metadata:
            app.router.add_get(path, self._recorded("metadata", self._metadata))
        for resource in self.profile.resources:
            handler = partial(self._resource, resource)
            app.router.add_route(resource.method, resource.path, self._recorded("resource", handler))
        return app

    def _recorded(self, endpoint: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            entry = Entry(
                time=self.clock.now(),
                method=request.method,
                target=request.raw_path,
                headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers],
                body=await request.read(),
                endpoint=endpoint,
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

    async def _metadata(self, request: web.Request, _: Entry) -> web.Response:
        paths = self.profile.paths
        endpoints = {
            "authorization_endpoint": paths.authorize,
            "token_endpoint": paths.token,
            "revocation_endpoint": paths.revoke,
            "userinfo_endpoint": paths.userinfo,
            "jwks_uri": paths.jwks,
        }
        return web.json_response(
            {
                "issuer": self.issuer,
                **{name: self.url + path.format_map(request.match_info) for name, path in endpoints.items() if path},
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": self.profile.sends_iss,
            }
        )

    # — the others —————————————————————————————————————————————————————————————————————————————

    async def _revoke(self, request: web.Request, entry: Entry) -> web.Response:
        try:
            authenticate(entry, self.profile, self.grants, self.assertions)
        except GrantError as error:
            refusal = self.profile.refusal(error.reason)
            entry.outcome = refusal.error
            return web.json_response({"error": refusal.error}, status=refusal.status)
        self.grants.revoke(entry.value("token") or "")
        entry.outcome = "ok"
        return web.Response()

    async def _jwks(self, _: web.Request, entry: Entry) -> web.Response:
        entry.outcome = "ok"
        return web.Response(body=self.id_tokens.published(), content_type="application/json")

    async def _userinfo(self, _: web.Request, entry: Entry) -> web.Response:
        user = self.owner_of(bearer(entry))
        entry.outcome = "ok" if user else "invalid_token"
        if user is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return web.json_response(user.claims())

    async def _resource(self, resource: Resource, _: web.Request, entry: Entry) -> web.Response:
        caller = self.caller(resource.token_of(entry), entry)
        entry.outcome = caller.token
        return resource.answer(caller)

    def caller(self, token: str, entry: Entry) -> Caller:
        """Judge an access token."""
        user, known = self.owner_of(token), self.grants.access_tokens.get(token)
        left_s = known.expires_at - self.clock.now() if known else 0.0
        if user is not None:
            state = "live"
        elif not token:
            state = "missing"
        else:
            state = "expired" if known and not known.revoked and not known.family.revoked else "unknown"
        return Caller(token=state, user=user, left_s=left_s, scope=known.scope if known else "", entry=entry)


def grants_of(profile: Profile) -> Grants:
    """An empty memory with the vendor's rules."""
    grants = Grants()
    grants.rotation = profile.rotation
    grants.refresh_kills_access = profile.refresh_kills_access
    grants.code_ttl_s = profile.code_ttl_s
    grants.refresh_ttl_s = profile.refresh_ttl_s
    grants.refresh_slides = profile.refresh_slides
    grants.family_ttl_s = profile.family_ttl_s
    grants.max_families = profile.max_families
    grants.refresh_token_size = profile.refresh_size
    return grants
