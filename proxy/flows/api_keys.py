"""Keys of the Server API: who has which, made and revoked, known in memory by their hash.

The store has those that were made here, the configuration has its own. No request asks the store: what another process
changes comes through the change feed, within a second.
"""

from __future__ import annotations

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from proxy.errors import Conflict
from proxy.flows.refused import Refused, refusal
from proxy.flows.request_id import present_request_id
from proxy.model import (
    Actor,
    ApiKey,
    ApiKeyGuid,
    AuditAction,
    AuditEvent,
    Content,
    ContentGuid,
    Role,
    Secret,
)
from proxy.policy.access import plain_email
from proxy.policy.api_keys import contradiction
from proxy.sealing import hash_handle
from proxy.store.base import Store

PREFIX = "oak1_"
"""Of every key that is made here, so that scanners for leaked secrets can know it."""
KEY_BYTES = 32
WRITE_EVERY_S = 60.0
TRY_AGAIN_S = 1.0
"""While the store cannot be read."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?")
"""As in the configuration: logs and lists show it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """What somebody wants a key for."""

    name: str
    role: Role
    user: str = ""
    """E-mail address."""
    content_guid: ContentGuid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeApiKey:
    """A new key, and the only time that it can be read."""

    key: ApiKey
    secret: Secret


class ApiKeys:
    """The keys of one process: :meth:`reload` before the first request, then :meth:`follow` and :meth:`keep_writing`."""

    def __init__(
        self,
        *,
        configured: Sequence[ApiKey],
        contents: Mapping[ContentGuid, Content],
        store: Store,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """``configured``: those that the configuration defines; ``contents``: what a key may be of."""
        self._configured = tuple(configured)
        self._contents = contents
        self._store = store
        self._now = now
        self._random_bytes = random_bytes
        self._by_hash: dict[bytes, ApiKey] = {}
        self._used: dict[ApiKeyGuid, datetime] = {}
        """Since they were written last."""
        self._changing = asyncio.Lock()
        """So that what was read before a revocation never takes the place of what is there after it."""
        self._is_stale = asyncio.Event()
        self._keep((), {})

    def caller(self, key: str) -> ApiKey | None:
        """Return who has this key, and note that they came; ``None``: nobody."""
        # Found by hash: how long the look-up takes says nothing about the key.
        found = self._by_hash.get(hash_handle(key))
        if found is not None:
            self._used[found.guid] = self._now()
        return found

    def all(self) -> Sequence[ApiKey]:
        """Return every key with when it was last used: those of the configuration first, then the oldest first."""
        return [replace(key, last_used_at=self._last_used(key)) for key in self._by_hash.values()]

    async def create(self, asked: NewApiKey, *, by: Actor) -> MadeApiKey | Refused:
        """Make a key; its text is in the answer, and nowhere else ever."""
        user = asked.user.strip()
        asked = replace(asked, user=plain_email(user) or user)  # lower case only where that makes nobody else of it
        problem = self._problem(asked)
        if problem is not None:
            return problem
        secret = Secret(PREFIX + urlsafe_b64encode(self._random_bytes(KEY_BYTES)).decode().rstrip("="))
        key = ApiKey(
            guid=ApiKeyGuid(str(UUID(bytes=self._random_bytes(16), version=4))),
            name=asked.name,
            role=asked.role,
            hash=hash_handle(secret.reveal()),
            user=asked.user,
            content_guid=asked.content_guid,
            created_at=self._now(),
        )
        async with self._changing:
            if asked.name in {one.name for one in self._by_hash.values()}:
                return refusal(2, "There is an API key of this name.", status=409)
            try:
                await self._store.api_keys.add(key, line=self._line(AuditAction.API_KEY_CREATED, key, by))
            except Conflict:  # another process was faster
                return refusal(2, "There is an API key of this name.", status=409)
            self._by_hash = {**self._by_hash, key.hash: key}
        return MadeApiKey(key=key, secret=secret)

    async def revoke(self, guid: str, *, by: Actor) -> ApiKey | Refused:
        """Revoke a key, at once here, within a second in other processes; return which it was."""
        async with self._changing:
            found = next((key for key in self._by_hash.values() if key.guid == guid), None)
            if found is None:
                return refusal(4, "There is no API key with this guid.", status=404)
            if found.created_at is None:
                text = f"This API key is defined in the configuration: take `{found.name}` out of `api.keys` there."
                return refusal(2, text, status=409)
            await self._store.api_keys.remove(found.guid, line=self._line(AuditAction.API_KEY_REVOKED, found, by))
            self._by_hash = {hashed: key for hashed, key in self._by_hash.items() if key.guid != guid}
            self._used.pop(found.guid, None)
        return found

    def changed(self) -> None:
        """Hear that the store has other keys now."""
        self._is_stale.set()

    async def reload(self) -> None:
        """Know what the store knows."""
        async with self._changing:
            self._keep(await self._store.api_keys.all(), await self._store.api_keys.last_used())

    async def follow(self, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Read the keys again whenever they changed, for ever; a store that is ill is asked until it answers."""
        while True:
            await self._is_stale.wait()
            self._is_stale.clear()
            try:
                await self.reload()
            except Exception as error:  # noqa: BLE001 - a reader that ends in silence would let revoked keys in
                log.error("API keys cannot be read again", detail=str(error))
                self._is_stale.set()
                await sleep(TRY_AGAIN_S)

    async def keep_writing(self, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Write once a minute which keys were used, for ever."""
        while True:
            await sleep(WRITE_EVERY_S)
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001 - the next minute may be better
                log.error("use of API keys not written", detail=str(error))

    async def flush(self) -> None:
        """Write which keys were used since the last time; what cannot be written stays to be written."""
        used, self._used = self._used, {}
        try:
            await self._store.api_keys.touch(used)
        except BaseException:
            self._used = used | self._used
            raise
        self._by_hash = {
            hashed: replace(key, last_used_at=used.get(key.guid, key.last_used_at))
            for hashed, key in self._by_hash.items()
        }

    def _keep(self, stored: Sequence[ApiKey], last_used: Mapping[ApiKeyGuid, datetime]) -> None:
        configured = [replace(key, last_used_at=last_used.get(key.guid)) for key in self._configured]
        by_hash = {key.hash: key for key in configured}  # its word counts, should the store have the same key
        for key in stored:
            by_hash.setdefault(key.hash, key)
        self._by_hash = by_hash

    def _last_used(self, key: ApiKey) -> datetime | None:
        return self._used.get(key.guid, key.last_used_at)

    def _problem(self, asked: NewApiKey) -> Refused | None:
        if not _NAME.fullmatch(asked.name):
            text = "a name has 1 to 64 letters, digits, blanks and . _ -, with a letter or digit at both ends"
            return refusal(25, f"name: {text}.")
        problem = contradiction(asked.role, has_user=bool(asked.user), has_content=asked.content_guid is not None)
        if problem is not None:
            return refusal(25, f"{problem.setting}: {problem.text}.")
        if asked.user and plain_email(asked.user) is None:
            return refusal(25, "user: must be an e-mail address such as ada@example.org.")
        if asked.content_guid is not None and asked.content_guid not in self._contents:
            return refusal(25, "content: there is no content with this name or guid.")
        return None

    def _line(self, action: AuditAction, key: ApiKey, by: Actor) -> AuditEvent:
        detail = {"api_key": key.guid, "name": key.name, "role": key.role.value}
        return AuditEvent(
            at=self._now(), action=action, actor=by, content_guid=key.content_guid, request_id=present_request_id(),
            detail=detail | ({"user": key.user} if key.user else {}),
        )  # fmt: skip
