"""Where requests can go: the gateway's switchboard, made of the configuration and the contents, and anew when those change."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from proxy.admission import AdmissionTable
from proxy.config.values import Config
from proxy.gateway.control import ControlPool
from proxy.gateway.pool import Pool
from proxy.gateway.switchboard import SlowLane, Switchboard
from proxy.model import Content, Directory, HandOut
from proxy.policy.cookies import cookie_names
from proxy.policy.header_names import injected_names
from proxy.policy.limits import Limits
from proxy.policy.routing import Routes


class Switching:
    """Knows how a switchboard is made."""

    def __init__(
        self, config: Config, directory: Directory, *, slow_lane: SlowLane, tell: Callable[[HandOut], None]
    ) -> None:
        """``directory``: what is true now, whenever it is looked at; ``tell`` hears of tokens that are handed out."""
        self._config = config
        self._directory = directory
        self._slow_lane = slow_lane
        self._tell = tell

    def board(self, server: Callable[[], asyncio.BaseProtocol], limits: Limits) -> Switchboard:
        """Return a switchboard; ``server`` is the control plane's, ``limits`` those that fit this machine."""
        config = self._config
        return Switchboard(
            public_host=config.public_host.encode(),
            proto=urlsplit(config.public_url).scheme.encode(),
            own_origin=config.public_url,
            names=cookie_names(config.public_url),
            routes=self._routes(),
            contents_by_host=self._contents_by_host(),
            limits=limits,
            trusted_proxies=config.trusted_proxies,
            injected=self._injected(),
            vouching=config.vouching,
            admission=AdmissionTable(
                max_sessions=limits.max_sessions_in_memory,
                idle_s=config.session_idle.total_seconds(),
                tell=self._tell,
            ),
            slow_lane=self._slow_lane,
            pools={
                guid: Pool(
                    content.upstream,
                    max_idle_s=limits.content_keep_alive_s,
                    connect_timeout_s=limits.content_connect_timeout_s,
                )
                for guid, content in self._directory.contents.items()
            },
            control=ControlPool(server),
            loop=asyncio.get_running_loop(),
            request_id_prefix=secrets.token_hex(4) + "-",
        )

    def follow(self, board: Switchboard) -> None:
        """Let requests from now on find the contents as they are now; the contents' pools stay."""
        board.routes, board.contents_by_host = self._routes(), self._contents_by_host()
        board.injected = self._injected()

    def _routes(self) -> Routes:
        return Routes(content for content in self._directory.contents.values() if not content.origin)

    def _contents_by_host(self) -> Mapping[bytes, Content]:
        return {content.host.encode(): content for content in self._directory.contents.values() if content.origin}

    def _injected(self) -> frozenset[bytes]:
        directory, vouching = self._directory, self._config.vouching
        ours = injected_names(directory.integrations.values(), directory.contents.values())
        return ours | (vouching.names if vouching else frozenset())
