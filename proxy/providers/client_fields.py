"""The fields that integrations of every type have, so that a row names only what is its own."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.providers.base import Field

_OVERRIDES = (
    ("authorization_uri", "Other authorization endpoint", "In the place of the type's own. Empty: that."),
    ("token_uri", "Other token endpoint", "In the place of the type's own. Empty: that."),
    ("userinfo_uri", "Other userinfo endpoint", "In the place of the type's own. Empty: that."),
    ("issuer", "Issuer", "Compared with `iss` of callbacks (RFC 9207). Empty: the type's own, if it has one."),
)


def client_fields(
    methods: Sequence[ClientAuthMethod],
    *,
    scopes: str,
    needs_secret: bool = False,
    has_certificate: bool = False,
    no_service_accounts: str = "",
) -> tuple[Field, ...]:
    """Return who we are at the server and what is asked for.

    ``methods``: how the server lets clients prove themselves, the default with a secret first. ``scopes``: the help text of
    that field. ``no_service_accounts``: why the server has none, when it has none.
    """
    public = ClientAuthMethod.NONE in methods
    return (
        Field(name="client_id", label="Client ID", required=True, help="Our name at the authorization server."),
        Field(
            name="client_secret",
            label="Client secret",
            secret=True,
            required=needs_secret,
            help="Our secret there. " + ("Empty: a public client." if public else "Every client has one there."),
        ),
        *(_key_fields(has_certificate=has_certificate) if ClientAuthMethod.PRIVATE_KEY_JWT in methods else ()),
        Field(name="scopes", label="Scopes", help=scopes),
        Field(
            name="token_endpoint_auth_method",
            label="Client authentication",
            kind="choice",
            choices=tuple(methods),
            help=_say_methods(methods),
        ),
        Field(
            name="auth_type",
            label="Whose tokens",
            kind="choice",
            choices=("Viewer",) if no_service_accounts else ("Viewer", "Service Account"),
            otherwise=no_service_accounts,
            help="Whose tokens content gets: Viewer, each viewer's own"
            + ("" if no_service_accounts else "; Service Account, the client's, at the exchange only")
            + ". Empty: Viewer.",
        ),
        Field(
            name="auth_mode",
            label="Client type",
            kind="choice",
            choices=("Confidential", "Public"),
            help="Confidential with a secret or key, Public without; has to agree. Empty: whichever it is.",
        ),
        Field(
            name="authorization_parameters",
            label="Further parameters",
            kind="parameters",
            help="Sent along with viewers, as name=value&name=value; a name with an empty value takes out one of the "
            "type's own. Empty: none.",
        ),
    )


def sign_out_field() -> Field:
    """Return what follows a sign-out here where people can sign out of the server itself, too."""
    return Field(
        name="sign_out",
        label="Sign-out at the provider",
        kind="choice",
        choices=("offer", "follow", "never"),
        default="offer",
        help="After signing out here, where `sign_in` names this integration: offer a button to sign out there as well, follow "
        "it at once, or never. Register <public_url>/__oauth__/signed-out as a post-logout redirect URI. Empty: offer.",
    )


def override_fields(*names: str) -> tuple[Field, ...]:
    """Return the endpoints that can be given in the place of the type's own: behind a proxy, or in a test."""
    return tuple(
        Field(name=name, label=label, kind="url", help=help_) for name, label, help_ in _OVERRIDES if name in names
    )


def _key_fields(*, has_certificate: bool) -> tuple[Field, ...]:
    certificate = Field(
        name="certificate",
        label="Certificate",
        kind="pem",
        help="Certificate of the private_key in PEM, as registered; its thumbprint goes along. Empty: key_id names the key.",
    )
    return (
        Field(
            name="private_key",
            label="Private key",
            secret=True,
            kind="pem",
            help="Signs who we are instead of a client_secret (RFC 7523): PEM, RSA or P-256 or P-384. Empty: no key.",
        ),
        Field(name="key_id", label="Key ID", help="`kid` of the private_key at the server. Empty: not sent."),
        *((certificate,) if has_certificate else ()),
    )


def _say_methods(methods: Sequence[ClientAuthMethod]) -> str:
    key = ", private_key_jwt with a private_key" if ClientAuthMethod.PRIVATE_KEY_JWT in methods else ""
    none = ", none without" if ClientAuthMethod.NONE in methods else ""
    return f"How we prove who we are. Empty: {methods[0].value} with a secret{key}{none}."
