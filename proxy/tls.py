"""TLS on a listener. When the files change, the next handshake has the new certificate; open connections go on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

import structlog

from proxy.config.values import Tls

EVERY_S = 3.0
"""How often the files are looked at; a change counts once it stood for two looks."""

log = structlog.get_logger("tls")


class ServerTls:
    """One listener's certificate and key: :attr:`context` is the listener's, for its whole life."""

    def __init__(self, files: Tls, *, setting: str) -> None:
        """Load the files; ``OSError`` (``ssl.SSLError`` is one) or ``ValueError`` when they cannot be used.

        ``setting`` names them in the log.
        """
        self._files = files
        self._setting = setting
        self._tried = self._seen = self._fingerprint()
        self._present = self.context = _context(files)
        self.context.sni_callback = self._choose  # asked at each handshake, with a name or without one

    def refresh(self) -> None:
        """Look at the files, and load them when they changed since and stand still; never raises.

        What cannot be used is told of once, and the old certificate stays.
        """
        before, self._seen = self._seen, self._fingerprint()
        # Certificate and key are two files: between the two writes they do not fit.
        if self._seen == self._tried or self._seen != before:
            return
        self._tried = self._seen
        try:
            self._present = _context(self._files)
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or "not PEM"
            log.error("the changed certificate cannot be used, the old one stays", setting=self._setting, reason=reason)
        else:
            log.info("certificate renewed", setting=self._setting)

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._present

    def _fingerprint(self) -> bytes:
        digests = []
        for file in (self._files.certificate, self._files.key):
            try:
                digests.append(sha256(file.read_bytes()).digest())
            except OSError as exc:
                digests.append((exc.strerror or "cannot be read").encode())
        return b"".join(digests)


async def watch(listeners: Sequence[ServerTls], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Refresh every few seconds, for ever; files may stand on something slow, so not on the loop."""
    while listeners:
        await sleep(EVERY_S)
        for one in listeners:
            await asyncio.to_thread(one.refresh)


def _context(files: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key, password="")  # none: nobody is there to be asked for one
    return context
