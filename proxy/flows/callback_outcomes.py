"""What can come of a callback: each outcome becomes one page, or the redirect back to the content."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.model import Content, Integration, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """All is written: send the viewer back."""

    content: Content
    return_to: str
    session_id: Secret | None
    """The new cookie value; ``None``: the viewer keeps the session they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The state was used before (back button, second tab): send the viewer on, their session decides what follows."""

    content: Content
    return_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The viewer, or a policy of the provider, said no."""

    content: Content
    integration: Integration
    return_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRefused:
    """The callback does not belong to a flow that this browser has open."""

    because: str
    """``unreadable``, ``missing``, ``error_without_state``, ``expired``, ``other_browser``, ``other_viewer``, ``gone``,
    ``session_over``."""
    content: Content | None = None
    """What the flow was for; ``None``: not known."""
    return_to: str = ""
    """Where a new flow would start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerMismatch:
    """Another authorization server answered than the one that was asked (RFC 9207)."""

    content: Content
    integration: Integration
    return_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRefused:
    """The authorization server answered the code, or who the viewer is, with no."""

    content: Content
    integration: Integration
    return_to: str
    because: str
    """``code`` (a new flow may help), ``client`` (an administrator must act), ``identity`` (it does not say who),
    ``identity_refused`` (what it says is not to be believed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRefused:
    """The integration keeps viewers to the account that they used before, and this was not known to be it."""

    content: Content
    integration: Integration
    return_to: str
    expected: str
    """What the viewer's own account is called there; empty: nothing that people know."""
    is_known: bool
    """It was another one; ``False``: the provider did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailed:
    """The provider came back with an error instead of a code."""

    content: Content
    integration: Integration
    return_to: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUnavailable:
    """The provider does not answer, or its answer to the code was lost: start again later."""

    content: Content
    integration: Integration
    return_to: str
    retry_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """The query is no callback."""


CallbackOutcome = (
    Granted | Replayed | Declined | StateRefused | IssuerMismatch | CodeRefused | AccountRefused | ProviderFailed
    | ProviderUnavailable | Malformed
)  # fmt: skip
