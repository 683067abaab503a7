"""Addresses fit: what we listen on, what we forward to, and the files of TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from os.path import normpath
from urllib.parse import urlsplit

from proxy.config.checks.draft import Draft
from proxy.config.problems import Path
from proxy.config.schema import TlsSettings
from proxy.config.values import Listen, TcpListen, UnixListen
from proxy.model import TcpUpstream, Upstream

_LOOPBACK = {ip_address("127.0.0.1"), ip_address("::1")}


def check_network(draft: Draft) -> None:
    """Listeners apart, the API on loopback or with TLS, no content that is ourselves, TLS files that load."""
    settings, report = draft.settings, draft.report
    hosts = frozenset(item.host for _, item in draft.contents if item.host)
    for path, upstream in draft.given(draft.contents, "upstream", lambda item: item.upstream):
        _check_upstream(path, upstream, hosts, draft)
    _check_api_listener(draft)
    if settings.api.tls is not None:
        _check_tls(settings.api.tls, ("api", "tls"), draft)
    if settings.tls is not None:
        _check_tls(settings.tls, ("tls",), draft)
        if settings.public_url.startswith("http:"):
            report.add(("tls",), "viewers come by plain http to `public_url`: make it https, or leave `tls` out")


def check_outbound(draft: Draft) -> None:
    """The authorities that are trusted beside the system's are certificates."""
    bundle, here = draft.settings.outbound.ca_bundle, ("outbound", "ca_bundle")
    if bundle is None or not draft.is_given(*here):
        return
    file = draft.folder / bundle
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        draft.report.add(here, f"the file {file} has no certificates in PEM")
    except OSError as exc:
        draft.report.add(here, f"the file {file} cannot be read ({exc.strerror})")


def is_same_place(listener: Listen, host: str, port: int) -> bool:
    """Whether connecting to host and port reaches the listener, as far as names tell without asking anybody."""
    if not isinstance(listener, TcpListen) or listener.port != port or port == 0:
        return False
    ours, theirs = _Place.of(listener.host), _Place.of(host)
    if ours.name == theirs.name:
        return True
    if ours.is_every:
        return theirs.is_every or any(address.is_loopback for address in theirs.addresses)
    return bool(ours.addresses & (theirs.addresses | (_LOOPBACK if theirs.is_every else set())))


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    addresses: frozenset[IPv4Address | IPv6Address]
    is_every: bool
    """0.0.0.0 or ``::``: to listen, every address of the machine; to connect, its loopback."""

    @staticmethod
    def of(host: str) -> _Place:
        name = host.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return _Place(name, frozenset(_LOOPBACK), is_every=False)
        try:
            address = ip_address(name)
        except ValueError:
            return _Place(name, frozenset(), is_every=False)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return _Place(name, frozenset({address}), is_every=address.is_unspecified)


def _check_api_listener(draft: Draft) -> None:
    settings, report = draft.settings, draft.report
    api, here = settings.api.listen, ("api", "listen")
    if not draft.is_given(*here):
        return
    if api is None:
        if settings.api.keys and not settings.api.public and draft.is_given("api", "public"):
            report.add(("api", "keys"), "keys are of no use while `api.listen` is null and `api.public` false")
        if settings.api.tls is not None:
            report.add(("api", "tls"), "this is of no use while `api.listen` is null")
        return
    is_far = isinstance(api, TcpListen) and not any(address.is_loopback for address in _Place.of(api.host).addresses)
    is_plain = settings.api.tls is None and draft.is_given("api", "tls")
    if (
        is_far
        and is_plain
        and not settings.api.unsafe_listen_anywhere
        and draft.is_given("api", "unsafe_listen_anywhere")
    ):
        report.add(
            here,
            "access tokens pass here without TLS: use a loopback address, `api.tls`, or `unsafe_listen_anywhere: true`",
        )
    if draft.is_given("listen") and _collide(settings.listen, api):
        report.add(here, "this is the same address as `listen`")


def _collide(one: Listen, other: Listen) -> bool:
    match one, other:
        case UnixListen(), UnixListen():
            return normpath(one.path) == normpath(other.path)
        case TcpListen(), TcpListen():
            return is_same_place(one, other.host, other.port) or is_same_place(other, one.host, one.port)
        case _:
            return False


def _check_upstream(path: Path, upstream: Upstream, hosts: frozenset[str], draft: Draft) -> None:
    settings, report = draft.settings, draft.report
    listeners = (("listen", settings.listen, ("listen",)), ("api.listen", settings.api.listen, ("api", "listen")))
    for name, listener, place in listeners:
        if listener is not None and draft.is_given(*place) and _reaches(upstream, listener):
            report.add(path, f"this is the sidecar's own listener (`{name}`): requests would go round in circles")
            return
    public = urlsplit(settings.public_url)
    port = public.port or {"http": 80, "https": 443}[public.scheme]
    if not isinstance(upstream, TcpUpstream) or upstream.port != port or not draft.is_given("public_url"):
        return
    if upstream.host == public.hostname:
        report.add(path, "this is `public_url` itself: requests would go round in circles")
    elif upstream.host in hosts:
        report.add(path, "this is where viewers find a content: requests would go round in circles")


def _reaches(upstream: Upstream, listener: Listen) -> bool:
    if isinstance(upstream, TcpUpstream):
        return is_same_place(listener, upstream.host, upstream.port)
    return isinstance(listener, UnixListen) and normpath(listener.path) == normpath(upstream.socket_path)


def _check_tls(tls: TlsSettings, here: Path, draft: Draft) -> None:
    report, certificate, key = draft.report, draft.folder / tls.certificate, draft.folder / tls.key
    for name, file in (("certificate", certificate), ("key", key)):
        if not draft.is_given(*here, name):
            continue
        try:
            if not file.is_file():
                report.add((*here, name), f"there is no file {file}")
            else:
                file.open("rb").close()
        except OSError as exc:
            report.add((*here, name), f"the file {file} cannot be read ({exc.strerror})")
    if not (report.is_sound(*here, "certificate") and report.is_sound(*here, "key")):
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or "not PEM"
        report.add(here, f"certificate and key cannot be used together ({str(reason).replace('_', ' ').lower()})")
