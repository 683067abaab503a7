"""What a server's authorization endpoint says to a request without a person: ``prompt=none`` (OpenID Connect Core §3.1.2.1).

One that sends the browser back to our redirect URI because nobody is signed in has taken client, redirect URI and scopes.
One that does not know the parameter shows its sign-in page, and nothing is told.
"""

from __future__ import annotations

from proxy.oauth.authorization import CallbackParameters, parse_callback
from proxy.oauth.message import OutboundResponse
from proxy.oauth.metadata import AuthorizationServer
from proxy.providers.remark import Remark

_NOBODY_SIGNED_IN = frozenset({
    "login_required", "interaction_required", "consent_required", "account_selection_required",
})  # fmt: skip
_UNTOLD = "It shows a page of its own, so whether redirect URI and scopes are right will show at the first sign-in."
_NOT_SENT_BACK = (
    "It answers {} instead of sending the browser back. Mostly the redirect URI is not registered, letter by letter: {}; or "
    "client_id is unknown there."
)


def judge_authorization(
    response: OutboundResponse, server: AuthorizationServer, *, redirect_uri: str, scope: str, refresh_needs: str
) -> Remark:
    """Judge the answer; ``refresh_needs``: what the provider wants for the scope that yields a refresh token."""
    status, location = response.status, response.headers.get("location", "")
    if 300 <= status < 400 and location.startswith(f"{redirect_uri}?"):
        back = parse_callback(location.removeprefix(f"{redirect_uri}?"))
        if not isinstance(back, CallbackParameters):
            return Remark("note", "It sends the browser back with parameters that contradict each other.")
        return _wrong_issuer(back, server) or _sent_back(back, scope, refresh_needs)
    if status == 403:  # Auth0 says so to an unknown redirect URI, firewalls to whoever is no browser
        return Remark("note", _NOT_SENT_BACK.format(status, redirect_uri) + " Or a firewall lets browsers pass only.")
    if status == 429 or status >= 500:
        return Remark("note", f"It answers {status}: busy or out of order. Try again later.")
    if status >= 400:
        return Remark("problem", _NOT_SENT_BACK.format(status, redirect_uri))
    return Remark("note", _UNTOLD)


def _wrong_issuer(back: CallbackParameters, server: AuthorizationServer) -> Remark | None:
    if server.issuer is None:
        return None
    if back.iss is None:
        return (
            Remark("problem", "Callbacks have no `iss`, though they should: they are refused (RFC 9207).")
            if (server.iss_in_response_supported)
            else None
        )
    if server.is_response_issuer(back.iss):
        return None
    return Remark(
        "problem", f"Callbacks come from the issuer {back.iss[:200]}, and {server.issuer} is expected: set `issuer`."
    )


def _sent_back(back: CallbackParameters, scope: str, refresh_needs: str) -> Remark:
    error = back.error.error if back.error is not None else ""
    match error:
        case "":
            return Remark("ok", "It takes the redirect URI and the scopes.")
        case _ if error in _NOBODY_SIGNED_IN:
            return Remark("ok", "It takes the redirect URI and the scopes.")
        case "invalid_scope":
            return Remark(
                "problem", f"It refuses the scopes `{scope}`: allow the client each of them. {refresh_needs}".rstrip()
            )
        case "unauthorized_client" | "unsupported_response_type":
            return Remark("problem", "The client may not ask for codes: allow it the grant type authorization code.")
        case _:
            return Remark(
                "note", f"It takes the redirect URI, and says `{error}` to a request that no person stands behind."
            )
