"""Integrations, associations and OAuth sessions over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter, WithJsonSchema, model_validator

from proxy.model import SERVICE_ACCOUNT, Integration
from proxy.web.api.shapes import Answer, Asked, Guid, Instant, Text, text


def auth_type(integration: Integration) -> str:
    """Return whose tokens it gives, in Connect's words."""
    return SERVICE_ACCOUNT if integration.is_service_account else "Viewer"


def _setting(value: object) -> str | bool | None:
    match value:
        case str():
            return text(value)
        case bool() | None:
            return value
        case _:
            raise ValueError("must be text, true, false or null")


Setting = Annotated[
    str | bool | None, PlainValidator(_setting), WithJsonSchema({"type": ["string", "boolean", "null"]})
]
AnswerSetting = Annotated[str | bool, WithJsonSchema({"type": ["string", "boolean"]})]


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


class OAuthSessionAnswer(Answer):
    """What one viewer granted to one integration."""

    id: str
    guid: Guid
    user_guid: Guid | None
    oauth_integration_guid: Guid
    has_refresh_token: bool
    created_time: Instant
    updated_time: Instant


NEW_INTEGRATION: TypeAdapter[IntegrationInput] = TypeAdapter(IntegrationInput)
INTEGRATION_PATCH: TypeAdapter[IntegrationPatch] = TypeAdapter(IntegrationPatch)
ASSOCIATIONS: TypeAdapter[Associations] = TypeAdapter(Associations)
