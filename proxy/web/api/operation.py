"""What an address of the Server API takes and answers: the form of the rows of ``operations``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from proxy.policy.permissions import Verb

Codes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query, a header, or a field of a form."""

    name: str
    description: str
    schema: Literal["string", "boolean", "integer"] = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address."""

    method: str
    path: str
    verb: Verb
    """Who may is ``policy.permissions``' to say."""
    summary: str
    answers: Any = None
    """A shape of ``shapes``, or a list of one; ``None``: nothing."""
    body: Any = None
    """A shape of ``shapes``, or a list of one."""
    form: tuple[Parameter, ...] = ()
    """Fields of a form, instead of ``body``."""
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    codes: Codes = ()
    """Connect's codes that it answers beside those that every address does (``codes.EVERYWHERE``)."""
    also_text: bool = False
    """Answers the bare token to ``Accept: text/plain``."""
    empty_status: int = 204
    """What it answers when there is nothing to say."""
