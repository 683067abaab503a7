"""Where a viewer who has signed out here can sign out of the provider, too (OpenID Connect RP-Initiated Logout 1.0).

Our own sign-out is done by then and asks nobody: a provider that is down is only not offered.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from proxy.flows.recipes import recipe
from proxy.flows.servers import AuthorizationServers, Unlocated
from proxy.model import Directory, Integration
from proxy.oauth.end_session import end_session_url
from proxy.providers import PROVIDERS
from proxy.providers.registration import sign_out

LOCATE_WITHIN_S = 2.0
"""Somebody waits for a page that says they are signed out; usually it is known where the server is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """The provider's own sign-out."""

    integration: Integration
    url: str


class SignOutThere:
    """Knows the way for the ``sign_in`` of one deployment."""

    def __init__(self, *, directory: Directory, servers: AuthorizationServers, return_to: str) -> None:
        """``return_to``: where the provider sends people back to, registered there; a URL without query."""
        self._servers = servers
        self._return_to = return_to
        self._integration = None if directory.sign_in is None else directory.integrations[directory.sign_in]
        self._wish = "never" if self._integration is None else _wish(self._integration)

    @property
    def follows(self) -> bool:
        """Whether viewers are sent there without being asked by us."""
        return self._wish == "follow"

    async def way(self, state: str) -> WayOut | None:
        """Return the way, with ``state`` to come back with; ``None``: there is none, or nobody says where it is now."""
        if self._integration is None or self._wish == "never":
            return None
        try:
            async with asyncio.timeout(LOCATE_WITHIN_S):
                at = await self._servers.locate(recipe(self._integration))
        except TimeoutError:
            return None
        if isinstance(at, Unlocated) or at.server.end_session_endpoint is None:
            return None
        url = end_session_url(
            at.server.end_session_endpoint, at.client, post_logout_redirect_uri=self._return_to, state=state
        )
        return WayOut(integration=self._integration, url=url)


def _wish(integration: Integration) -> str:
    return sign_out(PROVIDERS[integration.template], integration)
