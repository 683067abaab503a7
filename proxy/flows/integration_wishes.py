"""What somebody wants an integration to be, judged: what is to be stored, or what is wrong with it in Connect's words.

The rules for ``config`` are the recipes' own, as for the configuration file; but nothing here stands for a variable or a
file, and an address has to be one that anybody may name (``policy.endpoints``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from proxy.flows.administered import IntegrationChanges, NewIntegration
from proxy.flows.refused import Refused, refusal
from proxy.flows.stored_integrations import COLUMNS, Column, IntegrationSeal, integration_of, sealed_of
from proxy.model import IntegrationGuid, PermissionGrant, Sealed, StoredIntegration
from proxy.policy.addresses import Network
from proxy.policy.endpoints import endpoint_problem
from proxy.policy.slugs import derived_slug, free_slug
from proxy.providers import PROVIDERS
from proxy.providers.base import Provider
from proxy.providers.fields import FieldProblem, normalised
from proxy.providers.registration import secret_origins
from proxy.providers.whole_config import whole_config_problems

MOST_CHARACTERS_OF_A_NAME = 128
MOST_CHARACTERS_OF_A_DESCRIPTION = 4_000
MOST_PERMISSIONS = 1_000

_ADDRESSES = frozenset({"url", "base", "origin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What others have already."""

    names: Collection[str]
    slugs: Collection[str]


class Wishes:
    """Judges what is asked for."""

    def __init__(self, *, seal: IntegrationSeal, allow_networks: Collection[Network]) -> None:
        """``allow_networks``: where an authorization server named over the API may be beside the public internet."""
        self._seal = seal
        self._allow_networks = tuple(allow_networks)

    def made(
        self, asked: NewIntegration, taken: Taken, *, guid: IntegrationGuid, now: datetime
    ) -> StoredIntegration | Refused:
        """Return what is to be stored of a new one."""
        provider = PROVIDERS.get(asked.template)
        if provider is None:
            return refusal(227, f"There is no such template; there are: {', '.join(sorted(PROVIDERS))}.")
        name = asked.name.strip() or _free_name(provider.display, taken.names)
        config = {key: value for key, value in asked.config.items() if value or _is_secret(provider, key)}
        refused = (
            _name_refused(name, taken)
            or _description_refused(asked.description)
            or _permissions_refused(asked.permissions)
            or self._config_refused(provider, config, kept=())
        )
        if refused is not None:
            return refused
        plain, sealed = self._sealed(provider, config, guid)
        return StoredIntegration(
            guid=guid,
            name=name,
            slug=free_slug(derived_slug(name) or provider.key, taken.slugs),
            description=asked.description,
            template=provider.key,
            config=plain,
            client_secret=sealed.get("client_secret"),
            private_key=sealed.get("private_key"),
            pin_identity=False,
            permissions=asked.permissions,
            generation=0,
            revision=1,
            created_at=now,
            updated_at=now,
        )

    def changed(
        self, present: StoredIntegration, asked: IntegrationChanges, taken: Taken, *, now: datetime
    ) -> StoredIntegration | Refused:
        """Return what is to be stored in the place of what is there."""
        provider = PROVIDERS.get(present.template)
        if asked.template not in {None, present.template}:
            return refusal(229, "The template of an integration cannot change: make another integration.")
        if provider is None:
            return refusal(227, "This version does not know the template of this integration.")
        name = present.name if asked.name is None else asked.name.strip()
        description = present.description if asked.description is None else asked.description
        permissions = present.permissions if asked.permissions is None else asked.permissions
        refused = (
            (_name_refused(name, taken) if name != present.name else None)
            or (_description_refused(description) if description != present.description else None)
            or _permissions_refused(permissions)
        )
        if refused is not None:
            return refused
        merged = self._merged(provider, present, asked.config or {})
        if isinstance(merged, Refused):
            return merged
        return replace(
            merged,
            name=name,
            description=description,
            permissions=permissions,
            revision=present.revision + 1,
            updated_at=now,
        )

    def _merged(
        self, provider: Provider, present: StoredIntegration, said: Mapping[str, str | None]
    ) -> StoredIntegration | Refused:
        """Merge key by key: what is not said stays, a secret too; ``None`` takes a key away, an empty value that is none."""
        config: dict[str, str] = dict(present.config)
        config |= {name: secret.reveal() for name, secret in self._seal.opened(present).items()}
        for key, value in said.items():
            if value is None or (not value and not _is_secret(provider, key)):
                config.pop(key, None)
            else:
                config[key] = value
        unseen = {one for one in COLUMNS if sealed_of(present, one) is not None and one not in {*config, *said}}
        refused = self._config_refused(provider, config, kept=unseen)
        if refused is not None:
            return refused
        plain, fresh = self._sealed(provider, config, present.guid)
        kept = {column: sealed_of(present, column) for column in COLUMNS if column not in said}
        merged = replace(
            present,
            config=plain,
            client_secret=kept.get("client_secret", fresh.get("client_secret")),
            private_key=kept.get("private_key", fresh.get("private_key")),
        )
        if kept.get("client_secret") is not None and _is_shown_to_others(provider, present, merged):
            return refusal(228, "The config key client_secret: give it again: it would be sent to another server.")
        return merged

    def _sealed(
        self, provider: Provider, config: Mapping[str, str], guid: IntegrationGuid
    ) -> tuple[dict[str, str], dict[Column, Sealed]]:
        """Take the secrets out of a ``config`` that was judged."""
        secrets = {
            column: self._seal.seal(config[column], column, guid)
            for column in COLUMNS
            if column in config and _is_secret(provider, column)
        }
        return {key: value for key, value in config.items() if key not in secrets}, secrets

    def _config_refused(
        self, provider: Provider, config: Mapping[str, str], *, kept: Collection[str]
    ) -> Refused | None:
        found = whole_config_problems(provider, config, kept=kept) or self._addresses(provider, config)
        if not found:
            return None
        return refusal(228, " ".join(f"The config key {_shown(one.field)}: {one.text}." for one in found))

    def _addresses(self, provider: Provider, config: Mapping[str, str]) -> tuple[FieldProblem, ...]:
        said = [
            (field.name, normalised(field, config.get(field.name, "")))
            for field in provider.fields
            if field.kind in _ADDRESSES
        ]
        judged = [(name, endpoint_problem(url, self._allow_networks)) for name, url in said if url]
        return tuple(FieldProblem(name, text) for name, text in judged if text)


def _is_shown_to_others(provider: Provider, before: StoredIntegration, after: StoredIntegration) -> bool:
    """Say whether a secret would be sent where it was not before: nobody is to read so what no answer shows.

    A private key stays here: what is signed with it names the one token endpoint that it is good for.
    """
    told = secret_origins(provider, integration_of(after, {}, slug=""))
    try:
        return not told <= secret_origins(provider, integration_of(before, {}, slug=""))
    except ValueError:  # nobody knows where it was sent
        return True


def _is_secret(provider: Provider, key: str) -> bool:
    return any(field.name == key and field.secret for field in provider.fields)


def _name_refused(name: str, taken: Taken) -> Refused | None:
    if not name or len(name) > MOST_CHARACTERS_OF_A_NAME or not name.isprintable():
        return refusal(225, f"The name must be one line of 1 to {MOST_CHARACTERS_OF_A_NAME} printable characters.")
    if name in taken.names:
        return refusal(225, "Another integration has this name already.")
    return None


def _description_refused(description: str) -> Refused | None:
    lines = description.replace("\r\n", "\n").split("\n")
    if len(description) <= MOST_CHARACTERS_OF_A_DESCRIPTION and all(line.isprintable() for line in lines):
        return None
    return refusal(226, f"The description must be at most {MOST_CHARACTERS_OF_A_DESCRIPTION} printable characters.")


def _permissions_refused(permissions: Collection[PermissionGrant]) -> Refused | None:
    if len(permissions) > MOST_PERMISSIONS:
        return refusal(25, f"There can be at most {MOST_PERMISSIONS} permissions.")
    if any(bool(grant.user) == bool(grant.group) for grant in permissions):
        return refusal(261, "Each of the permissions must name a user or a group, and not both.")
    if len(set(permissions)) < len(permissions):
        return refusal(258, "The permissions name somebody twice.")
    return None


def _free_name(wanted: str, taken: Collection[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name


def _shown(key: str) -> str:
    """Return a key as it may be repeated: somebody may have put a secret in its place."""
    return key if len(key) <= 40 and key.replace("_", "").isalnum() and key.isascii() and key.islower() else "(unknown)"
