"""Secrets: in memory, and at rest."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field


class Secret:
    """A secret string in memory; ``reveal()`` stands only where it leaves."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Encrypted bytes: ``version | key id | nonce | ciphertext and tag`` (see ``sealing``)."""

    value: bytes = field(repr=False)
