"""Settings that fit together → the values that the rest of the program takes."""

from __future__ import annotations

from pathlib import Path as FilePath
from types import MappingProxyType

from proxy.config.checks.draft import header_rules_of, slug_of
from proxy.config.schema import (
    AccessSettings,
    ApiKeySettings,
    ContentSettings,
    IntegrationSettings,
    OutboundSettings,
    Settings,
    SignInSettings,
    TlsSettings,
)
from proxy.config.texts import origin_at
from proxy.config.values import Config, Outbound, Tls
from proxy.model import (
    Access,
    Anyone,
    ApiKey,
    Content,
    ContentGuid,
    Directory,
    Integration,
    IntegrationGuid,
    Named,
    Role,
    Roles,
    Secret,
    SignedIn,
)
from proxy.policy.guids import configured_key_guid, content_guid, integration_guid
from proxy.policy.limits import Limits
from proxy.policy.vouching import Vouching
from proxy.sealing import hash_handle, parse_key


def build(settings: Settings, folder: FilePath) -> Config:
    """Build the configuration; the settings must have passed every check."""
    integrations = {item.name: _integration(item) for item in settings.integrations}
    vouching = _vouching(settings)
    contents = {item.name: _content(item, integrations, settings.public_url) for item in settings.content}
    return Config(
        public_url=settings.public_url,
        public_host=settings.public_url.partition("://")[2],
        listen=settings.listen,
        tls=_tls(settings.tls, folder),
        trusted_proxies=tuple(settings.trusted_proxies),
        store_path=settings.store.url,
        store_keys=tuple(parse_key(text) for text in settings.store.keys),
        api_listen=settings.api.listen,
        api_unsafe_listen_anywhere=settings.api.unsafe_listen_anywhere,
        api_tls=_tls(settings.api.tls, folder),
        api_session_token_lifetime=settings.api.session_token_lifetime,
        api_hosts=tuple(settings.api.hosts),
        api_public=settings.api.public,
        api_keys=tuple(_api_key(item, contents) for item in settings.api.keys),
        roles=Roles(
            administrators=frozenset(settings.roles.administrators), publishers=frozenset(settings.roles.publishers)
        ),
        session_idle=settings.session.idle,
        session_lifetime=settings.session.lifetime,
        audit_keep=settings.audit.keep,
        limits=Limits(**settings.limits.model_dump()),
        directory=Directory(
            contents=MappingProxyType({content.guid: content for content in contents.values()}),
            integrations=MappingProxyType({item.guid: item for item in integrations.values()}),
            sign_in=integrations[settings.sign_in_name].guid if settings.sign_in_name else None,
            groups_claim=settings.sign_in.groups_claim if isinstance(settings.sign_in, SignInSettings) else "",
            is_vouched=vouching is not None,
        ),
        unsafe_shared_origin=settings.unsafe_shared_origin,
        outbound=_outbound(settings.outbound, folder),
        vouching=vouching,
    )


def _vouching(settings: Settings) -> Vouching | None:
    item = settings.sign_in
    if not isinstance(item, SignInSettings) or item.header is None:
        return None
    return Vouching(
        user=_header(item.header),
        email=_header(item.email_header),
        groups=_header(item.groups_header),
        secret=_header(item.secret_header),
        secret_hash=hash_handle(item.secret) if item.secret else b"",
    )


def _header(name: str | None) -> bytes:
    return (name or "").lower().encode()


def _outbound(item: OutboundSettings, folder: FilePath) -> Outbound:
    return Outbound(
        ca_bundle=folder / item.ca_bundle if item.ca_bundle else None,
        proxy=item.proxy or "",
        no_proxy=tuple(item.no_proxy),
        unsafe_allow_networks=tuple(item.unsafe_allow_networks),
    )


def _tls(files: TlsSettings | None, folder: FilePath) -> Tls | None:
    return Tls(certificate=folder / files.certificate, key=folder / files.key) if files is not None else None


def _api_key(item: ApiKeySettings, contents: dict[str, Content]) -> ApiKey:
    return ApiKey(
        guid=configured_key_guid(item.name),
        name=item.name,
        role=Role(item.role_or_implied),
        hash=hash_handle(item.key),
        user=item.user or "",
        content_guid=contents[item.content].guid if item.content else None,
    )


def _integration(item: IntegrationSettings) -> Integration:
    config = dict(item.config)
    secret, key = config.pop("client_secret", None), config.pop("private_key", None)
    return Integration(
        guid=IntegrationGuid(item.guid) if item.guid else integration_guid(item.name),
        name=item.name,
        slug=slug_of(item),
        template=item.template,
        config=MappingProxyType(config),
        client_secret=Secret(secret) if secret else None,
        private_key=Secret(key) if key else None,
        description=item.description,
        pin_identity=item.pin_identity,
    )


def _content(item: ContentSettings, integrations: dict[str, Integration], public_url: str) -> Content:
    return Content(
        guid=ContentGuid(item.guid) if item.guid else content_guid(item.name),
        name=item.name,
        title=item.title or item.name,
        owner=item.owner,
        path=item.path or "/",
        origin=origin_at(public_url, item.host) if item.host else "",
        upstream=item.upstream,
        app_mode=item.app_mode,
        access=_access(item),
        integrations=tuple(integrations[used.name].guid for used in item.associations),
        optional=frozenset(integrations[used.name].guid for used in item.associations if used.optional),
        are_integrations_configured="integrations" in item.model_fields_set,
        strip_prefix=item.strip_prefix,
        session_token_file=str(item.session_token_file or ""),
        unsafe_allow_origins=frozenset(item.unsafe_allow_origins),
        headers=header_rules_of(item),
        visitor_api_keys=item.visitor_api_keys,
    )


def _access(item: ContentSettings) -> Access:
    match item.access:
        case AccessSettings() as rule:
            return Named(emails=frozenset(rule.emails), domains=frozenset(rule.domains), groups=frozenset(rule.groups))
        case "anyone":
            return Anyone()
        case "signed_in":
            return SignedIn()
