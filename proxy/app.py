"""The composition root: the only file that knows everything. It builds one sidecar from a configuration and runs it."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
import uvloop
from aiohttp import web

from proxy.config.show import address
from proxy.config.values import CALLBACK_PATH, Config, Listen, TcpListen, Tls, UnixListen
from proxy.descriptors import make_room
from proxy.errors import SidecarError
from proxy.flows.administration import Administration
from proxy.flows.api_keys import ApiKeys
from proxy.flows.audit import Audit
from proxy.flows.authorization import Authorization
from proxy.flows.change_feed import ChangeFeed
from proxy.flows.configuration_log import ConfigurationLog
from proxy.flows.content_tokens import content_session_token_until
from proxy.flows.credentials import CredentialsKeeper
from proxy.flows.directory_changes import DirectoryChanges
from proxy.flows.exchange import Exchange
from proxy.flows.former_integrations import FormerIntegrations
from proxy.flows.hand_over import HandOver
from proxy.flows.housekeeping import Housekeeping
from proxy.flows.identities import Identities
from proxy.flows.integration_wishes import Wishes
from proxy.flows.live_directory import LiveDirectory
from proxy.flows.oauth_sessions import OAuthSessions
from proxy.flows.provider_logout import ProviderLogouts
from proxy.flows.recipes import recipe
from proxy.flows.servers import AuthorizationServers
from proxy.flows.service_accounts import ServiceAccounts
from proxy.flows.session_tokens import SessionTokens
from proxy.flows.sessions import SessionLifetimes, Sessions
from proxy.flows.sign_out_there import SignOutThere
from proxy.flows.stored_integrations import IntegrationSeal
from proxy.flows.token_revocation import TokenRevocation
from proxy.flows.token_seal import TokenSeal
from proxy.flows.users import Users
from proxy.flows.verification import Verification
from proxy.flows.viewer_claims import ViewerClaims
from proxy.flows.visitor_keys import VisitorKeys
from proxy.gateway.listener import Gateway
from proxy.logs import configure_logs
from proxy.model import (
    SIDECAR,
    ApiKeysChanged,
    AuditAction,
    AuditEvent,
    Change,
    ChangesLost,
    ConsentEnded,
    ContentGuid,
    CredentialsChanged,
    DirectoryChanged,
    Integration,
    IntegrationGuid,
    News,
    SessionEnded,
    SessionHash,
)
from proxy.outbound.authorization_server import AuthorizationServerClient
from proxy.policy.cookies import cookie_names
from proxy.policy.rate import RatePerMinute
from proxy.provider_client import provider_client
from proxy.sealing import KeyRing
from proxy.slow_lane import slow_lane
from proxy.store.base import Store
from proxy.store.sqlite import open_store
from proxy.switching import Switching
from proxy.tls import ServerTls, watch
from proxy.token_files import TokenFile, TokenFiles
from proxy.web.routes import api_application, control_plane
from proxy.web.services import ApiServices, ControlServices
from proxy.web.sign_out import SIGNED_OUT_PATH
from proxy.web.start_limits import StartLimits

_MAX_FIELD_BYTES = 65_536
"""Field and line limit of our applications: the gateway has checked viewers' heads already (``limits.max_head_bytes``), and
content may send on to the exchange what a viewer sent to it."""

_SHUTDOWN_S = 5.0
"""For what our applications still answer after the gateway has drained."""

log = structlog.get_logger("app")


def serve(config: Config) -> int:
    """Run until SIGTERM or SIGINT; return the exit code: 1 with one line on standard error when it cannot go on."""
    configure_logs()
    # What was imported stays for good: no collection needs to look at it again (measured: 35 ms of each full one).
    gc.collect()
    gc.freeze()

    async def until_told() -> None:
        stop = asyncio.Event()
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, stop.set)
        await run(config, stop=stop)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(until_told())
    except (SidecarError, OSError) as error:
        sys.stderr.write(f"oauth-sidecar: {error}\n")
        return 1
    return 0


async def run(config: Config, *, stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
    """Serve ``config`` until ``stop`` is set, then drain; ``ready`` is set once viewers are accepted."""
    async with AsyncExitStack() as stack:
        store = await open_store(config.store_path, now=_now)
        stack.push_async_callback(store.close)
        client = provider_client(config)
        stack.push_async_callback(client.close)
        sidecar = _Sidecar(config, store, client)
        stack.push_async_callback(sidecar.audit.close)  # after all others, who may still have something to tell
        stack.push_async_callback(sidecar.servers.close)
        stack.push_async_callback(sidecar.identities.close)
        stack.push_async_callback(sidecar.provider_logouts.close)
        stack.push_async_callback(sidecar.keeper.close)
        stack.push_async_callback(sidecar.service_accounts.close)
        await sidecar.start(stack)
        log.info("serving", public_url=config.public_url, contents=len(config.directory.contents))
        if ready is not None:
            ready.set()
        for work in (
            sidecar.housekeeping.follow(seen=sidecar.seen, also=sidecar.purge, sleep=asyncio.sleep),
            sidecar.audit.follow(sidecar.gateway.board.admission, sleep=asyncio.sleep),
            sidecar.feed.follow(),
            sidecar.api_keys.follow(sleep=asyncio.sleep),
            sidecar.api_keys.keep_writing(sleep=asyncio.sleep),
            sidecar.token_revocation.follow(),
            watch(sidecar.listeners_with_tls),
            sidecar.token_files.follow(),
        ):
            stack.callback(asyncio.create_task(work).cancel)
        await stop.wait()
        log.info("draining")
        gc.freeze()  # what lives now lives until the end: a collection among a full table's entries took 22 ms
        await sidecar.gateway.drain(config.limits.drain_timeout_s)
        await sidecar.last_flush()
    log.info("stopped")


class _Sidecar:
    """Everything of one process, wired."""

    def __init__(self, config: Config, store: Store, client: AuthorizationServerClient) -> None:
        self._config = config
        key_ring = KeyRing(config.store_keys)
        self._started_at = _now()
        integration_seal = IntegrationSeal(key_ring=key_ring, random_bytes=secrets.token_bytes)
        self.live = LiveDirectory(
            config.directory, records=store.administration, seal=integration_seal, now=_now, forget=self._forget
        )
        directory = self.live.directory
        lifetimes = SessionLifetimes(idle=config.session_idle, lifetime=config.session_lifetime)
        self.audit = Audit(log=store.audit, now=_now, keep=config.audit_keep)
        self.servers = AuthorizationServers(send=client.send, now=_now)
        self.identities = Identities(send=client.send, now=_now, groups_claim=directory.groups_claim)
        claims = ViewerClaims(
            sign_in=directory.sign_in, store=store, servers=self.servers, identities=self.identities, now=_now,
            publish=self._publish,
        )  # fmt: skip
        self.keeper = CredentialsKeeper(
            store=store, key_ring=key_ring, servers=self.servers, send=client.send, now=_now, sleep=asyncio.sleep,
            random_bytes=secrets.token_bytes, publish=self._publish, refreshed=claims.read_again, record=self.audit.record,
        )  # fmt: skip
        sessions = Sessions(
            directory=directory, store=store, key_ring=key_ring, keeper=self.keeper, now=_now, publish=self._publish,
            lifetimes=lifetimes, record=self.audit.record,
        )  # fmt: skip
        authorization = Authorization(
            directory=directory, store=store, key_ring=key_ring, servers=self.servers, identities=self.identities,
            send=client.send, now=_now,
            random_bytes=secrets.token_bytes, publish=self._publish, redirect_uri=config.public_url + CALLBACK_PATH,
            lifetimes=lifetimes, record=self.audit.record,
        )  # fmt: skip
        self.service_accounts = ServiceAccounts(
            servers=self.servers, send=client.send, now=_now, sleep=asyncio.sleep, random_bytes=secrets.token_bytes
        )
        self.token_files = TokenFiles(
            [
                TokenFile(
                    content=content.name, path=Path(content.session_token_file),
                    token_until=partial(content_session_token_until, key_ring, content.guid),
                )
                for content in config.directory.contents.values() if content.session_token_file
            ],
            lifetime=config.api_session_token_lifetime, now=_now,
        )  # fmt: skip
        self.session_tokens = SessionTokens(
            store=store, is_present=sessions.is_present, now=_now,
            max_remembered=config.limits.max_sessions_in_memory,
        )  # fmt: skip
        visitor_keys = VisitorKeys(
            directory=directory, session_tokens=self.session_tokens, key_ring=key_ring, now=_now,
            random_bytes=secrets.token_bytes, renew_claims=sessions.renew_claims,
        )  # fmt: skip
        exchange = Exchange(
            directory=directory, session_tokens=self.session_tokens, keeper=self.keeper, sessions=sessions, now=_now,
            service_accounts=self.service_accounts, visitor_keys=visitor_keys, key_ring=key_ring, record=self.audit.record,
            public_url=config.public_url, max_per_minute=config.limits.max_exchanges_per_session_per_minute,
        )  # fmt: skip
        self.housekeeping = Housekeeping(
            store=store, sessions=sessions, keeper=self.keeper, lifetimes=lifetimes, now=_now, publish=self._publish
        )
        seal = TokenSeal(key_ring=key_ring, random_bytes=secrets.token_bytes)
        self.former = FormerIntegrations(
            directory=directory, store=store, seal=seal, now=_now, record=self.audit.record
        )
        self.token_revocation = TokenRevocation(
            former=self.former, store=store, seal=seal, servers=self.servers, send=client.send, now=_now,
            sleep=asyncio.sleep, random_bytes=secrets.token_bytes,
        )  # fmt: skip
        self.configuration_log = ConfigurationLog(
            configured=config.directory, deployment=_deployment(config), records=store.configured, key_ring=key_ring,
            now=_now, lines=self.audit.lines,
        )  # fmt: skip
        self.feed = ChangeFeed(store=store, read_directory=self.live.reload, apply=self._apply, sleep=asyncio.sleep)
        administration = Administration(
            live=self.live,
            changes=DirectoryChanges(
                live=self.live, records=store.administration, seal=integration_seal,
                wishes=Wishes(seal=integration_seal, allow_networks=config.outbound.unsafe_allow_networks),
                now=_now, random_bytes=secrets.token_bytes, catch_up=self.feed.catch_up, note=self.former.note,
                lines=self.audit.lines,
            ),
            sessions=OAuthSessions(
                directory=directory, records=store.administration, now=_now, catch_up=self.feed.catch_up,
                lines=self.audit.lines,
            ),
            verification=Verification(
                servers=self.servers, send=client.send, now=_now, random_bytes=secrets.token_bytes
            ),
            record=self.audit.record,
        )  # fmt: skip
        self.api_keys = ApiKeys(
            configured=config.api_keys, contents=directory.contents, store=store, now=_now,
            random_bytes=secrets.token_bytes,
        )  # fmt: skip
        users = Users(directory=directory, roles=config.roles, store=store, keys=self.api_keys, since=self._since)
        hand_over = HandOver(
            store=store, key_ring=key_ring, sessions=sessions, now=_now, random_bytes=secrets.token_bytes
        )
        self.provider_logouts = ProviderLogouts(
            directory=directory, store=store, servers=self.servers, send=client.send, now=_now, publish=self._publish
        )
        api = ApiServices(
            exchange=exchange, administration=administration, keys=self.api_keys, visitors=visitor_keys,
            directory=directory, users=users, first_seen=self.live.seen, public_url=config.public_url,
            requests_of_key=RatePerMinute(config.limits.max_api_requests_per_key_per_minute),
            record=self.audit.record, audit=store.audit, now=_now, hosts=_api_hosts(config),
            random_bytes=secrets.token_bytes,
        )  # fmt: skip
        self._control = web.AppRunner(
            control_plane(
                ControlServices(
                    authorization=authorization, sessions=sessions, hand_over=hand_over,
                    provider_logouts=self.provider_logouts, directory=directory,
                    sign_out_there=SignOutThere(
                        directory=directory, servers=self.servers, return_to=config.public_url + SIGNED_OUT_PATH
                    ),
                    cookies=cookie_names(config.public_url), public_url=config.public_url,
                    session_lifetime=config.session_lifetime, check_ready=store.check, now=_now,
                    start_limits=StartLimits(
                        per_address=config.limits.max_sign_in_starts_per_address_per_minute,
                        per_browser=config.limits.max_sign_in_starts_per_browser_per_minute,
                    ),
                    random_bytes=secrets.token_bytes,
                ),
                api if config.api_public else None,
            ),
            access_log=None, max_field_size=_MAX_FIELD_BYTES, max_line_size=_MAX_FIELD_BYTES,
            shutdown_timeout=_SHUTDOWN_S, auto_decompress=False,
        )  # fmt: skip
        self._api = web.AppRunner(
            api_application(api),
            access_log=None, max_field_size=_MAX_FIELD_BYTES, max_line_size=_MAX_FIELD_BYTES,
            shutdown_timeout=_SHUTDOWN_S, auto_decompress=False,
        )  # fmt: skip
        self._switching = Switching(
            config, directory, slow_lane=slow_lane(sessions, directory), tell=self.audit.hand_out
        )
        self.listeners_with_tls: list[ServerTls] = []
        self.gateway: Gateway

    def _since(self) -> datetime:
        """Return when this deployment began: since when the first of its contents or integrations is known."""
        directory = self.live.directory
        known: list[ContentGuid | IntegrationGuid] = [*directory.contents, *directory.integrations]
        return min((self.live.seen(guid).at for guid in known), default=self._started_at)

    def _forget(self, integration: Integration) -> None:
        """Drop what was worked out for an integration that is another now, or gone."""
        self.keeper.forget_integration(integration.guid)
        self.service_accounts.forget(integration.guid)
        self.servers.forget(recipe(integration))

    def _publish(self, change: Change) -> None:
        self._apply((change,))

    def _apply(self, news: Sequence[News]) -> None:
        changes = [change for change in news if not isinstance(change, ApiKeysChanged)]
        if len(changes) < len(news) or ChangesLost() in changes:
            self.api_keys.changed()
        for change in changes:
            self.session_tokens.apply(change)
            match change:
                case CredentialsChanged(viewer_guid=viewer, integration_guid=integration):
                    self.keeper.forget(viewer, integration)
                case ChangesLost():
                    self.keeper.forget_all()
                case SessionEnded() | ConsentEnded():
                    pass  # credentials go on: they are the viewer's
                case DirectoryChanged():
                    self._switching.follow(self.gateway.board)
        self.gateway.apply(*changes)

    async def start(self, stack: AsyncExitStack) -> None:
        """Listen: first the exchange, so that content finds it, then for viewers."""
        config = self._config
        await self.feed.start()
        await self.live.load()
        await self.api_keys.reload()
        await self.former.note()
        self.audit.record(_loaded(config))
        await self.configuration_log.write()
        await asyncio.to_thread(self.token_files.write_all)
        for runner in (self._control, self._api):
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
        assert self._control.server is not None
        limits = replace(config.limits, max_connections=make_room(config.limits.max_connections))
        self.gateway = Gateway(self._switching.board(self._control.server, limits))
        if config.api_listen is not None:
            with _named("api.listen", config.api_listen):
                await _site(self._api, config.api_listen, self._tls_on(config.api_tls, "api.tls")).start()
        tls = self._tls_on(config.tls, "tls")
        with _named("listen", config.listen):
            match config.listen:
                case TcpListen(host=host, port=port):
                    await self.gateway.listen_tcp(host, port, tls)
                case UnixListen(path=path):
                    await self.gateway.listen_unix(path, tls)

    def _tls_on(self, files: Tls | None, setting: str) -> ssl.SSLContext | None:
        if files is None:
            return None
        self.listeners_with_tls.append(ServerTls(files, setting=setting))
        return self.listeners_with_tls[-1].context

    def seen(self) -> Iterator[Mapping[SessionHash, datetime]]:
        """Give who was active since the last call."""
        board = self.gateway.board
        return board.admission.seen_since_flush(board.now)

    async def purge(self) -> None:
        """Do what goes with each purge: give up what is gone for good, forget what was kept for long enough."""
        await self.former.work()
        await self.audit.purge()

    async def last_flush(self) -> None:
        """Write when sessions were last active, and have counted what they were handed."""
        self.audit.end_minute(self.gateway.board.admission)
        for batch in self.seen():
            await self.housekeeping.flush(batch)
        await self.api_keys.flush()


@contextmanager
def _named(setting: str, listen: Listen) -> Iterator[None]:
    """Say which listener could not be opened: the system's own word is at worst "no such file"."""
    try:
        yield
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)
        raise OSError(f"{setting}: {address(listen)} cannot be opened ({reason.lower()})") from exc


def _site(runner: web.AppRunner, listen: Listen, tls: ssl.SSLContext | None) -> web.BaseSite:
    match listen:
        case TcpListen(host=host, port=port):
            return web.TCPSite(runner, host, port, ssl_context=tls)
        case UnixListen(path=path):
            return web.UnixSite(runner, path, ssl_context=tls)


def _loaded(config: Config) -> AuditEvent:
    directory = config.directory
    counts = {"contents": len(directory.contents), "integrations": len(directory.integrations)}
    return AuditEvent(
        at=_now(),
        action=AuditAction.CONFIGURATION_LOADED,
        actor=SIDECAR,
        detail={"public_url": config.public_url, **{name: str(count) for name, count in counts.items()}},
    )


def _deployment(config: Config) -> Mapping[str, object]:
    """Return every setting that is not a content's or an integration's; the keys of the store hash them, and are none."""
    return {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if field.name not in {"directory", "store_keys"}
    }


def _api_hosts(config: Config) -> frozenset[str]:
    """As they stand in a ``Host`` header, without the port."""
    if not isinstance(config.api_listen, TcpListen):
        return frozenset(config.api_hosts)
    own = config.api_listen.host.lower()
    return frozenset({*config.api_hosts, f"[{own}]" if ":" in own else own})


def _now() -> datetime:
    return datetime.now(UTC)
