"""What one kind of server's errors mean where RFC 6749 §5.2 does not say it: data that a recipe brings along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from proxy.oauth.token import TokenError

Meaning = Literal["dead", "interactive", "transient", "operator"]
"""``dead``: the grant is over. ``interactive``: the server wants to see the viewer. ``transient``: later it will work.
``operator``: our registration is wrong. Only ``dead`` costs the refresh token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A sign in an error answer; everything that is given has to be there."""

    means: Meaning
    because: str = "provider_says_so"
    """A constant word for the log."""
    error: str = ""
    """``error`` as a whole; empty: any."""
    description: str = ""
    """Regular expression, searched for; empty: any."""
    codes: frozenset[int] = frozenset()
    """One of Entra's numbers; empty: any."""
    has_claims: bool = False
    """A claims challenge is there."""
    subtype: str = ""
    """Regular expression for the whole of Google's ``error_subtype``; empty: any."""
    retry_after_s: float | None = None
    """How long to leave the server alone at least; ``None``: what it says."""

    def fits(self, answer: TokenError) -> bool:
        """Say whether the answer has this sign."""
        return (
            (not self.error or self.error == answer.error)
            and re.search(self.description, answer.description) is not None
            and (not self.codes or not self.codes.isdisjoint(answer.error_codes))
            and (not self.has_claims or answer.claims is not None)
            and (not self.subtype or re.fullmatch(self.subtype, answer.subtype) is not None)
        )
