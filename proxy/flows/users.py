"""People as Connect's API knows them: viewers who were here, and those whom configuration and keys name by their address.

Who has signed in has the guid of the viewer; anybody else one that follows from the address, or from the key. Once they
sign in, both lead to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from proxy.flows.api_keys import ApiKeys
from proxy.model import ApiKey, Directory, Role, Roles, Viewer
from proxy.policy.access import plain_email, verified_email
from proxy.policy.guids import key_user_guid, user_guid
from proxy.store.base import Store

PAGE = 200
"""Viewers read at once, so that nobody waits long meanwhile. Measured: 10,000 of them take less than half a second, the longest
pause is that of the sorting, 20 ms."""


class UserRole(StrEnum):
    """Connect's ``user_role``."""

    ADMINISTRATOR = "administrator"
    PUBLISHER = "publisher"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody."""

    guid: str
    username: str
    email: str = ""
    """Lower case; empty: not known, or not verified."""
    name: str = ""
    """As the provider says it."""
    role: UserRole
    created_at: datetime
    active_at: datetime | None = None
    """When a key of theirs was last used; ``None``: not known."""


class Users:
    """Answers who is who."""

    def __init__(
        self, *, directory: Directory, roles: Roles, store: Store, keys: ApiKeys, since: Callable[[], datetime]
    ) -> None:
        """``since``: when this deployment began, as far as is known; those who never came are known since then."""
        self._directory = directory
        self._roles = roles
        self._store = store
        self._keys = keys
        self._since = since
        self._listing = asyncio.Lock()

    async def caller(self, key: ApiKey) -> User:
        """Return who a key is; ``role`` is what the key may do, whatever the person may."""
        user = await self.by_email(key.user) if key.user else self._named().of_key(key)
        return replace(user, role=_ROLES[key.role])

    async def by_guid(self, guid: str) -> User | None:
        """Return the user with this guid."""
        named = self._named()
        viewer = await self._store.people.viewer(guid)
        if viewer is not None:
            return named.of_viewer(viewer)
        for email in named.emails():
            if user_guid(email) == guid:
                return await self.by_email(email)
        return next((named.of_key(key) for key in named.nobodys_keys if key_user_guid(key.guid) == guid), None)

    async def by_email(self, email: str) -> User:
        """Return the user with this address."""
        email = email.lower()
        source = self._directory.identified_by
        viewer = None if source is None else await self._store.people.with_email(email, source)
        return self._named().never_seen(email) if viewer is None else self._named().of_viewer(viewer)

    async def guid(self, email: str) -> str:
        """Return the guid of whoever has this address."""
        return (await self.by_email(email)).guid

    async def email(self, guid: str) -> str | None:
        """Return the address of the user with this guid; ``None``: there is no such user, or no address."""
        user = await self.by_guid(guid)
        return user.email or None if user is not None else None

    async def everybody(self) -> list[User]:
        """Return everybody who can be named, by user name; one list at a time, without a long pause for others."""
        async with self._listing:
            named = self._named()
            users = [named.of_viewer(viewer) async for viewer in self._viewers()]
        emails = {user.email for user in users}
        users += [named.never_seen(email) for email in named.emails() if email not in emails]
        users += [named.of_key(key) for key in named.nobodys_keys]
        return sorted(users, key=lambda user: (user.username.lower(), user.guid))

    async def _viewers(self) -> AsyncIterator[Viewer]:
        source, after = self._directory.identified_by, ""
        while source is not None:
            page = await self._store.people.page(source, after=after, most=PAGE)
            for viewer in page:
                yield viewer
            if len(page) < PAGE:
                return
            after = page[-1].guid

    def _named(self) -> _Named:
        return _Named(self._keys.all(), self._roles, self._directory, self._since())


class _Named:
    """Whom keys, roles and contents name at this moment."""

    def __init__(self, keys: Sequence[ApiKey], roles: Roles, directory: Directory, since: datetime) -> None:
        self._roles = roles
        self._directory = directory
        self._since = since
        self._keys_of: dict[str, list[ApiKey]] = {}
        for key in keys:
            self._keys_of.setdefault(key.user, []).append(key)
        self.nobodys_keys = self._keys_of.pop("", [])

    def emails(self) -> Iterator[str]:
        """Give each address once."""
        owners = (content.owner.lower() for content in self._directory.contents.values() if content.owner)
        roles = (*sorted(self._roles.administrators), *sorted(self._roles.publishers))
        yield from dict.fromkeys((*roles, *self._keys_of, *owners))

    def of_key(self, key: ApiKey) -> User:
        """Return the user that a key is which stands for no person."""
        return User(
            guid=key_user_guid(key.guid), username=key.name, role=_ROLES[key.role],
            created_at=key.created_at or self._since, active_at=key.last_used_at,
        )  # fmt: skip

    def of_viewer(self, viewer: Viewer) -> User:
        """Return somebody who was here; their address counts only as ``sign_in`` says it now."""
        identity = viewer.identity
        if identity is None:
            return User(guid=viewer.guid, username=viewer.guid, role=UserRole.VIEWER, created_at=viewer.created_at)
        is_known = viewer.identified_by == self._directory.identified_by
        email = (verified_email(identity) or "") if is_known else ""
        return User(
            guid=viewer.guid, username=identity.preferred_username or email or identity.name or viewer.guid,
            email=email, name=identity.name, role=self._role(email), created_at=viewer.created_at,
            active_at=self._last_use(email),
        )  # fmt: skip

    def never_seen(self, email: str) -> User:
        """Return somebody who is only named."""
        created = [key.created_at or self._since for key in self._keys_of.get(email, ())]
        return User(
            guid=user_guid(email), username=email, email=plain_email(email) or "", role=self._role(email),
            created_at=min(created, default=self._since), active_at=self._last_use(email),
        )  # fmt: skip

    def _last_use(self, email: str) -> datetime | None:
        return max((key.last_used_at for key in self._keys_of.get(email, ()) if key.last_used_at), default=None)

    def _role(self, email: str) -> UserRole:
        """Return the highest that configuration or a key gives this address."""
        of_keys = {key.role for key in self._keys_of.get(email, ())}
        if email in self._roles.administrators or Role.ADMINISTRATOR in of_keys:
            return UserRole.ADMINISTRATOR
        if email in self._roles.publishers or Role.PUBLISHER in of_keys:
            return UserRole.PUBLISHER
        return UserRole.VIEWER


_ROLES = {
    Role.ADMINISTRATOR: UserRole.ADMINISTRATOR,
    Role.PUBLISHER: UserRole.PUBLISHER,
    Role.CONTENT: UserRole.VIEWER,
    Role.VIEWER: UserRole.VIEWER,
}
"""Connect has no word for a content's key: of its three, the one that may least."""
