"""An integration's ``config`` as somebody hands it in, secrets in plain: everything that is wrong with it, key by key.

``fields`` judges what is not secret; here the secrets are judged, and whether they go together with the rest. Nothing that
is said contains a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from proxy.model import SERVICE_ACCOUNT
from proxy.oauth.client_assertion import private_key_problem
from proxy.providers.base import Provider
from proxy.providers.fields import FieldProblem, problems
from proxy.providers.service_accounts import service_account_problems

_PLACEHOLDER = re.compile(
    r"(?:change[ _-]?(?:me|it|this)|replace[ _-]?(?:me|it|this)|to-?do|placeholder|x{3,}|\.{3}|…|<.*>|(?:your|my)[ _-].*)",
    re.IGNORECASE,
)


def whole_config_problems(
    provider: Provider, config: Mapping[str, str], *, kept: Collection[str] = ()
) -> tuple[FieldProblem, ...]:
    """Check a ``config`` with its secrets in it; ``kept``: the names of secrets that are there and not seen. Empty: all is well."""
    secret = {field.name for field in provider.fields if field.secret}
    given = {name: value for name, value in config.items() if name in secret}
    plain = {name: value for name, value in config.items() if name not in secret}
    found = [FieldProblem(name, text) for name, value in given.items() if (text := secret_problem(name, value))]
    found += key_problems(config) if not found else ()
    if not found:
        secrets = {*given, *kept}
        found += problems(provider, plain, secrets=secrets)
        if not found and is_service_account(config):
            found += service_account_problems(provider, plain, secrets=secrets)
    return tuple(found)


def is_service_account(config: Mapping[str, str]) -> bool:
    """Say whether an integration with this ``config`` gets the client's own tokens."""
    return config.get("auth_type", "").strip() == SERVICE_ACCOUNT


def secret_problem(name: str, value: str) -> str:
    """Say why a secret cannot be one; empty: it can."""
    if not value.strip():
        return "must not be empty; leave it out to have none"
    if _PLACEHOLDER.fullmatch(value.strip()):
        return "this is a placeholder: put the real value in"
    if name != "private_key" and not value.isprintable():
        return "must be one line of printable text"
    return ""


def key_problems(config: Mapping[str, str]) -> Iterator[FieldProblem]:
    """Say what is wrong with a private key, or with the certificate that is to be its."""
    key, certificate = config.get("private_key", ""), config.get("certificate", "")
    if key and (problem := private_key_problem(key)):
        yield FieldProblem("private_key", problem)
    elif key and certificate and (problem := private_key_problem(key, certificate=certificate)):
        yield FieldProblem("certificate", problem)
