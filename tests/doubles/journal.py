"""What an authorization server double saw, request by request."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

SECRET_PARAMETERS = frozenset({"client_secret", "code", "refresh_token", "code_verifier", "token"})


@dataclass(slots=True)
class Entry:
    """One request as it arrived, and what became of it."""

    time: float
    method: str
    target: str
    """Raw path and query."""
    headers: list[tuple[str, str]]
    body: bytes
    endpoint: str = ""
    """``authorize``, ``token``, …: the same for all vendors."""
    outcome: str = ""
    """``ok``, or the error or fault that was answered."""
    client_auth: str = ""
    """How the client authenticated at the token endpoint: ``basic``, ``post``, ``assertion``, ``none`` or ``multiple``."""
    leak_in_query: bool = field(init=False)
    """A secret parameter of the token endpoint came in the query: never acceptable."""

    def __post_init__(self) -> None:
        self.leak_in_query = self.method == "POST" and any(name in SECRET_PARAMETERS for name, _ in self.query)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The form's parameters, order and duplicates kept."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def value(self, name: str) -> str | None:
        """The first value of a form parameter."""
        return next((value for key, value in self.pairs if key == name), None)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def basic_halves(self) -> tuple[str, str] | None:
        """Client id and secret as HTTP Basic carries them, before form-decoding; ``None`` when it is not Basic."""
        scheme, _, rest = (self.header("Authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            client_id, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client_id, secret


class Journal(list[Entry]):
    """All entries in order of arrival."""

    def at(self, path: str) -> list[Entry]:
        return [entry for entry in self if entry.path == path]

    def grants(self, grant_type: str) -> list[Entry]:
        """Token requests of one kind: ``authorization_code`` or ``refresh_token``."""
        return [entry for entry in self if entry.value("grant_type") == grant_type]
