"""Which of our headers a content gets, and under which names.

A preset chooses, ``rename`` and ``drop`` of the content change that. All names that any content gets are one set:
whatever is in it is taken out of every viewer's request and every content's answer (``policy.headers``). So a new name
must be one to which HTTP gives no meaning, or requests and answers of other contents would lose it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from proxy.model import Content, HeaderPreset, HeaderRules, Integration
from proxy.policy.headers import HOP_BY_HOP, NEVER_BY_CONNECTION, ORIGIN_WIDE, REQUEST_DROPPED, fold

ACCESS_TOKEN = "X-Forwarded-Access-Token"  # noqa: S105 - a header's name
SESSION_TOKEN = "Posit-Connect-User-Session-Token"  # noqa: S105 - a header's name

CONNECT_NAMES = ("RStudio-Connect-Credentials", "Shiny-Server-Credentials")
"""Who the viewer is, as Posit Connect and Shiny Server write it; ``session.user`` of Shiny comes from the second."""

FIXED_NAMES = (
    ACCESS_TOKEN, f"{ACCESS_TOKEN}-Expires", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username",
    "X-Forwarded-Groups", SESSION_TOKEN, *CONNECT_NAMES,
)  # fmt: skip
"""What we can write beside one token header for each integration."""

PUBLISHING_APP_MODES = frozenset({"python-bokeh", "python-panel"})
"""Kinds of content that send the headers of a page's request to the browser: Bokeh packs them into the session token
in the page, which comes back as a WebSocket subprotocol (seen with Bokeh 3.9 and Panel 1.9)."""

# Names with a meaning in a request or an answer: RFC 9110, RFC 6265bis, Fetch, and what frameworks and browsers check.
_TAKEN = HOP_BY_HOP | REQUEST_DROPPED | NEVER_BY_CONNECTION | ORIGIN_WIDE | {
    b"age", b"allow", b"authorization", b"cache-control", b"date", b"dnt", b"early-data", b"etag", b"expires", b"from",
    b"last-event-id", b"last-modified", b"link", b"location", b"max-forwards", b"origin", b"permissions-policy",
    b"pragma", b"priority", b"range", b"referer", b"referrer-policy", b"refresh", b"retry-after", b"save-data",
    b"server", b"server-timing", b"service-worker", b"set-cookie", b"strict-transport-security",
    b"timing-allow-origin", b"traceparent", b"tracestate", b"user-agent", b"vary", b"via", b"warning",
    b"www-authenticate", b"x-content-type-options", b"x-csrf-token", b"x-csrftoken", b"x-frame-options",
    b"x-http-method-override", b"x-requested-with", b"x-xsrf-token", b"x-xsrftoken",
    b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-forwarded-proto",
}  # fmt: skip
_TAKEN_FAMILIES = (
    b"accept", b"access-control-", b"content-", b"cross-origin-", b"forwarded-", b"if-", b"oauth-sidecar-", b"proxy-",
    b"sec-", b"x-original-", b"x-rewrite-",
)  # fmt: skip
_INTEGRATIONS = fold(ACCESS_TOKEN.encode()) + b"-"


def token_header(slug: str) -> str:
    """Return the header of one integration's token: ``my-warehouse`` → ``X-Forwarded-Access-Token-My-Warehouse``."""
    return f"{ACCESS_TOKEN}-{slug.title()}"


def default_preset(app_mode: str) -> HeaderPreset:
    """Return the preset of a content that names none."""
    return HeaderPreset.SESSION_TOKEN_ONLY if app_mode in PUBLISHING_APP_MODES else HeaderPreset.ALL


def name_for(rules: HeaderRules, name: str) -> str | None:
    """Return the name under which a content gets one of our headers; ``None``: it does not."""
    key = name.lower()
    if key in rules.drop or not _is_chosen(rules.preset, name):
        return None
    return rules.rename.get(key, name)


def injected_names(integrations: Iterable[Integration], contents: Iterable[Content]) -> frozenset[bytes]:
    """Return the folded names of every header that any content may get from us."""
    ours = (*FIXED_NAMES, *(token_header(integration.slug) for integration in integrations))
    renamed = (name for content in contents for name in content.headers.rename.values())
    return frozenset(fold(name.encode("ascii")) for name in (*ours, *renamed))


def name_problem(name: str) -> str | None:
    """Return why one of our headers cannot have this name (ASCII, a token of RFC 9110 §5.6.2), or ``None``."""
    folded = fold(name.encode("ascii"))
    if folded in _TAKEN or folded.startswith(_TAKEN_FAMILIES):
        return "means something of its own in HTTP: requests and answers of every content would lose it"
    if folded.startswith(_INTEGRATIONS):
        return f"begins like the headers of integrations, {ACCESS_TOKEN}-<Slug>"
    return None


def publishes_tokens(content: Content) -> bool:
    """Say whether a content would put the access tokens that it gets into its pages."""
    return content.app_mode in PUBLISHING_APP_MODES and _is_chosen(content.headers.preset, ACCESS_TOKEN)


def _is_chosen(preset: HeaderPreset, name: str) -> bool:
    match preset:
        case HeaderPreset.POSIT_CONNECT:
            return True
        case HeaderPreset.ALL:
            return name not in CONNECT_NAMES
        case HeaderPreset.NO_ACCESS_TOKENS:
            return name not in CONNECT_NAMES and not name.startswith(ACCESS_TOKEN)
        case HeaderPreset.SESSION_TOKEN_ONLY:
            return name == SESSION_TOKEN
        case _:
            assert_never(preset)
