"""The real ``Send``: one aiohttp session for all authorization servers, with everything surprising switched off.

No redirects (a 302 would repeat our credentials elsewhere), no cookies, no proxy from the environment, bounded time and
size, TLS always verified, no addresses but those that ``guard`` lets pass. A failure is told apart by the one thing that matters to a single-use token: whether the
request can have reached the server. Nothing is logged here: queries, headers and bodies are secrets.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Collection
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from proxy.oauth.message import LostAnswer, NotSent, OutboundRequest, OutboundResponse, Outcome
from proxy.oauth.origins import is_loopback
from proxy.outbound.guard import AddressRefused, Guard, GuardedResolver
from proxy.policy.addresses import Network

CONNECT_TIMEOUT_S = 3.0
"""Name, TCP and TLS together."""

TOTAL_TIMEOUT_S = 10.0
"""From the first byte out to the last byte in; a server that trickles does not get more."""

MAX_BODY_BYTES = 256 * 1024

MAX_HEADER_BYTES = 32 * 1024
"""Per header line of an answer: providers with many cookies exceed aiohttp's 8 KiB."""

_MISTRUST = {
    2: "tls_unknown_authority", 9: "tls_not_yet_valid", 10: "tls_expired", 18: "tls_self_signed",
    19: "tls_unknown_authority", 20: "tls_unknown_authority", 21: "tls_unknown_authority", 62: "tls_wrong_name",
    64: "tls_wrong_name",
}  # fmt: skip
"""OpenSSL's ``X509_V_ERR_…`` → our word for the log (openssl-verification-options, "x509_vfy.h")."""

MAX_CONNECTIONS = 100
MAX_CONNECTIONS_PER_HOST = 32


class AuthorizationServerClient:
    """Sends requests to authorization servers; to be made inside a running event loop and closed there."""

    def __init__(
        self,
        *,
        written: Collection[str] = (),
        allow_networks: Collection[Network] = (),
        ca_bundle: Path | None = None,
        proxy: str = "",
        no_proxy: Collection[str] = (),
        resolver: AbstractResolver | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """Send to ``written`` URLs' origins wherever they are, and elsewhere on the public internet or ``allow_networks`` only.

        ``ca_bundle``: PEM authorities trusted in addition to the system's. ``proxy``: URL of an HTTP proxy, which then looks
        names up in our place; hosts in and below ``no_proxy``, and loopback, are reached without it.
        """
        tls = ssl.create_default_context()
        if ca_bundle is not None:
            tls.load_verify_locations(cafile=str(ca_bundle))
        self._proxy = URL(proxy) if proxy else None
        self._no_proxy = tuple(no_proxy)
        self._guard = Guard(written=[*written, *([proxy] if proxy else [])], allowed=allow_networks)
        self._resolver = GuardedResolver(resolver or aiohttp.ThreadedResolver(), self._guard)
        self._max_body_bytes = max_body_bytes
        self._session = aiohttp.ClientSession(
            # A kept connection may be closed by the server just as we write: nobody would know whether it arrived.
            connector=aiohttp.TCPConnector(
                resolver=self._resolver,
                ssl=tls,
                limit=MAX_CONNECTIONS,
                limit_per_host=MAX_CONNECTIONS_PER_HOST,
                force_close=True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=total_timeout_s, connect=connect_timeout_s),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._session.close()
        await self._resolver.close()

    async def send(self, request: OutboundRequest) -> Outcome:
        """Send one request and read the whole answer; failures of the network are values."""
        try:
            return await self._exchange(request)
        except aiohttp.ClientConnectorCertificateError as error:
            return NotSent(_mistrust(error.certificate_error))
        except aiohttp.ClientConnectorSSLError:
            return NotSent("tls_failed")
        except aiohttp.ClientConnectorDNSError as error:
            return NotSent("address_refused" if isinstance(error.os_error, AddressRefused) else "unknown_host")
        except aiohttp.ClientHttpProxyError:
            return NotSent("proxy_refused")
        except AddressRefused:
            return NotSent("address_refused")
        except aiohttp.ClientConnectorError:
            return NotSent("connect_failed")
        except aiohttp.ConnectionTimeoutError:
            return NotSent("connect_timeout")
        except aiohttp.InvalidURL:
            return NotSent("unusable_url")
        except TimeoutError:
            return LostAnswer("timeout")
        except (aiohttp.ClientError, OSError):
            return LostAnswer("disconnected")

    async def _exchange(self, request: OutboundRequest) -> Outcome:
        headers = {
            **request.headers,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "oauth-sidecar",  # GitHub's API refuses requests without one
        }
        url = URL(request.url, encoded=True)
        host = url.host or ""
        self._guard.check_literal(host, url.port or 0)
        async with self._session.request(
            request.method,
            url,
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
            proxy=None if self._goes_direct(host) else self._proxy,
        ) as response:
            body = await self._read(response.content)
            if body is not None:
                body = self._decoded(body, response.headers.get("Content-Encoding", ""))
            if body is None:
                return LostAnswer("too_large")
            named = {name.lower(): value for name, value in response.headers.items()}
            return OutboundResponse(status=response.status, headers=named, body=body)

    def _goes_direct(self, host: str) -> bool:
        return is_loopback(host) or any(host == name or host.endswith("." + name) for name in self._no_proxy)

    async def _read(self, content: aiohttp.StreamReader) -> bytes | None:
        body = bytearray()
        async for chunk in content.iter_any():
            body += chunk
            if len(body) > self._max_body_bytes:
                return None
        return bytes(body)

    def _decoded(self, body: bytes, encoding: str) -> bytes | None:
        """Unpack what was packed although we asked for ``identity``; never more than the bound. ``None``: more than it."""
        if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
            return body
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            plain = unpacker.decompress(body, self._max_body_bytes + 1)
        except zlib.error:
            return body  # whoever reads it will find it unreadable
        return plain if len(plain) <= self._max_body_bytes else None


def _mistrust(error: Exception) -> str:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    return _MISTRUST.get(code, "tls_not_trusted")
