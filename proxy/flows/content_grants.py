"""What one content gets of one viewer's grants: every required token or nothing, and the optional ones that come in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from sys import intern
from typing import assert_never

from proxy.flows.credentials import CredentialsKeeper
from proxy.flows.fresh_tokens import Answer, Fresh, Reconnect, Unavailable
from proxy.model import Content, Directory, HandedOut, Integration
from proxy.policy.injection import InjectedToken
from proxy.store.base import Presence, Store

GOOD_FOR = timedelta(minutes=5)
"""How long a yes may be remembered at most: the bound on anything that no change announces."""

OPTIONAL_PATIENCE_S = 2.0
"""How long a request waits for the fresh token of an optional integration; then it goes without."""

MISSING_FOR = timedelta(seconds=5)
"""How soon to look again for an optional token that did not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything that the content cannot do without, and what there is of the rest."""

    tokens: list[InjectedToken] = field(repr=False)
    """In the order of the associations; of an optional one that did not come without a token."""
    facts: list[HandedOut | None]
    """What is to be said of each of them; ``None``: there is no token."""
    good_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """A required one is missing: nothing goes to the content."""

    integration: Integration
    because: Reconnect | Unavailable


class ContentGrants:
    """Gathers tokens for contents."""

    def __init__(
        self,
        *,
        directory: Directory,
        store: Store,
        keeper: CredentialsKeeper,
        now: Callable[[], datetime],
        optional_patience_s: float,
    ) -> None:
        self._directory = directory
        self._store = store
        self._keeper = keeper
        self._now = now
        self._optional_patience_s = optional_patience_s

    def viewers_own(self, content: Content) -> list[Integration]:
        """Return the integrations of a content whose tokens are its viewers'; a service account's are in no header."""
        used = associated(content, self._directory)
        return [integration for integration in used if not integration.is_service_account]

    async def gather(self, presence: Presence, content: Content) -> Gathered | Lacking:
        """Collect the viewer's tokens; consents are looked at first, so that nobody waits for what is in vain."""
        integrations = self.viewers_own(content)
        for integration in integrations:
            if integration.guid not in presence.consents and integration.guid not in content.optional:
                return Lacking(integration=integration, because=Reconnect("no_consent"))
        answers: list[tuple[Integration, Answer]] = []
        for integration in integrations:
            if integration.guid in content.optional:
                answers.append((integration, await self._optional(presence, integration)))
                continue
            match await self._keeper.fresh(presence.viewer.guid, integration):
                case Fresh() as fresh:
                    answers.append((integration, fresh))
                case Reconnect() | Unavailable() as because:
                    return Lacking(integration=integration, because=because)
        now = self._now()
        return Gathered(
            tokens=[_injected(integration, answer) for integration, answer in answers],
            facts=[_facts(integration, answer) for integration, answer in answers],
            good_until=min([now + GOOD_FOR, *(_good_until(answer, now) for _, answer in answers)]),
        )

    async def unasked(self, presence: Presence, content: Content) -> Integration | None:
        """Return the first optional integration that nobody asked this viewer for; whoever did not want to is left alone."""
        missing = [guid for guid in content.integrations if guid in content.optional and guid not in presence.consents]
        if not missing:
            return None
        asked = await self._store.asked(presence.viewer.guid, content.guid)
        unasked = (self._directory.integrations.get(guid) for guid in missing if guid not in asked)
        return next((one for one in unasked if one is not None), None)

    async def _optional(self, presence: Presence, integration: Integration) -> Answer:
        """Return the token, or why there is none; a server that is slow or down holds nobody up."""
        if integration.guid not in presence.consents:
            return Reconnect("no_consent")
        try:
            async with asyncio.timeout(self._optional_patience_s):
                return await self._keeper.fresh(presence.viewer.guid, integration)
        except TimeoutError:  # the refresh goes on without us
            return Unavailable(retry_after_s=MISSING_FOR.total_seconds(), because="slow")


def associated(content: Content, directory: Directory) -> list[Integration]:
    """Return the integrations of a content, in order; what was deleted since it was looked up is not among them."""
    return [one for one in map(directory.integrations.get, content.integrations) if one is not None]


def _injected(integration: Integration, answer: Answer) -> InjectedToken:
    if not isinstance(answer, Fresh):
        return InjectedToken(slug=integration.slug, access_token=None, expires_at=None)
    expires_at = None if answer.expires_at is None else int(answer.expires_at.timestamp())
    return InjectedToken(slug=integration.slug, access_token=answer.access_token, expires_at=expires_at)


def _facts(integration: Integration, answer: Answer) -> HandedOut | None:
    if not isinstance(answer, Fresh):
        return None
    scope = intern(answer.scope)  # one text for all who were granted the same: the gateway's table keeps it
    return integration.guid, scope, None if answer.expires_at is None else answer.expires_at.timestamp()


def _good_until(answer: Answer, now: datetime) -> datetime:
    """Return until when the header block may stand as far as this token goes."""
    match answer:
        case Fresh(serve_until=serve_until):
            return serve_until
        case Unavailable():
            return now + MISSING_FOR
        case Reconnect():  # consent, or new tokens, are announced
            return now + GOOD_FOR
        case _:
            assert_never(answer)
