"""Tokens for the client itself, instead of a viewer's (RFC 6749 §4.4): whether an integration can have them, and the request.

A refresh token in the answer is not to be used (§4.4.3), and an ID token is nobody's: only the access token is taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from proxy.model import Integration
from proxy.oauth.client_auth import Client, ClientAuthMethod, Once
from proxy.oauth.message import OutboundRequest
from proxy.oauth.metadata import AuthorizationServer
from proxy.oauth.token import client_credentials_request
from proxy.providers.base import Provider, ServiceAccounts
from proxy.providers.fields import FieldProblem, filled, values

_FOR_VIEWERS = frozenset({"openid", "profile", "email", "offline_access"})
"""Nobody signs in, and a refresh token is not to be given (§4.4.3)."""


def service_account_problems(
    provider: Provider, config: Mapping[str, str], *, secrets: Collection[str]
) -> tuple[FieldProblem, ...]:
    """Say what keeps a ``config`` that ``fields.problems`` passed from being one of a service account."""
    accounts = provider.service_accounts
    if accounts is None:
        return (FieldProblem("auth_type", provider.no_service_accounts),)
    return tuple(_problems(provider, accounts, config, secrets))


def service_account_scope(provider: Provider, integration: Integration) -> str | None:
    """Return what is asked for; ``None``: the server decides."""
    accounts = provider.service_accounts
    not_for_us = _FOR_VIEWERS | set(provider.refresh_scopes)
    named = [scope for scope in integration.config.get("scopes", "").split() if scope not in not_for_us]
    return " ".join(dict.fromkeys(named or (accounts.scopes if accounts else ()))) or None


def service_account_request(
    provider: Provider, integration: Integration, server: AuthorizationServer, client: Client, *, once: Once
) -> OutboundRequest:
    """Return the request for a token of the client itself; ``ValueError`` where there is none."""
    accounts = provider.service_accounts
    if accounts is None:
        raise ValueError(provider.no_service_accounts)
    known = values(provider, integration.config)
    pairs = [(name, filled(template, known)) for name, template in accounts.parameters]
    has_choice = client.client_secret is not None and "token_endpoint_auth_method" not in known
    method = accounts.auth_method if has_choice and accounts.auth_method else client.auth_method
    return client_credentials_request(
        server,
        replace(client, auth_method=method),
        scope=service_account_scope(provider, integration),
        extra=[pair for pair in pairs if pair[1]],
        once=once,
    )


def _problems(
    provider: Provider, accounts: ServiceAccounts, config: Mapping[str, str], secrets: Collection[str]
) -> Iterator[FieldProblem]:
    known = values(provider, config)
    if not secrets:
        yield FieldProblem("client_secret", "a service account needs a client_secret or a private_key")
    if known.get("token_endpoint_auth_method") == ClientAuthMethod.NONE:
        yield FieldProblem("token_endpoint_auth_method", "a service account has to prove who it is")
    named = [scope for scope in known.get("scopes", "").split() if scope not in _FOR_VIEWERS]
    if accounts.needs_scopes and not named and not accounts.scopes:
        yield FieldProblem("scopes", accounts.needs_scopes)
    for field, pattern, text in accounts.refused:
        if re.fullmatch(pattern, known.get(field, "")):
            yield FieldProblem(field, text)
