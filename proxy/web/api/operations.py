"""What each address of the Server API takes and answers, as data: the OpenAPI document and the tests read it.

One row for each row of ``web.routes.API_LISTENER`` (a test holds them together).
"""

from __future__ import annotations

from typing import Any

from proxy.policy.permissions import Verb
from proxy.web.api import shapes
from proxy.web.api.api_key_shapes import ApiKeyAnswer, ApiKeyInput, MadeApiKeyAnswer
from proxy.web.api.audit_shapes import AuditLogsAnswer
from proxy.web.api.content_shapes import ContentAnswer
from proxy.web.api.integration_shapes import (
    AssociationAnswer,
    Associations,
    ChangedIntegrationAnswer,
    IntegrationAnswer,
    IntegrationInput,
    IntegrationPatch,
    OAuthSessionAnswer,
)
from proxy.web.api.operation import Operation, Parameter
from proxy.web.api.template_shapes import TemplateAnswer
from proxy.web.api.user_shapes import UserAnswer, UsersAnswer

_TOKENS = (212, 215, 19, 219, 220, 241, 252, 256, 257)
_WRITTEN = (225, 226, 227, 228, 258, 261, 262)
_INTEGRATIONS = "/__api__/v1/oauth/integrations"
_ASSOCIATIONS = "/__api__/v1/content/{content_guid}/oauth/integrations/associations"
_SESSIONS = "/__api__/v1/oauth/sessions"

_INCLUDE = Parameter("include", "owner, tags, vanity_url, separated by commas; other words are passed over.")

SERVER = (
    Operation(
        method="GET", path="/__ping__", verb=Verb.PING,
        summary="Say that there is somebody.",
        answers=shapes.PingAnswer,
    ),
    Operation(
        method="GET", path="/__api__/openapi.json", verb=Verb.OPENAPI,
        summary="This document. Ours.",
        answers=dict[str, Any],
    ),
    Operation(
        method="GET", path="/__api__/server_settings", verb=Verb.SERVER_SETTINGS,
        summary="Say which Connect's words are spoken here.",
        answers=shapes.ServerSettingsAnswer,
    ),
)  # fmt: skip

PEOPLE = (
    Operation(
        method="GET", path="/__api__/me", verb=Verb.READ_USER_SELF,
        summary="Say who the caller is, at the address that connectapi asks.",
        answers=UserAnswer,
    ),
    Operation(
        method="GET", path="/__api__/v1/user", verb=Verb.READ_USER_SELF,
        summary="Say who the caller is.",
        answers=UserAnswer,
    ),
    Operation(
        method="GET", path="/__api__/v1/users", verb=Verb.LIST_USERS,
        summary="List everybody who was here, or whom configuration or a key names.",
        answers=UsersAnswer,
        query=(
            Parameter("page_number", "From 1, which is the default.", "integer"),
            Parameter("page_size", "From 1 to 500; 20 is the default.", "integer"),
            Parameter("prefix", "Of user name, first or last name, compared without case."),
            Parameter("user_role", "administrator, publisher, viewer; several are separated by |."),
            Parameter("account_status", "licensed, locked, inactive, separated by |; everybody is licensed."),
        ),
    ),
    Operation(
        method="GET", path="/__api__/v1/users/{guid}", verb=Verb.READ_USER,
        summary="Say who somebody is.",
        answers=UserAnswer,
    ),
)  # fmt: skip

CONTENT = (
    Operation(
        method="GET", path="/__api__/v1/content", verb=Verb.LIST_CONTENT,
        summary="List the contents that the caller may see.",
        answers=list[ContentAnswer],
        query=(
            Parameter("name", "Only the one of this name."),
            Parameter("owner_guid", "Only those of this user."),
            _INCLUDE,
        ),
    ),
    Operation(
        method="GET", path="/__api__/v1/content/{content_guid}", verb=Verb.READ_CONTENT,
        summary="Say what a content is.",
        answers=ContentAnswer,
        query=(_INCLUDE,),
        codes=(19,),
    ),
)  # fmt: skip

API_KEYS = (
    Operation(
        method="GET", path="/__api__/v1/api_keys", verb=Verb.LIST_API_KEYS,
        summary="List the keys, with when each was last used. Ours.",
        answers=list[ApiKeyAnswer],
    ),
    Operation(
        method="POST", path="/__api__/v1/api_keys", verb=Verb.CREATE_API_KEY,
        summary="Make a key; its text is in this answer and in no other. Ours.",
        body=ApiKeyInput,
        answers=MadeApiKeyAnswer,
        codes=(2,),
    ),
    Operation(
        method="DELETE", path="/__api__/v1/api_keys/{guid}", verb=Verb.REVOKE_API_KEY,
        summary="Revoke a key, at once. Ours.",
        codes=(2,),
    ),
)  # fmt: skip

EXCHANGE = (
    Operation(
        method="POST", path="/__api__/v1/oauth/integrations/credentials", verb=Verb.EXCHANGE,
        summary="Exchange a session token for an access token (RFC 8693).",
        answers=shapes.IssuedAnswer,
        form=(
            Parameter("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            Parameter(
                "subject_token_type",
                "urn:posit:connect:user-session-token or urn:posit:connect:content-session-token",
            ),
            Parameter("subject_token", "The session token that the content was given."),
            Parameter(
                "requested_token_type",
                "Absent, or urn:ietf:params:oauth:token-type:access_token; urn:posit:connect:api-key where the content has "
                "`visitor_api_keys`.",
            ),
            Parameter("audience", "Guid of the integration; needed when the content has several."),
            Parameter("rejected_token", "Ours: a token that an API did not take; the answer is another one."),
        ),
        codes=(213, 214, 236, 242, 249, 250, *_TOKENS),
    ),
    Operation(
        method="GET", path="/token", verb=Verb.EXCHANGE,
        summary="Exchange a session token, for curl and shell. Ours.",
        answers=shapes.IssuedAnswer,
        also_text=True,
        query=(Parameter("integration", "Slug, guid or name; needed when the content has several."),),
        headers=(
            Parameter("X-Viewer-Session", "The viewer's session token."),
            Parameter("Posit-Connect-User-Session-Token", "The same, by the name it came with."),
            Parameter("X-Rejected-Token", "A token that an API did not take; the answer is another one."),
        ),
        codes=_TOKENS,
    ),
)  # fmt: skip

INTEGRATIONS = (
    Operation(
        method="GET", path=_INTEGRATIONS, verb=Verb.LIST_INTEGRATIONS,
        summary="List the integrations, in the order in which they became known.",
        answers=list[IntegrationAnswer],
    ),
    Operation(
        method="POST", path=_INTEGRATIONS, verb=Verb.CREATE_INTEGRATION,
        summary="Create an integration.",
        body=IntegrationInput,
        answers=IntegrationAnswer,
        codes=_WRITTEN,
    ),
    Operation(
        method="GET", path=_INTEGRATIONS + "/{guid}", verb=Verb.READ_INTEGRATION,
        summary="Read an integration.",
        answers=IntegrationAnswer,
    ),
    Operation(
        method="PATCH", path=_INTEGRATIONS + "/{guid}", verb=Verb.CHANGE_INTEGRATION,
        summary="Change an integration; what was granted ends when it names another client or endpoint.",
        body=IntegrationPatch,
        answers=ChangedIntegrationAnswer,
        codes=(*_WRITTEN, 229, 2),
    ),
    Operation(
        method="DELETE", path=_INTEGRATIONS + "/{guid}", verb=Verb.DELETE_INTEGRATION,
        summary="Delete an integration; its associations and all that was granted go with it.",
        codes=(2,),
    ),
    Operation(
        method="GET", path=_INTEGRATIONS + "/{guid}/associations", verb=Verb.LIST_INTEGRATION_ASSOCIATIONS,
        summary="List which contents use an integration.",
        answers=list[AssociationAnswer],
    ),
    Operation(
        method="POST", path=_INTEGRATIONS + "/{guid}/verify", verb=Verb.VERIFY_INTEGRATION,
        summary="Ask a service account's server for a token, and throw it away.",
        empty_status=200,
        codes=(240, 241),
    ),
    Operation(
        method="GET", path="/__api__/v1/oauth/templates", verb=Verb.LIST_TEMPLATES,
        summary="List the templates: what kinds of integrations there are.",
        answers=list[TemplateAnswer],
    ),
    Operation(
        method="GET", path="/__api__/v1/oauth/templates/{key}", verb=Verb.READ_TEMPLATE,
        summary="Read a template: what `config` may have in it.",
        answers=TemplateAnswer,
    ),
)  # fmt: skip

ASSOCIATIONS = (
    Operation(
        method="GET", path=_ASSOCIATIONS, verb=Verb.LIST_CONTENT_ASSOCIATIONS,
        summary="List the integrations that a content uses, in the order of their headers.",
        answers=list[AssociationAnswer],
    ),
    Operation(
        method="PUT", path=_ASSOCIATIONS, verb=Verb.SET_CONTENT_ASSOCIATIONS,
        summary="Replace the whole list; `[]` takes all away.",
        body=Associations,
        codes=(2, 207, 209, 258),
    ),
)  # fmt: skip

OAUTH_SESSIONS = (
    Operation(
        method="GET", path=_SESSIONS, verb=Verb.LIST_OAUTH_SESSIONS,
        summary="List what the key's person granted; with `all`, what everybody did.",
        query=(Parameter("all", "`true` or `false`, in any case; `true` is for administrators.", "boolean"),),
        answers=list[OAuthSessionAnswer],
    ),
    Operation(
        method="GET", path=_SESSIONS + "/{guid}", verb=Verb.READ_OAUTH_SESSION,
        summary="Read an OAuth session.",
        answers=OAuthSessionAnswer,
    ),
    Operation(
        method="DELETE", path=_SESSIONS + "/{guid}", verb=Verb.DELETE_OAUTH_SESSION,
        summary="End an OAuth session: the grant and its consents, for every content.",
    ),
)  # fmt: skip

AUDIT = (
    Operation(
        method="GET", path="/__api__/v1/audit_logs", verb=Verb.READ_AUDIT_LOG,
        summary="Read a page of the audit log.",
        answers=AuditLogsAnswer,
        query=(
            Parameter("limit", "Lines of a page, 1 to 500; 20 unless given.", "integer"),
            Parameter("next", "The page after this: `paging.cursors.next`."),
            Parameter("previous", "The page before this: `paging.cursors.previous`."),
            Parameter("ascOrder", "The oldest line first; true unless given.", "boolean"),
            Parameter("action", "Ours: only these; docs/audit.md has them all."),
            Parameter("viewer", "Ours: only what concerns the viewer with this guid or e-mail address."),
            Parameter("content", "Ours: only what concerns the content with this guid."),
            Parameter("since", "Ours: from this instant on (RFC 3339)."),
            Parameter("until", "Ours: before this instant (RFC 3339)."),
        ),
    ),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (
    *SERVER,
    *PEOPLE,
    *CONTENT,
    *API_KEYS,
    *EXCHANGE,
    *INTEGRATIONS,
    *ASSOCIATIONS,
    *OAUTH_SESSIONS,
    *AUDIT,
)

TAKE_BODY = frozenset((one.method, one.path) for one in OPERATIONS if one.body is not None or one.form)
"""Where a body is read."""
