"""The redirect to an authorization server and the query that it sends the browser back with (RFC 6749 §4.1, RFC 9207).

Ours instead of authlib's ``prepare_grant_uri``, which rewrites the endpoint's own query, lets extra parameters repeat
ours and writes a space as ``+``; and instead of its callback parser, which loses ``error`` and takes the last of repeated
parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit, urlunsplit

from proxy.oauth.client_auth import Client
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.text import is_visible_ascii, one_line

OUR_PARAMETERS = frozenset({
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "nonce",
})  # fmt: skip

CALLBACK_PARAMETERS = frozenset({"code", "error", "error_description", "error_uri", "state", "iss"})

MAX_QUERY_CHARS = 16 * 1024
MAX_FIELDS = 64
MAX_CODE_CHARS = 8 * 1024
"""Entra's codes have some 1,500 characters; nobody documents a bound."""
MAX_STATE_CHARS = 4 * 1024
"""Ours has at most 2,048."""
MAX_ISS_CHARS = 2 * 1024
MAX_ERROR_CHARS = 128
MAX_DESCRIPTION_CHARS = 500


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code as the callback brought it: printable ASCII, bounded."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackError:
    """Why there is no code (RFC 6749 §4.1.2.1); description and URI come from outside and are cut to 500 characters."""

    error: str
    description: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackParameters:
    """A callback that says one thing: either ``code`` or ``error`` is there."""

    code: AuthorizationCode | None
    error: CallbackError | None
    state: str | None = field(repr=False)
    iss: str | None


@dataclass(frozen=True, slots=True)
class MalformedCallback:
    """A query that is no authorization response."""

    because: str
    """A constant word for the log: ``too_long``, ``repeated``, ``ambiguous``, ``empty``, ``characters``."""


def authorization_url(
    server: AuthorizationServer,
    client: Client,
    *,
    redirect_uri: str,
    scope: str,
    state: str,
    code_challenge: str | None,
    nonce: str | None,
    extra: Sequence[tuple[str, str]] = (),
) -> str:
    """Return where the browser goes to be asked (RFC 6749 §4.1.1, RFC 7636 §4.3).

    An empty ``scope`` is left to the server's default; without a challenge there is no PKCE. The endpoint's own query stays as it is written (RFC 6749 §3.1);
    neither it nor ``extra`` can say anything in the place of our parameters.
    """
    ours = [
        ("response_type", "code"),
        ("client_id", client.client_id),
        ("redirect_uri", redirect_uri),
        ("scope", scope),
        ("state", state),
        ("code_challenge", code_challenge or ""),
        ("code_challenge_method", "S256" if code_challenge else ""),
        ("nonce", nonce or ""),
    ]
    said = [pair for pair in ours if pair[1]] + [pair for pair in extra if pair[0] not in OUR_PARAMETERS]
    endpoint = urlsplit(server.authorization_endpoint)
    kept = [part for part in endpoint.query.split("&") if part and _name(part) not in OUR_PARAMETERS]
    query = "&".join([*kept, urlencode(said, quote_via=quote, safe="")])
    return urlunsplit((endpoint.scheme, endpoint.netloc, endpoint.path, query, ""))


def parse_callback(raw_query: str) -> CallbackParameters | MalformedCallback:
    """Read the query of the callback URL, without the ``?`` (RFC 6749 §4.1.2); a parameter without value is absent."""
    if len(raw_query) > MAX_QUERY_CHARS or raw_query.count("&") >= MAX_FIELDS:
        return MalformedCallback("too_long")
    pairs = [pair for pair in parse_qsl(raw_query) if pair[0] in CALLBACK_PARAMETERS]
    found = dict(pairs)
    if len(found) != len(pairs):
        return MalformedCallback("repeated")  # RFC 6749 §3.1: a parameter stands once
    code, error, state, iss = (found.get(name) for name in ("code", "error", "state", "iss"))
    if (code is None) == (error is None):
        return MalformedCallback("empty" if code is None else "ambiguous")
    limits = ((code, MAX_CODE_CHARS), (error, MAX_ERROR_CHARS), (state, MAX_STATE_CHARS), (iss, MAX_ISS_CHARS))
    if any(value is not None and len(value) > limit for value, limit in limits):
        return MalformedCallback("too_long")
    if any(value is not None and not is_visible_ascii(value) for value, _ in limits):
        return MalformedCallback("characters")
    return CallbackParameters(
        code=None if code is None else AuthorizationCode(code),
        error=None if error is None else _callback_error(error, found),
        state=state,
        iss=iss,
    )


def _callback_error(error: str, found: dict[str, str]) -> CallbackError:
    return CallbackError(
        error=error,
        description=one_line(found.get("error_description", ""), MAX_DESCRIPTION_CHARS),
        uri=one_line(found.get("error_uri", ""), MAX_DESCRIPTION_CHARS),
    )


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])
