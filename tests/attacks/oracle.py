"""What must hold after every hostile request, whatever its answer was."""

from __future__ import annotations

import re
from collections import Counter

from tests.doubles.content import Seen
from tests.journeys.stage import ACCESS_TOKEN, Stage
from tests.journeys.stored import rows

CANONICAL = frozenset(
    {
        b"X-Forwarded-Access-Token",
        b"X-Forwarded-Access-Token-Expires",
        b"X-Forwarded-User",
        b"X-Forwarded-Email",
        b"X-Forwarded-Preferred-Username",
        b"X-Forwarded-Groups",
        b"Posit-Connect-User-Session-Token",
    }
)
"""Names that the sidecar injects; the ones with an integration's slug come on top."""

EVIL = b"evil"
"""Hostile requests carry this in every value that must not pass."""


def fold(name: bytes) -> bytes:
    """A header name as the most lenient framework reads it."""
    return re.sub(rb"[^a-z0-9]", b"-", name.lower())


def is_injected(name: bytes) -> bool:
    folded = fold(name)
    return folded in {fold(known) for known in CANONICAL} or folded.startswith(fold(ACCESS_TOKEN) + b"-")


def assert_holds(stage: Stage, *, person: str | None = None) -> None:
    """Check all that the contents saw, and the logs; ``person``: whose token may be there (``None``: nobody's)."""
    cookies = {value.encode() for viewer in stage.viewers for value in viewer.our_cookies.values()}
    for content in stage.contents.values():
        for seen in content.requests:
            assert_clean(seen)
            for token in seen.values(ACCESS_TOKEN):
                owner = stage.server.owner_of(token.decode("latin-1"))
                assert owner is not None, "an access token that is nobody's"
                assert owner.id == person, f"a token of {owner.id} in a request of {person}"
        everything = content.everything
        assert not [cookie for cookie in cookies if cookie in everything], "our cookie reached the content"
    assert stage.leaks() == []


def assert_clean(seen: Seen) -> None:
    """One request has each injected name at most once, in its canonical spelling, never with a foreign value."""
    injected = [(name, value) for name, value in seen.headers if is_injected(name)]
    counts = Counter(fold(name) for name, _ in injected)
    assert max(counts.values(), default=1) == 1, f"twice: {counts}"
    for name, value in injected:
        assert b"_" not in name, f"an alias reached the content: {name!r}"
        assert EVIL not in value, f"a foreign value reached the content: {name!r}"


def assert_nothing_arrived(stage: Stage) -> None:
    """No content saw one byte since ``forget``."""
    for name, content in stage.contents.items():
        assert content.everything == b"", f"{name} received {content.everything[:300]!r}"


async def assert_nothing_is_left(stage: Stage) -> None:
    """After all attacks of a module: no connection but the browsers' own, no row but theirs, no fault of ours."""
    await stage.sidecar.until_connections(len(stage.viewers))
    stored = rows(stage.setup.state_file)
    assert stored.get("viewer_session", 0) <= len(stage.viewers), stored
    assert stored.get("credentials", 0) <= len(stage.viewers) * len(stage.setup.integrations), stored
    faults = [line for line in stage.sidecar.log.splitlines() if b'"exception"' in line]
    assert faults == []
