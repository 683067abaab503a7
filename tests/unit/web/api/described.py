"""Holds every answer of the API against its description: what the OpenAPI document does not promise is a failure."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from multidict import CIMultiDictProxy
from yarl import URL

from proxy.web.api.openapi import document


@cache
def _document() -> dict[str, Any]:
    return document()


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Addresses without a parameter first: they win in the router as well."""
    rows = sorted(_document()["paths"].items(), key=lambda row: "{" in row[0])
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))), item)
            for path, item in rows]  # fmt: skip


def operation_at(method: str, path: str) -> dict[str, Any] | None:
    item = next((item for pattern, item in _paths() if pattern.fullmatch(path)), {})
    return item.get(method.lower())


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Resolve ``#/components/…`` as the document does."""
    whole = {"components": _document()["components"], "allOf": [schema]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def response_of(operation: dict[str, Any], status: int) -> dict[str, Any] | None:
    found = operation["responses"].get(str(status))
    if found is not None and "$ref" in found:
        found = _document()["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return found


def undescribed(method: str, url: URL, status: int, headers: CIMultiDictProxy[str], body: bytes) -> str | None:
    """Say what the document does not know of this answer; ``None``: all is as it says.

    An address that is not in it, or a method that it does not have there, is answered 404 or 405 in the envelope.
    """
    operation = operation_at(method, url.raw_path)
    if operation is None:
        return None if status in {400, 403, 404, 405, 413, 421, 501} else f"{status} where nothing is described"
    response = response_of(operation, status)
    if response is None:
        return f"status {status} is not described"
    if "content" not in response:
        return f"a body where none is described: {body[:99]!r}" if body else None
    kind = headers.get("Content-Type", "").partition(";")[0]
    if kind not in response["content"]:
        return f"the content type {kind} is not described"
    said = json.loads(body) if kind == "application/json" else body.decode()
    faults = [error.message for error in validator(response["content"][kind]["schema"]).iter_errors(said)]
    return "; ".join(faults) or None


class DescribedClient:
    """A test client that looks at every answer."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.port = client.port
        self.make_url = client.make_url

    async def request(self, method: str, path: str | URL, **more: Any) -> Any:
        answer = await self._client.request(method, path, allow_redirects=False, **more)
        body = await answer.read()
        assert answer.status < 300 or answer.status >= 400, "never a redirect"
        if method != "HEAD":
            fault = undescribed(method, answer.url, answer.status, answer.headers, body)
            assert fault is None, f"{method} {answer.url}: {fault}"
        return answer

    async def get(self, path: str | URL, **more: Any) -> Any:
        return await self.request("GET", path, **more)

    async def post(self, path: str | URL, **more: Any) -> Any:
        return await self.request("POST", path, **more)

    async def put(self, path: str | URL, **more: Any) -> Any:
        return await self.request("PUT", path, **more)

    async def patch(self, path: str | URL, **more: Any) -> Any:
        return await self.request("PATCH", path, **more)

    async def delete(self, path: str | URL, **more: Any) -> Any:
        return await self.request("DELETE", path, **more)
