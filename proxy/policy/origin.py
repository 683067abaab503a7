"""Whether a request that can change something comes from a page of ours (RFC 6454, RFC 6455 §10.2, Fetch Metadata).

Most frameworks accept a WebSocket from any page; ``SameSite=Lax`` does not stop a sibling subdomain.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

_TRUSTED_SITES = frozenset({b"same-origin", b"none"})


def is_foreign(headers: Sequence[tuple[bytes, bytes]], *, own_origin: str, allowed: AbstractSet[str]) -> bool:
    """Say whether an unsafe request or a WebSocket handshake comes from a foreign page.

    ``own_origin`` and ``allowed`` are origins as browsers write them (lower case, no default port). Without ``Origin`` and
    ``Sec-Fetch-Site`` there is no browser, and so no page that could ride on a viewer's cookie.
    """
    origins: list[bytes] = []
    sites: list[bytes] = []
    for name, value in headers:
        # Two comparisons of lengths spare most headers the folding.
        if len(name) == 6 and name.lower() == b"origin":
            origins.append(value.strip())
        elif len(name) == 14 and name.lower() == b"sec-fetch-site":
            sites.append(value.strip())
    if len(origins) > 1 or len(sites) > 1:
        return True
    origin = origins[0].decode("latin-1") if origins else None
    if origin is not None and origin != "null" and origin in allowed:
        return False
    if sites and sites[0] not in _TRUSTED_SITES:
        return True
    if origin == "null":
        # A form on a page with "Referrer-Policy: no-referrer" says null; the browser's own word on the site decides.
        return sites != [b"same-origin"]
    return origin is not None and origin != own_origin
