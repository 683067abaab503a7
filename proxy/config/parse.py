"""The expanded tree → settings, with every fault of type or name reported in one go.

What pydantic refuses is replaced (by a stand-in where something must be, else by the default) and the tree parsed again,
so that the checks that look across settings see all that is sound, and one typing error does not hide a clash elsewhere.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from proxy.config.document import Value
from proxy.config.problems import Path, Report, did_you_mean, show_key
from proxy.config.references import Expanded
from proxy.config.schema import Settings, say_not_supported
from proxy.config.tree import at, model_at, step_into

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_TEXT = "stand-in"
_ADDRESS = "http://stand-in.invalid"
_URL = "sqlite:///stand-in"
_KEY: dict[str, Value] = {"name": _TEXT, "content": _TEXT, "key": _TEXT}
_INTEGRATION: dict[str, Value] = {"name": _TEXT, "template": "custom", "config": {}}
_CONTENT: dict[str, Value] = {"name": _TEXT, "path": "/stand-in/", "app_mode": "proxied", "upstream": _ADDRESS}

_STAND_INS: dict[Path, Value] = {
    ("public_url",): "https://stand-in.invalid",
    ("store",): {"url": _URL, "keys": [_TEXT]},
    ("store", "url"): _URL,
    ("store", "keys"): [_TEXT],
    ("store", "keys", 0): _TEXT,
    ("tls", "certificate"): _TEXT,
    ("tls", "key"): _TEXT,
    ("api", "tls", "certificate"): _TEXT,
    ("api", "tls", "key"): _TEXT,
    ("api", "keys", 0): _KEY,
    **{("api", "keys", 0, name): value for name, value in _KEY.items()},
    ("integrations", 0): _INTEGRATION,
    **{("integrations", 0, name): value for name, value in _INTEGRATION.items()},
    ("content", 0): _CONTENT,
    **{("content", 0, name): value for name, value in _CONTENT.items()},
    ("content", 0, "integrations", 0): _TEXT,
    ("content", 0, "integrations", 0, "name"): _TEXT,
    ("content", 0, "headers", "drop", 0): _TEXT,
}
"""Fill the place of what is faulty and must be there (0: any position of a list): reported already, so never returned to
anybody. Items of these lists keep their places, so that a position in the settings is one in the file."""

_TEXTS = {
    "missing": "this setting is required",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of settings",
    "model_type": "must be a mapping of settings",
    "too_short": "must not be empty",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """Settings as far as they are sound."""

    settings: Settings
    refused: frozenset[Path]
    """Where the settings have a stand-in or the default, because what is written there cannot be taken."""


def parse(tree: dict[str, Value], report: Report) -> Parsed:
    """Parse; report all that is refused."""
    rest: dict[str, Value] = {
        key: deepcopy(item) for key, item in tree.items() if item is not None or (key,) in _STAND_INS
    }
    refused = {path for path in report.paths() if at(tree, path) is None}
    try:
        Settings.model_validate(rest)
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
        _report(errors, rest, report)
        refused |= {_path(error, rest) for error in errors}
    for path in sorted(refused, key=_last_first, reverse=True):
        _replace(path, rest)
    return Parsed(Settings.model_validate(rest), frozenset(refused))


def _report(errors: list[ErrorDetails], tree: Value, report: Report) -> None:
    sound = [error for error in errors if report.is_sound(*_path(error, tree))]
    for error in sound:
        path = _path(error, tree)
        report.add(path, _say(error, path), at_key=error["type"] == "extra_forbidden")


def _path(error: ErrorDetails, tree: Value) -> Path:
    """Turn pydantic's ``loc`` into a path of the file: tags of unions are not in it, a missing key is its end."""
    path = step_into(tree, error["loc"])
    return (*path, error["loc"][-1]) if error["type"] == "missing" else path


def _last_first(path: Path) -> tuple[str, ...]:
    return tuple(f"{step:09}" if isinstance(step, int) else step for step in path)


def _replace(path: Path, tree: dict[str, Value]) -> None:
    stand_in = _STAND_INS.get(tuple(0 if isinstance(step, int) else step for step in path))
    match at(tree, path[:-1]), path[-1:]:
        case dict() as parent, (str() as name,):
            parent.pop(name, None)
            if stand_in is not None:
                parent[name] = deepcopy(stand_in)
        case list() as items, (int() as position,):
            items[position : position + 1] = [] if stand_in is None else [deepcopy(stand_in)]
        case _:
            pass


def _say(error: ErrorDetails, path: Path) -> str:
    kind, given, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind == "extra_forbidden":
        return _say_unknown(path)
    if given is None and kind != "missing":
        return "must not be empty"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _say_choice(given)
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']:g}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']:.15g}"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "must be text: put it in quotes"
    return _TEXTS.get(kind, error["msg"].replace("Input should", "must"))


def _say_choice(given: object) -> str:
    choices = ("anyone", "signed_in")
    hint = did_you_mean(given, choices) if isinstance(given, str) and not isinstance(given, Expanded) else ""
    return "must be anyone, signed_in, or lists of emails, domains and groups" + hint


def _say_unknown(path: Path) -> str:
    key = str(path[-1])
    generic = tuple(step for step in path if isinstance(step, str))
    if not_supported := say_not_supported(*generic):
        return not_supported
    if ":" in key:
        return "unknown setting; is a blank missing after the colon?"
    known = list(model_at(Settings, path[:-1]).model_fields)
    hint = did_you_mean(key, known) if show_key(key) == key else ""
    return f"unknown setting{hint}"
