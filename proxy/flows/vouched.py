"""Sessions of viewers that a single sign-on proxy in front vouches for: they begin without a flow (``policy.vouching``)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from proxy.model import VOUCHED, Identity, SessionHash, Viewer, ViewerGuid, ViewerSession
from proxy.sealing import KeyRing
from proxy.store.base import Store

log = structlog.get_logger(__name__)


class VouchedSessions:
    """Begins them."""

    def __init__(self, *, store: Store, key_ring: KeyRing, lifetime: timedelta) -> None:
        self._store = store
        self._key_ring = key_ring
        self._lifetime = lifetime

    async def begin(self, session_hash: SessionHash, identity: Identity, *, now: datetime) -> Viewer:
        """Write who the viewer is now, and their session; one that was over begins anew. Return the viewer."""
        guid = UUID(bytes=self._key_ring.handle("vouched viewer", identity.subject.encode())[:16], version=4)
        viewer = await self._store.ensure_viewer(
            Viewer(guid=ViewerGuid(str(guid)), identity=identity, identified_by=VOUCHED, created_at=now)
        )
        await self._store.begin_session(
            ViewerSession(
                hash=session_hash,
                viewer_guid=viewer.guid,
                created_at=now,
                last_seen_at=now,
                expires_at=now + self._lifetime,
            )
        )
        log.info("viewer vouched for", viewer=viewer.guid)
        return viewer
