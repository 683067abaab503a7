"""Keep a content's cookie where the content is: on its own host and under its own path (RFC 6265bis §4.1.2)."""

from __future__ import annotations


def narrowed(cookie: bytes, prefix: bytes) -> bytes | None:
    """Return the ``Set-Cookie`` value with ``Path`` inside ``prefix`` and without ``Domain``.

    ``Domain`` goes even where the content has a host of its own: with it, its cookie would also come to ``public_url`` and
    to every sibling, where it could overflow the browser's jar or pass for that content's own.
    ``None``: it cannot be kept there, the viewer does not get it.
    """
    pair, *attributes = cookie.split(b";")
    if prefix == b"/":
        return b";".join([pair, *(part for part in attributes if _attribute_name(part) != b"domain")])
    if pair.lstrip(b" \t=").lower().startswith((b"__host-", b"__http-host-")):
        # Browsers take such a cookie with Path=/ only, where every other content would receive it.
        return None
    kept = [pair]
    path: bytes | None = None
    for part in attributes:
        match _attribute_name(part):
            case b"domain":
                continue
            case b"path":
                path = part.partition(b"=")[2].strip(b" \t")  # the last one counts
            case _:
                kept.append(part)
    if path is not None:
        # An empty or relative Path means the directory of the request, which is inside already: no harm in naming it.
        kept.append(b" Path=" + (path if path.startswith(prefix) else prefix))
    return b";".join(kept)


def _attribute_name(part: bytes) -> bytes:
    return part.partition(b"=")[0].strip(b" \t").lower()
