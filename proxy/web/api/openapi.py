"""The Server API as an OpenAPI 3.1 document, made of its operations, shapes and errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from proxy.policy.permissions import TABLE, Grant
from proxy.web.api import codes, shapes
from proxy.web.api.codes import ErrorRow
from proxy.web.api.operation import Operation, Parameter
from proxy.web.api.operations import OPERATIONS

Node = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


async def openapi_document(_request: web.Request) -> web.Response:
    """Answer ``GET /__api__/openapi.json``: no secret is in it, so no key is asked for."""
    return web.Response(text=openapi_text(), content_type=_JSON)


@cache
def openapi_text() -> str:
    """Return the document as the checked-in file has it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Node:
    """Return the document."""
    parts = _Parts(schemas={}, responses={})
    paths: dict[str, Node] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, parts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "oauth-sidecar Server API",
            "version": "1",
            "description": "Posit Connect's Server API, as far as it is about OAuth integrations. Fields and addresses that "
            'Connect does not have say so: "Ours".',
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Key ` and an API key.",
                }
            },
            "schemas": dict(sorted(parts.schemas.items())),
            "responses": dict(sorted(parts.responses.items())),
        },
    }


def error_rows(operation: Operation) -> Iterator[ErrorRow]:
    """Give what the operation may answer beside its own."""
    needs_key = _needs_key(operation)
    yield from (row for row in codes.EVERYWHERE if needs_key or row.status not in {401, 429})
    if operation.body is not None:
        yield from codes.BODIES
    if operation.form:
        yield from codes.FORMS
    if re.search(r"\{[a-z_]*guid\}", operation.path):
        yield from codes.ADDRESSES
    yield from (row for row in codes.OWN if row.code in operation.codes)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What operations refer to, collected on the way."""

    schemas: Node
    responses: Node


def _operation(operation: Operation, parts: _Parts) -> Node:
    return {
        "operationId": _name(operation),
        "summary": operation.summary,
        "description": _who_may(operation),
        "security": [{"key": []}] if _needs_key(operation) else [],
        **_parameters(operation),
        **_request_body(operation, parts),
        "responses": {**_success(operation, parts), **_refusals(error_rows(operation), parts)},
    }


def _needs_key(operation: Operation) -> bool:
    return TABLE[operation.verb].anonymous is not Grant.YES


def _who_may(operation: Operation) -> str:
    """Say what ``policy.permissions`` says."""
    row = TABLE[operation.verb]
    if not _needs_key(operation):
        return "Anybody may."
    grants = {
        "a content": row.content, "a viewer": row.viewer, "a publisher": row.publisher, "of their own content": row.owner,
        "an administrator": row.administrator,
    }  # fmt: skip
    may = "; ".join(f"{who}: {grant.value}" for who, grant in grants.items())
    return f"Who may: {may}." + (f" Own: {row.own}." if row.own else "")


def _name(operation: Operation) -> str:
    """Return the verb, and where it is asked in two ways the end of the address as well."""
    is_asked_twice = sum(one.verb is operation.verb for one in OPERATIONS) > 1
    return f"{operation.verb}_{operation.path.rpartition('/')[2]}" if is_asked_twice else str(operation.verb)


def _parameters(operation: Operation) -> Node:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    in_query = [_parameter(one, "query") for one in operation.query]
    in_head = [_parameter(one, "header") for one in operation.headers]
    found = [*in_path, *in_query, *in_head]
    return {"parameters": found} if found else {}


def _path_schema(name: str) -> Node:
    return {"type": "string", "format": "uuid"} if name.endswith("guid") else {"type": "string"}


def _parameter(parameter: Parameter, place: str) -> Node:
    return {
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "schema": {"type": parameter.schema},
    }


def _request_body(operation: Operation, parts: _Parts) -> Node:
    if operation.body is not None:
        content = {_JSON: {"schema": _schema(operation.body, "validation", parts)}}
        return {"requestBody": {"required": True, "content": content}}
    if operation.form:
        fields = {one.name: {"type": one.schema, "description": one.description} for one in operation.form}
        return {
            "requestBody": {"required": True, "content": {_FORM: {"schema": {"type": "object", "properties": fields}}}}
        }
    return {}


def _success(operation: Operation, parts: _Parts) -> Node:
    if operation.answers is None:
        return {str(operation.empty_status): {"description": "Done; the body is empty."}}
    content: Node = {_JSON: {"schema": _schema(operation.answers, "serialization", parts)}}
    if operation.also_text:
        content["text/plain"] = {"schema": {"type": "string"}}
    return {"200": {"description": "Done.", "content": content}}


def _refusals(rows: Iterable[ErrorRow], parts: _Parts) -> Node:
    by_status: dict[int, list[ErrorRow]] = {}
    for row in rows:
        by_status.setdefault(row.status, []).append(row)
    return {str(status): _refusal(found, parts) for status, found in sorted(by_status.items())}


def _refusal(rows: Sequence[ErrorRow], parts: _Parts) -> Node:
    """Return the answer for the rows of one status, by reference."""
    found = sorted({row.code for row in rows})
    name = "_".join(str(number) for number in (rows[0].status, *found))
    refusal = _schema(shapes.Refusal, "serialization", parts)
    schema = {"allOf": [refusal, {"properties": {"code": {"enum": found}}}]}
    parts.responses[name] = {
        "description": "\n".join(f"- {row.code} {row.name}: {row.when}" for row in rows),
        "content": {_JSON: {"schema": schema}},
    }
    return {"$ref": f"#/components/responses/{name}"}


def _schema(shape: Any, mode: JsonSchemaMode, parts: _Parts) -> Node:
    """Return the schema of a shape, by reference; what it refers to goes to ``parts``."""
    found: Node = _cleaned(TypeAdapter(shape).json_schema(mode=mode, ref_template=_REFERENCE))
    parts.schemas.update(found.pop("$defs", {}))
    if "properties" not in found:
        return found
    parts.schemas[shape.__name__] = found
    return {"$ref": _REFERENCE.format(model=shape.__name__)}


def _cleaned(node: Any, *, are_names: bool = False) -> Any:
    """Drop generated titles."""
    match node:
        case list():
            return [_cleaned(item) for item in node]
        case Mapping() if are_names:
            return {name: _cleaned(item) for name, item in node.items()}
        case Mapping():
            return {
                name: _cleaned(item, are_names=name in {"properties", "$defs"})
                for name, item in node.items()
                if name != "title"
            }
        case _:
            return node
