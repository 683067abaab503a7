"""Redeem a code, once, and ask whose account it was (RFC 6749 §4.1.3, OpenID Connect Core §5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from proxy.flows.callback import CodeReceived, Flow
from proxy.flows.callback_outcomes import CodeRefused, ProviderUnavailable
from proxy.flows.recipes import once
from proxy.model import Identity
from proxy.oauth.message import LostAnswer, NotSent, OutboundRequest, OutboundResponse, Outcome, Send
from proxy.oauth.token import TokenError, TokenResponse, Unreadable, code_request, parse_token_response
from proxy.oauth.userinfo import parse_userinfo, userinfo_request
from proxy.policy.refresh_verdict import Operator, Retry, RetryOnce, verdict
from proxy.providers.identity import ClaimNames, identity_from

DEFAULT_RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the provider gave."""

    tokens: TokenResponse
    issued_at: datetime
    account: Identity | None
    """``None``: the provider has no userinfo endpoint, or it did not say."""


async def redeem(
    received: CodeReceived,
    *,
    redirect_uri: str,
    send: Send,
    now: Callable[[], datetime],
    random_bytes: Callable[[int], bytes],
) -> Grant | CodeRefused | ProviderUnavailable:
    """Turn the code into tokens; where the account becomes the viewer, an unknown account is refused."""
    flow = received.flow
    issued_at = now()
    request = code_request(
        flow.recipe.server,
        flow.recipe.client,
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
    account = await _account(flow, answer, send)
    if account is None and flow.is_sign_in:
        return _code_refused(flow, "identity")
    if isinstance(account, NotSent | LostAnswer):
        if flow.is_sign_in:
            return _unavailable(flow, None)
        account = None
    return Grant(tokens=answer, issued_at=issued_at, account=account)


async def _account(flow: Flow, tokens: TokenResponse, send: Send) -> Identity | NotSent | LostAnswer | None:
    if flow.recipe.server.userinfo_endpoint is None:
        return None
    request = userinfo_request(flow.recipe.server, tokens.access_token)
    outcome = await _send_safely(send, request)
    if isinstance(outcome, LostAnswer):  # reading twice does no harm
        outcome = await send(request)
    if not isinstance(outcome, OutboundResponse):
        return outcome
    if outcome.status >= 500:
        return LostAnswer("userinfo answered 5xx")
    claims = parse_userinfo(outcome)
    return None if claims is None else identity_from(claims, ClaimNames())


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
