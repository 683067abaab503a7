"""The effective configuration as people read it: defaults filled in, guids and redirect URIs worked out, no secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import yaml

from proxy.config.document import Value
from proxy.config.values import Config, Listen, TcpListen, Tls, UnixListen
from proxy.model import (
    Access,
    Anyone,
    ApiKey,
    Content,
    ContentGuid,
    Integration,
    Named,
    SignedIn,
    TcpUpstream,
    UnixUpstream,
    Upstream,
)
from proxy.policy.guids import content_guid, integration_guid
from proxy.policy.header_names import PUBLISHING_APP_MODES, publishes_tokens
from proxy.policy.limits import Limits
from proxy.providers import PROVIDERS

MASKED = "(hidden)"
_DERIVED = "derived from the name: write it down before a rename, or what hangs on it is lost"

_LEFT_OPEN = "not said here: the Server API says which"

_KEPT = "what keeps access tokens out of pages: {} publishes request headers there"
_PUBLISHED = "a risk: {} publishes request headers in its pages, access tokens with them"


def effective(config: Config) -> str:
    """Return the configuration in force, as YAML with additions; no secret is in it."""
    directory = config.directory
    names: dict[str, str] = {guid: item.name for guid, item in directory.integrations.items()}
    content_names = {guid: item.name for guid, item in directory.contents.items()}
    keys: list[Value] = [_api_key(key, content_names) for key in config.api_keys]
    outbound = config.outbound
    shown: dict[str, Value] = {
        "public_url": config.public_url,
        "listen": address(config.listen),
        "tls": _tls(config.tls),
        "trusted_proxies": [str(network) for network in config.trusted_proxies],
        "unsafe_shared_origin": config.unsafe_shared_origin,
        "sign_in": _sign_in(config, names),
        "store": {"url": f"sqlite://{config.store_path}", "keys": [MASKED for _ in config.store_keys]},
        "api": {
            "listen": address(config.api_listen) if config.api_listen else None,
            "unsafe_listen_anywhere": config.api_unsafe_listen_anywhere,
            "tls": _tls(config.api_tls),
            "session_token_lifetime": _span(config.api_session_token_lifetime),
            "hosts": [*config.api_hosts],
            "public": config.api_public,
            "keys": keys,
        },
        "roles": {
            "administrators": [*sorted(config.roles.administrators)],
            "publishers": [*sorted(config.roles.publishers)],
        },
        "outbound": {
            "ca_bundle": str(outbound.ca_bundle) if outbound.ca_bundle else None,
            "proxy": MASKED if "@" in outbound.proxy else outbound.proxy or None,
            "no_proxy": [*outbound.no_proxy],
            "unsafe_allow_networks": [str(network) for network in outbound.unsafe_allow_networks],
        },
        "session": {"idle": _span(config.session_idle), "lifetime": _span(config.session_lifetime)},
        "audit": {"keep": _span(config.audit_keep)},
        "limits": {name: getattr(config.limits, name) for name in Limits.__slots__},
        "integrations": [_integration(item, config) for item in directory.integrations.values()],
        "content": [_content(item, names) for item in directory.contents.values()],
    }
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120)


def _api_key(key: ApiKey, content_names: Mapping[ContentGuid, str]) -> dict[str, Value]:
    return {
        "name": key.name,
        "role": key.role.value,
        "user": key.user or None,
        "content": content_names[key.content_guid] if key.content_guid else None,
        "key": MASKED,
    }


def _sign_in(config: Config, names: dict[str, str]) -> Value:
    directory, rule = config.directory, config.vouching
    if directory.identified_by is None:
        return None
    sent = (
        {}
        if rule is None
        else {
            "header": rule.user,
            "email_header": rule.email,
            "groups_header": rule.groups,
            "secret_header": rule.secret,
        }
    )
    return {
        "integration": names[directory.sign_in] if directory.sign_in else None,
        "groups_claim": directory.groups_claim,
        **{
            name: sent.get(name, b"").decode() or None
            for name in ("header", "email_header", "groups_header", "secret_header")
        },
        "secret": MASKED if rule is not None and rule.secret_hash else None,
    }


def address(listen: Listen) -> str:
    """Write an address as the configuration does."""
    match listen:
        case TcpListen(host, port):
            return f"{_in_brackets(host)}:{port}"
        case UnixListen(path):
            return f"unix:{path}"


def _tls(files: Tls | None) -> Value:
    return None if files is None else {"certificate": str(files.certificate), "key": str(files.key)}


def _integration(item: Integration, config: Config) -> Value:
    provider = PROVIDERS[item.template]
    secret = {field.name for field in provider.fields if field.secret}
    fields: dict[str, Value] = {name: MASKED if name in secret else value for name, value in item.config.items()}
    held = {"client_secret": item.client_secret, "private_key": item.private_key}
    fields |= {name: MASKED for name, value in held.items() if value is not None}
    return {
        "name": item.name,
        "guid": item.guid,
        **({"guid_is": _DERIVED} if item.guid == integration_guid(item.name) else {}),
        "slug": item.slug,
        "description": item.description,
        "pin_identity": item.pin_identity,
        "template": item.template,
        "config": fields,
        **({} if item.is_service_account else {"redirect_uri_to_register": config.redirect_uri}),
    }


def _content(item: Content, names: dict[str, str]) -> Value:
    return {
        "name": item.name,
        "title": item.title,
        "guid": item.guid,
        **({"guid_is": _DERIVED} if item.guid == content_guid(item.name) else {}),
        "owner": item.owner,
        **({"host": urlsplit(item.origin).hostname} if item.origin else {"path": item.path}),
        "app_mode": item.app_mode,
        "upstream": _upstream(item.upstream),
        "integrations": [
            {"name": names[guid], "optional": True} if guid in item.optional else names[guid]
            for guid in item.integrations
        ],
        **({} if item.are_integrations_configured else {"integrations_are": _LEFT_OPEN}),
        "access": _access(item.access),
        "strip_prefix": item.strip_prefix,
        "headers": _headers(item),
        "session_token_file": item.session_token_file or None,
        "unsafe_allow_origins": [*sorted(item.unsafe_allow_origins)],
        "visitor_api_keys": item.visitor_api_keys,
    }


def _headers(item: Content) -> Value:
    rules = item.headers
    says = _PUBLISHED if publishes_tokens(item) else _KEPT
    return {
        "preset": rules.preset.value,
        **({"preset_is": says.format(item.app_mode)} if item.app_mode in PUBLISHING_APP_MODES else {}),
        "rename": {**rules.rename},
        "drop": [*sorted(rules.drop)],
    }


def _upstream(upstream: Upstream) -> str:
    match upstream:
        case TcpUpstream(host, port):
            return f"http://{_in_brackets(host)}:{port}"
        case UnixUpstream(path):
            return f"unix:{path}"


def _access(access: Access) -> Value:
    match access:
        case Anyone():
            return "anyone"
        case SignedIn():
            return "signed_in"
        case Named(emails=emails, domains=domains, groups=groups):
            return {"emails": [*sorted(emails)], "domains": [*sorted(domains)], "groups": [*sorted(groups)]}


def _span(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host
