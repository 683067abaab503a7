"""What strings from outside may consist of, and JSON that says one thing (RFC 6749 Appendix A, RFC 8259)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_VISIBLE = re.compile(r"[\x20-\x7e]+")  # VSCHAR of RFC 6749 Appendix A


def is_visible_ascii(value: str) -> bool:
    """Say whether the text is not empty and printable ASCII: codes, tokens and states are."""
    return _VISIBLE.fullmatch(value) is not None


def one_line(value: object, limit: int) -> str:
    """Return foreign text for people: one line, no control characters, cut; ``""`` for what is no text.

    Entra's descriptions have CR LF in them.
    """
    if not isinstance(value, str):
        return ""
    kept = "".join(char if char.isprintable() else " " for char in value[: 4 * limit])
    return " ".join(kept.split())[:limit]


class _ContradictionError(ValueError):
    pass


def json_object(body: bytes) -> Mapping[str, object] | None:
    """Read a JSON object, with or without a byte order mark; ``None`` when it is none.

    NaN and Infinity are read as null. An object that says two different things under one name is none either: which of
    the two is meant is anybody's guess.
    """
    try:
        value = json.loads(
            body.decode("utf-8-sig"), parse_constant=lambda _: None, object_pairs_hook=_without_contradiction
        )
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _without_contradiction(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise _ContradictionError
        found[name] = value
    return found
