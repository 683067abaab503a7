"""The errors of the Server API: Connect's numbers and names, the status that each goes with here, and when.

Connect documents which status goes with which code for two of them only; the others are chosen here. What a program should
look at is ``code``. Documentation (``docs/server-api.md``), the OpenAPI document and tests read this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from proxy.policy.exchange_refusals import whens_by_code


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
    ErrorRow(400, 25, "InvalidParameter", "A field or parameter is unknown, given twice, or not of its type."),
    ErrorRow(413, 87, "CannotParseRequestBody", "The body is longer than 64 KiB."),
    ErrorRow(429, 277, "RateLimitExceeded", "Too many requests with one key or session token: `Retry-After`."),
    ErrorRow(500, 1, "InternalFailure", "A fault of ours; the log has it under the `X-Correlation-ID` of the answer."),
    ErrorRow(503, 1, "InternalFailure", "The store cannot be used just now: `Retry-After`."),
)
"""What any address may answer."""

FORMS = (ErrorRow(400, 87, "CannotParseRequestBody", "The body is no form."),)
"""What an address may answer that takes a form."""

BODIES = (
    ErrorRow(400, 121, "InvalidJson", "The body is no JSON, or nested beyond all measure."),
    ErrorRow(415, 87, "CannotParseRequestBody", "The body is compressed (`Content-Encoding`)."),
)
"""What an address may answer that takes JSON."""

ADDRESSES = (ErrorRow(404, 3, "InvalidId", "What stands in the place of a guid is none."),)
"""What any address with a guid in it may answer."""

EXCHANGE = tuple(
    ErrorRow(status, code, name, " ".join(whens))
    for (status, code, name), whens in whens_by_code().items()
    if (status, code) not in {(403, 22), (429, 277)}  # which any address may answer
)
"""What the exchange refuses, in short: ``policy.exchange_refusals`` is its own table, and says why."""

ADMINISTRATION = (
    ErrorRow(400, 207, "InvalidOAuthIntegrationGUID", "There is no such integration."),
    ErrorRow(
        400,
        209,
        "InvalidOAuthAssociationAssignment",
        "The content is of a kind, or open to anyone, so that it can have none.",
    ),
    ErrorRow(400, 225, "InvalidName", "`name` cannot be one, or another integration has it."),
    ErrorRow(400, 226, "InvalidDescription", "`description` cannot be one."),
    ErrorRow(400, 227, "TemplateNotFound", "There is no such template."),
    ErrorRow(400, 228, "TemplateConfig", "`config` is not what the template takes; the answer names the key."),
    ErrorRow(400, 229, "TemplateProhibitedChange", "An integration stays of its template."),
    ErrorRow(400, 240, "ServiceAccountTestInvalidAuthType", "Only service accounts can be verified."),
    ErrorRow(400, 241, "UnableToRetrieveToken", "The server does not give this service account a token, and says why."),
    ErrorRow(502, 241, "UnableToRetrieveToken", "The server of this service account could not be asked."),
    ErrorRow(400, 258, "Duplicates", "An integration, or somebody in `permissions`, is named twice."),
    ErrorRow(400, 261, "InvalidUserGuid", "There is no such user."),
    ErrorRow(400, 262, "InvalidGroupGuid", "There is no such group."),
    ErrorRow(
        409,
        2,
        "BadRequest",
        "`config.yaml` defines it, and it is changed there; or the name is taken, or somebody else was faster.",
    ),
)
"""What is refused of integrations and associations."""

OWN = (*EXCHANGE, *ADMINISTRATION)
"""What some addresses answer: ``operations`` says which."""

ERRORS = (*EVERYWHERE, *FORMS, *BODIES, *ADDRESSES, *OWN)

BY_STATUS_AND_CODE: Mapping[tuple[int, int], ErrorRow] = MappingProxyType({
    (row.status, row.code): row for row in ERRORS
})  # fmt: skip
