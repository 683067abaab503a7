"""Templates over the wire: what kinds of integrations there are."""

from __future__ import annotations

from pydantic import Field

from proxy.web.api.shapes import Answer


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
