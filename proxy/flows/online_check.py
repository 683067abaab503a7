"""Ask an integration's authorization server whether a viewer's sign-in would work, without a viewer.

In this order: does it say where its endpoints are, can it be reached, does it take our client, our redirect URI and scopes,
will there be a refresh token, do the clocks agree. Nothing is stored, and no viewer's token is asked for: code and refresh
token in the requests are made up, so that a server must refuse them, and how it refuses is what is told. A service account's
token is asked for, as content would, and thrown away: nothing less tells whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, assert_never
from urllib.parse import parse_qsl, urlencode, urlsplit

from proxy.flows.online_discovery import locate
from proxy.flows.online_visit import Finding, Visit
from proxy.flows.recipes import recipe
from proxy.flows.servers import Registration
from proxy.flows.unsaid import without_proofs
from proxy.model import Integration
from proxy.oauth.authorization import AuthorizationCode, authorization_url
from proxy.oauth.client_auth import Client, ClientAuthMethod
from proxy.oauth.message import OutboundRequest, OutboundResponse, Send
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.pkce import code_verifier, s256_challenge
from proxy.oauth.token import TokenError, TokenResponse, Unreadable, code_request, parse_token_response, refresh_request
from proxy.policy.reach import why_unreached
from proxy.providers.check_authorization import judge_authorization
from proxy.providers.check_client import Taken, Untold, Wrong, judge_client, judge_service_account, may_not_refresh
from proxy.providers.check_refresh import refresh_remarks
from proxy.providers.service_accounts import service_account_request

Answer = TokenResponse | TokenError | Unreadable
Standing = Literal["unreached", "refused", "not_refused"]


class OnlineCheck:
    """Looks at integrations, one or several at a time."""

    def __init__(
        self,
        *,
        send: Send,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        redirect_uri: str,
    ) -> None:
        self._send = send
        self._now = now
        self._random_bytes = random_bytes
        self._redirect_uri = redirect_uri

    async def of(self, integration: Integration) -> Sequence[Finding]:
        """Return what was found, in the order of the steps; those that could not be taken are missing."""
        visit = Visit(recipe=recipe(integration), transport=self._send, now=self._now, random_bytes=self._random_bytes)
        registered = await locate(visit)
        if registered is not None and integration.is_service_account:
            await self._service_account(visit, registered)
        elif registered is not None:
            standing = await self._client(visit, registered)
            if standing != "unreached":
                await self._authorization(visit, registered)
            await self._refresh(visit, registered, may_ask=standing == "not_refused")
        visit.clock()
        return visit.findings

    # — who we are there ———————————————————————————————————————————————————————————————————————

    async def _service_account(self, visit: Visit, registered: Registration) -> None:
        known = visit.recipe
        request = service_account_request(
            known.provider, known.integration, registered.server, registered.client, once=visit.once()
        )
        answer = await self._ask(visit, request)
        if answer is None:
            return
        judged = judge_service_account(answer, known.provider, registered.client.auth_method)
        visit.add("client", judged.level, judged.text + _said(answer, request, registered.client))

    async def _client(self, visit: Visit, registered: Registration) -> Standing:
        request = self._code_request(visit, registered.server, registered.client)
        answer = await self._ask(visit, request)
        if answer is None:
            return "unreached"
        said = _said(answer, request, registered.client)
        match judge_client(answer, visit.recipe.provider, registered.client.auth_method):
            case Wrong(text):
                visit.add("client", "problem", text + said)
                return "refused"
            case Untold(text):
                await self._compare(visit, registered, answer, untold=text + said)
            case Taken():
                same = "It refuses a wrong proof as it refuses a made-up code, so the first sign-in will tell."
                await self._compare(visit, registered, answer, untold=same + said)
            case _ as unknown:
                assert_never(unknown)
        return "not_refused"

    async def _ask(self, visit: Visit, request: OutboundRequest) -> Answer | None:
        """Ask the token endpoint for the first time; ``None``: it was not reached."""
        outcome = await visit.send(request)
        if not isinstance(outcome, OutboundResponse):
            visit.unreached(outcome, request.url)
            return None
        parts = urlsplit(request.url)
        visit.add("reach", "ok", f"{parts.hostname} answers{_by_tls(parts.scheme)}.")
        return parse_token_response(outcome, now=visit.now())

    async def _compare(self, visit: Visit, registered: Registration, answer: Answer, *, untold: str) -> None:
        """Ask once more as somebody else: what they are told and we are not, was about the client."""
        method = registered.client.auth_method
        outcome = await visit.send(self._stranger_request(visit, registered))
        other = parse_token_response(outcome, now=visit.now()) if isinstance(outcome, OutboundResponse) else None
        judged = None if other is None else judge_client(other, visit.recipe.provider, method)
        if isinstance(judged, Wrong) and _kind(other) != _kind(answer):
            visit.add("client", "ok", f"It takes the client ({method.value}).")
        else:
            visit.add("client", "note", untold)

    def _code_request(self, visit: Visit, server: AuthorizationServer, client: Client) -> OutboundRequest:
        return code_request(
            server,
            client,
            code=AuthorizationCode(visit.word()),
            redirect_uri=self._redirect_uri,
            code_verifier=code_verifier(visit.random_bytes(32)) if visit.recipe.uses_pkce else None,
            scope=visit.recipe.code_scope,
            once=visit.once(),
        )

    def _stranger_request(self, visit: Visit, registered: Registration) -> OutboundRequest:
        """The same from a client that no server takes: another secret, a forged signature, or an unknown name."""
        server, client = registered.server, registered.client
        match client.auth_method:
            case ClientAuthMethod.NONE:
                return self._code_request(visit, server, replace(client, client_id=visit.word()))
            case ClientAuthMethod.PRIVATE_KEY_JWT:
                return _with_forged_signature(self._code_request(visit, server, client))
            case _:
                return self._code_request(visit, server, replace(client, client_secret=visit.word()))

    # — what viewers will be sent with —————————————————————————————————————————————————————————

    async def _authorization(self, visit: Visit, registered: Registration) -> None:
        known, methods = visit.recipe, visit.announced.code_challenge_methods
        if known.uses_pkce and methods is not None and "S256" not in methods:
            visit.add("authorization", "note", "The server's document does not list PKCE with S256, which is sent.")
        url = authorization_url(
            registered.server,
            registered.client,
            redirect_uri=self._redirect_uri,
            scope=known.scope,
            state=visit.word(),
            code_challenge=s256_challenge(code_verifier(visit.random_bytes(32))) if known.uses_pkce else None,
            nonce=visit.word() if "openid" in known.scope.split() else None,
            extra=[pair for pair in known.authorization_parameters if pair[0] != "prompt"] + [("prompt", "none")],
        )
        outcome = await visit.send(OutboundRequest(method="GET", url=url, headers={}))
        if not isinstance(outcome, OutboundResponse):
            reason = why_unreached(outcome, registered.server.authorization_endpoint)
            # Viewers' browsers go there, we never do: what is in our way may not be in theirs.
            visit.add("authorization", "note", f"Asked from here, {reason}.")
            return
        judged = judge_authorization(
            outcome,
            registered.server,
            redirect_uri=self._redirect_uri,
            scope=known.scope,
            refresh_needs=known.provider.refresh_needs,
        )
        visit.remark("authorization", judged)

    async def _refresh(self, visit: Visit, registered: Registration, *, may_ask: bool) -> None:
        if may_ask and await self._is_refused_refreshing(visit, registered):
            return
        known = visit.recipe
        remarks = refresh_remarks(
            known.provider, scope=known.scope, parameters=known.authorization_parameters, announced=visit.announced
        )
        for remark in remarks:
            visit.remark("refresh token", remark)

    async def _is_refused_refreshing(self, visit: Visit, registered: Registration) -> bool:
        known = visit.recipe
        request = refresh_request(
            registered.server,
            registered.client,
            refresh_token=visit.word(),
            scope=known.refresh_scope,
            once=visit.once(),
        )
        outcome = await visit.send(request)
        answer = parse_token_response(outcome, now=visit.now()) if isinstance(outcome, OutboundResponse) else None
        if answer is None or not may_not_refresh(answer):
            return False
        advice = known.provider.refresh_needs or "Allow it the grant type refresh_token."
        said = _said(answer, request, registered.client)
        visit.add("refresh token", "problem", f"The client may not use refresh tokens. {advice}{said}")
        return True


def _with_forged_signature(request: OutboundRequest) -> OutboundRequest:
    pairs = [
        (name, _forged(value) if name == "client_assertion" else value)
        for name, value in parse_qsl(request.body.decode())
    ]
    return replace(request, body=urlencode(pairs).encode())


def _forged(assertion: str) -> str:
    signed, _, signature = assertion.rpartition(".")
    return f"{signed}.{'B' if signature.startswith('A') else 'A'}{signature[1:]}"


def _kind(answer: Answer | None) -> tuple[object, ...]:
    if isinstance(answer, TokenError):
        return answer.error, answer.error_codes
    return (type(answer),)


def _said(answer: Answer, request: OutboundRequest, client: Client) -> str:
    """Return the server's own words, without what we sent to prove ourselves; ``""``: it has none."""
    if not isinstance(answer, TokenError) or not answer.error:
        return ""
    words = f"{answer.error}: {answer.description}" if answer.description else answer.error
    return f" It says: {without_proofs(words, request, client)}"


def _by_tls(scheme: str) -> str:
    return ", and its certificate is trusted" if scheme == "https" else " (without TLS: on this machine only)"
