"""Microsoft Entra ID (Azure AD), v2.0 endpoints.

``invalid_grant`` is no synonym of a dead grant there: a new policy for multi-factor authentication says it too, while the
refresh token stays good. So its numbers decide (Microsoft's AADSTS error codes; MSAL draws the same line).
"""

from __future__ import annotations

from dataclasses import replace

from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.refusals import Refusal
from proxy.providers.base import ClientSign, Demand, Endpoints, Field, Lifetimes, Lookup, Provider, ServiceAccounts
from proxy.providers.client_fields import client_fields, override_fields, sign_out_field
from proxy.providers.identity import ClaimNames, FromIdToken

_METHODS = (
    ClientAuthMethod.CLIENT_SECRET_POST,
    ClientAuthMethod.PRIVATE_KEY_JWT,
    ClientAuthMethod.CLIENT_SECRET_BASIC,
    ClientAuthMethod.NONE,
)
_GUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

_TRANSIENT = frozenset({50033, 50087, 50088, 90006, 90012, 90033})
_CLIENT_LOOP = frozenset({50196})
_INTERACTION = frozenset({
    50058, 50072, 50074, 50076, 50078, 50079, 50097, 50105, 50131, 50158, 53000, 53001, 53003, 53004, 65001, 65004, 16000,
})  # fmt: skip
_DEAD = frozenset({70000, 70008, 70043, 700082, 700084, 50089, 50132, 50133, 50173})
_REGISTRATION = frozenset({
    7000215, 7000218, 7000222, 70002, 700016, 700025, 700027, 50011, 90002, 500011, 70011, 28002, 28003, 650057, 9001023,
    900144, 9002313, 9002325, 9002326, 9002327,
})  # fmt: skip

_SERVICE_ACCOUNTS = ServiceAccounts(
    needs_scopes="name the resource: https://database.windows.net/.default, for example",
    refused=(("tenant_id", "common|organizations|consumers", "a service account belongs to one tenant: name it"),),
)

AZURE = Provider(
    key="azure",
    display="Microsoft Entra ID",
    page="azure",
    fields=(
        Field(
            name="tenant_id",
            label="Tenant ID",
            required=True,
            kind="segment",
            help="The directory: its GUID, a domain of it, `organizations` or `common`.",
        ),
        *client_fields(
            _METHODS,
            scopes="Separated by spaces: those of ONE resource, such as https://graph.microsoft.com/.default, beside openid, "
            "profile and email; offline_access is added. Empty: openid profile email.",
            has_certificate=True,
        ),
        Field(
            name="cloud",
            label="Cloud",
            kind="choice",
            choices=("public", "usgov", "china"),
            default="public",
            help="Which national cloud the application is registered in.",
        ),
        Field(
            name="tenants",
            label="Tenants that may sign in",
            help="GUIDs separated by spaces. `sign_in` needs them unless tenant_id is a GUID. Empty: that one only.",
        ),
        sign_out_field(),
        *override_fields("authorization_uri", "token_uri"),
    ),
    lookups=(
        Lookup(
            name="login_host",
            of="cloud",
            table={
                "public": "login.microsoftonline.com",
                "usgov": "login.microsoftonline.us",
                "china": "login.partner.microsoftonline.cn",
            },
        ),
        Lookup(name="issuing_tenant", of="tenant_id", table={_GUID: r"\g<0>", ".+": "{tid}"}),
    ),
    demands=(
        Demand(
            field="private_key",
            pattern=".+",
            needs="certificate",
            text="required: Entra finds the key by its certificate",
        ),
    ),
    endpoints=Endpoints(
        authorization=("https://{login_host}/{tenant_id}/oauth2/v2.0/authorize",),
        token=("https://{login_host}/{tenant_id}/oauth2/v2.0/token",),
        jwks=("https://{login_host}/{tenant_id}/discovery/v2.0/keys",),
        issuer=("https://{login_host}/{issuing_tenant}/v2.0",),
        end_session=("https://{login_host}/{tenant_id}/oauth2/v2.0/logout",),
    ),
    lifetimes=Lifetimes(
        access="60–90 min, at random",
        refresh="90 days, anew with each refresh; 24 h for guests by e-mail code",
        rotation="a new one each time, the old one stays good",
    ),
    auth_methods=_METHODS,
    rsa_algorithm="PS256",
    default_scopes=("openid", "profile", "email"),
    refresh_scopes=("offline_access",),
    sends_scope_with_code=True,
    sends_scope_on_refresh=True,
    refusals=(
        Refusal(means="transient", because="client_loop", codes=_CLIENT_LOOP, retry_after_s=300.0),
        Refusal(means="transient", because="server_busy", codes=_TRANSIENT),
        Refusal(means="interactive", because="claims_challenge", has_claims=True),
        Refusal(means="interactive", because="interaction_required", codes=_INTERACTION),
        Refusal(means="dead", because="entra_says_dead", codes=_DEAD),
        Refusal(means="operator", because="registration", codes=_REGISTRATION),
        Refusal(means="interactive", because="invalid_grant", error="invalid_grant"),
    ),
    client_signs=(
        ClientSign(
            codes=frozenset({7000215}), text="The secret is wrong: client_secret takes its *value*, not its ID."
        ),
        ClientSign(codes=frozenset({7000222}), text="The secret has ended: make a new one in Entra."),
        ClientSign(
            codes=frozenset({700016}), text="client_id is not in this directory: check it, tenant_id, and the cloud."
        ),
        ClientSign(codes=frozenset({90002}), text="tenant_id is not a directory of this cloud: check it and `cloud`."),
        ClientSign(
            codes=frozenset({7000218, 70002}),
            text="The application has to prove itself: give a client_secret or private_key.",
        ),
        ClientSign(
            codes=frozenset({700025}),
            text="It is registered as a public client: take client_secret and private_key away.",
        ),
        ClientSign(
            codes=frozenset({700027}),
            text="The certificate is not the one in Entra, or has ended there: upload this one.",
        ),
        ClientSign(
            codes=frozenset({9002325, 9002326, 9002327}),
            text="The redirect URI is registered under Single-page application: move it to Web.",
        ),
    ),
    tenants="{tenants}",
    identity=(FromIdToken(ClaimNames(subject=("tid", "oid"), email_verified="")),),
    service_accounts=_SERVICE_ACCOUNTS,
    left_out=(
        "Several resources through one consent: one integration per resource is the model, as in Connect.",
        (
            "The claims challenge that an API answers content with (`cp1` is not declared): without it no API sends one, and "
            "tokens end after 90 minutes."
        ),
        "Graph's userinfo: it takes Graph's tokens only; the ID token says who it is for every resource.",
        "Addresses count as unverified, because Entra lets tenants write any: rules by e-mail admit nobody.",
        (
            "A grant that Entra answers invalid_grant for without a known number is kept until the viewer comes again; it is "
            "not thrown away after 24 h."
        ),
        "Entra tells no client over the back channel that somebody has signed out; sessions here end by their own times.",
        "Entra has no RFC 7009; Graph's revokeSignInSessions would end all of the viewer's sessions everywhere.",
        "ADFS and the v1.0 endpoints: numbers in strings and `expires_on` are read, RS256 with `x5t` is not sent.",
        "The on-behalf-of flow: content gets the viewer's token itself.",
    ),
)


def _alias(key: str, display: str, resource: str) -> Provider:
    scope = f"{resource}/.default"
    accounts = replace(_SERVICE_ACCOUNTS, scopes=(scope,))
    return replace(
        AZURE, key=key, display=display, default_scopes=(*AZURE.default_scopes, scope), service_accounts=accounts
    )


MSGRAPH = _alias("msgraph", "Microsoft Graph", "https://graph.microsoft.com")
AZURE_OPENAI = _alias("azure-openai", "Azure OpenAI", "https://cognitiveservices.azure.com")
