"""``docs/providers/index.md``, written from the rows: what each type supports, and what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from proxy.providers.base import Field, Provider
from proxy.providers.identity import FromAnswer, FromIdToken, FromResource, FromUserinfo, IdentitySource

LEFT_OUT_TYPES = (
    ("gitlab", "its refresh wants the redirect URI again, which no request here carries"),
    ("salesforce", "answers carry no lifetime, and what is dead is said in the description only; `custom` guesses 1 h"),
    ("slack", "tokens stand inside `authed_user`, and scopes have commas and a parameter of their own"),
    ("aws", "IAM Identity Center speaks JSON in camel case, and roles are taken on with an ID token (STS)"),
    ("sharepoint", "its resource has the tenant's name in it: `azure` with scope https://NAME.sharepoint.com/.default"),
    ("connect", "Posit Connect's own API keys are no OAuth tokens"),
)
LEFT_OUT = (
    (
        "Revoking the refresh token that a new consent replaces: at many servers that would end the new one as well; it ends "
        "by itself."
    ),
    "Asking for consent again only when no refresh token is stored: whoever signs in is not known before they did.",
    "A step up that content asks for (claims, `login_hint`): content cannot say yet what an API answered it.",
    "Tokens for another resource of the same grant (`resource`, `scope` at the exchange): one integration each.",
    "On behalf of, and token exchange at the provider (RFC 8693): content gets the viewer's token itself.",
    "mTLS, DPoP and `client_secret_jwt`: no server here demands them, and a bound token is of no use to content.",
    "The providers' rules for redirect URIs are on their pages and not checked against `public_url`: they say so themselves.",
    "Introspection (RFC 7662): what a token may do is between the server and its API.",
    "Hints of an answer that a lifetime may be another (`refresh_in`, `ext_expires_in`, `exp` of a JWT): `expires_in` decides.",
    "Remembering that a server rotates: where it may end earlier access tokens, it is taken for so from the start.",
    "`id_token_hint` at the provider's sign-out: no ID token is kept, and it would show who somebody is in a URL.",
    "Front-channel logout and session iframes: browsers send no cookies there any more; back-channel logout does it.",
    "Requests in JSON: every server here takes forms.",
    "Keeping idle refresh tokens alive: an idle end costs one redirect, mostly without a question.",
    "`jwt-bearer` grants with keys of service accounts (Google), and installation tokens (GitHub).",
)


_REGISTER = (
    "Register at each of them `<public_url>/__oauth__/integrations/callback`, exactly so. One OAuth application can serve "
    "several products: register the redirect URI of each."
)


def index_page(providers: Mapping[str, Provider]) -> str:
    """Return the page as the checked-in file has it."""
    rows = list(providers.values())
    return "\n".join(
        [
            "<!-- Written from proxy/providers/ by proxy/providers/index_page.py; a test compares them. -->",
            "# Integration types",
            "",
            _REGISTER,
            "",
            "## What each type does",
            "",
            *_table(
                (
                    "type",
                    "for",
                    "required",
                    "proves who we are by (default first)",
                    "scopes without `scopes`",
                    "always added",
                ),
                [
                    (
                        f"[{row.key}]({row.page}.md)",
                        row.display,
                        _names(field for field in row.fields if field.required and field.name != "client_id"),
                        ", ".join(row.auth_methods),
                        _code(row.default_scopes) or "the server's default",
                        _code(row.refresh_scopes) or "–",
                    )
                    for row in rows
                ],
            ),
            "",
            "`client_id` is required everywhere. PKCE (S256) is always used"
            + "".join(f", unless `{row.key}` has `use_pkce: false`" for row in rows if row.pkce_can_be_off)
            + ".",
            "",
            "## Tokens",
            "",
            *_table(
                (
                    "type",
                    "access token",
                    "refresh token",
                    "rotation",
                    "a refresh ends earlier access tokens",
                    "given back when it ends here (RFC 7009)",
                    "service accounts",
                ),
                [
                    (
                        row.key,
                        row.lifetimes.access,
                        row.lifetimes.refresh,
                        row.lifetimes.rotation,
                        "yes: refreshed late, shared by all content" if row.refresh_invalidates_access else "no",
                        _revocation(row),
                        row.no_service_accounts or "yes",
                    )
                    for row in rows
                ],
            ),
            "",
            "## Who the viewer is",
            "",
            *_table(
                ("type", "asked in this order", "`iss` of callbacks"),
                [(row.key, _sources(row.identity), _iss(row)) for row in rows],
            ),
            "",
            "## Fields",
            *(line for row in rows if row.key == row.page for line in _fields(row)),
            "",
            "## Left out, and why",
            "",
            *(f"- {text}" for text in LEFT_OUT),
            "",
            *(line for row in rows if row.key == row.page for line in _left_out(row)),
            "### Types that are not there",
            "",
            *(f"- `{name}`: {reason}." for name, reason in LEFT_OUT_TYPES),
            "",
        ]
    )


def _fields(row: Provider) -> list[str]:
    cells = [(f"`{field.name}`", field.help, _need(field)) for field in row.fields]
    return ["", f"### {row.key}", "", *_table(("field", "what", "need"), cells)]


def _need(field: Field) -> str:
    said = "required" if field.required else f"default `{field.default}`" if field.default else ""
    return ", ".join(word for word in (said, "secret" if field.secret else "") if word) or "–"


def _left_out(row: Provider) -> list[str]:
    return [f"### {row.key}: not used", "", *(f"- {text}" for text in row.left_out), ""]


def _revocation(row: Provider) -> str:
    if row.endpoints.revocation:
        where = "yes"
    elif row.endpoints.discovery:
        where = "as discovered"
    elif any(field.name == "revocation_uri" for field in row.fields):
        where = "with `revocation_uri`"
    else:
        return "no endpoint is known"
    return where if row.revokes_one_grant_only else f"{where}; with the last grant of the account"


def _sources(sources: Iterable[IdentitySource]) -> str:
    said = [_source(source) for source in sources]
    return ", else ".join(said)


def _source(source: IdentitySource) -> str:
    match source:
        case FromIdToken():
            return "ID token"
        case FromUserinfo():
            return "userinfo"
        case FromAnswer(names=names):
            return f"`{'`, `'.join(names.subject)}` of the token answer"
        case FromResource(url=url):
            return f"`{url}`"
        case _:
            assert_never(source)


def _iss(row: Provider) -> str:
    if row.iss_in_response_supported:
        return "required"
    known = row.endpoints.issuer or any(field.name == "issuer" for field in row.fields)
    return "compared when it comes and the issuer is known" if known else "not compared"


def _names(fields: Iterable[Field]) -> str:
    return ", ".join(f"`{field.name}`" for field in fields) or "–"


def _code(words: Iterable[str]) -> str:
    text = " ".join(words)
    return f"`{text}`" if text else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows),
    ]
