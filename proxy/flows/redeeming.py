"""Redeem a code, once, and ask whose account it was (RFC 6749 §4.1.3, OpenID Connect Core §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.flows.callback import CodeReceived, Flow
from proxy.flows.callback_outcomes import CodeRefused, ProviderUnavailable
from proxy.flows.identities import Identities, IdentityRefused, IdentityUnavailable, Question
from proxy.flows.recipes import once
from proxy.model import Identity
from proxy.oauth.id_token import sid_of
from proxy.oauth.message import LostAnswer, NotSent, OutboundRequest, OutboundResponse, Outcome, Send
from proxy.oauth.token import TokenError, TokenResponse, Unreadable, code_request, parse_token_response
from proxy.policy.refresh_verdict import Operator, Retry, RetryOnce, verdict

DEFAULT_RETRY_AFTER_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the provider gave."""

    tokens: TokenResponse
    issued_at: datetime
    account: Identity | None
    """``None``: the provider has no way to say, or did not say now."""
    sid: str | None = None
    """The session at the provider; ``None``: it does not name one, or nobody could verify that it does."""


async def redeem(
    received: CodeReceived,
    *,
    redirect_uri: str,
    send: Send,
    now: Callable[[], datetime],
    random_bytes: Callable[[int], bytes],
    identities: Identities,
) -> Grant | CodeRefused | ProviderUnavailable:
    """Turn the code into tokens; where the account becomes the viewer, an unknown account is refused."""
    flow = received.flow
    issued_at = now()
    request = code_request(
        flow.registration.server,
        flow.registration.client,
        code=received.code,
        redirect_uri=redirect_uri,
        code_verifier=flow.pending.code_verifier if flow.recipe.uses_pkce else None,
        scope=flow.recipe.code_scope,
        once=once(issued_at, random_bytes),
    )
    outcome = await _send_safely(send, request)
    answer = parse_token_response(outcome, now=now()) if isinstance(outcome, OutboundResponse) else outcome
    if not isinstance(answer, TokenResponse):
        return _no_tokens(flow, answer)
    match await identities.of(_question(flow, answer)):
        case IdentityRefused(because=because):
            log.error("account refused", integration=flow.integration.guid, because=because)
            return _code_refused(flow, "identity_refused")
        case IdentityUnavailable() if flow.is_sign_in:
            return _unavailable(flow, None)
        case None if flow.is_sign_in:
            return _code_refused(flow, "identity")
        case Identity() as account:
            return Grant(tokens=answer, issued_at=issued_at, account=account, sid=_sid(flow, answer))
        case None | IdentityUnavailable():
            return Grant(tokens=answer, issued_at=issued_at, account=None)


def _sid(flow: Flow, answer: TokenResponse) -> str | None:
    """Return ``sid`` of the ID token, which was verified for the account: wherever it can be, it comes first."""
    server = flow.registration.server
    is_verified = server.jwks_uri is not None and server.issuer is not None
    return sid_of(answer.id_token) if is_verified and answer.id_token is not None else None


def _question(flow: Flow, answer: TokenResponse) -> Question:
    return Question(
        recipe=flow.recipe,
        registration=flow.registration,
        tokens=answer,
        nonce=flow.pending.nonce or None,
        is_viewer=flow.is_sign_in,
    )


async def _send_safely(send: Send, request: OutboundRequest) -> Outcome:
    """Send; once more when it certainly did not arrive. A code is never sent twice otherwise: it is single-use."""
    outcome = await send(request)
    return await send(request) if isinstance(outcome, NotSent) else outcome


def _no_tokens(flow: Flow, answer: TokenError | Unreadable | NotSent | LostAnswer) -> CodeRefused | ProviderUnavailable:
    match verdict(answer, refusals=flow.recipe.provider.refusals):
        case Retry(retry_after_s=retry_after_s):
            return _unavailable(flow, retry_after_s)
        case RetryOnce():
            return _unavailable(flow, None)
        case Operator():
            return _code_refused(flow, "client")
        case _:
            return _code_refused(flow, "code")


def _code_refused(flow: Flow, because: str) -> CodeRefused:
    return CodeRefused(content=flow.content, integration=flow.integration, return_to=flow.return_to, because=because)


def _unavailable(flow: Flow, retry_after_s: float | None) -> ProviderUnavailable:
    return ProviderUnavailable(
        content=flow.content,
        integration=flow.integration,
        return_to=flow.return_to,
        retry_after_s=DEFAULT_RETRY_AFTER_S if retry_after_s is None else retry_after_s,
    )
