"""The short names by which integrations have a header each: ``[a-z0-9-]{1,40}``, no two the same."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import count

RESERVED_SLUGS = frozenset({"expires"})
"""``X-Forwarded-Access-Token-Expires`` is another header."""

MOST_CHARACTERS = 40


def derived_slug(name: str) -> str:
    """Return the slug that follows from a name; empty: the name has nothing that a slug could have."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:MOST_CHARACTERS].strip("-")


def free_slug(wanted: str, taken: Collection[str]) -> str:
    """Return ``wanted``, with a number behind it when it is another's or reserved: ``warehouse-2``."""
    if wanted not in taken and wanted not in RESERVED_SLUGS:
        return wanted
    numbered = (_with(wanted, f"-{number}") for number in count(2))
    return next(slug for slug in numbered if slug not in taken)


def _with(slug: str, end: str) -> str:
    return slug[: MOST_CHARACTERS - len(end)].rstrip("-") + end
