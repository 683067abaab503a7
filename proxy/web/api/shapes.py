"""What goes over the wire at the Server API, as types: bodies that are asked for, and answers.

Names and meanings are Connect's. Where we say more than Connect does, the field's description starts with "Ours:".
The OpenAPI document is made of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic.functional_validators import BeforeValidator

from proxy.model import SERVICE_ACCOUNT, Integration

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""NUL, and halves of surrogate pairs, which JSON can write and UTF-8 cannot."""


def rfc3339(instant: datetime) -> str:
    """Return the instant as every client of Connect reads it: whole seconds, UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def auth_type(integration: Integration) -> str:
    """Return whose tokens it gives, in Connect's words."""
    return SERVICE_ACCOUNT if integration.is_service_account else "Viewer"


def _text(value: str) -> str:
    if _NO_TEXT.search(value):
        raise ValueError("must be text, without NUL and halves of characters")
    return value


def _setting(value: object) -> str | bool | None:
    match value:
        case str():
            return _text(value)
        case bool() | None:
            return value
        case _:
            raise ValueError("must be text, true, false or null")


Text = Annotated[str, AfterValidator(_text)]
"""Text that can be stored and sent on."""

Guid = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Setting = Annotated[
    str | bool | None, PlainValidator(_setting), WithJsonSchema({"type": ["string", "boolean", "null"]})
]
AnswerSetting = Annotated[str | bool, WithJsonSchema({"type": ["string", "boolean"]})]


class Asked(BaseModel):
    """A body: exactly these fields, of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Answer(BaseModel):
    """An answer: always all of these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# — integrations —————————————————————————————————————————————————————————————————————————————————


def _without(*names: str) -> BeforeValidator:
    """Let pass what was read from here and is sent back: fields that only an answer has say nothing."""

    def without(value: object) -> object:
        if isinstance(value, Mapping):
            return {name: item for name, item in value.items() if name not in names}
        return value

    return BeforeValidator(without)


class PermissionInput(Asked):
    """Who may use the integration: either a user or a group."""

    user_guid: Text | None = Field(None, description="As `GET v1/users` has it.")
    group_guid: Text | None = Field(None, description="Groups are those of the configuration's access rules.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.user_guid is None) is (self.group_guid is None):
            raise ValueError("must have either a user_guid or a group_guid")
        return self


Permissions = list[Annotated[PermissionInput, _without("id", "guid", "integration_guid")]]


class IntegrationInput(Asked):
    """An integration to be."""

    name: Text | None = None
    description: Text | None = None
    template: Text = Field(description="A key of `GET v1/oauth/templates`.")
    config: dict[Text, Setting] = Field(description="Options and fields of the template; `null` is the same as absent.")
    permissions: Permissions | None = Field(None, description="Empty or absent: every publisher may use it.")


class IntegrationPatch(Asked):
    """What is to be another; what is absent, or `null`, stays."""

    name: Text | None = None
    description: Text | None = None
    template: Text | None = Field(None, description="Only what it is already.")
    config: dict[Text, Setting] | None = Field(
        None, description="Merged key by key: what is absent stays, a secret above all; `null` takes a key out."
    )
    permissions: Permissions | None = Field(None, description="The whole list; empty: every publisher may use it.")


class PermissionAnswer(Answer):
    """Who may use the integration."""

    id: str
    guid: Guid
    integration_guid: Guid
    user_guid: Guid | None
    group_guid: Guid | None


class IntegrationAnswer(Answer):
    """An integration; secrets are never in it."""

    id: str
    guid: Guid
    created_time: Instant
    updated_time: Instant
    name: str
    description: str
    template: str
    auth_type: str = Field(description="`Viewer` or `Service Account`.")
    config: dict[str, AnswerSetting] = Field(description="Without secrets.")
    permissions: list[PermissionAnswer]
    environment_variables: list[str] = Field(description="Always empty.")
    content_count: int | None = Field(description="How many contents use it; `null` for all but administrators.")
    everyone: bool = Field(description="Ours: whether every publisher may use it, that is, `permissions` is empty.")
    is_configured: bool = Field(
        description="Ours: whether config.yaml defines it; then it is changed there and not over the API."
    )
    slug: str = Field(description="Ours: names the header of its tokens, X-Forwarded-Access-Token-<Slug>.")


class ChangedIntegrationAnswer(IntegrationAnswer):
    """An integration after a change; what is "there when" is absent otherwise."""

    ended_credentials: int = Field(
        0, description="Ours: OAuth sessions that ended, there when it names another client or endpoint now."
    )
    ended_consents: int = Field(0, description="Ours: consents for a content that ended with them.")


# — associations —————————————————————————————————————————————————————————————————————————————————


class AssociationInput(Asked):
    """One integration of a content."""

    oauth_integration_guid: Text


Associations = list[
    Annotated[
        AssociationInput,
        _without(
            "app_guid", "content_guid", "oauth_integration_name", "oauth_integration_description",
            "oauth_integration_template", "oauth_integration_auth_type", "created_time",
        ),
    ]
]  # fmt: skip


class AssociationAnswer(Answer):
    """That this content uses that integration."""

    app_guid: Guid = Field(description="The same as `content_guid`.")
    content_guid: Guid
    oauth_integration_guid: Guid
    oauth_integration_name: str
    oauth_integration_description: str
    oauth_integration_template: str
    oauth_integration_auth_type: str
    created_time: Instant


# — OAuth sessions ———————————————————————————————————————————————————————————————————————————————


class OAuthSessionAnswer(Answer):
    """What one viewer granted to one integration."""

    id: str
    guid: Guid
    user_guid: Guid | None
    oauth_integration_guid: Guid
    has_refresh_token: bool
    created_time: Instant
    updated_time: Instant


# — templates ————————————————————————————————————————————————————————————————————————————————————


class TemplateSection(Answer):
    """A heading of a form."""

    id: str
    order: int
    name: str
    description: str


class TemplateOption(Answer):
    """A choice among a few values."""

    name: str
    label: str
    description: str
    order: int
    type: str = Field(description="`bool` or `select`.")
    values: list[str]
    default: str = Field(description="Empty: the description says what not choosing means.")
    visibility_expression: None


class TemplateField(Answer):
    """Text to fill in."""

    name: str
    label: str
    description: str
    order: int
    default: str
    validation: str = Field(description="A regular expression; empty: see the description.")
    validation_description: str
    secret: bool
    multiline: bool
    visibility_expression: None
    required: bool = Field(description="Ours.")


class TemplateAnswer(Answer):
    """What an integration of a template has in its `config`: options and fields, side by side."""

    id: str
    name: str
    description: str
    sections: list[TemplateSection] = Field(description="Always empty.")
    options: list[TemplateOption]
    fields: list[TemplateField]
    environment_variables: list[str] = Field(description="Always empty.")


# — the exchange —————————————————————————————————————————————————————————————————————————————————


class IssuedAnswer(Answer):
    """A token (RFC 8693 §2.2.1)."""

    access_token: str
    issued_token_type: str
    token_type: str
    expires_in: int = Field(ge=1, description="Seconds.")


# — server ———————————————————————————————————————————————————————————————————————————————————————


class PingAnswer(Answer):
    """Nothing: it is there."""


class License(Answer):
    """What Connect's clients look up."""

    oauth_integrations: bool = Field(alias="oauth-integrations")


class ServerSettingsAnswer(Answer):
    """What Connect's clients ask before anything else."""

    version: str = Field(description="The Connect whose API is spoken here; opens the version gates of clients.")
    oauth_integrations_enabled: bool
    license: License
    authentication: PingAnswer
    dashboard_path: str


class Refusal(Answer):
    """Any answer that is not 2xx."""

    code: int = Field(description="Connect's APIErrorCode: what a program should look at.")
    error: str = Field(description="For people.")
    payload: dict[str, str] | None = Field(description="Ours: `login_url`, where a viewer can mend it.")


NEW_INTEGRATION: TypeAdapter[IntegrationInput] = TypeAdapter(IntegrationInput)
INTEGRATION_PATCH: TypeAdapter[IntegrationPatch] = TypeAdapter(IntegrationPatch)
ASSOCIATIONS: TypeAdapter[Associations] = TypeAdapter(Associations)


# — audit log —————————————————————————————————————————————————————————————————————————————————————


class AuditLogAnswer(Answer):
    """One line of the audit log. ``user_*``: who acted, a viewer or a key."""

    id: str = Field(description="Its position; grows from line to line.")
    time: Instant
    user_id: str | None
    user_guid: str | None
    user_description: str
    action: str = Field(description="docs/audit.md has them all.")
    event_description: str
    actor_kind: str = Field(description="Ours: viewer, api_key, operator, sidecar or provider.")
    actor_id: str | None = Field(description="Ours: the viewer's, key's or integration's guid.")
    viewer_guid: str | None = Field(description="Ours: whom it concerns.")
    viewer_name: str | None = Field(description="Ours: what they are called now.")
    content_guid: str | None = Field(description="Ours.")
    integration_guid: str | None = Field(description="Ours.")
    scope: str = Field(description="Ours: of the token that was handed out or granted.")
    expires: Instant | None = Field(description="Ours: end of that token.")
    request_id: str | None = Field(description="Ours: as in the log, pages and `X-Correlation-ID`.")
    count: int = Field(description="Ours: how often, within the minute of `time`.")
    detail: dict[str, str] = Field(description="Ours: what else there is to say.")


class AuditCursors(Answer):
    """Where the pages beside this one begin."""

    previous: str | None
    next: str | None


class AuditPaging(Answer):
    """The pages beside this one, as addresses with everything that was asked for."""

    first: str
    previous: str | None
    next: str | None
    last: str
    cursors: AuditCursors


class AuditLogsAnswer(Answer):
    """A page of the audit log; it may be short, and is the last one when ``next`` is null."""

    results: list[AuditLogAnswer]
    paging: AuditPaging
