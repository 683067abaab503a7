"""What the Server API does not do, and why, in Connect's words: a value, so that a use case can say it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was handed out, and nothing changed."""

    status: int
    code: int
    """Connect's APIErrorCode."""
    text: str
    """A whole sentence for whoever wrote the client; never a secret, never what was sent."""
    login_url: str | None = field(default=None)
    """Where the viewer can mend it."""
    retry_after_s: float | None = field(default=None)


NOT_THERE = Refused(status=404, code=4, text="The requested object does not exist.")
NOT_ALLOWED = Refused(status=403, code=22, text="You don't have permission to perform this operation.")


def refusal(code: int, text: str, *, status: int = 400) -> Refused:
    """Refuse with Connect's code, by default as a bad request."""
    return Refused(status=status, code=code, text=text)
