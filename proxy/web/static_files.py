"""Style sheet and script of our pages, under names that change with their bytes, so that browsers may keep them."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from aiohttp import web

from proxy.errors import NotFound

PREFIX = "/__oauth__/static/"
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _read() -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    urls: dict[str, str] = {}
    by_name: dict[str, tuple[str, bytes]] = {}
    for file in (files("proxy.web") / "static").iterdir():
        stem, _, kind = file.name.rpartition(".")
        if kind in _TYPES:
            content = file.read_bytes()
            name = f"{stem}.{sha256(content).hexdigest()[:12]}.{kind}"
            urls[file.name] = PREFIX + name
            by_name[name] = (_TYPES[kind], content)
    return urls, by_name


_URLS, _BY_NAME = _read()


def static_url(name: str) -> str:
    """Return the address of a file in ``static/``."""
    return _URLS[name]


async def static_file(request: web.Request) -> web.Response:
    """Answer with a file of ours."""
    found = _BY_NAME.get(request.match_info["name"])
    if found is None:
        raise NotFound
    content_type, body = found
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)
