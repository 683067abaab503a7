"""Why a server could not be asked, in words that an administrator can act on; the reasons are those of ``outbound``."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.oauth.message import LostAnswer, NotSent

_NOT_SENT = {
    "unknown_host": "{host} is not known to DNS on this machine: look for a typing error, or at its resolver",
    "address_refused": "{host} has an address that is not public: allow its network in outbound.unsafe_allow_networks",
    "connect_failed": "nobody takes connections at {host} port {port}: a wrong port, a server that is down, or a firewall",
    "connect_timeout": "{host} port {port} does not answer: a firewall, or only outbound.proxy leads there",
    "proxy_refused": "outbound.proxy does not connect to {host} port {port}",
    "tls_expired": "the certificate of {host} has expired: whoever runs that server has to renew it",
    "tls_not_yet_valid": "the certificate of {host} is not valid yet: is the clock of this machine right?",
    "tls_self_signed": "the certificate of {host} is signed by itself: add it to outbound.ca_bundle if it is meant to be",
    "tls_unknown_authority": "the certificate of {host} is from an authority that this machine does not know: add that one to "
    "outbound.ca_bundle; or the server leaves out an intermediate certificate",
    "tls_wrong_name": "the certificate of {host} is for other names: use one of them in the address",
    "tls_not_trusted": "the certificate of {host} may not be used for a server like this",
    "tls_failed": "{host} port {port} does not speak TLS, or none that is 1.2 or newer",
    "unusable_url": "the address cannot be used",
}
_LOST = {
    "timeout": "{host} takes longer than ten seconds to answer",
    "disconnected": "{host} closes the connection without an answer: often a proxy or firewall in between",
    "too_large": "{host} answers more than 256 KiB: this is not the endpoint",
}
_PORTS = {"https": 443, "http": 80}


def why_unreached(outcome: NotSent | LostAnswer, url: str) -> str:
    """Return what kept a request to ``url`` from being answered, without a full stop."""
    words = _NOT_SENT if isinstance(outcome, NotSent) else _LOST
    parts = urlsplit(url)
    text = words.get(outcome.reason, "{host} could not be asked")
    return text.format(host=parts.hostname or "", port=parts.port or _PORTS.get(parts.scheme, ""))
