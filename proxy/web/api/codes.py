"""The errors of the Server API: Connect's numbers and names, the status that each goes with here, and when.

Connect documents which status goes with which code for two of them only; the others are chosen here. What a program should
look at is ``code``. Documentation (``docs/server-api.md``), the OpenAPI document and tests read this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One error: a status and a code, which together are found once only in the table."""

    status: int
    code: int
    """Connect's APIErrorCode."""
    name: str
    """What Connect calls it."""
    when: str


EVERYWHERE = (
    ErrorRow(401, 24, "AuthRequired", "There is no API key, or it is not one of ours: `Authorization: Key …`."),
    ErrorRow(
        403, 22, "PermissionDenied", "The key may not do that; or a browser or proxy asked where only programs may."
    ),
    ErrorRow(404, 4, "ObjectDoesNotExist", "There is nothing at this address, or nothing that the key may know of."),
    ErrorRow(405, 2, "BadRequest", "This address does not understand that method; HEAD and OPTIONS are among them."),
    ErrorRow(421, 2, "BadRequest", "`api.listen` does not answer to that `Host`."),
    ErrorRow(500, 1, "InternalFailure", "A fault of ours; the log has it under the `X-Correlation-ID` of the answer."),
    ErrorRow(503, 1, "InternalFailure", "The store cannot be used just now: `Retry-After`."),
)
"""What any address may answer."""

BODIES = (
    ErrorRow(400, 25, "InvalidParameter", "A field or parameter is unknown, given twice, or not of its type."),
    ErrorRow(400, 87, "CannotParseRequestBody", "The body is no form."),
    ErrorRow(400, 121, "InvalidJson", "The body is no JSON, or nested beyond all measure."),
    ErrorRow(413, 87, "CannotParseRequestBody", "The body is longer than 64 KiB."),
    ErrorRow(415, 87, "CannotParseRequestBody", "The body is compressed (`Content-Encoding`)."),
)
"""What any address may answer that reads a body."""

ADDRESSES = (ErrorRow(404, 3, "InvalidId", "What stands in the place of a guid is none."),)
"""What any address with a guid in it may answer."""

EXCHANGE = (
    ErrorRow(400, 212, "OAuthCredentialNoAssociations", "The content has no integration."),
    ErrorRow(400, 213, "InvalidGrantType", "`grant_type` is not that of token exchange."),
    ErrorRow(400, 214, "InvalidSubjectTokenType", "`subject_token_type` is neither of the two."),
    ErrorRow(400, 215, "InvalidSubjectToken", "The session token was never one, or its session is over."),
    ErrorRow(403, 19, "NoViewPermission", "The viewer may not see the content any more."),
    ErrorRow(400, 219, "AccessTokenRefreshFailure", "The viewer must connect again: `payload.login_url`."),
    ErrorRow(400, 220, "OAuthSessionNotFound", "The viewer has not consented: `payload.login_url`."),
    ErrorRow(400, 236, "InvalidContentSessionToken", "The content session token is not that of the key's content."),
    ErrorRow(503, 241, "UnableToRetrieveToken", "The authorization server gives no token just now: `Retry-After`."),
    ErrorRow(400, 242, "InvalidRequestedTokenType", "Only access tokens are issued."),
    ErrorRow(
        400, 252, "InvalidSubjectTokenTypeForAuthType", "The other kind of session token goes with this `auth_type`."
    ),
    ErrorRow(400, 256, "InvalidAudience", "That integration is not one of the content's."),
    ErrorRow(400, 257, "InvalidAssociationCount", "The content has several integrations, and none is named."),
    ErrorRow(429, 277, "RateLimitExceeded", "Too many requests: `Retry-After`."),
)

OWN = EXCHANGE
"""What some addresses answer: ``operations`` says which."""

ERRORS = (*EVERYWHERE, *BODIES, *ADDRESSES, *OWN)

BY_STATUS_AND_CODE: Mapping[tuple[int, int], ErrorRow] = MappingProxyType({
    (row.status, row.code): row for row in ERRORS
})  # fmt: skip
