"""Connect's templates, made of the provider recipes: what an integration's ``config`` may have in it."""

from __future__ import annotations

from aiohttp import web

from proxy.providers import PROVIDERS
from proxy.providers.base import Field, Provider
from proxy.web.api.answers import many, one
from proxy.web.api.refusals import ApiRefusal
from proxy.web.api.template_shapes import TemplateAnswer, TemplateField, TemplateOption


async def list_templates(_request: web.Request) -> web.Response:
    """Answer ``GET v1/oauth/templates``."""
    return many(template(provider) for provider in PROVIDERS.values())


async def read_template(request: web.Request) -> web.Response:
    """Answer ``GET v1/oauth/templates/{key}``."""
    provider = PROVIDERS.get(request.match_info["key"])
    if provider is None:
        raise ApiRefusal(404, 4, "There is no such template.")
    return one(template(provider))


def template(provider: Provider) -> TemplateAnswer:
    """Return the recipe in Connect's words; choices and flags are its options, all else its fields."""
    numbered = list(enumerate(provider.fields, start=1))
    times = provider.lifetimes
    return TemplateAnswer(
        id=provider.key,
        name=provider.display,
        description=f"Access token: {times.access}. Refresh token: {times.refresh}.",
        sections=[],
        options=[_option(field, order) for order, field in numbered if field.choices],
        fields=[_field(field, order) for order, field in numbered if not field.choices],
        environment_variables=[],
    )


def _option(field: Field, order: int) -> TemplateOption:
    return TemplateOption(
        name=field.name,
        label=field.label,
        description=field.help,
        order=order,
        type="bool" if field.kind == "flag" else "select",
        values=list(field.choices),
        default=field.default,
        visibility_expression=None,
    )


def _field(field: Field, order: int) -> TemplateField:
    return TemplateField(
        name=field.name,
        label=field.label,
        description=field.help,
        order=order,
        default=field.default,
        validation=f"^(?:{field.pattern})$" if field.pattern else "",
        validation_description=field.otherwise if field.pattern else "",
        secret=field.secret,
        multiline=field.kind == "pem",
        visibility_expression=None,
        required=field.required,
    )
