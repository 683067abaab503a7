"""What a request to the Server API says, read so that no two readers could understand it differently.

All of it is judged before anything is done: unknown and repeated names, wrong types, text that is none. What is refused is
named, never quoted: a value may be a secret.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from proxy.web.api.refusals import ApiRefusal

MAX_QUERY_FIELDS = 64

_Shape = TypeVar("_Shape")
_HARMLESS = re.compile(r"[A-Za-z_]{1,40}")
"""Names that may be repeated; somebody may have put a secret where a name should be."""


async def json_body(request: web.Request, shape: TypeAdapter[_Shape]) -> _Shape:
    """Read the body as JSON of this shape, whatever ``Content-Type`` says (curl's default is that of forms)."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise ApiRefusal(415, 87, "The body has to come as it is, not compressed.")
    value = _value(await request.read())
    try:
        return shape.validate_python(value)
    except ValidationError as exc:
        fault = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ApiRefusal(400, 25, f"{_place(fault['loc'])}: {_said(fault['type'], fault['msg'])}.") from None


async def no_body(request: web.Request) -> None:
    """Refuse a body where none is read: whoever sent it means something that would not happen.

    ``{}`` means nothing; connectapi sends it with whatever it POSTs.
    """
    if request.can_read_body and (await request.read()).strip() not in {b"", b"{}"}:
        raise ApiRefusal(400, 25, "This address takes no body.")


def query(request: web.Request) -> dict[str, str]:
    """Return the parameters of the query; one that is given twice is refused, of whatever name."""
    raw = request.raw_path.partition("?")[2]
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS, errors="strict")
    except ValueError:
        raise ApiRefusal(400, 25, "The query is not one (application/x-www-form-urlencoded, UTF-8).") from None
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise ApiRefusal(400, 25, f"The parameter {_harmless(name)} is given twice.")
    return dict(pairs)


def flag(request: web.Request, name: str) -> bool:
    """Return a parameter of the query that is true or false; clients of Connect send ``True``."""
    text = query(request).get(name, "false").lower()
    if text not in {"true", "false"}:
        raise ApiRefusal(400, 25, f"{name}: must be true or false.")
    return text == "true"


def guid(request: web.Request, name: str = "guid") -> str:
    """Return the guid that stands in the address, in lower case."""
    text = request.match_info[name].lower()
    try:
        is_guid = str(uuid.UUID(text)) == text
    except ValueError:
        is_guid = False
    if not is_guid:
        raise ApiRefusal(404, 3, "This address has to have a guid in it, such as 0f8fad5b-d9cb-469f-a165-70867728950e.")
    return text


def _value(raw: bytes) -> object:
    try:
        return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except ValueError:  # UnicodeDecodeError, JSONDecodeError, and integers beyond all measure
        raise ApiRefusal(400, 121, "The body is not JSON (RFC 8259, UTF-8).") from None
    except RecursionError:
        raise ApiRefusal(400, 121, "The body is nested too deeply.") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        name = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ApiRefusal(400, 25, f"{_harmless(name)}: given twice.")
    return found


def _no_number(_text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _place(location: tuple[int | str, ...]) -> str:
    """Say where in the body: ``config.scopes``, ``[1].oauth_integration_guid``."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{_harmless(step)}" for step in location)
    return path.removeprefix(".").removesuffix(".…") or "The body"


def _harmless(name: str) -> str:
    return name if _HARMLESS.fullmatch(name) else "…"


def _said(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "required"
        case "value_error":
            return message.removeprefix("Value error, ")
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a JSON object"
        case _:
            return message[:1].lower() + message[1:]
