"""What an API key may stand for: the one rule for the configuration, the command line and the API."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.model import Role


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What does not go together."""

    setting: str
    """``user``, ``content`` or ``role``: where to look; may be one that is absent."""
    text: str


def contradiction(role: Role | None, *, has_user: bool, has_content: bool) -> Contradiction | None:
    """Return what does not go with the role; without one (``None``), a content makes the key that content's."""
    match role:
        case Role.VIEWER:
            return Contradiction(
                "role", "keys of viewers come from the exchange (`visitor_api_keys`), and are not made"
            )
        case None if not has_content:
            return Contradiction("role", "give `content` (the key of one content) or a `role`")
        case Role.CONTENT if not has_content:
            return Contradiction("content", "the key of a content needs the name of its `content`")
        case None | Role.CONTENT if has_user:
            return Contradiction("user", "a content's key stands for no person: leave it out")
        case Role.ADMINISTRATOR | Role.PUBLISHER if has_content:
            return Contradiction("content", "only goes with the role content: leave it out")
        case Role.PUBLISHER if not has_user:
            return Contradiction("user", "a publisher's key needs `user`, the e-mail address of whoever owns content")
        case _:
            return None
