"""Field types of the settings: how each kind of value is checked, and how editors see it in the JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_plain_validator_function

from proxy.config import texts
from proxy.config.references import Expanded
from proxy.config.values import Listen, Network
from proxy.model import HeaderPreset, Role, Upstream

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_DOMAIN = re.compile(r"[^@\s.]+(?:\.[^@\s.]+)*")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class _Read:
    """Makes a value of a text, and shows editors an example of that text."""

    read: Callable[[str], object]
    example: str = ""
    text_format: str = ""

    def validate(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"must be text such as {self.example}")  # noqa: TRY004  # pydantic collects ValueError only
        return self.read(str(value))

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        seen: JsonSchemaValue = {"type": "string", "examples": [self.example]}
        return seen | ({"format": self.text_format} if self.text_format else {})


def bare_boolean(value: object) -> object:
    """Read the boolean in a variable or a file; anything else stays as it is."""
    return _BOOLEANS.get(value.strip().lower(), value) if isinstance(value, Expanded) else value


def _bare_integer(value: object) -> object:
    is_number = isinstance(value, Expanded) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value)
    return int(str(value)) if is_number else value


def _bare_number(value: object) -> object:
    is_number = isinstance(value, Expanded) and re.fullmatch(r"\s*[0-9]{1,18}(?:\.[0-9]{1,9})?\s*", value)
    return float(str(value)) if is_number else value


def _matching(pattern: re.Pattern[str], say: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(say)
        return value

    return AfterValidator(check)


def _line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable text")
    return str(value)


def _line_or_pem(value: str) -> str:
    return str(value) if value.startswith("-----BEGIN ") and value.isascii() else _line(value)


def _path(value: str) -> Path:
    if not value or "\0" in value:
        raise ValueError("must be the path of a file")
    return Path(value)


Text = Annotated[str, Strict(), AfterValidator(_line)]
TextOrPem = Annotated[str, Strict(), AfterValidator(_line_or_pem)]
Name = Annotated[
    Text, _matching(_NAME, "a name has 1 to 64 letters, digits, blanks and . _ -, with a letter or digit at both ends")
]
Slug = Annotated[
    Text, _matching(_SLUG, "a slug has 1 to 40 of a-z, 0-9 and hyphen, with a letter or digit at both ends")
]
Email = Annotated[
    Text, AfterValidator(str.lower), _matching(_EMAIL, "must be an e-mail address such as ada@example.org")
]
Domain = Annotated[
    Text, AfterValidator(str.lower), _matching(_DOMAIN, "must be a domain such as example.org, without @")
]
HeaderName = Annotated[
    Text, _matching(_HEADER_NAME, "a header's name has 1 to 64 letters, digits and hyphens, with a letter in front")
]
Boolean = Annotated[bool, Strict(), BeforeValidator(bare_boolean)]
Integer = Annotated[int, Strict(), BeforeValidator(_bare_integer)]
Seconds = Annotated[float, Strict(), BeforeValidator(_bare_number)]

PublicUrl = Annotated[str, _Read(texts.public_origin, "https://apps.example.org")]
Origin = Annotated[str, _Read(texts.origin, "https://portal.example.org")]
ListenAddress = Annotated[Listen, _Read(texts.listen, "127.0.0.1:8080")]
HostName = Annotated[str, _Read(texts.host_name, "sidecar.internal")]
UpstreamAddress = Annotated[Upstream, _Read(texts.upstream, "http://127.0.0.1:8501")]
ProxyNetwork = Annotated[Network, _Read(texts.network, "10.0.0.0/8")]
AnyNetwork = Annotated[Network, _Read(texts.any_network, "10.0.0.0/8")]
HttpProxy = Annotated[str, _Read(texts.http_proxy, "http://proxy.example.org:3128")]
StoreUrl = Annotated[Path, _Read(texts.sqlite_path, "sqlite:///var/lib/oauth-sidecar/state.db")]
Span = Annotated[timedelta, _Read(texts.span, "12h")]
ContentPath = Annotated[str, _Read(texts.content_path, "/sales/")]
PresetOfHeaders = Annotated[HeaderPreset, _Read(texts.header_preset, "session-token-only")]
KeyRole = Annotated[Role, _Read(texts.role, "administrator")]
ContentHost = Annotated[str, _Read(texts.content_host, "sales.example.org")]
Guid = Annotated[str, _Read(texts.guid, "0f8fad5b-d9cb-469f-a165-70867728950e", "uuid")]
FilePath = Annotated[Path, _Read(_path, "/etc/oauth-sidecar/tls.pem")]
AbsolutePath = Annotated[Path, _Read(texts.absolute_path, "/run/sales/connect-token")]
