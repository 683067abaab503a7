"""What a stored row of credentials is good for now: whether it opens, how fresh it is, what may be handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from proxy.flows.fresh_tokens import Answer, Fresh, Reconnect, Unavailable
from proxy.flows.recipes import Recipe
from proxy.flows.token_seal import TokenSeal
from proxy.model import Credentials, CredentialsState, Secret
from proxy.policy.freshness import Freshness, judge, stale_at
from proxy.sealing import SealBroken

STALE_SERVE_FOR = timedelta(seconds=5)
"""How soon to ask again after a token that is valid but ought to be refreshed."""

NO_EXPIRY_SERVE_FOR = timedelta(hours=1)

BUSY_RETRY_AFTER_S = 1.0
"""When to come back while another process refreshes."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A row as read, and its access token opened."""

    row: Credentials
    access_token: Secret


class StoredTokens:
    """Reads rows by the clock of this process."""

    def __init__(self, *, seal: TokenSeal, now: Callable[[], datetime]) -> None:
        self._seal = seal
        self._now = now

    def opened(self, row: Credentials | None, recipe: Recipe) -> Opened | Reconnect:
        """Open the access token, if the row can be used with what the integration is now."""
        if row is None:
            return Reconnect("absent")
        if row.state is not CredentialsState.ACTIVE:
            return Reconnect(row.ended_because or row.state.value)
        if row.fingerprint != recipe.fingerprint:
            return Reconnect("changed")
        try:
            return Opened(row=row, access_token=self._seal.access_token(row))
        except SealBroken:
            return _unopenable(row)

    def refresh_token(self, row: Credentials) -> Secret | Reconnect:
        """Open the refresh token of a row that :meth:`is_refreshable`."""
        try:
            refresh_token = self._seal.refresh_token(row)
        except SealBroken:
            return _unopenable(row)
        assert refresh_token is not None, "is_refreshable"
        return refresh_token

    def freshness(self, opened: Opened, recipe: Recipe) -> Freshness:
        """Judge by ``policy.freshness``."""
        return judge(
            self._now(),
            opened.row.issued_at,
            opened.row.expires_at,
            refresh_invalidates_access=recipe.provider.refresh_invalidates_access,
        )

    def is_valid(self, opened: Opened) -> bool:
        """Whether the access token has not expired."""
        return opened.row.expires_at is None or self._now() < opened.row.expires_at

    def is_refreshable(self, row: Credentials) -> bool:
        """Whether there is a refresh token that is not known to be over."""
        return row.refresh_token is not None and (
            row.refresh_expires_at is None or self._now() < row.refresh_expires_at
        )

    def serve(self, opened: Opened, recipe: Recipe) -> Fresh:
        """Hand out the access token as it is."""
        now, row = self._now(), opened.row
        stale = stale_at(
            row.issued_at,
            row.expires_at,
            refresh_invalidates_access=recipe.provider.refresh_invalidates_access,
        )
        if row.expires_at is None or stale is None:
            until = now + NO_EXPIRY_SERVE_FOR
        elif now < stale:
            until = stale
        else:
            until = min(row.expires_at, now + STALE_SERVE_FOR)
        return Fresh(
            access_token=opened.access_token,
            issued_at=row.issued_at,
            expires_at=row.expires_at,
            scope=row.scope,
            generation=row.generation,
            serve_until=until,
        )

    def settle(self, opened: Opened | Reconnect, recipe: Recipe) -> Answer:
        """Answer from a row that was read just now, without asking anybody again."""
        if isinstance(opened, Reconnect):
            return opened
        if self.is_valid(opened):
            return self.serve(opened, recipe)
        return Unavailable(retry_after_s=BUSY_RETRY_AFTER_S, because="busy")


def _unopenable(row: Credentials) -> Reconnect:
    # The row stays as it is: the right key may come back.
    log.error("credentials cannot be opened", viewer=row.viewer_guid, integration=row.integration_guid)
    return Reconnect("sealed")
