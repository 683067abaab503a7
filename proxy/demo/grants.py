"""What the demo's authorization server grants: authlib's server classes over its records.

Authorization code with S256 always (RFC 6749 §4.1, RFC 7636), refresh tokens that rotate and whose replay ends the whole
grant (RFC 9700 §4.14), revocation (RFC 7009), ``iss`` in every authorization response (RFC 9207), bearer tokens that
expire (RFC 6750). All of authlib's calls are synchronous, so each request changes the records in one step.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
    ResourceProtector,
    grants,
)
from authlib.oauth2.rfc6749.requests import OAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator, BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter

from proxy.demo.people import Person
from proxy.demo.records import SCOPES, Grant, IssuedCode, IssuedToken, Records, Registration

CODE_TTL_S = 60
AUTH_METHODS: Final = ["client_secret_basic", "client_secret_post", "none"]


@dataclass(slots=True)
class Answer:
    """What authlib wants said, before it becomes aiohttp's response."""

    status: int
    body: Mapping[str, object] | str
    headers: Sequence[tuple[str, str]]

    @property
    def location(self) -> str | None:
        """The redirect's target: authlib adds ``iss`` to it."""
        return dict(self.headers).get("Location")

    @location.setter
    def location(self, value: str) -> None:
        self.headers = [("Location", value)]


class Parameters(OAuth2Payload):
    """The parameters of a request, as authlib asks for them."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._lists: dict[str, list[str]] = {}
        for name, value in pairs:
            self._lists.setdefault(name, []).append(value)

    @property
    def data(self) -> Mapping[str, str]:
        """The first value of each."""
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> Mapping[str, list[str]]:
        """All values of each: what is repeated is refused."""
        return self._lists


class PlainRequest(OAuth2Request):
    """A request whose parameters were read before: authlib is synchronous and cannot wait for a body."""

    def __init__(self, method: str, uri: str, headers: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = Parameters(pairs)

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters again, under the name that the token endpoint uses."""
        return self.payload.data


class Server(AuthorizationServer):
    """authlib's server over :class:`Records`."""

    def __init__(self, records: Records) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.records = records
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: f"at-{secrets.token_urlsafe(32)}",
                lambda **_: f"rt-{secrets.token_urlsafe(32)}",
                lambda *_: records.access_ttl_s,
            ),
        )
        self.register_client_auth_method("client_secret_basic", _client_by_basic)
        self.register_grant(CodeGrant, [S256Always(required=True)])
        self.register_grant(RefreshGrant)
        self.register_endpoint(Revocation)
        self.issuer = Issuer(records.issuer)
        self.register_extension(self.issuer)

    def query_client(self, client_id: str) -> Registration | None:
        return self.records.clients.get(client_id)

    def save_token(self, token: Mapping[str, str], request: PlainRequest) -> None:
        grant = (request.authorization_code or request.refresh_token).grant
        issued = IssuedToken(
            grant=grant,
            scope=token["scope"],
            expires_at=self.records.now() + timedelta(seconds=self.records.access_ttl_s),
            now=self.records.now,
        )
        self.records.by_access_token[token["access_token"]] = issued
        self.records.by_refresh_token[token["refresh_token"]] = issued

    def create_oauth2_request(self, request: PlainRequest) -> PlainRequest:
        return request

    def handle_response(
        self, status: int, body: Mapping[str, object] | str, headers: Sequence[tuple[str, str]]
    ) -> Answer:
        return Answer(status, body, headers)

    def refusal(self, request: PlainRequest, error: OAuth2Error) -> Answer:
        """Return what to say when an authorization request is refused before anybody was asked."""
        answer: Answer = self.handle_error_response(request, error)
        self.issuer.add_issuer_parameter(self, answer)
        return answer

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


class CodeGrant(grants.AuthorizationCodeGrant):
    """Authorization codes: single use, and a second use ends what the first one gave (RFC 6749 §4.1.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def save_authorization_code(self, code: str, request: PlainRequest) -> None:
        records: Records = self.server.records
        grant = Grant(
            id=secrets.token_hex(8),
            person=request.user,
            client=request.client,
            scope=request.scope,
            granted_at=records.now(),
        )
        records.grants[grant.id] = grant
        records.codes[code] = IssuedCode(
            grant=grant,
            redirect_uri=request.payload.redirect_uri,
            code_challenge=request.payload.data["code_challenge"],
            code_challenge_method=request.payload.data["code_challenge_method"],
            expires_at=records.now() + timedelta(seconds=CODE_TTL_S),
        )

    def query_authorization_code(self, code: str, client: Registration) -> IssuedCode | None:
        records: Records = self.server.records
        issued = records.codes.get(code)
        if issued is None or issued.grant.client.client_id != client.client_id:
            return None
        if issued.is_used:
            issued.grant.is_revoked = True
            return None
        is_good = records.now() < issued.expires_at and not issued.grant.is_revoked
        return issued if is_good else None

    def delete_authorization_code(self, authorization_code: IssuedCode) -> None:
        authorization_code.is_used = True

    def authenticate_user(self, authorization_code: IssuedCode) -> Person:
        return authorization_code.grant.person


class RefreshGrant(grants.RefreshTokenGrant):
    """Refresh tokens: each is good once; a replay ends the family (RFC 9700 §4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken | None:
        records: Records = self.server.records
        issued = records.by_refresh_token.get(refresh_token)
        if issued is None or not issued.check_client(self.request.client):
            return None
        if issued.is_refreshed:
            issued.grant.is_revoked = True
        return None if issued.grant.is_revoked else issued

    def authenticate_user(self, refresh_token: IssuedToken) -> Person:
        return refresh_token.grant.person

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        refresh_token.is_refreshed = True
        refresh_token.grant.refreshes += 1


class Revocation(RevocationEndpoint):
    """RFC 7009: the end of an access token, or of the whole grant when it is a refresh token."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string: str, _token_type_hint: str | None) -> IssuedToken | None:
        records: Records = self.server.records
        return records.by_refresh_token.get(token_string) or records.by_access_token.get(token_string)

    def revoke_token(self, token: IssuedToken, request: PlainRequest) -> None:
        records: Records = self.server.records
        if request.form["token"] in records.by_refresh_token:
            token.grant.is_revoked = True
        else:
            token.is_ended = True


class S256Always(CodeChallenge):
    """PKCE for every client (authlib asks it of public ones only), and never ``plain``."""

    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar[Sequence[str]] = ["S256"]

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str | None) -> None:
        parameters = grant.request.payload.data
        if not parameters.get("code_challenge") or not parameters.get("code_challenge_method"):
            raise InvalidRequestError("code_challenge with method S256 is required")
        super().validate_code_challenge(grant, redirect_uri)


class Issuer(IssuerParameter):
    """Says in each authorization response which server it comes from (RFC 9207)."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


class LiveToken(BearerTokenValidator):
    """Finds an access token in the records."""

    def __init__(self, records: Records) -> None:
        super().__init__(realm="demo")
        self._records = records

    def authenticate_token(self, token_string: str) -> IssuedToken | None:
        return self._records.by_access_token.get(token_string)


def _client_by_basic(query_client: Callable[[str], Registration | None], request: PlainRequest) -> Registration | None:
    """Read ``client_secret_basic`` as RFC 6749 §2.3.1 has it: form-encoded halves (authlib's own leaves ``+`` alone)."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        pair = base64.b64decode(encoded, validate=True).decode("ascii")
    except ValueError:
        return None
    client_id, _, secret = pair.partition(":")
    client = query_client(unquote_plus(client_id)) if scheme.lower() == "basic" else None
    return client if client and client.check_client_secret(unquote_plus(secret)) else None


def resource_protector(records: Records) -> ResourceProtector:
    """Return the guard of the protected API: only a live access token passes (RFC 6750)."""
    protector = ResourceProtector()
    protector.register_token_validator(LiveToken(records))
    return protector
