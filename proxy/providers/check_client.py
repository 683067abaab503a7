"""Whether a server takes us for who we say we are: read from its answer to a code that nobody issued.

A server proves clients first (RFC 6749 §3.2.1), so ``invalid_grant`` means that ours was taken. Some look at the code first:
only an answer that a wrong secret does not get proves anything, which ``flows.online_check`` sees to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.token import TokenError, TokenResponse, Unreadable
from proxy.providers.base import ClientSign, Provider
from proxy.providers.remark import Remark

_BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Taken:
    """The client was taken, the code was not: as it has to be."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Somebody has to change something."""

    text: str


@dataclass(frozen=True, slots=True)
class Untold:
    """The answer says nothing of the client."""

    text: str


def judge_client(
    answer: TokenResponse | TokenError | Unreadable, provider: Provider, method: ClientAuthMethod
) -> Taken | Wrong | Untold:
    """Judge the answer to a code of our own making; ``method``: how we proved ourselves."""
    if isinstance(answer, TokenResponse):
        return Wrong("It gave a token for a code that nobody issued: this is no authorization server to trust.")
    if answer.status in _BUSY or answer.status >= 500:
        return Untold(f"It answers {answer.status}: busy or out of order. Try again later.")
    if 300 <= answer.status < 400:
        return Wrong("It redirects, and nothing follows with our secret: set the token endpoint to its final address.")
    if isinstance(answer, Unreadable):
        return Wrong(f"It answers {answer.status} and no JSON: this is not a token endpoint. Check its address.")
    if (sign := _sign(answer, provider)) is not None:
        return Wrong(sign.text)
    if answer.error == "invalid_grant" or answer.error in provider.known_client_errors:
        return Taken()
    return _by_error(answer, method)


def judge_service_account(
    answer: TokenResponse | TokenError | Unreadable, provider: Provider, method: ClientAuthMethod
) -> Remark:
    """Judge the answer to a request for a token of the client itself (RFC 6749 §4.4)."""
    if isinstance(answer, TokenResponse):
        return Remark("ok", "It gives the client a token of its own, which was thrown away.")
    if isinstance(answer, TokenError) and answer.status != 401 and _sign(answer, provider) is None:
        match answer.error:
            case "unauthorized_client" | "unsupported_grant_type":
                return Remark(
                    "problem", "The client gets no token of its own: allow it the grant type client credentials."
                )
            case "invalid_scope":
                return Remark("problem", "It refuses `scopes` for the client itself: allow the client each of them.")
            case _:
                pass
    match judge_client(answer, provider, method):
        case Wrong(text):
            return Remark("problem", text)
        case Untold(text) if answer.status in _BUSY or answer.status >= 500:
            return Remark("note", text)
        case _:
            return Remark("problem", "It gives the client no token of its own.")


def may_not_refresh(answer: TokenResponse | TokenError | Unreadable) -> bool:
    """Say whether a server that takes the client answers a made-up refresh token as one that will never take any."""
    return isinstance(answer, TokenError) and answer.error in {"unauthorized_client", "unsupported_grant_type"}


def _sign(answer: TokenError, provider: Provider) -> ClientSign | None:
    for sign in provider.client_signs:
        if sign.error in {"", answer.error} and (not sign.codes or not sign.codes.isdisjoint(answer.error_codes)):
            return sign
    return None


def _by_error(answer: TokenError, method: ClientAuthMethod) -> Wrong | Untold:
    match answer.error:
        case "invalid_client" | "incorrect_client_credentials":
            return Wrong(_advice(method))
        case "unauthorized_client" if answer.status == 401:  # Keycloak
            return Wrong(_advice(method))
        case "unauthorized_client" | "unsupported_grant_type":
            return Wrong("The client may not redeem codes: allow it the grant type authorization code.")
        case "redirect_uri_mismatch":
            return Wrong("Our redirect URI is not registered there.")
        case _:
            return Untold("Its answer tells nothing of the client: the first sign-in will.")


def _advice(method: ClientAuthMethod) -> str:
    match method:
        case ClientAuthMethod.CLIENT_SECRET_POST | ClientAuthMethod.CLIENT_SECRET_BASIC:
            return (
                "It does not take client_id and client_secret: look for a typing error, a secret that ended or was renewed, "
                f"and whether it wants another token_endpoint_auth_method than {method.value}."
            )
        case ClientAuthMethod.PRIVATE_KEY_JWT:
            return (
                "It does not take our signature: the public half of private_key has to be registered there, under the same "
                "key_id or certificate."
            )
        case ClientAuthMethod.NONE:
            return "It does not take client_id without a proof: give a client_secret, or register a public client."
        case _:
            assert_never(method)
