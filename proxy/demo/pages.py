"""Draws the demo's pages: templates of this package, one style sheet, no script from anywhere else."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

_PAGES = Environment(
    loader=PackageLoader("proxy.demo", "html"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_STATIC_TYPES = {"demo.css": "text/css", "content.js": "text/javascript"}
_HEADERS = {
    "Cache-Control": "no-store",
    # No form-action: Chromium would apply it to the redirects after a form too, and those go to the client.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; frame-ancestors 'none'",
    # Not no-referrer: with it a browser sends "Origin: null" with a form, which nobody can check.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def page(template: str, *, status: int = 200, **values: object) -> web.Response:
    """Return a whole page."""
    return web.Response(
        text=_PAGES.get_template(template).render(values), status=status, content_type="text/html", headers=_HEADERS
    )


async def static(request: web.Request) -> web.Response:
    """Return the style sheet or the script."""
    name = request.match_info["name"]
    if name not in _STATIC_TYPES:
        raise web.HTTPNotFound
    text = (files("proxy.demo") / "static" / name).read_text()
    return web.Response(text=text, content_type=_STATIC_TYPES[name], headers={"Cache-Control": "no-cache"})
