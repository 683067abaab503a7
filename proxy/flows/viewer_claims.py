"""Read again who the viewer is, whenever the tokens of their sign-in are refreshed: groups and addresses change.

Rules are judged by what is stored; so a group taken away at the provider counts here when the access token that named it has
ended, at the latest (and five minutes, for which a yes is remembered). Where a sign-in cannot be refreshed, it counts when
the session ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.errors import StoreUnavailable
from proxy.flows.identities import Identities, IdentityRefused, IdentityUnavailable, Question
from proxy.flows.recipes import Recipe
from proxy.flows.servers import AuthorizationServers, Unlocated
from proxy.model import Change, Credentials, CredentialsChanged, Identity, IntegrationGuid, Viewer
from proxy.oauth.token import TokenResponse
from proxy.store.base import Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """One successful refresh."""

    recipe: Recipe
    row: Credentials
    """As it was before."""
    tokens: TokenResponse


class ViewerClaims:
    """Keeps the stored identities of one deployment up to date."""

    def __init__(
        self,
        *,
        sign_in: IntegrationGuid | None,
        store: Store,
        servers: AuthorizationServers,
        identities: Identities,
        now: Callable[[], datetime],
        publish: Callable[[Change], None],
    ) -> None:
        self._sign_in = sign_in
        self._store = store
        self._servers = servers
        self._identities = identities
        self._now = now
        self._publish = publish

    async def read_again(self, refreshed: Refreshed) -> None:
        """Store what the server says now of the viewer whose sign-in was refreshed; else, what is known stays."""
        row = refreshed.row
        if row.integration_guid != self._sign_in or row.account is None:
            return
        match await self._found(refreshed):
            case Identity() as identity if identity.subject == row.account.subject:
                await self._store_identity(row, identity)
            case Identity():
                log.error("claims not read again", viewer=row.viewer_guid, because="another_subject")
            case IdentityRefused(because=because):
                log.error("claims not read again", viewer=row.viewer_guid, because=because)
            case IdentityUnavailable():
                log.warning("claims not read again", viewer=row.viewer_guid, because="unavailable")
            case None:
                return

    async def _found(self, refreshed: Refreshed) -> Identity | IdentityRefused | IdentityUnavailable | None:
        at = await self._servers.locate(refreshed.recipe)
        if isinstance(at, Unlocated):
            return IdentityUnavailable()
        question = Question(
            recipe=refreshed.recipe, registration=at, tokens=refreshed.tokens, nonce=None, is_viewer=True
        )
        return await self._identities.of(question)

    async def _store_identity(self, row: Credentials, identity: Identity) -> None:
        viewer = Viewer(
            guid=row.viewer_guid, identity=identity, identified_by=row.integration_guid, created_at=self._now()
        )
        try:
            await self._store.ensure_viewer(viewer)
        except StoreUnavailable:
            log.warning("claims not read again", viewer=row.viewer_guid, because="store")
            return
        # Ready header blocks say what the viewer was.
        self._publish(CredentialsChanged(row.viewer_guid, row.integration_guid))
