"""The people of Connect's API: whoever signed in with a verified e-mail address, and those whom keys and contents name.

A person has one guid: the viewer's, once they have signed in, and until then one that follows from the address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxy.model import Directory
from proxy.policy.access import plain_email, verified_email
from proxy.policy.guids import user_guid
from proxy.store.base import Store


class Users:
    """Tells e-mail addresses and guids apart."""

    def __init__(self, *, directory: Directory, store: Store, named: Callable[[], Iterable[str]]) -> None:
        """``named``: addresses of people that are known without having signed in, beside the owners of contents."""
        self._directory = directory
        self._store = store
        self._named = named

    async def guid(self, email: str) -> str:
        """Return the guid of whoever has this address; nobody has to be known by it."""
        email = email.lower()
        return (await self._signed_in()).get(email) or user_guid(email)

    async def email(self, guid: str) -> str | None:
        """Return the address of the person with this guid; ``None``: nobody's is known."""
        present = await self._signed_in()
        owners = (content.owner for content in self._directory.contents.values())
        known = {email for email in map(plain_email, (*owners, *self._named())) if email}
        by_guid = {user_guid(email): email for email in known} | {found: email for email, found in present.items()}
        return by_guid.get(guid)

    async def _signed_in(self) -> dict[str, str]:
        """Return the viewers' guids by address; of several accounts with one address it is the first that came."""
        found: dict[str, str] = {}
        for viewer in sorted(await self._store.viewers(), key=lambda viewer: viewer.created_at):
            if viewer.identity is None or viewer.identified_by != self._directory.identified_by:
                continue
            email = verified_email(viewer.identity)
            if email is not None:
                found.setdefault(email, viewer.guid)
        return found
