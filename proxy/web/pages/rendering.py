"""From a template's name to an answer: escaped, with a policy that lets nothing in but our own style sheet."""

from __future__ import annotations

from urllib.parse import urlencode

import jinja2
from aiohttp import web

from proxy.model import Content, Integration
from proxy.web.requests import request_id
from proxy.web.services import CONTROL
from proxy.web.static_files import static_url

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("proxy.web", "html"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["static_url"] = static_url


def content_security_policy(*, has_script: bool = False, is_frameable: bool = False) -> str:
    """Return the policy of our pages; ``is_frameable``: content is shown in somebody's frame, and we answer for it.

    Such a page has links to the top only, no form and no right: a click that was stolen with it opens a page of ours or
    the provider's, outside any frame.
    """
    parts = ["default-src 'none'", "style-src 'self'", "base-uri 'none'", "form-action 'self'"]
    if has_script:
        parts.append("script-src 'self'")
    if not is_frameable:
        parts.append("frame-ancestors 'none'")
    return "; ".join(parts)


def page(
    request: web.Request,
    template: str,
    *,
    status: int = 200,
    has_script: bool = False,
    is_frameable: bool = False,
    **values: object,
) -> web.Response:
    """Render ``html/<template>.html``; ``values`` are all that it sees, escaped where they land."""
    text = _TEMPLATES.get_template(f"{template}.html").render(
        request_id=request_id(request), has_script=has_script, target="_top" if is_frameable else "_self", **values
    )
    policy = content_security_policy(has_script=has_script, is_frameable=is_frameable)
    headers = {"Content-Security-Policy": policy}
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


def login_link(
    request: web.Request,
    content: Content,
    *,
    integration: Integration | None = None,
    return_to: str | None = None,
    hand_over: str = "",
) -> str:
    """Return the address that starts a flow when a person asks for it; people sign in at ``public_url`` only.

    ``hand_over``: the hash of the binding cookie on the content's own host, which wants a ticket.
    """
    query: dict[str, str] = {"content": content.guid}
    if integration is not None:
        query["integration"] = integration.guid
    if return_to not in {None, content.path}:
        query["return_to"] = str(return_to)
    if hand_over:
        query["hand_over"] = hand_over
    origin = request.app[CONTROL].public_url if content.origin else ""
    return f"{origin}/__oauth__/login?{urlencode(query)}"


def without_link(request: web.Request, content: Content, integration: Integration, return_to: str) -> str:
    """Return where the content opens without this integration; empty when it cannot, or nobody would be signed in."""
    is_optional = integration.guid in content.optional and integration.guid != request.app[CONTROL].directory.sign_in
    return content.origin + return_to if is_optional else ""
