"""What happens to a viewer who must sign in first: who is redirected, and where they come back to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from proxy.model import Content
from proxy.policy.routing import RESERVED_PREFIX, forward_target, path_problem

MAX_RETURN_TARGET = 1024
"""Characters: the return target travels inside ``state``, which has 2,048 altogether."""


class Answer(Enum):
    """How a request is told that somebody must sign in."""

    REDIRECT = "redirect"
    """A top-level navigation: straight into the flow."""
    PAGE_WITH_LINK = "page with link"
    """401 with a page: a frame, where no provider can be shown, or a form whose content a redirect would lose."""
    UNAUTHORIZED_JSON = "unauthorized json"
    """401 with ``login_url``: a script asks; a redirect to another origin would only be a riddle to it."""


def return_target(candidate: str, content: Content) -> str:
    """Return ``candidate`` when it is a path (and query) of this content, else the content's root.

    Origins, other contents, our own paths, and whatever a browser could read as one of these all become the root.
    """
    if len(candidate) > MAX_RETURN_TARGET or not candidate.isascii() or not candidate.startswith(content.path):
        return content.path
    target = candidate.encode("ascii")
    if (
        path_problem(target)
        or target.startswith(RESERVED_PREFIX)
        or not isinstance(forward_target(content, target), bytes)
    ):
        return content.path
    return candidate


_FRAMES = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})


def how_to_ask(method: str, headers: Mapping[str, str]) -> Answer:
    """Decide how to answer a request that lacks a session; ``headers`` looks names up without regard to case.

    Browsers that send ``Sec-Fetch-*`` say what the answer is for; of others, those who accept HTML are people.
    """
    if _is_speculative(headers) or "Upgrade" in headers or "Sec-WebSocket-Key" in headers:
        return Answer.UNAUTHORIZED_JSON
    destination = headers.get("Sec-Fetch-Dest", "")
    if destination in _FRAMES:
        return Answer.PAGE_WITH_LINK
    mode = headers.get("Sec-Fetch-Mode")
    is_person = mode == "navigate" if mode is not None else _accepts_html(headers)
    if not is_person:
        return Answer.UNAUTHORIZED_JSON
    is_document = destination == "document" if mode is not None else True
    return Answer.REDIRECT if is_document and method == "GET" else Answer.PAGE_WITH_LINK


def _is_speculative(headers: Mapping[str, str]) -> bool:
    """Nobody is looking yet: a flow started now would be one that the viewer never asked for."""
    purposes = (headers.get("Sec-Purpose", ""), headers.get("Purpose", ""), headers.get("X-Moz", ""))
    return any("prefetch" in purpose.lower() for purpose in purposes)


def _accepts_html(headers: Mapping[str, str]) -> bool:
    return "text/html" in headers.get("Accept", "").lower() and "X-Requested-With" not in headers
