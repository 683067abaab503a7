"""Integrations that are configured no more, or are another client now: what was granted to them ends, too.

What each integration is, its secret included, is kept sealed beside the tokens that hang on it: it takes the client to give
them back (RFC 7009), and the configuration has none any more. A day passes before anything ends, because a name mistyped
for an evening shall cost nobody their grant; what cannot be opened stays, because the right key may come back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from proxy.flows.audit import Record
from proxy.flows.recipes import Recipe, recipe
from proxy.flows.token_seal import TokenSeal
from proxy.model import (
    SIDECAR,
    AuditAction,
    AuditEvent,
    Credentials,
    CredentialsGuid,
    Directory,
    Integration,
    IntegrationGuid,
    NotedIntegration,
    Secret,
)
from proxy.oauth.metadata import Undiscovered
from proxy.providers import PROVIDERS
from proxy.sealing import SealBroken
from proxy.store.base import Store

GRACE = timedelta(days=1)
BATCH = 100

log = structlog.get_logger(__name__)


class FormerIntegrations:
    """Compares one deployment's configuration with what the store has grants of."""

    def __init__(
        self, *, directory: Directory, store: Store, seal: TokenSeal, now: Callable[[], datetime], record: Record
    ) -> None:
        self._directory = directory
        self._store = store
        self._seal = seal
        self._now = now
        self._record = record

    async def note(self) -> None:
        """Write down what is configured, and since when what else there are grants of is gone; once per start."""
        there = list(self._directory.integrations.values())
        await self._store.note_integrations(
            [self._noted(one) for one in there if not one.is_unusable],
            unusable=[one.guid for one in there if one.is_unusable and one.template],
            now=self._now(),
        )

    async def recipe_of(self, integration_guid: IntegrationGuid, fingerprint: bytes) -> Recipe | None:
        """Return the recipe of the client that this is the fingerprint of; ``SealBroken`` when it cannot be opened."""
        configured = self._directory.integrations.get(integration_guid)
        known = None if configured is None else recipe(configured)
        if known is not None and known.fingerprint == fingerprint:
            return known
        sealed = await self._store.noted_integration(integration_guid, fingerprint)
        if sealed is None:
            return None
        former = _read(self._seal.open_integration(sealed, integration_guid, fingerprint))
        return None if former is None or recipe(former).fingerprint != fingerprint else recipe(former)

    async def work(self) -> None:
        """End what was granted to integrations that have been gone for a day."""
        now = self._now()
        for gone in await self._store.gone_integrations(before=now - GRACE):
            ended, after = 0, CredentialsGuid("")
            while rows := await self._store.credentials_of(gone, after=after, most=BATCH):
                given_up = [row for row in rows if self._opens(row)]
                await self._store.give_up_credentials([row.guid for row in given_up])
                for row in given_up:
                    self._record(_line(row, now))
                ended, after = ended + len(given_up), rows[-1].guid
            if ended:
                log.warning("grants of a former integration ended", integration=gone.integration_guid, count=ended)
        await self._store.forget_integrations()

    def _noted(self, integration: Integration) -> NotedIntegration:
        known = recipe(integration)
        can_revoke = isinstance(known.server, Undiscovered) or known.server.revocation_endpoint is not None
        of = (integration.guid, known.fingerprint)
        return NotedIntegration(
            integration_guid=integration.guid,
            fingerprint=known.fingerprint,
            sealed=self._seal.seal_integration(_written(integration), *of) if can_revoke else None,
        )

    def _opens(self, row: Credentials) -> bool:
        try:
            self._seal.access_token(row)
            self._seal.refresh_token(row)
        except SealBroken:
            return False
        return True


def _line(row: Credentials, now: datetime) -> AuditEvent:
    return AuditEvent(
        at=now, action=AuditAction.REVOCATION, actor=SIDECAR, viewer_guid=row.viewer_guid,
        integration_guid=row.integration_guid, detail={"ended": "credentials", "because": "integration_gone"},
    )  # fmt: skip


def _written(integration: Integration) -> str:
    return json.dumps(
        {
            "guid": integration.guid,
            "name": integration.name,
            "slug": integration.slug,
            "template": integration.template,
            "config": dict(integration.config),
            "generation": integration.generation,
            "client_secret": integration.client_secret.reveal() if integration.client_secret else None,
            "private_key": integration.private_key.reveal() if integration.private_key else None,
        }
    )


def _read(written: str) -> Integration | None:
    """Read what ``_written`` wrote; ``None`` for a type that there is no more."""
    said = json.loads(written)
    if said["template"] not in PROVIDERS:
        return None
    secret, key = said.pop("client_secret"), said.pop("private_key")
    return Integration(
        **said, client_secret=Secret(secret) if secret else None, private_key=Secret(key) if key else None
    )
