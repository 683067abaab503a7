"""The settings as a JSON Schema: completion and hover texts in editors, from the same descriptions as everything else."""

from __future__ import annotations

import json

from proxy.config.document import Value
from proxy.config.schema import Settings
from proxy.providers import PROVIDERS
from proxy.providers.base import Field, Provider

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: dict[str, Value] = {"type": "string", "pattern": r"\$\{|^file:"}
_NOT_TEXT = ("integer", "number", "boolean")


def schema_text() -> str:
    """Return the schema as the checked-in file has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Value]:
    """Return the schema; numbers and booleans may also be a reference, and each template knows its fields."""
    bare = _cleaned(Settings.model_json_schema())
    assert isinstance(bare, dict)
    bare["title"] = "oauth-sidecar configuration"
    definitions = bare["$defs"]
    assert isinstance(definitions, dict)
    integration = definitions["IntegrationSettings"]
    assert isinstance(integration, dict)
    integration["allOf"] = [_for_template(provider) for provider in PROVIDERS.values()]
    properties = integration["properties"]
    assert isinstance(properties, dict)
    config = properties["config"]
    assert isinstance(config, dict)
    del config["additionalProperties"]  # the templates say it
    properties["template"] = {"enum": list(PROVIDERS), "description": _description(properties["template"])}
    return {"$schema": _DIALECT, **bare}


def _cleaned(node: object, *, is_map_of_names: bool = False) -> Value:
    """Drop generated titles, put the description first, and let a number or boolean be a reference too."""
    match node:
        case list():
            return [_cleaned(item) for item in node]
        case dict() if is_map_of_names:
            return {str(name): _cleaned(item) for name, item in node.items()}
        case dict():
            kept = {
                str(name): _cleaned(item, is_map_of_names=name in {"properties", "$defs"})
                for name, item in node.items()
                if name not in {"title", "discriminator"}
            }
            return _or_reference(kept)
        case None | bool() | int() | float() | str():
            return node
        case _:
            raise TypeError(type(node).__name__)


def _or_reference(node: dict[str, Value]) -> dict[str, Value]:
    about: dict[str, Value] = {name: node.pop(name) for name in ("description", "default") if name in node}
    if node.get("type") in _NOT_TEXT:
        return {**about, "anyOf": [node, _REFERENCE]}
    return {**about, **node}


def _for_template(provider: Provider) -> Value:
    properties: dict[str, Value] = {field.name: _field(field) for field in provider.fields}
    config: dict[str, Value] = {
        "properties": properties,
        "required": [field.name for field in provider.fields if field.required and not field.for_viewers],
        "additionalProperties": False,
    }
    return {
        "if": {"properties": {"template": {"const": provider.key}}},
        "then": {"properties": {"config": config}},
    }


def _field(field: Field) -> Value:
    if field.kind == "flag":
        flags: list[Value] = [choice == "true" for choice in field.choices]
        return {"description": field.help, "anyOf": [{"enum": flags}, _REFERENCE]}
    choices: dict[str, Value] = {"enum": list(field.choices)} if field.choices else {}
    default: dict[str, Value] = {"default": field.default} if field.default else {}
    return {"description": field.help, "type": "string", **choices, **default}


def _description(node: Value) -> Value:
    return node.get("description") if isinstance(node, dict) else None
