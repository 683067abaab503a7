"""What the exchange says when it gives no token: one table that code, documentation and tests read.

Codes are those of Connect's API (its APIErrorCode), because its clients branch on them; which status goes with a code is
documented for few, so: 400 for what the caller can mend, 403 for what it may not, 429 and 503 for what passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
USER_SESSION_TOKEN = "urn:posit:connect:user-session-token"  # noqa: S105  # the name of a kind of token
CONTENT_SESSION_TOKEN = "urn:posit:connect:content-session-token"  # noqa: S105  # the name of a kind of token
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # the name of a kind of token
AWS_CREDENTIALS = "urn:ietf:params:aws:token-type:credentials"
VISITOR_API_KEY = "urn:posit:connect:api-key"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  # the name of a kind of token


@dataclass(frozen=True, slots=True)
class Says:
    """One row."""

    status: int
    code: int
    """Connect's APIErrorCode."""
    name: str
    """What Connect calls that code."""
    text: str
    """What the caller reads: nothing of the request is repeated in it."""
    when: str
    """For documentation."""
    is_mended_by_viewer: bool = False
    """Whether the answer has a ``login_url``: where the viewer can mend it."""
    passes: bool = False
    """Whether the answer says when to ask again (``Retry-After``)."""


class NoToken(Enum):
    """Why there is no token."""

    GRANT_TYPE = Says(
        400, 213, "InvalidGrantType", f"The grant_type must be {GRANT_TYPE}", "`grant_type` is another, or missing."
    )
    SUBJECT_TOKEN_TYPE = Says(
        400, 214, "InvalidSubjectTokenType",
        f"The subject_token_type must be {USER_SESSION_TOKEN} or {CONTENT_SESSION_TOKEN}",
        "`subject_token_type` is another, or missing.",
    )  # fmt: skip
    REQUESTED_TOKEN_TYPE = Says(
        400, 242, "InvalidRequestedTokenType", f"The requested_token_type must be {ACCESS_TOKEN}",
        "`requested_token_type` is none that Connect knows.",
    )  # fmt: skip
    VISITOR_API_KEY = Says(
        400, 250, "NoSupportedHandler",
        "This content gives no visitor API keys: the operator can switch them on with `visitor_api_keys`.",
        "An API key of the viewer (`urn:posit:connect:api-key`) is asked for, and the content gives none.",
    )  # fmt: skip
    VISITOR_UNKNOWN = Says(
        400, 250, "NoSupportedHandler", "This viewer has no verified e-mail address, by which the Server API knows people.",
        "An API key of a viewer without a verified e-mail address is asked for.",
    )  # fmt: skip
    VISITOR_API_KEY_WITHOUT_VISITOR = Says(
        400, 249, "InvalidSubjectRequestedCombination",
        "A content session token stands for no visitor, so it cannot be exchanged for a visitor's API key.",
        "An API key of the viewer is asked for with a content session token.",
    )  # fmt: skip
    AWS_CREDENTIALS = Says(
        400, 250, "NoSupportedHandler",
        "There are no AWS credentials here: exchange the access token, or its provider's ID token, with AWS STS.",
        "AWS credentials are asked for.",
    )  # fmt: skip
    ID_TOKEN = Says(
        400, 250, "NoSupportedHandler", "There are no ID tokens here: this server is no identity provider.",
        "An ID token (workload identity) is asked for.",
    )  # fmt: skip
    SESSION_OVER = Says(
        400, 215, "InvalidSubjectToken",
        "Invalid subject_token: the viewer's session is over, or this was never a token.",
        "The user session token is missing, forged, of a viewer who signed out or was idle for too long, or of a content that "
        "is gone: reloading the page signs the viewer in again.",
    )  # fmt: skip
    OTHER_CONTENT = Says(
        403, 22, "PermissionDenied", "This API key belongs to another content than the session token.",
        "A content's key comes with the session token of another content.",
    )  # fmt: skip
    NOT_ALLOWED = Says(
        403, 19, "NoViewPermission", "The viewer may not see this content.",
        "The content's `access` does not name the viewer any more.",
    )  # fmt: skip
    CONTENT_TOKEN = Says(
        400, 236, "InvalidContentSessionToken",
        "Invalid content session token: it is another content's, has ended, or was never one. `oauth-sidecar content-env` "
        "prints where the present one is.",
        "The content session token is missing, forged, of another content, or has ended.",
    )  # fmt: skip
    NO_ASSOCIATIONS = Says(
        400, 212, "OAuthCredentialNoAssociations",
        "No OAuth integrations have been associated with this content item.",
        "The content uses no integration.",
    )  # fmt: skip
    AMBIGUOUS_AUDIENCE = Says(
        400, 257, "InvalidAssociationCount",
        "Several OAuth integrations are associated with this content item: say which.",
        "The content uses several integrations and `audience` is missing.",
    )  # fmt: skip
    AUDIENCE = Says(
        400, 256, "InvalidAudience", "This OAuth integration is not associated with this content item.",
        "`audience` is no integration's guid, or that of one that the content does not use.",
    )  # fmt: skip
    VIEWERS_INTEGRATION = Says(
        400, 252, "InvalidSubjectTokenTypeForAuthType",
        "A viewer integration takes a user session token, not a content session token.",
        "A content session token comes for a viewer integration.",
    )  # fmt: skip
    SERVICE_ACCOUNT = Says(
        400, 252, "InvalidSubjectTokenTypeForAuthType",
        "A service account takes the content session token, not a viewer's.",
        "A user session token comes for a service account.",
    )  # fmt: skip
    NO_CONSENT = Says(
        400, 220, "OAuthSessionNotFound", "The viewer has not consented to this integration here.",
        "The viewer has not consented, declined, or was disconnected.",
        is_mended_by_viewer=True,
    )  # fmt: skip
    GRANT_ENDED = Says(
        400, 219, "AccessTokenRefreshFailure", "Refresh token is invalid: the viewer must connect again.",
        "The provider has ended the grant, or wants to see the viewer.",
        is_mended_by_viewer=True,
    )  # fmt: skip
    REJECTED = Says(
        400, 219, "AccessTokenRefreshFailure",
        "The token was rejected and cannot be renewed: the viewer must connect again.",
        "An API rejected the token (`rejected_token`), and there is no refresh token.",
        is_mended_by_viewer=True,
    )  # fmt: skip
    UNAVAILABLE = Says(
        503, 241, "UnableToRetrieveToken",
        "Unable to retrieve a token just now: the authorization server does not give one.",
        "The provider does not answer, or an administrator has to mend the integration.",
        passes=True,
    )  # fmt: skip
    RENEWED_LATELY = Says(
        429, 277, "RateLimitExceeded", "Rate limit exceeded: the rejected token is new. Ask the API why it was rejected.",
        "The token that an API rejected is less than half a minute old.",
        passes=True,
    )  # fmt: skip
    TOO_MANY = Says(
        429, 277, "RateLimitExceeded", "Rate limit exceeded: too many exchanges of one session token.",
        "More exchanges of one session token than `limits.max_exchanges_per_session_per_minute`.",
        passes=True,
    )  # fmt: skip


_NOT_REQUESTABLE = {
    AWS_CREDENTIALS: NoToken.AWS_CREDENTIALS,
    ID_TOKEN: NoToken.ID_TOKEN,
}


def not_requestable(requested: str | None, *, is_viewers: bool) -> NoToken | None:
    """Say why no token of this kind is given; ``None``: it is. ``is_viewers``: for a user session token."""
    if not requested or requested == ACCESS_TOKEN:
        return None
    if requested == VISITOR_API_KEY:
        return None if is_viewers else NoToken.VISITOR_API_KEY_WITHOUT_VISITOR
    return _NOT_REQUESTABLE.get(requested, NoToken.REQUESTED_TOKEN_TYPE)


def whens_by_code() -> Mapping[tuple[int, int, str], list[str]]:
    """Return (status, code, Connect's name) → when it is told, in the order of the codes."""
    found: dict[tuple[int, int, str], list[str]] = {}
    for why in sorted(NoToken, key=lambda one: (one.value.code, one.value.status)):
        says = why.value
        found.setdefault((says.status, says.code, says.name), []).append(says.when)
    return found
