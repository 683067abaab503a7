"""Whose account it is: ask the sources of the recipe in their order (OpenID Connect Core §3.1.3.7, §5.3).

A source that the server does not have is passed over. One that says something wrong ends the question: a forged ID token is
no reason to ask elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from proxy.flows.id_tokens import IdTokens, KeysUnavailable
from proxy.flows.recipes import Recipe
from proxy.flows.servers import Registration
from proxy.model import Identity
from proxy.oauth.id_token import Expected, IdTokenRefused
from proxy.oauth.message import LostAnswer, NotSent, OutboundRequest, OutboundResponse, Send
from proxy.oauth.signed_token import Claims
from proxy.oauth.token import TokenResponse
from proxy.oauth.userinfo import parse_userinfo, resource_request
from proxy.providers.identity import (
    ClaimNames,
    FromAnswer,
    FromIdToken,
    FromResource,
    FromUserinfo,
    completed,
    identity_from,
    is_complete,
)
from proxy.providers.registration import resource_url

SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True)
class IdentityRefused:
    """What the server says about the account is not to be believed."""

    because: str
    """A constant word."""


@dataclass(frozen=True, slots=True)
class IdentityUnavailable:
    """The server would know but does not say now."""


Found = Identity | IdentityRefused | IdentityUnavailable | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One token answer, and what is known of how it came about."""

    recipe: Recipe
    registration: Registration
    tokens: TokenResponse
    nonce: str | None
    """As sent with the authorization request; ``None``: this is a refresh, or ``openid`` was not asked for."""
    is_viewer: bool
    """Whether the account is the viewer, so that rules need address and groups; else it is only shown."""


class Identities:
    """Asks; to be closed."""

    def __init__(self, *, send: Send, now: Callable[[], datetime], groups_claim: str = "") -> None:
        """``groups_claim``: where the viewer's groups stand, if not where the recipe says."""
        self._send = send
        self._groups_claim = groups_claim
        self._id_tokens = IdTokens(send=send, now=now)

    async def close(self) -> None:
        """Stop asking."""
        await self._id_tokens.close()

    async def of(self, question: Question) -> Found:
        """Return the account; ``None``: the server has no way to say."""
        found: Identity | None = None
        for source in question.recipe.provider.identity:
            names = self._names(source.names, question)
            match source:
                case FromIdToken() if found is None:
                    answer = await self._from_id_token(question, names)
                case FromUserinfo() if found is None or (question.is_viewer and not is_complete(found)):
                    answer = await self._from_userinfo(question, names, found)
                case FromAnswer() if found is None:
                    answer = identity_from(question.tokens.extra, names)
                case FromResource(url=url) if found is None:
                    where = resource_url(url, question.recipe.provider, question.recipe.integration)
                    answer = await self._from_resource(where, question, names)
                case FromIdToken() | FromUserinfo() | FromAnswer() | FromResource():
                    continue
                case _:
                    assert_never(source)
            if isinstance(answer, IdentityRefused | IdentityUnavailable):
                return answer
            found = answer or found
        return found

    def _names(self, names: ClaimNames, question: Question) -> ClaimNames:
        return replace(names, groups=self._groups_claim) if question.is_viewer and self._groups_claim else names

    async def _from_id_token(self, question: Question, names: ClaimNames) -> Found:
        server, token = question.registration.server, question.tokens.id_token
        if token is None or server.jwks_uri is None or server.issuer is None:
            return None
        expected = Expected(
            server=server,
            client_id=question.registration.client.client_id,
            nonce=question.nonce,
            access_token=question.tokens.access_token,
        )
        match await self._id_tokens.verify(token, expected, jwks_uri=server.jwks_uri):
            case KeysUnavailable():
                return IdentityUnavailable()
            case IdTokenRefused(because=because):
                return IdentityRefused(because)
            case claims:
                return identity_from(claims, names) or IdentityRefused("subject")

    async def _from_userinfo(self, question: Question, names: ClaimNames, known: Identity | None) -> Found:
        """Return what userinfo says, or what it adds to the same subject (Core §5.3.2: another one must not be used)."""
        url = question.registration.server.userinfo_endpoint
        if url is None:
            return None
        said = await self._from_resource(url, question, names)
        if known is None or not isinstance(said, Identity):
            return said
        return completed(known, said) if said.subject == known.subject else IdentityRefused("userinfo_subject")

    async def _from_resource(self, url: str, question: Question, names: ClaimNames) -> Found:
        claims = await self._read(resource_request(url, question.tokens.access_token))
        if isinstance(claims, IdentityUnavailable):
            return claims
        return None if claims is None else identity_from(claims, names)

    async def _read(self, request: OutboundRequest) -> Claims | IdentityUnavailable | None:
        outcome = await self._send(request)
        if isinstance(outcome, NotSent | LostAnswer):  # reading twice does no harm
            outcome = await self._send(request)
        if not isinstance(outcome, OutboundResponse) or outcome.status >= SERVER_ERRORS:
            return IdentityUnavailable()
        return parse_userinfo(outcome)
