"""Whether a service account's server gives its client a token: one request, and what it gives is thrown away."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from proxy.flows.recipes import once, recipe
from proxy.flows.refused import Refused
from proxy.flows.servers import AuthorizationServers, Unlocated
from proxy.model import Integration
from proxy.oauth.message import OutboundResponse, Send
from proxy.oauth.token import TokenError, TokenResponse, parse_token_response
from proxy.policy.reach import why_unreached
from proxy.providers.check_client import judge_service_account
from proxy.providers.service_accounts import service_account_request

_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""The provider's own word that is repeated, and nothing else that it says (RFC 6749 §5.2)."""


class Verification:
    """Asks authorization servers."""

    def __init__(
        self,
        *,
        servers: AuthorizationServers,
        send: Send,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._servers = servers
        self._send = send
        self._now = now
        self._random_bytes = random_bytes

    async def of(self, integration: Integration) -> Refused | None:
        """Return what keeps the client from a token; ``None``: nothing does."""
        if not integration.is_service_account:
            return Refused(
                status=400, code=240, text="Only integrations of the auth type Service Account can be tested."
            )
        if integration.is_unusable:
            return _refused(400, "The integration cannot be used: its secrets have to be given anew.")
        known = recipe(integration)
        at = await self._servers.locate(known)
        if isinstance(at, Unlocated):
            return _refused(502, "The authorization server does not say where its endpoints are.")
        proof = once(self._now(), self._random_bytes)
        request = service_account_request(known.provider, integration, at.server, at.client, once=proof)
        outcome = await self._send(request)
        if not isinstance(outcome, OutboundResponse):
            return _refused(502, f"It could not be asked: {why_unreached(outcome, request.url)}.")
        answer = parse_token_response(outcome, now=self._now())
        if isinstance(answer, TokenResponse):
            return None
        judged = judge_service_account(answer, known.provider, at.client.auth_method)
        said = f" It says: {answer.error}" if isinstance(answer, TokenError) and _ERROR.fullmatch(answer.error) else ""
        return _refused(400 if judged.level == "problem" else 502, judged.text + said)


def _refused(status: int, text: str) -> Refused:
    return Refused(status=status, code=241, text=text)
