"""An integration's ``config`` read by its recipe: values brought into one form, or everything that is wrong with them.

Nothing here contains a value in what it says: a field may hold a secret by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from proxy.model import SERVICE_ACCOUNT
from proxy.oauth.authorization import OUR_PARAMETERS
from proxy.oauth.client_assertion import private_key_problem
from proxy.oauth.client_auth import ClientAuthMethod
from proxy.oauth.origins import secure_origin
from proxy.providers.base import Field, Lookup, Provider

MAX_PARAMETERS = 32

REFUSED_PARAMETERS = OUR_PARAMETERS | {"client_secret", "request", "request_uri", "response_mode"}
"""Beside ours: what would send something else instead of them (RFC 9101), and answers that are no query."""

_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_SEGMENT = re.compile(r"(?!\.+\Z)[A-Za-z0-9._~-]+")
_SECRET_METHODS = {ClientAuthMethod.CLIENT_SECRET_BASIC, ClientAuthMethod.CLIENT_SECRET_POST}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Why an integration's ``config`` cannot be used; never contains the value."""

    field: str
    text: str


def values(provider: Provider, config: Mapping[str, str]) -> Mapping[str, str]:
    """Return what templates may use: every field that has a value, in its normal form, and the recipe's lookups.

    ``config`` is one that :func:`problems` passed; ``ValueError`` otherwise.
    """
    found = {field.name: normalised(field, config.get(field.name) or field.default) for field in provider.fields}
    found |= {lookup.name: _looked_up(lookup, found.get(lookup.of, "")) for lookup in provider.lookups}
    return MappingProxyType({name: value for name, value in found.items() if value})


def filled(template: str, known: Mapping[str, str]) -> str:
    """Return the template with values in it; ``""`` when one of them is missing."""
    try:
        return template.format_map(known)
    except KeyError:
        return ""


def normalised(field: Field, value: str) -> str:
    """Return the value as templates take it; ``ValueError`` with what to write instead. Empty stays empty."""
    if not value:
        return ""
    if field.kind != "pem" and not value.isprintable():
        raise ValueError("must be one line of printable text")
    found = _FORMS[field.kind](value)
    if field.choices and found not in field.choices:
        raise ValueError(field.otherwise or "must be one of " + ", ".join(field.choices))
    if field.pattern and not re.fullmatch(field.pattern, found):
        raise ValueError(field.otherwise)
    return found


def problems(provider: Provider, config: Mapping[str, str], *, secrets: Collection[str]) -> tuple[FieldProblem, ...]:
    """Check ``config`` (without the secret fields) against the recipe; ``secrets``: the names of those that are given.

    Empty when all is well.
    """
    found = [*_faults_of_fields(provider, config, secrets)]
    sound = {
        field.name: normalised(field, config.get(field.name) or field.default)
        for field in provider.fields
        if field.name not in {problem.field for problem in found}
    }
    found += _faults_of_demands(provider, sound, secrets)
    found += _faults_of_client(sound, secrets)
    found += _faults_of_scopes(provider, sound)
    return tuple(found)


def _looked_up(lookup: Lookup, value: str) -> str:
    matches = ((re.fullmatch(pattern, value), found) for pattern, found in lookup.table.items())
    return next((match.expand(found) for match, found in matches if match), "")


def _faults_of_fields(
    provider: Provider, config: Mapping[str, str], secrets: Collection[str]
) -> Iterator[FieldProblem]:
    known = {field.name: field for field in provider.fields}
    is_for_viewers = config.get("auth_type", "").strip() != SERVICE_ACCOUNT
    yield from (FieldProblem(name, "unknown field") for name in config if name not in known or known[name].secret)
    for field in provider.fields:
        is_given = field.name in secrets if field.secret else bool(config.get(field.name))
        if field.required and not is_given and (is_for_viewers or not field.for_viewers):
            yield FieldProblem(field.name, "required")
        elif not field.secret:
            try:
                normalised(field, config.get(field.name, ""))
            except ValueError as exc:
                yield FieldProblem(field.name, str(exc))


def _faults_of_demands(
    provider: Provider, sound: Mapping[str, str], secrets: Collection[str]
) -> Iterator[FieldProblem]:
    for demand in provider.demands:
        found = "given" if demand.field in secrets else sound.get(demand.field, "")
        if re.fullmatch(demand.pattern, found) and not sound.get(demand.needs, "-"):
            yield FieldProblem(demand.needs, demand.text)


def _faults_of_client(sound: Mapping[str, str], secrets: Collection[str]) -> Iterator[FieldProblem]:
    """Exactly one way to say who we are: everything else is somebody's mistake, and a server would refuse it."""
    has_secret, has_key = "client_secret" in secrets, "private_key" in secrets
    if has_secret and has_key:
        yield FieldProblem("private_key", "give either a client_secret or a private_key")
        return
    method = sound.get("token_endpoint_auth_method", "")
    if method in _SECRET_METHODS and not has_secret:
        yield FieldProblem("token_endpoint_auth_method", "needs a client_secret")
    if method == ClientAuthMethod.PRIVATE_KEY_JWT and not has_key:
        yield FieldProblem("token_endpoint_auth_method", "needs a private_key")
    if method == ClientAuthMethod.NONE and (has_secret or has_key):
        which = "client_secret" if has_secret else "private_key"
        yield FieldProblem("token_endpoint_auth_method", f"none cannot go with a {which}")
    if sound.get("certificate") and not has_key:
        yield FieldProblem("certificate", "needs the private_key that it belongs to")
    if sound.get("basic_encoding") == "raw" and ":" in sound.get("client_id", ""):
        yield FieldProblem("basic_encoding", "raw cannot carry a client_id with a colon in it (RFC 7617)")
    is_confidential = has_secret or has_key
    mode = sound.get("auth_mode", "")
    if mode == "Confidential" and not is_confidential:
        yield FieldProblem("auth_mode", "Confidential needs a client_secret")
    if mode == "Public" and is_confidential:
        yield FieldProblem("auth_mode", f"Public cannot go with a {'client_secret' if has_secret else 'private_key'}")
    if sound.get("use_pkce") == "false" and not is_confidential:
        yield FieldProblem("use_pkce", "without a client_secret nothing but PKCE ties the code to us: it stays on")


def _faults_of_scopes(provider: Provider, sound: Mapping[str, str]) -> Iterator[FieldProblem]:
    named = sound.get("scopes", "").split()
    yield from (FieldProblem("scopes", text) for scope, text in provider.refused_scopes.items() if scope in named)


def _text(value: str) -> str:
    return value.strip()


def _url(value: str) -> str:
    if secure_origin(value) is None:
        raise ValueError("must be an https URL without fragment (http on loopback only)")
    return value


def _base(value: str) -> str:
    if secure_origin(value) is None or not _has_host_name(value) or "?" in value:
        raise ValueError("must be an https URL such as https://sso.example.org, without query (http on loopback only)")
    scheme, _, rest = value.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}".rstrip("/")


def _origin(value: str) -> str:
    bare = (value if "://" in value else f"https://{value}").removesuffix("/")
    if secure_origin(bare) is None or not _has_host_name(bare) or "?" in bare or bare.count("/") != 2:
        raise ValueError("must be a host name or https://host, without a path (http on loopback only)")
    return bare.lower()


def _has_host_name(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "::1" or (_HOST.fullmatch(host) is not None and len(host) <= 253)


def _segment(value: str) -> str:
    if not _SEGMENT.fullmatch(value):
        raise ValueError("must consist of letters, digits and . _ ~ - only")
    return value


def _parameters(value: str) -> str:
    try:
        pairs = parse_qsl(value, keep_blank_values=True, strict_parsing=True, max_num_fields=MAX_PARAMETERS)
    except ValueError as exc:
        raise ValueError("must be name=value pairs, joined by & and percent-encoded") from exc
    if taken := sorted(REFUSED_PARAMETERS & {name for name, _ in pairs}):
        raise ValueError(f"cannot say {', '.join(taken)}: the sidecar does")
    return value


def _pem(value: str) -> str:
    if problem := private_key_problem("", certificate=value):
        raise ValueError(problem)
    return value


_FORMS: Mapping[str, Callable[[str], str]] = {
    "text": _text,
    "url": _url,
    "base": _base,
    "origin": _origin,
    "segment": _segment,
    "parameters": _parameters,
    "pem": _pem,
    "choice": _text,
    "flag": _text,
}
